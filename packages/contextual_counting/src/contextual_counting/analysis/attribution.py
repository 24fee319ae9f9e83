"""What a count is compared with: the bias, by kind of token and region, and what must fail for it.

A prompt that attends to the ``n`` 1s of its region and to a rest of weight ``D`` decodes
``n / (n + D)`` (Golkar et al. 2024, equation 3). The head learns to read ``n`` off it for the
``D`` of its training, and is wrong where ``D`` is another one. So what the rest consists of says
where a network counts, without asking it.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.token_kinds import KINDS, OWN_ONES, kinds, one_hot
from contextual_counting.nn.hooks import read_out, run_with_cache
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import CLOSE, OPEN

AT_ONCE = 2**14  # tokens
TINY = 1e-12


class Attribution(NamedTuple):
    """What the prompts attend to, by kind of token.

    Args:
        mass: Share of the attention, mean over sequences and heads.
        number: Tokens of the kind in a sequence, mean.
        weight: Of one token, in units of the attention on one of the region's own 1s.
        value: What is attended to, mean over the attention on the kind.
    """

    mass: Float[Tensor, "regions kinds"]
    number: Float[Tensor, "regions kinds"]
    weight: Float[Tensor, "heads regions kinds"]
    value: Float[Tensor, "heads regions kinds head_dim"]

    @property
    def rest(self) -> Float[Tensor, "regions kinds"]:
        """Weight of all tokens of a kind in a mean sequence; the own 1s, which are counted, 0."""
        rest = self.number * self.weight.mean(0)
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
        model: The network.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.

    Returns:
        Means over sequences that have a 1 in the region. Of brackets that these sequences never
        have, such as those of a fifth region, weight and value are guesses: those of the bracket
        that is attended to least.
    """
    masses, numbers, values = [], [], []
    for part in tokens.split(max(1, AT_ONCE // tokens.shape[1])):
        names = ["decoder.cross.pattern", "decoder.cross.value"]
        _, cache = run_with_cache(model, part, regions, names)
        pattern, value = (cache[name] for name in names)  # (B, H, R, K), (B, H, K, E)
        known = one_hot(kinds(model.encoder.with_begin(part), regions)).to(pattern.dtype)
        numbers.append(known.sum(2))
        masses.append(torch.einsum("bhrk,brkc->bhrc", pattern, known))
        values.append(torch.einsum("bhrk,brkc,bhke->bhrce", pattern, known, value))
    mass, number, value = torch.cat(masses), torch.cat(numbers), torch.cat(values)
    own = slice(OWN_ONES, OWN_ONES + 1)
    some = number[..., own] > 0  # a region without 1s has no unit
    unit = (mass[..., own] / number[:, None, :, own]).where(some[:, None], torch.inf)
    number = (number * some).sum(0) / some.sum(0).clamp_min(1)
    total = (mass / unit).sum(0)  # (H, R, C)
    value = (value / unit[..., None]).sum(0) / total.clamp_min(TINY)[..., None]
    weight = total / some.sum(0).clamp_min(1) / number.clamp_min(TINY)
    _guess_unseen(number, weight, value)
    return Attribution(mass.mean((0, 1)), number, weight, value)


def _guess_unseen(number: Tensor, weight: Tensor, value: Tensor) -> None:
    """Fill in brackets of further regions than there are: like the least attended ones seen."""
    heads = torch.arange(len(weight))
    for bracket in "[]":
        every = torch.tensor([i for i, kind in enumerate(KINDS) if kind.endswith(bracket)])
        for region, here in enumerate(number[:, every] > 0):
            least = every[here][weight[:, region, every[here]].argmin(1)]
            weight[:, region, every[~here]] = weight[heads, region, least][:, None]
            value[:, region, every[~here]] = value[heads, region, least][:, None]


def at_length(short: Attribution, usual: Attribution, reach: float | int) -> Attribution:
    """What the attention will be on sequences of another length, from two that were measured.

    Attention that leaks onto 0s and 1s grows with their number and moves weights and values:
    logarithms of the weights, and the values, go on linearly in the length.

    Args:
        short: At half the length.
        usual: At the length.
        reach: How far from there: 0 is at the length, -1 at half of it, 2 at twice.

    Returns:
        The usual numbers of tokens, with weights and values for the other length.
    """
    logs = [found.weight.clamp_min(TINY).log() for found in (short, usual)]
    weight = (logs[1] + reach * (logs[1] - logs[0])).exp()
    value = usual.value + reach * (usual.value - short.value)
    return usual._replace(weight=weight, value=value)


@torch.no_grad()
def predict(
    model: CountingTransformer,
    found: Attribution,
    tokens: Int64[Tensor, "batch time"],
    counts: Int64[Tensor, "batch regions"],
) -> Float[Tensor, " attributed"]:
    """Exact counts that the bias allows for on other sequences, of which only tokens are counted.

    Neither encoder nor attention sees them. Equation 3 of the paper, kind by kind: attention is
    shared out as on the sequences of the attribution, by how many tokens of a kind there are.

    Args:
        model: Whose head reads what is attended to.
        found: Of the network on sequences that it counts.
        tokens: Others.
        counts: Theirs.

    Returns:
        Share of exact counts, for each region that was attributed and that these sequences have.
    """
    regions = min(len(found.mass), counts.shape[1])
    seen = model.encoder.with_begin(tokens)
    parts = seen.split(max(1, AT_ONCE // seen.shape[1]))
    number = torch.cat([one_hot(kinds(part, regions)).sum(2) for part in parts])
    pull = number[:, None] * found.weight[:, :regions]  # (B, H, R, C)
    shares = pull / pull.sum(-1, keepdim=True).clamp_min(TINY)
    z = torch.einsum("bhrc,hrce->bhre", shares, found.value[:, :regions])
    answers = read_out(model.decoder, z).argmax(-1)
    return (answers == counts[:, :regions]).to(z.dtype).mean(0)


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
    for bracket in (OPEN, CLOSE):
        columns = (seen == bracket).nonzero()[:, 1].unflatten(0, (len(seen), regions))  # (B, R)
        columns = columns[:, None].expand(-1, regions, -1)
        shares.append(pattern.gather(2, columns).mean(0))
    return torch.stack(shares)
