"""Splits into training, validation and test by a hash of each sample's id."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sciformer.arguments import ArgumentError

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}  # the default


def split_by_id(
    ids: Sequence[str | int], fractions: Mapping[str, float], seed: int = 0
) -> dict[str, list[int]]:
    """Indices of the samples of each split, decided by a hash of (seed, id) alone.

    Adding, removing or reordering samples never changes the split of another one, and samples with
    the same id (for example the frames of one simulation) stay together.

    Args:
        ids: Permanent id of each sample; ``1`` and ``"1"`` are the same id.
        fractions: Expected fraction of each split; their sum is 1.
        seed: Different seeds give different splits.

    Returns:
        Name of the split -> indices in ``ids``, ascending.

    Raises:
        ValueError: If a fraction is negative or they do not sum to 1.
    """
    names = sorted(fractions)  # a mapping that was written in another order splits the same
    ends = np.cumsum([fractions[name] for name in names])
    if min(fractions.values(), default=0.0) < 0 or not np.isclose(ends[-1:].sum(), 1.0):
        raise ValueError(f"fractions: {dict(fractions)} are not shares of 1")
    ends[-1] = 1.0
    hashes = np.array([_uniform(f"{seed}:{name}") for name in ids])
    split = np.searchsorted(ends, hashes, side="right")
    return {name: np.flatnonzero(split == k).tolist() for k, name in enumerate(names)}


def shares_of(splits: Mapping[str, Any] | None) -> dict[str, float]:
    """Fractions of training, validation and test.

    Args:
        splits: Fractions of ``train``, ``val`` and ``test``; None is 80, 10 and 10 %.

    Returns:
        The fractions.

    Raises:
        ArgumentError: Naming ``splits``, if one is missing, unknown or not a fraction, or their sum
            is not 1.
    """
    shares = SHARES if splits is None else dict(splits)
    if shares.keys() != SHARES.keys():
        raise ArgumentError("splits", f"{shares} does not name train, val and test")
    try:
        found = {name: float(share) for name, share in shares.items()}
        split_by_id([], found)
    except (TypeError, ValueError) as error:
        raise ArgumentError("splits", f"{shares} are not shares of 1") from error
    return found


def _uniform(text: str) -> float:
    """Hash of a text as a number in [0, 1), with 53 bits."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53
