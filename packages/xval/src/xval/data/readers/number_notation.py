"""How the numbers of a column are written: decimal separator, thousands, exponents, units.

``1.234`` is 1.234 or 1234. That is decided by the whole column, else by the other columns of the
file, else it is an error that names the option.
"""

import re
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

Decimal = Literal[".", ","]
SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "\u2019": "'"})
UNITS = re.compile(r"(?P<before>[$\u20ac\u00a3\u00a5]?) ?(?P<number>.*?) ?(?P<after>[%\u20ac]?)")
EXPONENT = r"(?P<exponent>[eEdD][+-]?[0-9]+| ?[xX*\u00d7] ?10\^?[+-]?[0-9]+)?"
POWER = re.compile(r" ?[xX*\u00d7] ?10\^?|[dD]")


def _grammar(decimal: str, group: str) -> re.Pattern[str]:
    groups = "|".join(f"(?:{re.escape(mark)}[0-9]{{3}})+" for mark in (group, " ", "'"))
    point = re.escape(decimal)
    return re.compile(
        rf"[+-]?(?:(?:[1-9][0-9]{{0,2}}(?:{groups})|0|[1-9][0-9]*)(?:{point}[0-9]*)?"
        rf"|{point}[0-9]+){EXPONENT}"
    )


GRAMMARS: dict[Decimal, re.Pattern[str]] = {".": _grammar(".", ","), ",": _grammar(",", ".")}


class Notation(NamedTuple):
    """How the numbers of a column are written.

    Args:
        decimal: Decimal separator; the other one separates thousands.
        before: Currency before every number.
        after: Currency or percent sign behind every number.
    """

    decimal: Decimal = "."
    before: str = ""
    after: str = ""

    def read(self, cell: str) -> str | None:
        """A number in plain notation, ``-1234.5e-6``; None if the cell is no number."""
        found = UNITS.fullmatch(cell.strip().translate(SPACES))
        if found is None or (found["before"], found["after"]) != (self.before, self.after):
            return None
        number = found["number"]
        if GRAMMARS[self.decimal].fullmatch(number) is None:
            return None
        for mark in (",.".replace(self.decimal, ""), "'"):
            number = number.replace(mark, "")
        number = POWER.sub("e", number).replace(" ", "").replace(self.decimal, ".")
        return number.removeprefix("+").removesuffix(".").replace(".e", "e")


def notations(cells: Iterable[str]) -> list[Notation]:
    """All notations in which each of the cells is a number."""
    units: set[tuple[str, str]] = set()
    numbers = []
    for cell in cells:
        found = UNITS.fullmatch(cell.strip().translate(SPACES))
        if found is None or not any("0" <= c <= "9" for c in cell):
            return []
        units.add((found["before"], found["after"]))
        numbers.append(found["number"])
        if len(units) > 1:
            return []
    if not numbers:
        return []
    (own,) = units
    return [
        Notation(decimal, *own)
        for decimal, grammar in GRAMMARS.items()
        if all(grammar.fullmatch(number) for number in numbers)
    ]


def evidence(cells: Collection[str]) -> Decimal | None:
    """The decimal separator that a column shows; None if it could be either."""
    found = notations(cells)
    return found[0].decimal if len(found) == 1 else None


def choose(
    cells: Collection[str], found: Collection[Notation], separator: str, known: set[Decimal]
) -> Notation | None:
    """Choose one of two notations of a column whose cells are numbers in both.

    Args:
        cells: Different cells of the column.
        found: Result of :func:`notations`.
        separator: Separator of the columns; where it is a semicolon, commas are often decimal.
        known: Decimal separators that other columns of the file show.

    Returns:
        The notation; None if it cannot be told.
    """
    either = {notation.decimal: notation for notation in found}
    if len(either) == 1:
        return next(iter(either.values()))
    bare = [cell.strip().translate(SPACES) for cell in cells]
    marks = {mark for mark in ".," if any(mark in cell for cell in bare)}
    if not marks:  # whole numbers
        return either["."]
    if len(known) == 1:
        return either[next(iter(known))]
    if len(marks) > 1 or len(known) > 1 or separator == ";":
        return None
    (mark,) = marks
    whole = [cell for cell in bare if mark not in cell]
    large = any(sum(c.isdigit() for c in cell) > 3 for cell in whole)
    if mark == ".":  # thousands would be in the large numbers alone
        return either["."] if large or not whole else None
    return None if large or separator != "," else either["."]
