"""Find the numbers in a text, lose no character, and write numbers back.

What counts as a number is a policy, not a truth. Ours, which the README shows as a table: a number
is a quantity. What names something (identifiers, dates, times, versions, hexadecimals, digits in
quotes or with leading zeros) is text.
"""

import re
from typing import NamedTuple

import numpy as np

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}/[0-9]{2}/[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"
TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
ZONE = r"Z|[+-][0-9]{2}:?[0-9]{2}"
# What starts like a number and is none; consumed as a whole.
NAME = rf"(?<!\w)(?:(?:{DATE})(?:[T ]{TIME}(?:{ZONE})?)?|{TIME})(?![\w:])"
QUOTED = r"(?P<quote>['\"])[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?P=quote)"
# A minus behind a letter, a digit or a closing bracket is an operator.
SIGN = r"(?:(?<![\w)\]}])[-\u2212])?"
# Groups of three only where the number stands by itself, as [100,200,300] is a list.
GROUPED = (
    r"(?:(?<![^\s(\-\u2212$\u20ac\u00a3])[1-9][0-9]{0,2}(?:,[0-9]{3})++"
    r"(?:\.[0-9]++)?(?=[\s.;:!?%]|,\s|\Z))(?!\.[0-9])"
)
DIGITS = r"(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+|(?<!\.)\.[0-9]++"
EXPONENT = r"(?:[eE][-+]?[0-9]++)?+"
# Not inside or behind a word (x2, v1.2), not 0xff, not a version (1.2.3), not 3f2a; 5km is 5 "km".
START = r"(?<!\w)(?<!\w\.)(?!0[0-9xXbBoO])"
STOP = r"(?!\.[0-9])(?![0-9])(?![^\W\d_]*[\d_])"
NUMBER = re.compile(
    rf"{NAME}|{QUOTED}|(?P<number>{SIGN}(?:{GROUPED}|{START}(?:{DIGITS}){EXPONENT}{STOP}))"
)


class Cut(NamedTuple):
    """A text as words and numbers: ``words[0] numbers[0] words[1] ... words[-1]``.

    Args:
        words: One more than there are numbers; may be empty.
        numbers: As they stand in the text.
    """

    words: list[str]
    numbers: list[str]

    def join(self) -> str:
        """The very text that was cut."""
        parts = [part for pair in zip(self.words, self.numbers, strict=False) for part in pair]
        return "".join(parts) + self.words[-1]


def cut(text: str) -> Cut:
    """Cut a text into words and numbers.

    Args:
        text: Any text.

    Returns:
        Words and numbers in turn; joined they are the text.
    """
    words, numbers, end = [], [], 0
    for match in NUMBER.finditer(text):
        if match.lastgroup == "number":
            words.append(text[end : match.start()])
            numbers.append(match[0])
            end = match.end()
    words.append(text[end:])
    return Cut(words, numbers)


def value(number: str) -> float:
    """The value of a number as :func:`cut` finds it."""
    return float(number.replace(",", "").replace("\u2212", "-"))


def write(number: float | np.float32) -> str:
    """A number as text that :func:`cut` finds again, with the shortest digits that tell it apart.

    Args:
        number: A finite number; digits are those of its own precision, float32 or float64.

    Returns:
        For example ``-60.2``, ``5`` or ``1e-07``.
    """
    return str(number).removesuffix(".0")  # not repr, in which numpy 2 leaves its name
