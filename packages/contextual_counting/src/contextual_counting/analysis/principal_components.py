"""Principal components (PCA) of token activations by region."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.token_kinds import places
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import ONE
from sciformer.interpret.components import principal
from sciformer.interpret.hooks import run_with_cache
from sciformer.nn.attention import merge


class Components(NamedTuple):
    """Vectors projected on their first two principal components.

    Args:
        plane: Coordinates along the two components.
        explained: Fraction of the variance along each of the two.
        place: Place of each vector's token, as numbered by ``token_kinds.places``.
    """

    plane: Float[Tensor, "vectors 2"]
    explained: Float[Tensor, "2"]
    place: Int64[Tensor, " vectors"]


@torch.no_grad()
def ones_by_region(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int, site: str
) -> Components:
    """Principal components of the 1s' activations at a site (the paper's figures 7 and 9).

    Args:
        model: Network.
        tokens: A few sequences.
        regions: Number of prompts.
        site: ``encoder.block.attention.out`` or ``decoder.attention.key``.

    Returns:
        Coordinates along the first two components.
    """
    _, cache = run_with_cache(model, tokens, regions, names_filter=site)
    found = cache[site]
    vectors = merge(found) if found.ndim == 4 else found
    seen = model.encoder.with_begin(tokens)
    chosen = vectors[seen == ONE]
    mean, directions, explained = principal(chosen, 2)
    plane = (chosen - mean) @ directions
    return Components(plane.float(), explained[:2].float(), places(seen)[seen == ONE])
