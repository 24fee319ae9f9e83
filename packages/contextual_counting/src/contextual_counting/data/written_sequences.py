"""Sequences of one's own, written as text: ``0 1 [ 1 0 ] 1``, or a file with one on each line."""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from contextual_counting.simulate.sequences import CLOSE, NO_REGION, ONE, OPEN, ZERO
from sciformer.text import printable

WORDS = {"0": ZERO, "1": ONE, "[": OPEN, "]": CLOSE}
MOST = 2**26  # bytes of a file


class Written(NamedTuple):
    """A sequence, and the number of 1s in each of its regions."""

    tokens: Int64[Tensor, " time"]
    counts: Int64[Tensor, " regions"]

    @property
    def text(self) -> str:
        """The sequence as it is written."""
        return " ".join(list(WORDS)[token] for token in self.tokens.tolist())


def read_sequences(said: str) -> list[Written]:
    """Read sequences of one's own.

    Args:
        said: A sequence, or a text file with one on each line; spaces, empty lines and lines that
            begin with ``#`` are skipped.

    Returns:
        The sequences.

    Raises:
        ValueError: Naming file and line of what is none.
    """
    if said.strip() and not {*said} - {*WORDS, " ", "\t"}:
        return [parse(said, "the sequence")]
    path = Path(said)
    if not path.is_file():
        raise ValueError(f"{printable(said)}: neither a file nor a sequence of 0, 1, [ and ]")
    if path.stat().st_size > MOST:
        raise ValueError(f"{path}: {path.stat().st_size} bytes are more than {MOST}")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no text in UTF-8") from error
    found = [
        parse(line, f"{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not found:
        raise ValueError(f"{path}: holds no sequence")
    return found


def parse(text: str, where: str) -> Written:
    """Read one sequence.

    Args:
        text: The sequence.
        where: Place of it, for errors.

    Returns:
        Tokens and counts.

    Raises:
        ValueError: Naming the first character that is wrong, and why.
    """
    inside = False
    for place, word in enumerate(text, 1):
        wrong = f"{where}, character {place}"
        if word not in WORDS and not word.isspace():
            raise ValueError(f"{wrong}: {printable(word)!r} is none of 0, 1, [ and ]")
        if (word == "]" and not inside) or (word == "[" and inside):
            raise ValueError(f"{wrong}: {'[ inside a region' if inside else '] closes no region'}")
        inside = inside if word not in "[]" else word == "["
    plain = "".join(text.split())
    counts = [region.partition("]")[0].count("1") for region in plain.split("[")[1:]]
    if inside or not counts:
        raise ValueError(f"{where}: {'a [ is not closed' if inside else 'there is no region'}")
    return Written(torch.tensor([WORDS[word] for word in plain]), torch.tensor(counts))


def padded(sequences: list[Written]) -> Int64[Tensor, "samples regions"]:
    """Counts of all sequences; ``NO_REGION`` for regions that a sequence does not have."""
    return torch.nn.utils.rnn.pad_sequence(
        [one.counts for one in sequences], batch_first=True, padding_value=NO_REGION
    )


def by_shape(sequences: list[Written]) -> dict[tuple[int, int], list[int]]:
    """Indices of sequences that have the same length and number of regions."""
    found: dict[tuple[int, int], list[int]] = {}
    for index, (tokens, counts) in enumerate(sequences):
        found.setdefault((len(tokens), len(counts)), []).append(index)
    return found
