"""The paper's grid of 24 configurations, its published results and their orderings."""

from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import NamedTuple

POSITIONS = {
    "none": "NoPE",
    "rotary": "RoPE",
    "learned": "learned",
    "alibi0.01": "ALiBi 0.01",
    "alibi0.1": "ALiBi 0.1",
    "alibi1": "ALiBi 1",
}
SETS = {"id": "in distribution", "short": "shorter sequences", "fewer": "fewer regions"}


class Arm(NamedTuple):
    """One configuration of the grid.

    Args:
        causal: Hide later tokens from earlier ones in the encoder.
        positions: Position encoding in ``POSITIONS``, including the slope of ALiBi.
        begin: Prepend a beginning-of-sequence token.
    """

    causal: bool
    positions: str
    begin: bool

    @property
    def name(self) -> str:
        """Name in folders, options and metrics."""
        mask = "causal" if self.causal else "full"
        return f"{mask}-{self.positions}-{'begin' if self.begin else 'bare'}"

    @property
    def words(self) -> tuple[str, ...]:
        """Options of a fit."""
        encoding = "alibi" if self.positions.startswith("alibi") else self.positions
        slope = self.positions.removeprefix("alibi") if encoding == "alibi" else "1"
        pairs = {"causal": self.causal, "positions": encoding, "slope": slope, "begin": self.begin}
        return tuple(f"--model.{key}={str(value).lower()}" for key, value in pairs.items())


GRID = tuple(
    Arm(causal, positions, begin)
    for causal in (True, False)
    for positions in POSITIONS
    for begin in (True, False)
)


class Spread(NamedTuple):
    """Best and median accuracy of an arm on a set, over regions and seeds."""

    best: float
    median: float | None


Found = Mapping[str, Mapping[Arm, Spread]]  # by set


def spread(values: Iterable[float]) -> Spread:
    """Best and median point of an arm."""
    known = list(values)
    return Spread(max(known), median(known))


def _published() -> dict[str, dict[Arm, Spread]]:
    """Best and median accuracy by set and arm, from 0 to 1, digitized from figures 2 to 4."""
    rows: dict[tuple[bool, str], tuple[list[float | None], list[float | None]]] = {
        (True, "none"): ([95.3, 9.6, 99.6, 10.4, 89.3, 5.9], [92.8, 10.1, 99.1, 13.8, 7.1, 4.7]),
        (True, "rotary"): (
            [95.4, 30.9, 99.2, 22.8, 88.1, 25.7],
            [94.5, 91.8, 98.3, 10.9, 85.5, 78.5],
        ),
        (True, "learned"): (
            [33.3, 13.9, 49.0, 10.3, 25.1, 12.3],
            [44.3, 14.4, 32.6, 11.6, 33.4, 10.7],
        ),
        (True, "alibi0.01"): (
            [75.3, 21.9, 81.1, 12.5, 64.8, 21.2],
            [87.7, 4.0, 98.3, 5.2, 60.7, 3.0],
        ),
        (True, "alibi0.1"): (
            [11.6, None, 22.9, None, 6.0, None],
            [45.3, None, 10.8, None, 20.8, None],
        ),
        (True, "alibi1"): (
            [10.6, None, 13.3, None, 8.7, None],
            [9.7, None, 13.8, None, 6.7, None],
        ),
        (False, "none"): ([3.5, 3.1, 5.8, 5.3, 2.2, None], [3.3, 3.0, 5.6, 5.0, 2.2, None]),
        (False, "rotary"): (
            [23.5, 16.8, 1.8, None, 2.3, None],
            [23.7, 14.2, 13.3, None, 2.5, None],
        ),
        (False, "learned"): (
            [16.5, None, 5.3, None, 11.3, None],
            [15.5, None, 10.3, None, 13.7, None],
        ),
    }
    found: dict[str, dict[Arm, Spread]] = {name: {} for name in SETS}
    for (causal, positions), both in rows.items():
        for begin, numbers in zip((True, False), both, strict=True):
            shares = [None if number is None else number / 100 for number in numbers]
            for name, best, middle in zip(SETS, shares[::2], shares[1::2], strict=True):
                assert best is not None
                found[name][Arm(causal, positions, begin)] = Spread(best, middle)
    return found


PUBLISHED = _published()


class Claim(NamedTuple):
    """An ordering that the paper's figures show.

    Args:
        text: Description of the ordering.
        name: Name of the set.
        by: ``best`` or ``median`` accuracy of an arm.
        higher: Arms whose maximum should be larger.
        lower: Arms whose maximum should be smaller.
    """

    text: str
    name: str
    by: str
    higher: Callable[[Arm], bool]
    lower: Callable[[Arm], bool]

    def sides(self, found: Found) -> tuple[float, float] | None:
        """The two numbers to compare; None if one side was not run."""
        sides = [self._highest(found, side) for side in (self.higher, self.lower)]
        return None if None in sides else (sides[0] or 0.0, sides[1] or 0.0)

    def _highest(self, found: Found, side: Callable[[Arm], bool]) -> float | None:
        values = [getattr(known, self.by) for arm, known in found[self.name].items() if side(arm)]
        return max((value for value in values if value is not None), default=None)


def _is(*positions: str, causal: bool = True, begin: bool | None = None) -> Callable[[Arm], bool]:
    return lambda arm: (
        arm.causal == causal
        and arm.positions in (positions or POSITIONS)
        and begin in (None, arm.begin)
    )


def _other(*arms: Arm) -> Callable[[Arm], bool]:
    return lambda arm: arm.causal and arm not in arms


NOPE, ROPE_BARE = Arm(True, "none", True), Arm(True, "rotary", False)
ALIBI = ("alibi0.01", "alibi0.1", "alibi1")
CLAIMS = (
    Claim("causal is better than non-causal", "id", "best", _is(), _is(causal=False)),
    Claim(
        "no and rotary positions are better than learned ones and ALiBi",
        "id", "best", _is("none", "rotary"), _is("learned", *ALIBI),
    ),
    Claim("ALiBi: slope 0.01 is better than 0.1", "id", "best", _is(ALIBI[0]), _is(ALIBI[1])),
    Claim("ALiBi: slope 0.1 is better than 1", "id", "best", _is(ALIBI[1]), _is(ALIBI[2])),
    Claim(
        "rotary without a beginning token is the most reliable",
        "id", "median", ROPE_BARE.__eq__, _other(ROPE_BARE),
    ),
    Claim(
        "non-causal, rotary positions are better than none",
        "id", "best", _is("rotary", causal=False), _is("none", causal=False),
    ),
    Claim(
        "no positions, with a beginning token, is best on shorter sequences",
        "short", "best", NOPE.__eq__, _other(NOPE),
    ),
    Claim(
        "no positions are better than learned ones on shorter sequences",
        "short", "best", _is("none"), _is("learned"),
    ),
    Claim(
        "no positions, with a beginning token, is best with fewer regions",
        "fewer", "best", NOPE.__eq__, _other(NOPE),
    ),
    Claim(
        "no positions need a beginning token for fewer regions",
        "fewer", "best", _is("none", begin=True), _is("none", begin=False),
    ),
)  # fmt: skip
