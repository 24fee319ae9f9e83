"""Tokenizer of text with numbers: token ids and number channel, in the paper's five encodings."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from sciformer.arguments import ArgumentError
from xval.encodings.digits import LOWEST, WIDEST, Digits
from xval.encodings.numbers_in_text import cut, value, write
from xval.encodings.special_tokens import END, MASK, NUM, PAD, SPECIAL

NAMES = ("p10", "p1000", "b1999", "fp15", "xval")
ORIGINAL = "original"
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
KEPT = 1 << 16  # pieces of text whose tokens are cached; data repeat them


class Encoding:
    """Tokenizer with one of the paper's encodings of numbers (Golkar et al. 2023, table 1).

    Ids are in the order special tokens, number tokens, the 256 bytes, words. In ``xval`` a number
    is [NUM] and its value in the number channel; in the other four it is tokens of three
    significant digits. Text is split into the longest matching ``words``; the rest is encoded as
    bytes. ``original`` is ``xval`` as the original's tokenizer writes it: without spaces, without
    the comma between two numbers, and with no token for other text than the words.

    Args:
        name: ``p10``, ``p1000``, ``b1999``, ``fp15``, ``xval`` or ``original``.
        words: Pieces of text that are single tokens, see ``frequent_words``.
        lowest: Lowest of the 16 exponents of the text encodings: numbers from 10^(lowest + 2) to
            9.99 x 10^(lowest + 17).
        clip: Encode numbers out of range as the nearest in range, instead of raising.
    """

    pad, mask, end, num = PAD, MASK, END, NUM

    def __init__(
        self, name: str, words: Sequence[str] = (), lowest: int = LOWEST, clip: bool = False
    ) -> None:
        if name not in (*NAMES, ORIGINAL):
            raise ArgumentError("encoding", f"{name!r} is none of {', '.join(NAMES)}")
        if "" in words or len(set(words)) < len(words):
            raise ArgumentError("words", "a word is empty or repeated")
        if not abs(lowest) <= WIDEST:
            raise ArgumentError("lowest", f"{lowest} is not from -{WIDEST} to {WIDEST}")
        self.name = name
        self.words = tuple(words)
        self.lowest = lowest
        self.clip = clip
        self.digits = None if name in ("xval", ORIGINAL) else Digits(name, lowest, clip)
        self.zero = None if self.digits is None else self.digits.extra
        largest = float(np.finfo(np.float32).max)
        smallest = float(np.finfo(np.float32).tiny)
        self.range = (smallest, largest) if self.digits is None else self.digits.range
        self.vocabulary = [SPECIAL[self.num]] if self.digits is None else self.digits.vocabulary
        numbers = [] if self.digits is None else [*self.vocabulary, *filter(None, [self.zero])]
        self.first_byte = len(SPECIAL) + len(numbers)
        spelled = () if name == ORIGINAL else BYTES
        self.first_word = self.first_byte + len(spelled)
        self.names = (*SPECIAL, *numbers, *spelled, *self.words)
        self.size = len(self.names)
        self.length = 1 if self.digits is None else len(self.digits.slots)
        self._number_ids = {token: len(SPECIAL) + i for i, token in enumerate(numbers)}
        self._word_ids = {word: self.first_word + i for i, word in enumerate(self.words)}
        longest_first = sorted(map(re.escape, self.words), key=len, reverse=True)
        self._pattern = re.compile(f"({'|'.join(longest_first)})") if words else None
        self._ids = lru_cache(KEPT)(self._text_ids)

    def settings(self) -> dict[str, Any]:
        """Arguments of ``encoding`` that rebuild this encoding: plain data for a checkpoint."""
        words = list(self.words)
        return {"name": self.name, "words": words, "lowest": self.lowest, "clip": self.clip}

    def __reduce__(self) -> tuple[Any, ...]:
        return Encoding, tuple(self.settings().values())  # without the cache

    def encode(self, number: float | int) -> list[str]:
        """Tokens of one number.

        Args:
            number: Finite number.

        Returns:
            ``length`` tokens; for ``xval`` [NUM], whose value is in the number channel.

        Raises:
            ValueError: If it is not finite, or out of ``range`` and ``clip`` is off.
        """
        return [SPECIAL[self.num]] if self.digits is None else list(self.digits.encode(number))

    def decode(self, tokens: Sequence[str]) -> float:
        """Number of a text encoding's tokens; ``ValueError`` if they are not one number's."""
        if self.digits is None:
            raise ValueError("xval: a number is not in its token, but in the number channel")
        return self.digits.decode(list(tokens))

    def encode_text(
        self, text: str, masks: bool = False
    ) -> tuple[Int64[np.ndarray, " time"], Float32[np.ndarray, " time"]]:
        """Token ids and number channel of a text.

        Args:
            text: Any text.
            masks: Read ``[MASK]`` as a masked number (``length`` mask tokens), not as text.

        Returns:
            Token ids; values of the numbers for ``xval``, 1 at all other tokens.

        Raises:
            ValueError: Naming a number that is out of range, if ``clip`` is off.
        """
        parts = [cut(part) for part in (text.split(SPECIAL[self.mask]) if masks else [text])]
        values = [each for part in parts for each in (*map(value, part.numbers), None)][:-1]
        return self.encode_holes([word for part in parts for word in part.words], values)

    def encode_holes(
        self, words: Sequence[str], values: Sequence[float | None]
    ) -> tuple[Int64[np.ndarray, " time"], Float32[np.ndarray, " time"]]:
        """``encode_text`` of a text that is already cut; a value of None is masked."""
        tokens = np.array(self.encode_cut(words, values), np.int64)
        channel = np.ones(len(tokens), np.float32)
        if self.digits is None:
            known = [each for each in values if each is not None]
            channel[tokens == self.num] = self.channel(known)
        return tokens, channel

    def encode_cut(self, words: Sequence[str], values: Sequence[float | None]) -> list[int]:
        """Token ids of a text that is already cut into words and numbers.

        Args:
            words: Pieces of text; one more than there are numbers.
            values: Values of the numbers; None is masked.

        Returns:
            Token ids; the number channel of ``xval`` is ``channel(values)``.

        Raises:
            ValueError: Naming a number that is out of range, if ``clip`` is off.
        """
        if self.name == ORIGINAL:
            between = ["" if word.strip() == "," else word for word in words[1:-1]]
            words = [*words[:1], *between, *words[1:][-1:]]
        ids = list(self._ids(words[0]))
        for number, word in zip(values, words[1:], strict=True):
            if number is None:
                ids += [self.mask] * self.length
            elif self.digits is None:
                ids.append(self.num)
            else:
                ids += [self._number_ids[t] for t in self.digits.encode(number)]
            ids += self._ids(word)
        return ids

    def decode_text(
        self, tokens: Int64[np.ndarray, " time"], numbers: Float32[np.ndarray, " time"]
    ) -> str:
        """Decode token ids and number channel to text.

        Numbers are written with the digits that the encoding has. Special tokens, and number tokens
        that do not form a number, are shown by their names.

        Args:
            tokens: Token ids.
            numbers: Number channel.

        Returns:
            The text.
        """
        parts, index = [], 0
        while index < len(tokens):
            token = int(tokens[index])
            step = 1
            if token == self.num:
                parts.append(write(np.float32(numbers[index])).encode())
            elif token < len(SPECIAL):
                parts.append(SPECIAL[token].encode())
            elif token < self.first_byte:
                number = self.number_at(tokens, index)
                step = 1 if number is None else self.length
                text = f"[{self.names[token]}]" if number is None else write(number)
                parts.append(text.encode())
            elif token < self.first_word:
                parts.append(bytes([token - self.first_byte]))
            else:
                parts.append(self.names[token].encode())
            index += step
        return b"".join(parts).decode(errors="replace")

    def number_at(self, tokens: Int64[np.ndarray, " time"], index: int) -> float | None:
        """Number of a text encoding that starts at an index; None if there is none."""
        assert self.digits is not None
        try:
            return self.digits.decode(self.spell(tokens[index : index + self.length]))
        except ValueError:
            return None

    def number_tokens(self) -> Bool[np.ndarray, "length vocab"]:
        """Which tokens can stand at each place of a number."""
        found = np.zeros((self.length, self.size), bool)
        if self.digits is None:
            found[0, self.num] = True
            return found
        for place, allowed in enumerate(self.digits.allowed):
            found[place, [self._number_ids[token] for token in allowed]] = True
        return found

    def spell(self, tokens: Int64[np.ndarray, " time"]) -> list[str]:
        """Names of token ids."""
        return [self.names[token] for token in tokens]

    def is_number(self, tokens: Int64[np.ndarray, "*time"]) -> Bool[np.ndarray, "*time"]:
        """Which token ids belong to numbers."""
        return (tokens >= self.num) & (tokens < self.first_byte)

    def starts(self, tokens: Int64[np.ndarray, " time"]) -> Int64[np.ndarray, " time"]:
        """Index of the first token of each token's number; its own index for a word."""
        place = np.arange(len(tokens))
        number = self.is_number(tokens)
        run = np.maximum.accumulate(np.where(number, 0, place + 1))  # numbers before are as long
        return np.where(number, place - (place - run) % self.length, place)

    def channel(self, values: Sequence[float]) -> Float32[np.ndarray, " numbers"]:
        """Number channel: values as float32; ``ValueError`` out of range."""
        wide = np.array(values, np.float64)
        low, high = self.range
        if not np.isfinite(wide).all() or (np.abs(wide) > high).any():
            if not self.clip or np.isnan(wide).any():
                bad = wide[~(np.abs(wide) <= high)][0]
                raise ValueError(f"{self.name}: {bad} is out of range, {low:g} to {high:g}")
            wide = wide.clip(-high, high)
        tiny = (np.abs(wide) < low) & (wide != 0)
        if tiny.any():
            if not self.clip:
                raise ValueError(
                    f"{self.name}: {wide[tiny][0]} is out of range, {low:g} to {high:g}"
                )
            wide = np.where(tiny, np.copysign(np.where(np.abs(wide) < low / 2, 0, low), wide), wide)
        return wide.astype(np.float32)

    def _text_ids(self, text: str) -> list[int]:
        if self.name == ORIGINAL:
            text = "".join(text.split())
        pieces = [text] if self._pattern is None else self._pattern.split(text)
        if self.name == ORIGINAL and any(unknown := pieces[::2]):
            raise ValueError(f"text: {next(filter(None, unknown))[:30]!r} has no token")
        ids = []
        for index, piece in enumerate(pieces):
            if index % 2:
                ids.append(self._word_ids[piece])
            else:
                ids += [self.first_byte + byte for byte in piece.encode()]
        return ids


def encoding(
    name: str, words: Sequence[str] = (), lowest: int = LOWEST, clip: bool = False
) -> Encoding:
    """Build one of the paper's five encodings.

    Args:
        name: ``p10``, ``p1000``, ``b1999``, ``fp15`` or ``xval``.
        words: Pieces of text that are single tokens, see ``frequent_words``.
        lowest: Lowest of the 16 exponents of the text encodings.
        clip: Encode numbers out of range as the nearest in range, instead of raising.

    Returns:
        The encoding.

    Raises:
        ValueError: If the name is unknown, or words are empty or repeated.
    """
    return Encoding(name, words, lowest, clip)
