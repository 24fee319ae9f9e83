"""What a count is compared with: the bias, by kind of token and region, and what must fail for it.

A prompt that attends to the ``n`` 1s of its region and to a rest of weight ``D`` decodes
``n / (n + D)`` (Golkar et al. 2024, equation 3). The head learns to read ``n`` off it for the
``D`` of its training. Where a sequence has another one, the answer is off by the factor ``D_train /
D``: what the rest consists of says where the network counts, without asking it.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.kinds import KINDS, OWN_ONES, kinds, one_hot
from contextual_counting.model import CountingTransformer
from contextual_counting.sites import run_with_cache

AT_ONCE = 2**14  # tokens


class Attribution(NamedTuple):
    """What the prompts attend to; each field is one number per region and kind.

    Args:
        mass: Share of the attention, mean over sequences.
        number: Tokens of the kind in a sequence, mean.
        weight: Of one token, in units of the attention on one of the region's own 1s.
    """

    mass: Float[Tensor, "regions kinds"]
    number: Float[Tensor, "regions kinds"]
    weight: Float[Tensor, "regions kinds"]

    @property
    def rest(self) -> Float[Tensor, "regions kinds"]:
        """Weight of all tokens of a kind in a mean sequence; the own 1s, which are counted, 0."""
        rest = self.number * self.weight
        rest[:, OWN_ONES] = 0
        return rest

    def leading(self, region: int, least: float = 0.05) -> dict[str, float]:
        """The kinds that make up most of the rest.

        Args:
            region: Counted from 0.
            least: Smallest share of the rest that counts.

        Returns:
            Their shares, largest first.
        """
        shares = self.rest[region] / self.rest[region].sum()
        order = shares.argsort(descending=True).tolist()
        return {KINDS[kind]: shares[kind].item() for kind in order if shares[kind] >= least}


@torch.no_grad()
def attribute(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> Attribution:
    """Measure what the prompts attend to.

    Args:
        model: The network; heads are averaged.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.

    Returns:
        Mean shares, numbers and weights.
    """
    masses, numbers = [], []
    for part in tokens.split(max(1, AT_ONCE // tokens.shape[1])):
        _, cache = run_with_cache(model, part, regions, ["decoder.cross.pattern"])
        pattern = cache["decoder.cross.pattern"].mean(1)  # (B, R, K)
        known = one_hot(kinds(model.encoder.with_begin(part), regions)).to(pattern.dtype)
        masses.append(torch.einsum("brk,brkc->brc", pattern, known))
        numbers.append(known.sum(2))
    mass, number = torch.cat(masses), torch.cat(numbers)
    own = slice(OWN_ONES, OWN_ONES + 1)
    some = number[..., own] > 0  # a region without 1s has no unit
    unit = mass[..., own] / number[..., own]
    weight = (mass / unit).where(some, 0.0).sum(0) / (number * some).sum(0).clamp_min(1e-9)
    number = (number * some).sum(0) / some.sum(0).clamp_min(1)
    return Attribution(mass.mean(0), number, weight.nan_to_num())


def predict(
    found: Attribution,
    encoded: Int64[Tensor, "batch keys"],
    counts: Int64[Tensor, "batch regions"],
) -> Float[Tensor, " regions"]:
    """Exact counts that the bias allows for on other sequences, without asking the network.

    Args:
        found: Of the network on sequences that it counts.
        encoded: Others, with a beginning token if the network sees one.
        counts: Of those.

    Returns:
        Share of sequences whose count is off by less than 1/2, for each region that was attributed
        and that these sequences have.
    """
    regions = min(len(found.mass), counts.shape[1])
    parts = encoded.split(max(1, AT_ONCE // encoded.shape[1]))
    number = torch.cat([one_hot(kinds(part, regions)).sum(2) for part in parts])
    number[..., OWN_ONES] = 0
    here = (number * found.weight[:regions]).sum(-1)  # (B, R)
    usual = found.rest[:regions].sum(-1)
    off = counts[:, :regions] * (usual / here - 1)
    return (off.abs() < 0.5).to(usual.dtype).mean(0)


@torch.no_grad()
def brackets(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> Float[Tensor, "2 regions {regions}"]:
    """Share of each prompt's attention on each bracket, by its number.

    Args:
        model: The network; heads are averaged.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.

    Returns:
        Of ``[`` and of ``]``, one row per prompt and one column per bracket.
    """
    _, cache = run_with_cache(model, tokens, regions, ["decoder.cross.pattern"])
    pattern = cache["decoder.cross.pattern"].mean(1)
    seen = model.encoder.with_begin(tokens)
    shares = []
    for bracket in (2, 3):
        columns = (seen == bracket).nonzero()[:, 1].unflatten(0, (len(seen), regions))  # (B, R)
        columns = columns[:, None].expand(-1, regions, -1)
        shares.append(pattern.gather(2, columns).mean(0))
    return torch.stack(shares)
