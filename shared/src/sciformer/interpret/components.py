"""Principal component analysis (PCA) of activations."""

import torch
from jaxtyping import Float
from torch import Tensor


def principal(
    vectors: Float[Tensor, "vectors dim"], components: int
) -> tuple[Float[Tensor, " dim"], Float[Tensor, "dim {components}"], Float[Tensor, " dim"]]:
    """Principal component analysis, in fp64.

    Args:
        vectors: One row per sample.
        components: Number of components to return.

    Returns:
        Mean, components, and the variance fractions of all components, largest first.
    """
    centered = vectors.to(torch.float64, copy=True)
    mean = centered.mean(0)
    centered -= mean  # in place: the copy is ours
    variance, directions = torch.linalg.eigh(centered.T @ centered / len(centered))
    shares = variance.flip(0).clamp_min(0)
    return mean, directions.flip(1)[:, :components], shares / shares.sum().clamp_min(1e-300)
