"""Uniform random numbers that depend on (seed, name, sample, column) alone, many at once.

A sample is the same however many are drawn with it, in whatever order and on whatever machine:
its numbers come from integers. NumPy's generators would need one generator per sample, which costs
20 microseconds each.
"""

import hashlib

import numpy as np
from jaxtyping import Float64, Integer, UInt64

STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio


def uniforms(
    seed: int, name: str, samples: Integer[np.ndarray, " samples"], columns: int
) -> Float64[np.ndarray, "samples columns"]:
    """Draw numbers of [0, 1) by SplitMix64 (Steele et al. 2014), whose state can be jumped to.

    Args:
        seed: Of the data set; not negative.
        name: What they are drawn for; two names share no numbers.
        samples: Numbers of the samples.
        columns: Numbers per sample.

    Returns:
        Multiples of 2^-53.
    """
    key = int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
    rows = _mixed(np.uint64(key) + STEP * samples.astype(np.uint64))
    bits = _mixed(rows[:, None] + STEP * np.arange(1, columns + 1, dtype=np.uint64))
    return (bits >> np.uint64(11)) * 2.0**-53


def between(
    uniform: Float64[np.ndarray, "..."],
    low: float | int | np.ndarray,
    high: float | int | np.ndarray,
) -> Float64[np.ndarray, "..."]:
    """Stretch [0, 1) to [low, high)."""
    return low + (high - low) * uniform


def log_between(
    uniform: Float64[np.ndarray, "..."],
    low: float | int | np.ndarray,
    high: float | int | np.ndarray,
) -> Float64[np.ndarray, "..."]:
    """Stretch [0, 1) to [low, high) so that every decade is equally likely."""
    return low * (high / low) ** uniform


def integers(
    uniform: Float64[np.ndarray, "..."], low: int, high: int
) -> Integer[np.ndarray, "..."]:
    """Turn [0, 1) into whole numbers from ``low`` to ``high``, both included."""
    return low + (uniform * (high - low + 1)).astype(np.int64)


def _mixed(x: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """The finalizer of SplitMix64: a bijection in which each bit depends on each."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
