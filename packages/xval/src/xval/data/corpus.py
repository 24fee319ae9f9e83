"""Texts as flat arrays: concatenated tokens, and value and field of each number."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8, UInt16

from xval.data.field_names import field_of, matches, names_of
from xval.data.sources import Source
from xval.encodings.encoding import Encoding
from xval.encodings.numbers_in_text import Cut, cut, value
from xval.encodings.special_tokens import END

CHUNK = 1024  # texts that are simulated and encoded at once
NOBODY = ""  # the field of what nothing names

Starts = Int64[np.ndarray, " texts_and_1"]


class Corpus(NamedTuple):
    """Encoded texts without Python objects: 2 bytes per token, 7 per number, 18 per text.

    Args:
        tokens: Token ids of all texts, concatenated.
        starts: Offset of each text in ``tokens``, and the end of the last one.
        values: Values of all numbers, concatenated.
        fields: Field of each number; 0 if it has no field name.
        asked: Pattern that selects a number as target, counted from 1; 0 if none does.
        number_starts: Offset of each text in ``values``, and the end of the last one.
        outside: For each text, whether one of its numbers lies in a gap.
    """

    tokens: UInt16[np.ndarray, " tokens"]
    starts: Starts
    values: Float32[np.ndarray, " numbers"]
    fields: UInt16[np.ndarray, " numbers"]
    asked: UInt8[np.ndarray, " numbers"]
    number_starts: Starts
    outside: Bool[np.ndarray, " texts"]

    @property
    def lengths(self) -> Int64[np.ndarray, " texts"]:
        """Number of tokens of each text."""
        return np.diff(self.starts)

    @property
    def counts(self) -> Int64[np.ndarray, " texts"]:
        """Number of numbers of each text."""
        return np.diff(self.number_starts)


class Encoder:
    """Encodes texts, and finds field and target pattern of each number.

    Args:
        code: Encoding of the texts.
        patterns: Patterns of the target numbers.
        gaps: Pattern -> open interval; a text with such a number in it is out of distribution.
        fields: Names of the fields, in order; None collects them from the texts.
        context: Maximum number of tokens per text.
        end: Append [END] to each text.
    """

    def __init__(
        self,
        code: Encoding,
        patterns: Sequence[str],
        gaps: Mapping[str, tuple[float, float]],
        fields: Sequence[str] | None,
        context: int,
        end: bool,
    ) -> None:
        self.code, self.patterns, self.gaps = code, list(patterns), dict(gaps)
        self.fields = [NOBODY] if fields is None else list(fields)
        self.fixed = fields is not None
        self.context, self.end = context, end
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], _Numbers] = {}

    def encode(self, source: Source) -> tuple[Corpus, dict[str, list[str]]]:
        """Encode all texts of a source.

        Args:
            source: Source of the texts.

        Returns:
            The encoded texts, and their labels.

        Raises:
            ValueError: Naming the text that is too long, or the number that cannot be encoded.
        """
        parts, labels = [], {}
        for first in range(0, source.size, CHUNK):
            texts = source.texts(first, min(first + CHUNK, source.size))
            parts.append(self._chunk(source, texts.texts, first))
            for name, each in texts.labels.items():
                labels.setdefault(name, []).extend(each)
        return together(parts), labels

    def _chunk(self, source: Source, texts: Sequence[str], first: int) -> Corpus:
        ids, values, lengths, counts, found = [], [], [], [], []
        asked = tuple(source.answers)
        for number, text in enumerate(texts, first):
            there = cut(text)
            kinds = self._numbers(names_of(there.words), asked)
            try:
                own = [value(written) for written in there.numbers]
                tokens = self.code.encode_cut(there.words, own)
            except ValueError as error:
                raise ValueError(f"{source.place(number)}: {self._wrong(there, error)}") from error
            if self.end:
                tokens.append(END)
            if not 0 < len(tokens) <= self.context:
                raise ValueError(
                    f"{source.place(number)}: {text[:30]!r}...: {len(tokens)} tokens, but the "
                    f"context is 1 to {self.context}"
                )
            ids += tokens
            values += own
            lengths.append(len(tokens))
            counts.append(len(own))
            found.append(kinds)
        flat = np.array(values, np.float64)
        fields = np.concatenate([kinds.fields for kinds in found])
        asked_for = np.concatenate([kinds.asked for kinds in found])
        number_starts = _starts(counts)
        outside = np.zeros(len(texts), bool)
        for gap, (low, high) in enumerate(self.gaps.values()):
            here = np.concatenate([kinds.gaps[gap] for kinds in found])
            inside = here & (flat > low) & (flat < high)
            outside[np.searchsorted(number_starts, np.flatnonzero(inside), "right") - 1] = True
        return Corpus(
            np.array(ids, np.uint16),
            _starts(lengths),
            self._channel(values, source, texts, first),
            fields,
            asked_for,
            number_starts,
            outside,
        )

    def _numbers(self, names: tuple[str, ...], asked: tuple[str, ...]) -> "_Numbers":
        """Fields and target patterns of numbers with these names; cached, as texts repeat them."""
        if (names, asked) not in self._known:
            fields = [self._field(field_of(name)) for name in names]
            which = [
                next((self.patterns.index(p) + 1 for p in asked if matches(p, name)), 0)
                for name in names
            ]
            gaps = [np.array([matches(gap, name) for name in names], bool) for gap in self.gaps]
            found = _Numbers(np.array(fields, np.uint16), np.array(which, np.uint8), gaps)
            self._known[names, asked] = found
        return self._known[names, asked]

    def _field(self, name: str) -> int:
        if name not in self.fields:
            if self.fixed:
                return 0
            self.fields.append(name)
        return self.fields.index(name)

    def _channel(
        self, values: Sequence[float], source: Source, texts: Sequence[str], first: int
    ) -> Float32[np.ndarray, " numbers"]:
        try:
            return self.code.channel(values)
        except ValueError:  # once for all texts is quick; now find out which of them it was
            for number, text in enumerate(texts, first):
                there = cut(text)
                try:
                    self.code.channel([value(written) for written in there.numbers])
                except ValueError as why:
                    wrong = self._wrong(there, why)
                    raise ValueError(f"{source.place(number)}: {wrong}") from why
            raise

    def _wrong(self, there: Cut, error: ValueError) -> str:
        """Describe the number that caused an error."""
        for name, written in zip(names_of(there.words), there.numbers, strict=True):
            try:
                self.code.encode(value(written))
                self.code.channel([value(written)])
            except ValueError as why:
                return f"column {name!r}: {written}: {why}" if name else f"{written}: {why}"
        return str(error)


class _Numbers(NamedTuple):
    fields: UInt16[np.ndarray, " numbers"]
    asked: UInt8[np.ndarray, " numbers"]
    gaps: list[Bool[np.ndarray, " numbers"]]


def together(parts: Sequence[Corpus]) -> Corpus:
    """Concatenate corpora."""
    tokens, lengths, values, fields, asked, counts, outside = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("tokens", "lengths", "values", "fields", "asked", "counts", "outside")
    )
    return Corpus(tokens, _starts(lengths), values, fields, asked, _starts(counts), outside)


def _starts(lengths: Sequence[int] | Int64[np.ndarray, " texts"]) -> Starts:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
