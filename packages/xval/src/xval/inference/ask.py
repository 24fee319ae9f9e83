"""``xval ask``: fill the masked numbers of a text."""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import xval
from sciformer.evaluation import run
from sciformer.evaluation.run import TrainedRun
from sciformer.report.report import literal
from xval.data.field_names import field_of, names_of
from xval.encodings.numbers_in_text import cut, write
from xval.encodings.special_tokens import MASK, SPECIAL
from xval.nn.decode_numbers import read
from xval.nn.generate import Text, fill, generate

if TYPE_CHECKING:
    from xval.module import XValModule

HOLE = SPECIAL[MASK]


class Answered(NamedTuple):
    """A text without masks.

    Args:
        text: With what was answered; all else is as it was.
        names: Of the numbers that were masked, as ``xval.data.field_names`` calls them.
        said: The answers as they are written.
        numbers: Their values; NaN where one is no number.
    """

    text: str
    names: list[str]
    said: list[str]
    numbers: list[float]


def ask(checkpoint: str, text: str) -> None:
    """Fill the numbers of a text that stand as ``[MASK]``, and print it with a table of them.

    Args:
        checkpoint: Of a trained network, or a run's folder.
        text: Such as ``{'a':[MASK],'stepsize':0.5,...}``, written like those of the training.

    Raises:
        ValueError: If there is no such checkpoint, or the text has no mask, a number out of range
            or more tokens than the network can read.
    """
    answered = answer(open_run(checkpoint, "cpu").module, text)
    table = Table("masked", "answer")
    for name, said, number in zip(*answered[1:], strict=True):
        shown = f"{said} (no number)" if np.isnan(number) else said
        table.add_row(literal(name or "(no name)"), literal(shown))
    console = Console()
    console.print(literal(answered.text), soft_wrap=True)
    console.print(table)


def open_run(path: str | Path, device: str | None = None) -> "TrainedRun[XValModule]":
    """Open a checkpoint or a run's folder.

    Args:
        path: Of the file or folder.
        device: As of ``sciformer.evaluation.run.open_run``.

    Returns:
        The network and what is known of it.

    Raises:
        ValueError: If there is no such device, or no such checkpoint of a training of xVal.
    """
    opened = run.open_run(path, xval.XValModule, device)
    if opened.module.transforms is None:
        raise ValueError(f"{opened.path}: no transforms: no training has begun")
    return opened


def answer(module: "XValModule", text: str) -> Answered:
    """Fill the masked numbers of a text.

    All at once, from all around them; a causal network one after the other, from what is before.

    Args:
        module: A trained one.
        text: With ``[MASK]`` for each number to fill.

    Returns:
        The text and the answers.

    Raises:
        ValueError: If the text has no mask, a number out of range or too many tokens.
    """
    code, units = module.code, module.units
    cuts = [cut(part) for part in text.split(HOLE)]
    if len(cuts) == 1:
        raise ValueError(f"text: {text[:30]!r} has no {HOLE} to fill")
    names = names_of([word for each in cuts for word in each.words])
    masked = [flag for each in cuts for flag in [*[False] * len(each.numbers), True]][:-1]
    ids, channel = code.encode_text(text, masks=True)
    if len(ids) > (length := module.hparams["length"]):
        raise ValueError(f"text: {len(ids)} tokens, but the network reads {length}")
    at = code.is_number(ids) | (ids == MASK)
    known = [units.names.index(f) if f in units.names else 0 for f in map(field_of, names)]
    fields = np.zeros(len(ids), np.int64)
    fields[at] = np.repeat(known, code.length)
    tokens, values, field = (torch.from_numpy(each) for each in (ids, channel, fields))
    seen = Text(tokens[None], units.channel(tokens, values, field)[None])
    holes = torch.from_numpy(np.flatnonzero(ids == MASK).reshape(-1, code.length))
    made = _go_on(module, seen, holes) if module.model.causal else fill(module.model, *seen)
    rows = Text(made.tokens[0][holes], made.numbers[0][holes])
    numbers = read(rows, code, units, field[holes[:, 0]]).numpy()
    said = [
        code.decode_text(*shown) if np.isnan(number) else write(number)
        for number, *shown in zip(numbers, *(each.numpy() for each in rows), strict=True)
    ]
    parts = zip(text.split(HOLE), [*said, ""], strict=True)
    asked = [name for name, flag in zip(names, masked, strict=True) if flag]
    return Answered("".join(chain(*parts)), asked, said, numbers.tolist())


def _go_on(module: "XValModule", text: Text, holes: torch.Tensor) -> Text:
    """Answer each hole from what is before it, answers included."""
    tokens, numbers = (each.clone() for each in text)
    for hole in holes:
        made = generate(module.model, tokens, numbers, hole[:1], len(hole))
        tokens[0, hole], numbers[0, hole] = made.tokens[0, hole], made.numbers[0, hole]
    return Text(tokens, numbers)
