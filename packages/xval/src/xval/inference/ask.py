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
    """A text whose masks have been filled.

    Args:
        text: Text with the predicted numbers; the rest is unchanged.
        names: Names of the masked numbers (see ``xval.data.field_names``).
        said: Predictions as written in the text.
        numbers: Values of the predictions; NaN where the output is not a number.
    """

    text: str
    names: list[str]
    said: list[str]
    numbers: list[float]


def ask(checkpoint: str, text: str) -> None:
    """Fill each ``[MASK]`` in a text with a number; print the text and a table of the numbers.

    Args:
        checkpoint: A checkpoint or a run folder.
        text: Text such as ``{'a':[MASK],'stepsize':0.5,...}``, in the format of the training texts.

    Raises:
        ValueError: If the checkpoint does not exist, or the text has no mask, a number out of range
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
    """Open a checkpoint or a run folder.

    Args:
        path: Path of the file or folder.
        device: Device, see ``sciformer.evaluation.run.open_run``.

    Returns:
        The network, with the settings and the record of its training.

    Raises:
        ValueError: If the device or checkpoint does not exist, or the checkpoint is not one of
            xVal after training began.
    """
    opened = run.open_run(path, xval.XValModule, device)
    if opened.module.transforms is None:
        raise ValueError(f"{opened.path}: no transforms: no training has begun")
    return opened


def answer(module: "XValModule", text: str) -> Answered:
    """Fill the masked numbers of a text.

    A masked model fills all numbers in parallel, from the text on both sides. A causal one fills
    them from left to right, from the text before each.

    Args:
        module: Trained network.
        text: Text with ``[MASK]`` for each number to fill.

    Returns:
        The text and the predictions.

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
    """Fill each mask from the text before it, including earlier predictions."""
    tokens, numbers = (each.clone() for each in text)
    for hole in holes:
        made = generate(module.model, tokens, numbers, hole[:1], len(hole))
        tokens[0, hole], numbers[0, hole] = made.tokens[0, hole], made.numbers[0, hole]
    return Text(tokens, numbers)
