"""Find the numbers in a text without losing a character, and write numbers as text.

A number here is a quantity. Names (identifiers, dates, times, versions, hexadecimals, digits in
quotes or with leading zeros) are text. The README shows the rules as a table.
"""

import re
from typing import NamedTuple

import numpy as np

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}/[0-9]{2}/[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"
TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
ZONE = r"Z|[+-][0-9]{2}:?[0-9]{2}"
# Text that starts like a number: dates and times.
NAME = rf"(?<!\w)(?:(?:{DATE})(?:[T ]{TIME}(?:{ZONE})?)?|{TIME})(?![\w:])"
QUOTED = r"(?P<quote>['\"])[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?P=quote)"
# A minus after a letter, a digit or a closing bracket is an operator.
SIGN = r"(?:(?<![\w)\]}])[-\u2212])?"
# Thousands separators only in a number that stands alone: [100,200,300] is a list.
GROUPED = (
    r"(?:(?<![^\s(\-\u2212$\u20ac\u00a3])[1-9][0-9]{0,2}(?:,[0-9]{3})++"
    r"(?:\.[0-9]++)?(?=[\s.;:!?%]|,\s|\Z))(?!\.[0-9])"
)
DIGITS = r"(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+|(?<!\.)\.[0-9]++"
EXPONENT = r"(?:[eE][-+]?[0-9]++)?+"
# Not inside or after a word (x2, v1.2), not 0xff, a version (1.2.3) or 3f2a; 5km is 5 and "km".
START = r"(?<!\w)(?<!\w\.)(?!0[0-9xXbBoO])"
STOP = r"(?!\.[0-9])(?![0-9])(?![^\W\d_]*[\d_])"
NUMBER = re.compile(
    rf"{NAME}|{QUOTED}|(?P<number>{SIGN}(?:{GROUPED}|{START}(?:{DIGITS}){EXPONENT}{STOP}))"
)


class Cut(NamedTuple):
    """A text split into words and numbers: ``words[0] numbers[0] words[1] ... words[-1]``.

    Args:
        words: Text between the numbers; one more than there are numbers; may be empty.
        numbers: Numbers as written in the text.
    """

    words: list[str]
    numbers: list[str]

    def join(self) -> str:
        """The original text."""
        parts = [part for pair in zip(self.words, self.numbers, strict=False) for part in pair]
        return "".join(parts) + self.words[-1]


def cut(text: str) -> Cut:
    """Split a text into words and numbers; joining them gives the text again."""
    words, numbers, end = [], [], 0
    for match in NUMBER.finditer(text):
        if match.lastgroup == "number":
            words.append(text[end : match.start()])
            numbers.append(match[0])
            end = match.end()
    words.append(text[end:])
    return Cut(words, numbers)


def value(number: str) -> float:
    """Value of a number as :func:`cut` finds it."""
    return float(number.replace(",", "").replace("\u2212", "-"))


def write(number: float | np.float32) -> str:
    """Write a number with the fewest digits that identify it; :func:`cut` reads it back.

    Args:
        number: Finite number, in float32 or float64 precision.

    Returns:
        For example ``-60.2``, ``5`` or ``1e-07``.
    """
    return str(number).removesuffix(".0")  # repr of numpy 2 contains the type
