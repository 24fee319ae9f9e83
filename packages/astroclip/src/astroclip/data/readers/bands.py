"""Which plane of an image is which band."""

from collections.abc import Sequence

from astroclip.survey import BANDS


def band(name: str) -> str:
    """The letter of a band: of ``g``, ``DES-G`` or ``g DECam SDSS c0001 4720.0 1520.0``."""
    words = name.strip().lower().split()
    return words[0].split("-")[-1] if words else ""


def planes_of(names: Sequence[str], place: str) -> list[int]:
    """Where g, r and z are.

    Args:
        names: Of the bands that there are, in any order.
        place: What has them, to be named in an error.

    Returns:
        Their numbers among the names, in our order.

    Raises:
        ValueError: If one of them is not there, or is there twice.
    """
    there = [band(name) for name in names]
    if any(there.count(one) != 1 for one in BANDS):
        raise ValueError(f"{place}: bands: {', '.join(there) or 'none'}; g, r and z are needed")
    return [there.index(one) for one in BANDS]
