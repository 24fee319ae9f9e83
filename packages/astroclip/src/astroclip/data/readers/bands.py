"""Find the planes of the bands g, r and z in an image."""

import re
from collections.abc import Mapping, Sequence

from astroclip.survey import BANDS

SEPARATOR = re.compile(r"[-_.]")
CAMERAS: Mapping[str, str] = {"zd": "z", "bokr": "r", "bokg": "g"}  # of Mosaic and 90Prime


def band(name: str) -> str:
    """Letter of a band from ``g``, ``DES-G``, ``bokr`` or ``g DECam SDSS c0001 4720.0 1520.0``."""
    words = name.strip().lower().split()
    short = SEPARATOR.split(words[0])[-1] if words else ""
    return CAMERAS.get(short, short)


def planes_of(names: Sequence[str], place: str) -> list[int]:
    """Indices of g, r and z among named planes.

    Args:
        names: Names of the planes, in any order.
        place: Name of the image in an error.

    Returns:
        Indices of g, r and z.

    Raises:
        ValueError: If a band is missing or repeated.
    """
    there = [band(name) for name in names]
    if any(there.count(one) != 1 for one in BANDS):
        raise ValueError(f"{place}: bands: {', '.join(there) or 'none'}; g, r and z are needed")
    return [there.index(one) for one in BANDS]
