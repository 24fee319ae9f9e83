"""``--on_error``: stop at a galaxy that cannot be used, or tell of it and leave it out."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from astroclip.data.batch import Galaxy
from astroclip.data.entry import OnError
from astroclip.data.source import Source

TOLD = 10  # galaxies that are left out and told of one by one
FLAG = "--on_error skip leaves it out"  # what every error of a bad galaxy says


class Bad(NamedTuple):
    """A galaxy that cannot be used, with a one-line reason that names file and object."""

    id: str
    reason: str


class LeftOut:
    """Tells stderr of galaxies that are left out, the first ones by their reasons.

    Args:
        option: How the command line names the option that left them out.
    """

    def __init__(self, option: str = "--on_error") -> None:
        self.option, self.count = option, 0

    def __call__(self, bad: Bad) -> None:
        self.count += 1
        if self.count <= TOLD:
            sys.stderr.write(f"left out: {bad.reason}\n")
        elif self.count == TOLD + 1:
            sys.stderr.write(f"left out: more ({self.option} stop ends at the first)\n")


def sound(
    source: Source, on_error: OnError = "stop", tell: Callable[[Bad], None] | None = None
) -> Iterator[tuple[int, Galaxy]]:
    """Iterate over all galaxies that can be used, one at a time.

    Args:
        source: Source of galaxies.
        on_error: Stop with an error at the first galaxy that cannot be used, or skip all such
            galaxies.
        tell: Called with each skipped galaxy.

    Yields:
        Index and galaxy.

    Raises:
        ValueError: Naming file and object of the first galaxy that cannot be used.
    """
    for number in range(len(source)):
        try:
            galaxy = source[number]
        except ValueError as error:
            if on_error != "skip":
                raise ValueError(f"{error} ({FLAG})") from error
            if tell is not None:
                tell(Bad(source.id(number), str(error)))
            continue
        yield number, galaxy


def good(source: Source) -> tuple[list[int], list[Bad]]:
    """Read all galaxies once and find those that can be used.

    Args:
        source: Source of galaxies.

    Returns:
        Indices of usable galaxies, and the reasons for the others.
    """
    bad: list[Bad] = []
    return [number for number, _ in sound(source, "skip", bad.append)], bad
