"""Trajectories of several files of one system, which must agree."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from mpp.data.trajectories import CLOSE, Frames, Trajectories


class Joined(Trajectories):
    """Concatenated trajectories of several files of one system; the order of fields may differ.

    Args:
        parts: Trajectories of each file.

    Raises:
        ValueError: If the files are inconsistent.
    """

    def __init__(self, parts: Sequence[Trajectories]) -> None:
        first = parts[0]
        names = first.description.names
        self.parts = list(parts)
        self.layout, self.units = first.layout, dict(first.units)
        self.orders: list[list[int] | None] = []
        for part in parts:
            _check_alike(first, part)
            same = part.description.names == names
            self.orders.append(None if same else [part.description.names.index(n) for n in names])
        self.starts = np.cumsum([0, *map(len, parts)])
        ids = [name for part in parts for name in part.ids]
        identity = "\n".join(part.identity for part in parts)
        lengths = [length for part in parts for length in part.lengths]
        super().__init__(first.where, identity, first.description, ids, lengths, first.assumed)
        self.asks = any(part.asks for part in parts)

    def _place(self, trajectory: int) -> tuple[int, int]:
        """Index of a part, and that of a trajectory in it."""
        number = int(np.searchsorted(self.starts, trajectory, "right")) - 1
        return number, trajectory - int(self.starts[number])

    def scalars(self, trajectory: int) -> Mapping[str, Any]:
        number, own = self._place(trajectory)
        return self.parts[number].scalars(own)

    @property
    def masked(self) -> bool:
        return any(part.masked for part in self.parts)

    def outside(self, trajectory: int) -> Bool[np.ndarray, "*space"]:
        number, own = self._place(trajectory)
        return self.parts[number].outside(own)

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        number, trajectory = self._place(trajectory)
        part, order = self.parts[number], self.orders[number]
        if order is None:
            part.fill(trajectory, start, out)
        else:
            out[...] = part.read(trajectory, start, start + len(out))[:, order]


def _check_alike(first: Trajectories, other: Trajectories) -> None:
    one, two = first.description, other.description
    for key, given, wanted in (
        ("fields", sorted(two.names), sorted(one.names)),
        ("shape", two.shape, one.shape),
        ("dt", _said(other, "dt", two.dt), _said(first, "dt", one.dt)),
        (
            "spacing",
            _said(other, "spacing", *two.spacing),
            _said(first, "spacing", *one.spacing),
        ),
        (
            "boundaries",
            None if "boundaries" in other.assumed else two.boundaries,
            None if "boundaries" in first.assumed else one.boundaries,
        ),
    ):
        if not _alike(given, wanted):
            raise ValueError(
                f"{other.where}: {key}: {_text(given)}, but {first.where} has {_text(wanted)}"
            )


def _said(found: Trajectories, key: str, *numbers: float) -> tuple[float, ...] | None:
    """Numbers of a file; None if it does not say them."""
    return None if key in found.assumed else numbers


def _alike(given: Any, wanted: Any) -> bool:
    if given is None or wanted is None or isinstance(wanted[0], str | int):
        return given == wanted
    return all(math.isclose(a, b, rel_tol=CLOSE) for a, b in zip(given, wanted, strict=True))


def _text(value: Any) -> str:
    """Value in an error."""
    if value is None:
        return "none"
    if isinstance(value[0], float):
        return ", ".join(f"{number:.6g}" for number in value)
    return str(value)
