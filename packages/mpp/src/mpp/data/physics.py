"""Complete the physics of files by what the user says; refuse contradictions, ask for the rest.

A reader lists in ``Trajectories.assumed`` what its file does not say.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any

from mpp.data.description import COORDINATES, Description, square
from mpp.data.trajectories import CLOSE, Trajectories
from mpp.simulate.boundary import name_boundaries
from sciformer.arguments import ArgumentError, check_positive
from sciformer.data.entry import Kinds

PHYSICS: Kinds = {  # keys of a table in data.files
    "boundaries": list[str],
    "dt": float,
    "spacing": list[float],
    "conserved": list[str],
}


def settle(found: Trajectories, said: Mapping[str, Any]) -> None:
    """Apply the user's ``boundaries``, ``dt``, ``spacing`` and ``conserved`` to trajectories.

    Symmetries and conserved fields of a set of PDEBench are dropped if the file does not say that
    it is of this set. Warns about what is assumed.

    Args:
        found: Trajectories; its description is completed.
        said: Table of the user.

    Raises:
        ArgumentError: If a value contradicts the file, or boundaries are neither in the file nor in
            the table, unless those of other files of the layout may be assumed.
    """
    known = found.description
    if "boundaries" in found.assumed:
        known = known._replace(flips=(), turns=False, conserved=())
    known = _numbers(found, _boundaries(found, known, said), said)
    if "open" in known.boundaries:  # what is conserved inside flows out
        known = known._replace(conserved=())
    if said.get("conserved") is not None:
        known = known._replace(conserved=_fields(found, "conserved", said["conserved"]))
    found.description = known._replace(turns=known.turns and square(known))
    assumed = {key: why for key, why in found.assumed.items() if said.get(key) is None}
    found.assumed = assumed
    if assumed:
        lines = "; ".join(f"{key}: {why}" for key, why in assumed.items())
        keys = ", ".join(assumed)
        warnings.warn(f"{found.where}: {lines} (data.files takes {keys})", stacklevel=2)


def _boundaries(found: Trajectories, known: Description, said: Mapping[str, Any]) -> Description:
    given, axes = said.get("boundaries"), len(known.shape)
    if given is None:
        if "boundaries" not in found.assumed or not found.asks:
            return known
        names = ", ".join(COORDINATES[:axes])
        blank = ", ".join(["periodic"] * axes)
        raise ArgumentError(
            "boundaries",
            f"{found.where}: {found.assumed['boundaries']}; say periodic, open or wall for each of "
            f"{names}, for example boundaries: [{blank}]",
        )
    try:
        named = name_boundaries(given, axes)
    except ValueError as error:
        raise ArgumentError("boundaries", f"{found.where}: {error}") from error
    if "boundaries" not in found.assumed and named != known.boundaries:
        raise _contradiction(found, "boundaries", list(named), list(known.boundaries))
    return known._replace(boundaries=named)


def _numbers(found: Trajectories, known: Description, said: Mapping[str, Any]) -> Description:
    if said.get("dt") is not None:
        check_positive(dt=said["dt"])
        if "dt" not in found.assumed and not _close(said["dt"], known.dt):
            raise _contradiction(found, "dt", said["dt"], known.dt)
        known = known._replace(dt=float(said["dt"]))
    given = said.get("spacing")
    if given is None:
        return known
    if len(given) != len(known.shape):
        reason = f"{given} for {len(known.shape)} axes of space"
        raise ArgumentError("spacing", f"{found.where}: {reason}")
    for one, old in zip(given, known.spacing, strict=True):
        check_positive(spacing=one)
        if "spacing" not in found.assumed and not _close(one, old):
            raise _contradiction(found, "spacing", given, list(known.spacing))
    return known._replace(spacing=tuple(map(float, given)))


def _fields(found: Trajectories, key: str, names: list[str]) -> tuple[str, ...]:
    """Names of fields, after a check that they exist."""
    known = found.description.names
    for name in names:
        if name not in known:
            reason = f"{found.where}: no field {name!r}; there are {', '.join(known)}"
            raise ArgumentError(key, reason)
    return tuple(names)


def _contradiction(found: Trajectories, key: str, given: Any, stored: Any) -> ArgumentError:
    return ArgumentError(key, f"{found.where}: {given}, but the file says {_short(stored)}")


def _short(stored: Any) -> Any:
    """Numbers without digits that are rounding of fp32."""
    if isinstance(stored, list):
        return [_short(one) for one in stored]
    return float(f"{stored:.6g}") if isinstance(stored, float) else stored


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=CLOSE)
