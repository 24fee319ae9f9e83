"""Answers of a network: numbers for the holes of texts."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from xval.data.marked import HOLE, Marked, with_holes
from xval.encodings.numbers_in_text import value, write
from xval.encodings.special_tokens import MASK, PAD
from xval.nn.decode_numbers import read, read_quantiles
from xval.nn.generate import Text, fill, generate
from xval.nn.intervals import Aside, Intervals

if TYPE_CHECKING:
    from xval.module import XValModule

TOGETHER = 64  # texts that are filled at once


class Answered(NamedTuple):
    """A text whose holes have been filled.

    Args:
        text: Text with the predicted numbers; the rest is unchanged.
        names: Names of the masked numbers (see ``xval.data.field_names``).
        said: Predictions as written in the text.
        numbers: Values of the predictions.
        low: Lower ends of their intervals; NaN where unknown, as are the next.
        median: Their medians.
        high: Upper ends.
    """

    text: str
    names: list[str]
    said: list[str]
    numbers: list[float]
    low: list[float]
    median: list[float]
    high: list[float]


class Told(NamedTuple):
    """Numbers for the holes of a text, in order, as in ``Answered``."""

    numbers: list[float]
    low: list[float]
    median: list[float]
    high: list[float]


def answer(module: "XValModule", text: str, intervals: Intervals | None = None) -> Answered:
    """Fill the masked numbers of a text.

    A masked model fills all numbers in parallel, from the text on both sides. A causal one fills
    them from left to right, from the text before each.

    Args:
        module: Trained network.
        text: Text with ``[MASK]`` for each number to fill.
        intervals: Of the network's answers; none by default.

    Returns:
        The text and the predictions.

    Raises:
        ValueError: If the text has no mask, a number out of range or too many tokens.
    """
    if HOLE not in text:
        raise ValueError(f"text: {text[:30]!r} has no {HOLE} to fill")
    marked = with_holes(text)
    (told,) = answers(module, [marked], intervals)
    said = [write(np.float32(number)) for number in told.numbers]
    parts = zip(text.split(HOLE), [*said, ""], strict=True)
    pairs = zip(marked.names, marked.cut.numbers, strict=True)
    asked = [name for name, number in pairs if number == HOLE]
    return Answered("".join(chain(*parts)), asked, said, *told)


def answers(
    module: "XValModule", texts: Sequence[Marked], intervals: Intervals | None = None
) -> list[Told]:
    """Numbers for the holes of texts; each is a number, whatever the network would rather say.

    Args:
        module: Trained network.
        texts: Texts with holes.
        intervals: Of the network's answers; none by default.

    Returns:
        The numbers of each text, in order.

    Raises:
        ValueError: If a text has a number out of range or too many tokens.
    """
    found: list[Told] = []
    step = 1 if module.model.causal else TOGETHER
    for first in range(0, len(texts), step):
        found += _together(module, texts[first : first + step], intervals)
    return found


@torch.no_grad()
def _together(
    module: "XValModule", texts: Sequence[Marked], intervals: Intervals | None
) -> list[Told]:
    code, units, device = module.code, module.units, module.device
    rows = [_encoded(module, text) for text in texts]
    time = max(len(ids) for ids, *_ in rows)
    shape = len(rows), time
    tokens, fields = np.full(shape, PAD, np.int64), np.zeros(shape, np.int64)
    channel = np.ones(shape, np.float32)
    for row, (ids, numbers, own) in enumerate(rows):
        tokens[row, : len(ids)], channel[row, : len(ids)], fields[row, : len(ids)] = (
            ids,
            numbers,
            own,
        )
    ids, values, field = (torch.from_numpy(each).to(device) for each in (tokens, channel, fields))
    seen = Text(ids, units.channel(ids, values, field))
    holes = (ids == MASK).nonzero().reshape(-1, code.length, 2)
    allowed = torch.from_numpy(code.number_tokens()).to(device)
    source = module.model.source(ids, values, field, units)
    if module.model.causal:
        made = _go_on(module, seen, holes[..., 1], allowed)
    else:
        made = fill(module.model, seen.tokens, seen.numbers, ids != PAD, allowed, source)
    where = holes[..., 0], holes[..., 1]
    filled, at = made.at(*where), where[0] * time + where[1]
    own = field[where][:, 0]
    numbers = read(filled, code, units, own, at[:, 0], source)
    told = Aside.of(own, numbers, numbers, read_quantiles(filled, units, own))
    columns = [told.numbers, *(np.full(len(own), np.nan) for _ in range(3))]
    if intervals is not None:
        columns[1:] = intervals.of(told.fields, told.numbers, told.quantiles)[:3]
    ends = torch.bincount(holes[:, 0, 0], minlength=len(rows)).cumsum(0)[:-1].tolist()
    parts = ([part.tolist() for part in np.split(column, ends)] for column in columns)
    return [Told(*each) for each in zip(*parts, strict=True)]


def _encoded(module: "XValModule", text: Marked) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, number channel and fields of a text."""
    code, names = module.code, module.units.names
    values = [None if number == HOLE else value(number) for number in text.cut.numbers]
    ids, channel = code.encode_holes(text.cut.words, values)
    if len(ids) > (length := module.hparams["length"]):
        raise ValueError(f"text: {len(ids)} tokens, but the network reads {length}")
    fields = np.zeros(len(ids), np.int64)
    known = [names.index(field) if field in names else 0 for field in text.fields]
    fields[code.is_number(ids) | (ids == MASK)] = np.repeat(known, code.length)
    return ids, channel, fields


def _go_on(module: "XValModule", text: Text, holes: torch.Tensor, allowed: torch.Tensor) -> Text:
    """Fill each mask from the text before it, including earlier predictions."""
    tokens, numbers = text.tokens.clone(), text.numbers.clone()
    spread: torch.Tensor | None = None
    for hole in holes:
        made = generate(module.model, tokens, numbers, hole[:1], len(hole), allowed=allowed)
        tokens[0, hole], numbers[0, hole] = made.tokens[0, hole], made.numbers[0, hole]
        if made.quantiles is not None:
            spread = (
                made.quantiles.new_zeros(*tokens.shape, made.quantiles.shape[2])
                if spread is None
                else spread
            )
            spread[0, hole] = made.quantiles[0, hole]
    return Text(tokens, numbers, spread)
