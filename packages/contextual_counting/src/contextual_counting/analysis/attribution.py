"""Attribution of the decoder's attention to kinds of tokens, and the generalization it predicts.

A prompt that attends to the ``n`` 1s of its region and to other tokens (the bias) of total weight
``D`` decodes ``n / (n + D)`` (Golkar et al. 2024, equation 3). The head learns to recover ``n`` for
the ``D`` of its training data, and fails where ``D`` differs. So the composition of the bias
predicts where a network counts correctly.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.token_kinds import KINDS, OWN_ONES, kinds, one_hot
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import CLOSE, OPEN
from sciformer.interpret.hooks import run_with_cache
from sciformer.interpret.token_kinds import TINY, attention_by_kind
from sciformer.nn.attention import merge

AT_ONCE = 2**14  # tokens of a batch


class Attribution(NamedTuple):
    """The prompts' attention by kind of token.

    Args:
        mass: Attention on the kind, mean over sequences and heads.
        number: Tokens of the kind per sequence, mean.
        weight: Attention on one token, in units of the attention on one of the region's own 1s.
        value: Attention-weighted mean value of the kind.
    """

    mass: Float[Tensor, "regions kinds"]
    number: Float[Tensor, "regions kinds"]
    weight: Float[Tensor, "heads regions kinds"]
    value: Float[Tensor, "heads regions kinds head_dim"]

    @property
    def rest(self) -> Float[Tensor, "regions kinds"]:
        """Bias: total weight of each kind in a mean sequence; 0 for the region's own 1s."""
        rest = self.number * self.weight.mean(0)
        rest[:, OWN_ONES] = 0
        return rest

    def leading(self, region: int, least: float = 0.05) -> dict[str, float]:
        """Kinds that make up most of the bias.

        Args:
            region: Index of the region, from 0.
            least: Smallest fraction of the bias to include; in [0, 1].

        Returns:
            Kind -> fraction, largest first.
        """
        shares = self.rest[region] / self.rest[region].sum()
        order = shares.argsort(descending=True).tolist()
        return {KINDS[kind]: shares[kind].item() for kind in order if shares[kind] >= least}


@torch.no_grad()
def attribute(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> Attribution:
    """Measure the prompts' attention by kind of token.

    Args:
        model: Network.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.

    Returns:
        Means over sequences that have a 1 in the region. Brackets that do not occur in these
        sequences, such as those of a fifth region, get the weight and value of the bracket with the
        least attention.
    """
    masses, numbers, values = [], [], []
    for part in tokens.split(max(1, AT_ONCE // tokens.shape[1])):
        names = ["decoder.attention.pattern", "decoder.attention.value"]
        _, cache = run_with_cache(model, part, regions, names_filter=names)
        known = kinds(model.encoder.with_begin(part), regions)[:, None]  # (B, 1, R, K)
        pattern, value = (cache[name] for name in names)
        seen = attention_by_kind(pattern, value, known, len(KINDS))
        numbers.append(seen.number[:, 0])
        masses.append(seen.mass)
        values.append(seen.value)
    mass, number, value = torch.cat(masses), torch.cat(numbers), torch.cat(values)
    own = slice(OWN_ONES, OWN_ONES + 1)
    some = number[..., own] > 0  # without own 1s the unit of weight is undefined
    unit = (mass[..., own] / number[:, None, :, own]).where(some[:, None], torch.inf)
    number = (number * some).sum(0) / some.sum(0).clamp_min(1)
    total = (mass / unit).sum(0)  # (H, R, C)
    value = (value / unit[..., None]).sum(0) / total.clamp_min(TINY)[..., None]
    weight = total / some.sum(0).clamp_min(1) / number.clamp_min(TINY)
    _guess_unseen(number, weight, value)
    return Attribution(mass.mean((0, 1)), number, weight, value)


def _guess_unseen(number: Tensor, weight: Tensor, value: Tensor) -> None:
    """Fill in brackets of regions that do not occur: like the least attended bracket."""
    heads = torch.arange(len(weight))
    for bracket in "[]":
        every = torch.tensor([i for i, kind in enumerate(KINDS) if kind.endswith(bracket)])
        for region, here in enumerate(number[:, every] > 0):
            if not here.any():  # the region has no 1 in any sequence
                continue
            least = every[here][weight[:, region, every[here]].argmin(1)]
            weight[:, region, every[~here]] = weight[heads, region, least][:, None]
            value[:, region, every[~here]] = value[heads, region, least][:, None]


def at_length(short: Attribution, usual: Attribution, reach: float | int) -> Attribution:
    """Extrapolate the attention to sequences of another length from two measured lengths.

    Attention that leaks onto 0s and 1s grows with their number and shifts weights and values: log
    weights and values are extrapolated linearly in the length.

    Args:
        short: Attribution at half the length.
        usual: Attribution at the full length.
        reach: Distance in units of half the length: -1 is half the length, 0 the full length, 2
            twice the length.

    Returns:
        Attribution with extrapolated weights and values, and the token numbers of the full length.
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
    """Accuracy that the attribution predicts on other sequences, from their token numbers alone.

    Equation 3 of the paper, applied to each kind of token: each token keeps the weight and value of
    its kind. Encoder and attention do not see the sequences.

    Args:
        model: Network, whose head is used.
        found: Attribution on sequences that it counts correctly.
        tokens: Other sequences.
        counts: Their true counts.

    Returns:
        Predicted fraction of exact counts, for each attributed region that these sequences have.
    """
    regions = min(len(found.mass), counts.shape[1])
    seen = model.encoder.with_begin(tokens)
    parts = seen.split(max(1, AT_ONCE // seen.shape[1]))
    number = torch.cat([one_hot(kinds(part, regions)).sum(2) for part in parts])
    pull = number[:, None] * found.weight[:, :regions]  # (B, H, R, C)
    shares = pull / pull.sum(-1, keepdim=True).clamp_min(TINY)
    z = torch.einsum("bhrc,hrce->bhre", shares, found.value[:, :regions])
    answers = model.decoder.read_out(model.decoder.attention.out(merge(z))).argmax(-1)
    return (answers == counts[:, :regions]).to(z.dtype).mean(0)


@torch.no_grad()
def brackets(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> Float[Tensor, "2 regions {regions}"]:
    """Attention of each prompt on each bracket, by the bracket's index.

    Args:
        model: Network; heads are averaged.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.

    Returns:
        Fractions on ``[`` and on ``]``, one row per prompt and one column per bracket.
    """
    site = "decoder.attention.pattern"
    _, cache = run_with_cache(model, tokens, regions, names_filter=site)
    pattern = cache[site].mean(1)
    seen = model.encoder.with_begin(tokens)
    shares = []
    for bracket in (OPEN, CLOSE):
        columns = (seen == bracket).nonzero()[:, 1].unflatten(0, (len(seen), regions))  # (B, R)
        columns = columns[:, None].expand(-1, regions, -1)
        shares.append(pattern.gather(2, columns).mean(0))
    return torch.stack(shares)
