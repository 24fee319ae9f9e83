"""Texts as flat arrays: concatenated tokens, and value and field of each number."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt16

from sciformer.arguments import ArgumentError
from xval.data.field_names import matches
from xval.data.marked import Marked, marked
from xval.data.name_lists import known
from xval.data.sources import Source
from xval.encodings.encoding import Encoding
from xval.encodings.numbers_in_text import value
from xval.encodings.special_tokens import END

CHUNK = 1024  # texts that are simulated and encoded at once
KEPT = 1 << 14  # names, and lists of them, that are remembered, as texts repeat them
NOBODY = ""  # the field of what nothing names

Starts = Int64[np.ndarray, " texts_and_1"]


class Corpus(NamedTuple):
    """Encoded texts without Python objects: 2 bytes per token, 8 per number, 18 per text.

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
    asked: UInt16[np.ndarray, " numbers"]
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
        self.unknown: set[str] = set()  # fields that are none of the given ones
        self.numbers: dict[tuple[str, str], None] = {}  # names and fields of texts, in their order
        self._places = {name: place for place, name in enumerate(self.fields)}
        self._number = lru_cache(KEPT)(self._one)
        self._numbers = lru_cache(KEPT)(self._many)

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

    def check(self) -> None:
        """Check that every pattern selects a number of the texts that have been encoded.

        Raises:
            ArgumentError: Naming ``answers`` or ``gaps``, and the numbers that there are.
        """
        there = list(dict.fromkeys(field for _, field in self.numbers if field))
        for argument, patterns in {"answers": self.patterns, "gaps": self.gaps}.items():
            for pattern in patterns:
                if not any(matches(pattern, *number) for number in self.numbers):
                    reason = f"{pattern!r} is no number of the texts; {known(pattern, there)}"
                    raise ArgumentError(argument, reason)

    def _chunk(self, source: Source, texts: Sequence[str | Marked], first: int) -> Corpus:
        ids, values, lengths, counts, found = [], [], [], [], []
        asked = tuple(source.answers)
        for number, text in enumerate(map(marked, texts), first):
            try:
                own = [value(written) for written in text.cut.numbers]
                tokens = self.code.encode_cut(text.cut.words, own)
            except ValueError as error:
                raise ValueError(f"{source.place(number)}: {self._wrong(text, error)}") from error
            if self.end:
                tokens.append(END)
            if not 0 < len(tokens) <= self.context:
                raise ValueError(
                    f"{source.place(number)}: {text.cut.join()[:30]!r}...: {len(tokens)} tokens, "
                    f"but the context is 1 to {self.context}"
                )
            ids += tokens
            values += own
            lengths.append(len(tokens))
            counts.append(len(own))
            found.append(self._numbers(text.names, text.fields, asked))
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

    def _many(
        self, names: tuple[str, ...], fields: tuple[str, ...], asked: tuple[str, ...]
    ) -> "_Numbers":
        """Fields and target patterns of numbers with these names."""
        each = [self._number(name, field, asked) for name, field in zip(names, fields, strict=True)]
        places, which, gaps = zip(*each, strict=True) if each else ((), (), ())
        inside = np.array(gaps, bool).reshape(len(each), len(self.gaps)).T
        return _Numbers(np.array(places, np.uint16), np.array(which, np.uint16), list(inside))

    def _one(self, name: str, field: str, asked: tuple[str, ...]) -> tuple[int, int, list[bool]]:
        self.numbers[name, field] = None
        which = next((self.patterns.index(p) + 1 for p in asked if matches(p, name, field)), 0)
        return self._field(field), which, [matches(gap, name, field) for gap in self.gaps]

    def _field(self, name: str) -> int:
        if name not in self._places:
            if self.fixed:
                self.unknown.add(name)
                return 0
            self._places[name] = len(self.fields)
            self.fields.append(name)
        return self._places[name]

    def _channel(
        self, values: Sequence[float], source: Source, texts: Sequence[str | Marked], first: int
    ) -> Float32[np.ndarray, " numbers"]:
        try:
            return self.code.channel(values)
        except ValueError:  # once for all texts is quick; now find out which of them it was
            for number, text in enumerate(map(marked, texts), first):
                try:
                    self.code.channel([value(written) for written in text.cut.numbers])
                except ValueError as why:
                    wrong = self._wrong(text, why)
                    raise ValueError(f"{source.place(number)}: {wrong}") from why
            raise

    def _wrong(self, text: Marked, error: ValueError) -> str:
        """Describe the number that caused an error."""
        for name, written in zip(text.names, text.cut.numbers, strict=True):
            try:
                self.code.encode(value(written))
                self.code.channel([value(written)])
            except ValueError as why:
                return f"column {name!r}: {written}: {why}" if name else f"{written}: {why}"
        return str(error)


class _Numbers(NamedTuple):
    fields: UInt16[np.ndarray, " numbers"]
    asked: UInt16[np.ndarray, " numbers"]
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
