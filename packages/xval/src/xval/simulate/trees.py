"""Random arithmetic expressions: ``((1.32*32.1)+(1.42-8.2))=35.592`` (Golkar et al. 2023, 3.1).

The paper does not say how operands are drawn; here log-uniformly, with either sign.
"""

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from sciformer.arguments import ArgumentError
from xval.simulate.random import integers, log_between, uniforms
from xval.simulate.text import Texts, check_digits, significant

MOST = 4  # operands of an expression
Tree = tuple[Any, Any] | None  # two branches, or an operand


def trees(
    seed: int,
    samples: Int64[np.ndarray, " samples"],
    fewest: int = 2,
    most: int = MOST,
    low: float = 0.01,
    high: float = 100.0,
    digits: int = 3,
) -> Texts:
    """Random binary expression trees of ``+``, ``-`` and ``*`` with their values.

    Each number of operands is equally likely, and so is each tree with that number.

    Args:
        seed: Seed of the data set; at least 0.
        samples: Indices of the samples.
        fewest: Smallest number of operands; at least 2.
        most: Largest number of operands; at most 4.
        low: Smallest absolute value of an operand; above 0.
        high: Largest absolute value of an operand.
        digits: Significant digits of an operand; the answer has ten.

    Returns:
        The texts; the id is the expression.

    Raises:
        ValueError: If a parameter is out of range.
    """
    if not 2 <= fewest <= most <= MOST:
        raise ArgumentError("fewest", f"{fewest} to {most}: operands are 2 to {MOST}")
    if not 0 < low < high < np.inf:
        raise ArgumentError("low", f"{low} to high {high} is no range of sizes")
    check_digits(digits)
    uniform = uniforms(seed, "trees", samples, 2 + 3 * MOST)
    operands = integers(uniform[:, 0], fewest, most)
    sizes = log_between(uniform[:, 2 : 2 + MOST], low, high)
    signs = np.where(uniform[:, 2 + MOST : 2 + 2 * MOST] < 0.5, -1, 1)
    words = np.array([significant(digits) % x for x in (signs * sizes).flat]).reshape(-1, MOST)
    values = words.astype(np.float64)  # the operands as written, rounded
    operators = np.array(["+", "-", "*"])[integers(uniform[:, 2 + 2 * MOST :], 0, 2)]
    left = np.empty(len(samples), object)
    right = np.empty(len(samples))
    for count in range(fewest, most + 1):
        shapes = _shapes(count)
        which = np.where(operands == count, (uniform[:, 1] * len(shapes)).astype(int), -1)
        for number, shape in enumerate(shapes):
            rows = which == number
            left[rows], right[rows], _ = _worked_out(
                shape, words[rows], values[rows], operators[rows], 0
            )
    texts = [f"{a}={b:.10g}" for a, b in zip(left, right.tolist(), strict=True)]
    return Texts(texts, {"id": left.tolist()})


@cache
def _shapes(operands: int) -> tuple[Tree, ...]:
    """All binary trees with so many leaves: 1, 1, 2, 5."""
    if operands == 1:
        return (None,)
    return tuple(
        (a, b)
        for split in range(1, operands)
        for a in _shapes(split)
        for b in _shapes(operands - split)
    )


def _worked_out(
    shape: Tree,
    words: np.ndarray,
    values: Float64[np.ndarray, "samples operands"],
    operators: np.ndarray,
    used: int,
) -> tuple[np.ndarray, Float64[np.ndarray, " samples"], int]:
    """Text and value of expressions of one shape, and the number of operands used."""
    if shape is None:
        return words[:, used].astype(object), values[:, used], used + 1
    a_text, a, middle = _worked_out(shape[0], words, values, operators, used)
    b_text, b, stop = _worked_out(shape[1], words, values, operators, middle)
    operator = operators[:, middle - 1]  # of the branch that starts with operand ``middle``
    value = np.select([operator == "+", operator == "-"], [a + b, a - b], a * b)
    return "(" + a_text + operator.astype(object) + b_text + ")", value, stop
