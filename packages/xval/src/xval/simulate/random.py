"""Counter-based uniform random numbers: functions of (seed, name, sample, column), vectorized.

A sample does not depend on the others drawn with it, on their order or on the machine: its numbers
come from integers. One NumPy generator per sample would cost 20 microseconds each.
"""

import hashlib

import numpy as np
from jaxtyping import Float64, Integer, UInt64

STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio


def uniforms(
    seed: int, name: str, samples: Integer[np.ndarray, " samples"], columns: int
) -> Float64[np.ndarray, "samples columns"]:
    """Uniform numbers in [0, 1) by SplitMix64 (Steele et al. 2014), whose state can be jumped to.

    Args:
        seed: Seed of the data set; at least 0.
        name: Purpose of the numbers; names have independent streams.
        samples: Indices of the samples.
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
    """Scale [0, 1) to [low, high)."""
    return low + (high - low) * uniform


def log_between(
    uniform: Float64[np.ndarray, "..."],
    low: float | int | np.ndarray,
    high: float | int | np.ndarray,
) -> Float64[np.ndarray, "..."]:
    """Scale [0, 1) log-uniformly to [low, high)."""
    return low * (high / low) ** uniform


def integers(
    uniform: Float64[np.ndarray, "..."], low: int, high: int
) -> Integer[np.ndarray, "..."]:
    """Convert [0, 1) to whole numbers from ``low`` to ``high``, both included."""
    return low + (uniform * (high - low + 1)).astype(np.int64)


def _mixed(x: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """Finalizer of SplitMix64: a bijection in which each bit depends on each."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
