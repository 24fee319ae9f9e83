"""Query of a search, and galaxies of a bank as queries, by their rows or positions."""

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from astroclip.inference.bank import Bank
from astroclip.inference.blockwise import SMALLEST
from astroclip.inference.embedding_files import ID

Kind = Literal["image", "spectrum"]
Space = Literal["h", "z"]
ARCSEC = np.pi / 180 / 3600  # radian
RADIUS = 1.0  # arcsec; as images and fibers of a galaxy are apart at most
TOGETHER = 65_536  # positions of the bank in a tree
NUMBER = r"[+-]?\d+(?:\.\d*)?"
POSITION = re.compile(rf"\s*({NUMBER})(?:\s*,\s*|\s+)({NUMBER})\s*")


class Query(NamedTuple):
    """Query galaxy of a search.

    Args:
        name: Id of the galaxy.
        kind: Whether its image or its spectrum is the query.
        space: ``z``, shared by images and spectra, or ``h``, of one encoder.
        vector: Unit embedding in that space.
        row: Index in the bank, if the query is in it.
        file: File with the galaxy, and its index there, if the query is from a file.
    """

    name: str
    kind: Kind
    space: Space
    vector: Float32[np.ndarray, " dim"]
    row: int | None = None
    file: tuple[str, int] | None = None


def of_bank(
    bank: Bank, rows: Sequence[int], of: Kind | None = None, space: Space = "z"
) -> list[Query]:
    """Take galaxies of the bank as queries.

    Args:
        bank: Bank of embeddings.
        rows: Their indices.
        of: Whether to use image or spectrum; None takes the image if there is one.
        space: Which embedding to use, ``h`` or ``z``.

    Returns:
        The queries, in the same order.

    Raises:
        ValueError: If the bank has no embedding of this kind.
    """
    kind = kind_of(bank.vectors, of, str(bank.path), space)
    taken = bank.take([ID, f"{kind}_{space}"], rows)
    found = zip(taken[ID].tolist(), unit(taken[f"{kind}_{space}"]), rows, strict=True)
    return [Query(str(name), kind, space, vector, row) for name, vector, row in found]


def chosen(every: list, number: int | None, path: str) -> list:
    """All galaxies of a file, or the one with a number."""
    if number is None:
        return every
    if not 0 <= number < len(every):
        raise ValueError(f"number: {number} is not below {len(every)}, the galaxies of {path}")
    return [every[number]]


def rows_at(bank: Bank, positions: Float64[np.ndarray, "asked 2"], radius: float) -> list[int]:
    """Find the galaxies of the bank nearest to positions on the sky.

    Args:
        bank: Bank of embeddings.
        positions: Right ascension and declination in degrees.
        radius: Largest distance in arcsec.

    Returns:
        Their indices.

    Raises:
        ValueError: If the bank has no positions, or no galaxy within the radius.
    """
    from scipy.spatial import KDTree  # half a second, which other queries need not wait

    known = bank.positions
    if known is None:
        raise ValueError(f"query: {bank.path} has no positions; its galaxies are known by id")
    asked = _directions(positions)
    best = np.full(len(asked), np.inf)
    rows = np.zeros(len(asked), np.int64)
    there = np.flatnonzero(np.isfinite(known).all(1))
    for start in range(0, len(there), TOGETHER):
        some = there[start : start + TOGETHER]
        chord, at = KDTree(_directions(known[some])).query(asked)
        nearer = chord < best
        rows[nearer], best[nearer] = some[np.asarray(at)[nearer]], chord[nearer]
    apart = 2 * np.arcsin(np.minimum(best, 2) / 2) / ARCSEC
    for position, distance in zip(positions.tolist(), apart.tolist(), strict=True):
        if distance > radius:
            nearest = f"the nearest galaxy of the bank is {distance:.4g} arcsec away"
            said = f"query: {position[0]:g}, {position[1]:g}: {nearest}"
            raise ValueError(f"{said}; --radius {radius:g} is the largest distance")
    return rows.tolist()


def _directions(positions: Float64[np.ndarray, "some 2"]) -> Float64[np.ndarray, "some 3"]:
    ra, dec = np.radians(positions).T
    return np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], 1)


def position_of(word: str) -> tuple[float, float] | None:
    """Right ascension and declination of a word like ``150.1,2.2``; None if it is none."""
    found = POSITION.fullmatch(word)
    if found is None or abs(float(found[2])) > 90:
        return None
    return float(found[1]), float(found[2])


def kind_of(vectors: Collection[str], of: Kind | None, name: str, space: Space) -> Kind:
    """Whether a galaxy's image or spectrum is the query: as asked, or else what there is."""
    there: list[Kind] = [kind for kind in ("image", "spectrum") if f"{kind}_{space}" in vectors]
    if not there or (of is not None and of not in there):
        raise ValueError(f"of: {name} has no {of or 'embedding'} to look at")
    return of or there[0]


def unit(vectors: Float32[np.ndarray, "some dim"]) -> Float32[np.ndarray, "some dim"]:
    """Vectors of norm 1, for cosines."""
    wide = vectors.astype(np.float32)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), SMALLEST)
