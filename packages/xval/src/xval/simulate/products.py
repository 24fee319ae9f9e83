"""Products and sums over 16 decades: ``-1.5e-07*3.2=-4.8e-07`` (after Alberts et al. 2024)."""

import numpy as np
from jaxtyping import Float64, Int64

from sciformer.arguments import ArgumentError, check_share
from xval.simulate.random import log_between, uniforms
from xval.simulate.text import Texts, check_digits, significant


def products(
    seed: int,
    samples: Int64[np.ndarray, " samples"],
    low: float = 1e-8,
    high: float = 1e8,
    zeros: float = 0.05,
    sums: float = 0.5,
    digits: int = 7,
) -> Texts:
    """Products or sums of pairs of signed log-uniform numbers.

    The second factor is drawn so that the product is in the range as well. Terms of a sum are at
    most half the range; a sum below ``low`` is written as 0.

    Args:
        seed: Seed of the data set; at least 0.
        samples: Indices of the samples.
        low: Smallest nonzero absolute value; in (0, 1).
        high: Largest absolute value; above 1.
        zeros: Probability that an operand is zero.
        sums: Fraction of sums; the rest are products.
        digits: Significant digits of every number.

    Returns:
        The texts; the id is the expression before ``=``.

    Raises:
        ValueError: If a parameter is out of range.
    """
    if not 0 < low < 1 < high < np.inf:
        raise ArgumentError("low", f"{low} to high {high} is no range around 1")
    check_share(zeros=zeros, sums=sums)
    check_digits(digits)
    uniform = uniforms(seed, "products", samples, 7)
    add = uniform[:, 0] < sums
    most = np.where(add, high / 2, high)
    a = log_between(uniform[:, 1], low, most)
    b = log_between(
        uniform[:, 2],
        np.where(add, low, np.maximum(low, low / a)),
        np.where(add, most, np.minimum(high, high / a)),
    )
    form = significant(digits)
    a_words, a = _signed(a, uniform[:, 3], uniform[:, 4] < zeros, form)
    b_words, b = _signed(b, uniform[:, 5], uniform[:, 6] < zeros, form)
    c = np.where(add, a + b, a * b)
    c = np.where(
        np.abs(c) < low * (1 - 1e-6), 0.0, c
    )  # rounded operands may fall just below ``low``
    left = [f"{x}{s}{y}" for x, s, y in zip(a_words, np.where(add, "+", "*"), b_words, strict=True)]
    texts = [f"{x}={form % z}" for x, z in zip(left, (c + 0.0).tolist(), strict=True)]
    return Texts(texts, {"id": left})


def _signed(
    size: Float64[np.ndarray, " samples"],
    coin: Float64[np.ndarray, " samples"],
    zero: np.ndarray,
    form: str,
) -> tuple[list[str], Float64[np.ndarray, " samples"]]:
    """Numbers as written, and their rounded values."""
    words = [form % x for x in np.where(zero, 0.0, np.where(coin < 0.5, -size, size))]
    return words, np.array(words, np.float64)
