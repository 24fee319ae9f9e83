"""Products of whole numbers: ``123*456=56088`` (Golkar et al. 2023, section 3.1).

The paper does not say how operands are drawn; uniformly, all having the same number of digits.
"""

import numpy as np
from jaxtyping import Int64

from sciformer.arguments import ArgumentError
from xval.simulate.random import integers, uniforms
from xval.simulate.text import Texts


def multiplication(seed: int, samples: Int64[np.ndarray, " samples"], digits: int = 3) -> Texts:
    """Products of two random whole numbers with the same number of digits.

    Args:
        seed: Seed of the data set; at least 0.
        samples: Indices of the samples.
        digits: Digits of each operand, 1 to 9, so that int64 holds the product.

    Returns:
        The texts. The id is that of the unordered pair: where ``a*b`` is held out, so is ``b*a``.

    Raises:
        ValueError: If ``digits`` is out of range.
    """
    if not 1 <= digits <= 9:
        raise ArgumentError("digits", f"{digits} is none of 1 to 9")
    uniform = uniforms(seed, "multiplication", samples, 2)
    a, b = integers(uniform, 10 ** (digits - 1), 10**digits - 1).T
    low, high, product = np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), (a * b).tolist()
    texts = [f"{x}*{y}={z}" for x, y, z in zip(a.tolist(), b.tolist(), product, strict=True)]
    return Texts(texts, {"id": [f"{x}*{y}" for x, y in zip(low, high, strict=True)]})
