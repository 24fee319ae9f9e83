"""Points outside the domain: obstacles and land, by a field of the file or by its NaNs."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool

from mpp.data.trajectories import Frames, Trajectories
from sciformer.arguments import ArgumentError
from sciformer.data.entry import Kinds

MASKS: Kinds = {"mask": str, "valid": str}  # keys of a table in data.files
UNSAID = "mask"  # a field of this name is one, even if the user does not say it

Points = Bool[np.ndarray, "*space"]
Fields = Bool[np.ndarray, "field *space"]


class NamedMask:
    """Points that a field constant in time marks.

    Args:
        source: Trajectories with this field.
        name: Name of the field.
        outside: Whether it is nonzero outside the domain, or inside.
    """

    def __init__(self, source: Trajectories, name: str, outside: bool) -> None:
        self.source, self.name, self.marks = source, name, outside
        self.outside = lru_cache(maxsize=64)(self._outside)

    def _outside(self, trajectory: int) -> Points:
        values = self.source.still(self.name, trajectory)
        return (values != 0) == self.marks

    def apply(self, trajectory: int, start: int, out: Frames) -> None:  # see Land
        """Set the points outside the domain to 0."""
        out[:, :, self.outside(trajectory)] = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source, self.name, self.marks)


class Land:
    """Points that are NaN in the first frame of a trajectory, and must be so in all others.

    Args:
        source: Trajectories.
    """

    def __init__(self, source: Trajectories) -> None:
        self.source = source
        self.blank = lru_cache(maxsize=64)(self._blank)

    def _blank(self, trajectory: int) -> Fields:
        return np.isnan(self.source.raw(trajectory, 0)[0])

    def outside(self, trajectory: int) -> Points:
        """Points at which some field is NaN."""
        return np.asarray(self.blank(trajectory).any(0))

    def apply(self, trajectory: int, start: int, out: Frames) -> None:
        """Set the points outside the domain to 0."""
        other = np.argwhere(np.isnan(out) != self.blank(trajectory))
        if len(other):
            time, field, *point = other[0].tolist()
            name = self.source.description.names[field]
            raise ValueError(
                f"{self.source.where}: {trajectory}: {name}: frame {start + time} holds "
                f"{out[tuple(other[0])]} at {tuple(point)}, and frame 0 does not: points outside "
                "the domain must be NaN in all frames"
            )
        out[:, :, self.outside(trajectory)] = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source,)


def find_mask(found: Trajectories, said: Mapping[str, Any]) -> None:
    """Find the points outside the domain of the trajectories of a file.

    They are marked by the user's ``mask`` (nonzero outside) or ``valid`` (nonzero inside), are NaN
    in all frames, or are marked by a field called ``mask``: then nothing changes outside.

    Args:
        found: Trajectories of one file.
        said: Table of the user.

    Raises:
        ArgumentError: If there is no such field, or no point is left.
    """
    named = [(key, said[key]) for key in MASKS if said.get(key) is not None]
    if len(named) == 2:
        raise ArgumentError("valid", f"{found.where}: and mask, too; say one of them")
    for key, name in named:
        mask = NamedMask(found, name, key == "mask")
        try:
            outside = mask.outside(0)
        except ValueError as error:
            raise ArgumentError(key, str(error)) from error
        if outside.all():
            raise ArgumentError(key, f"{found.where}: {name}: no point is inside")
        _use(found, mask, f"{key} {name}")
    if not named:
        with suppress(ValueError):  # what cannot be read is said when it is read
            _look(found)


def _use(found: Trajectories, mask: "NamedMask | Land", identity: str) -> None:
    found.masks = mask
    found.identity += f" {identity}"


def _look(found: Trajectories) -> None:
    """Find out by the first trajectory."""
    first, last = found.raw(0, 0)[0], found.raw(0, found.lengths[0] - 1)[0]
    blank = np.isnan(first)
    if blank.any() and not blank.all(0).all() and np.array_equal(blank, np.isnan(last)):
        points = int(blank.any(0).sum())
        line = f"{points} of {blank[0].size} points are NaN in all frames: outside of the domain"
        warnings.warn(f"{found.where}: {line}", stacklevel=2)
        _use(found, Land(found), "land")
        return
    values = found.still(UNSAID, 0)
    inner = values[np.isfinite(values)]
    if set(np.unique(inner).tolist()) != {0.0, 1.0}:
        return
    moves = (first != last).any(0)
    still = [not moves[values == mark].any() for mark in (0, 1)]
    if still == [True, True] or still == [False, False]:
        line = "say mask: mask if it is 1 outside the domain, valid: mask if it is 1 inside"
        warnings.warn(f"{found.where}: mask: not used: {line}", stacklevel=2)
        return
    line = f"nothing changes where it is {int(still[1])}: taken as outside of the domain"
    warnings.warn(f"{found.where}: mask: {line}", stacklevel=2)
    _use(found, NamedMask(found, UNSAID, still[1]), "mask")
