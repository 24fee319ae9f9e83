"""Products and sums over sixteen decades: ``-1.5e-07*3.2=-4.8e-07`` (after Alberts et al. 2024)."""

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
    """Draw pairs of signed log-uniform numbers; multiply or add them.

    The second factor is drawn so that the product is in the range as well. Terms of a sum are at
    most half the range; a sum below ``low`` is written as 0.

    Args:
        seed: Of the data set.
        samples: Numbers of the samples.
        low: Smallest size of a number that is not zero; below 1.
        high: Largest size; above 1.
        zeros: Probability that an operand is zero.
        sums: Share of sums; the rest are products.
        digits: Significant digits of every number.

    Returns:
        The texts; the id is the left side.

    Raises:
        ValueError: For a number out of its range.
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
    c = np.where(np.abs(c) < low * (1 - 1e-6), 0.0, c)  # rounded operands miss ``low`` by a hair
    left = [f"{x}{s}{y}" for x, s, y in zip(a_words, np.where(add, "+", "*"), b_words, strict=True)]
    texts = [f"{x}={form % z}" for x, z in zip(left, (c + 0.0).tolist(), strict=True)]
    return Texts(texts, {"id": left})


def _signed(
    size: Float64[np.ndarray, " samples"],
    coin: Float64[np.ndarray, " samples"],
    zero: np.ndarray,
    form: str,
) -> tuple[list[str], Float64[np.ndarray, " samples"]]:
    """Numbers as they are written, and what that says."""
    words = [form % x for x in np.where(zero, 0.0, np.where(coin < 0.5, -size, size))]
    return words, np.array(words, np.float64)
