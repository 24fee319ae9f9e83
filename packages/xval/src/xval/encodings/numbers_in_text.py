"""Find the numbers in a text without losing a character, and write numbers as text.

A number here is a quantity. Names (identifiers, dates, times, versions, hexadecimals, digits in
quotes or with leading zeros) are text. The README shows the rules as a table. A column of a table
has rules of its own: ``xval.data.readers.number_notation``.
"""

import re
from typing import NamedTuple

import numpy as np

DATE = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}"
    r"|[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})|[0-9]{2}-[0-9]{2}-[0-9]{2}(?![-+*/=])"
)
TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
ZONE = r"Z|[+-][0-9]{2}:?[0-9]{2}"
# Text that starts like a number: dates and times, Kepler-22, 2,4-D, http://x.org/5.
NAME = (
    rf"(?<!\w)(?=[0-9]{{1,4}}[-/:])(?:(?:{DATE})(?:[T ]{TIME}(?:{ZONE})?)?|{TIME})(?![\w:])"
    r"|(?<=[^\W\d_]{2})-[0-9]+(?![\w.])|(?<![\w.])[0-9]+(?:,[0-9]+)*-[^\W\d_]\w*|://\S+"
)
QUOTED = r"(?P<quote>['\"])[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?P=quote)"
# A minus after a letter, a digit or a closing bracket is an operator, and in +/- no sign.
SIGN = r"(?:(?<![\w)\]}])(?<!\+/)[-\u2212])?"
# Commas and points of other notations only in a number that stands alone: [100,200,300] is a list.
ALONE = r"(?:(?<![^\s(\-\u2212$\u20ac\u00a3=<>~])|(?<=[^\W\d_]:))"
ENDS = r"(?=[\s;:!?%]|[.,](?:\s|\Z)|\)|\Z)"
THOUSANDS = r"[1-9][0-9]{0,2}(?:,[0-9]{3})++(?:\.[0-9]++)?"
EUROPEAN = r"(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})++,[0-9]++|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}+)"
COMMA = r"(?<!\()(?:0|[1-9][0-9]*+),(?![0-9]{3}(?![0-9]))[0-9]++|(?<!\()0,[0-9]++"
SPACED = r"[1-9][0-9]{0,2}(?:[\u00a0\u202f\u2009][0-9]{3})++(?:[.,][0-9]++)?"
GROUPED = rf"{ALONE}(?:{THOUSANDS}|{EUROPEAN}|{COMMA}|{SPACED}){ENDS}"
NEITHER = rf"{ALONE}[0-9]{{1,3}}(?:,[0-9]{{3}})+\.[0-9]+,[0-9]+"  # 1,000.50,3 is text
DIGITS = r"(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+|(?<!\.)\.[0-9]++"
# Digits in brackets before an exponent are those of the uncertainty: 1.602(40)e-19.
UNSURE = r"(?:\([0-9]++\)(?=[eE]|\s?[x*\u00d7]\s?10\^))?+"
RAISED = r"[\u207a\u207b]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]++"
POWER = rf"\s?[x*\u00d7]\s?10(?:\^[-+\u2212]?[0-9]++|{RAISED})"
EXPONENT = rf"(?:[eE][-+]?[0-9]++|[dD][-+][0-9]++|{POWER})?+"
# Not inside or after a word (x2, v1.2), not 0xff, a version (1.2.3) or 3f2a; 5km is 5 and "km".
START = r"(?<!\w)(?<!\w\.)(?!0[0-9xXbBoO])"
STOP = r"(?!\.[0-9])(?![0-9])(?![^\W\d_]*[\d_])"
NUMBER = re.compile(
    rf"(?=[-0-9.:'\"\u2212])(?:{NAME}|{QUOTED}|{NEITHER}"  # soon done with other characters
    rf"|(?P<number>{SIGN}(?:{GROUPED}|{START}(?:{DIGITS}){UNSURE}{EXPONENT}{STOP})))"
)
SUPERSCRIPTS = str.maketrans(
    "\u207a\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u2212",
    "+-0123456789-",
)
TO_EXPONENT = re.compile(r"\s?[x*\u00d7]\s?10\^?(?=[-+0-9])|[dD]")
LEFT_OUT = re.compile(r"\([0-9]+\)|[\u00a0\u202f\u2009]")

SMALLEST = 5e-324  # above 0 in float64


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
    """Value of a number as :func:`cut` finds it.

    A number below the range of float64, which is not zero, is the smallest of it: out of the range
    of every encoding.
    """
    found = TO_EXPONENT.sub("e", LEFT_OUT.sub("", number.translate(SUPERSCRIPTS)))
    digits, _, exponent = found.replace("E", "e").partition("e")
    if "," in digits:
        digits = _without_commas(digits)
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    read = float(f"{digits}e{exponent}" if exponent else digits)
    if read == 0 and digits.strip("-0."):
        return -SMALLEST if digits.startswith("-") else SMALLEST
    return read


def _without_commas(digits: str) -> str:
    """Digits with a decimal point: the last of comma and point is the decimal one, if alone."""
    thousands = digits.count(",") > 1 or digits.find(".") > digits.find(",")
    thousands |= bool(re.fullmatch(r"-?[1-9][0-9]{0,2},[0-9]{3}", digits))
    return digits.replace(",", "") if thousands else digits.replace(".", "").replace(",", ".")


def write(number: int | float | np.float32) -> str:
    """Write a number with the fewest digits that identify it; :func:`cut` reads it back.

    Args:
        number: Finite number, in float32 or float64 precision.

    Returns:
        For example ``-60.2``, ``5`` or ``1e-07``.
    """
    return str(number).removesuffix(".0")  # repr of numpy 2 contains the type
