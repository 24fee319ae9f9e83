"""Where tokens of different regions lie: principal components of what they carry."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.token_kinds import places
from contextual_counting.nn.hooks import run_with_cache
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import ONE
from sciformer.nn.attention import merge


class Components(NamedTuple):
    """Vectors in the plane in which they differ most.

    Args:
        plane: Their places in it.
        explained: Share of the variance along each of the two directions.
        place: Of each vector's token, as ``kinds.places`` numbers it.
    """

    plane: Float[Tensor, "vectors 2"]
    explained: Float[Tensor, "2"]
    place: Int64[Tensor, " vectors"]


def principal(
    vectors: Float[Tensor, "vectors dim"], components: int
) -> tuple[Float[Tensor, " dim"], Float[Tensor, "dim {components}"], Float[Tensor, " dim"]]:
    """Principal components, in double precision.

    Args:
        vectors: Any.
        components: How many.

    Returns:
        Mean, directions, and the share of the variance along every direction, largest first.
    """
    wide = vectors.double()
    mean = wide.mean(0)
    centered = wide - mean
    variance, directions = torch.linalg.eigh(centered.T @ centered / len(wide))
    shares = variance.flip(0).clamp_min(0)
    return mean, directions.flip(1)[:, :components], shares / shares.sum().clamp_min(1e-300)


@torch.no_grad()
def ones_by_region(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int, site: str
) -> Components:
    """Principal components of what 1s carry at a site (the paper's figures 7 and 9).

    Args:
        model: The network.
        tokens: A few sequences.
        regions: Number of prompts.
        site: ``encoder.attention.out`` or ``decoder.cross.key``.

    Returns:
        The plane.
    """
    _, cache = run_with_cache(model, tokens, regions, [site])
    found = cache[site]
    vectors = merge(found) if found.ndim == 4 else found
    seen = model.encoder.with_begin(tokens)
    chosen = vectors[seen == ONE]
    mean, directions, explained = principal(chosen, 2)
    plane = (chosen - mean) @ directions
    return Components(plane.float(), explained[:2].float(), places(seen)[seen == ONE])
