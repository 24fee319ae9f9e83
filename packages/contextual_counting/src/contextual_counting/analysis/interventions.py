"""Causal interventions: ablation, added tokens and activation patching."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.effective_values import implied
from contextual_counting.analysis.token_kinds import KINDS, OWN_ONES, kinds, places
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO
from sciformer.interpret.hooks import Hook, Site, run_with_cache, run_with_hooks
from sciformer.interpret.patching import hide, put

PATCHED = (
    "encoder.block.attention.out",
    "encoder.block.mlp.out",
    "encoder.out",
    "decoder.attention.key",
    "decoder.attention.value",
)


@torch.no_grad()
def answer(
    model: CountingTransformer,
    tokens: Int64[Tensor, "batch time"],
    regions: int,
    hooks: Sequence[tuple[str, Hook]] = (),
) -> Float[Tensor, "batch regions"]:
    """Real-valued counts with activations replaced at some sites."""
    kept: list[Tensor] = []

    def keep(found: Tensor, _: Site) -> None:
        kept.append(found)

    run_with_hooks(model, tokens, regions, fwd_hooks=[*hooks, ("decoder.head.in", keep)])
    return implied(model, kept[0])


@torch.no_grad()
def without(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int, kind: str
) -> Float[Tensor, " regions"]:
    """Ablation: hide a kind of token from the decoder; the other tokens get its attention.

    Args:
        model: Network.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.
        kind: One of ``KINDS``.

    Returns:
        Median relative change of each region's count; infinite if no bias is left, 0 if the kind is
        not used.
    """
    known = kinds(model.encoder.with_begin(tokens), regions)
    hidden = (known == KINDS.index(kind))[:, None]
    before = answer(model, tokens, regions)
    after = answer(model, tokens, regions, [("decoder.attention.scores", hide(hidden))])
    some = (known == OWN_ONES).any(2)
    change = ((after - before) / before.clamp_min(1)).where(some, torch.nan)
    return change.nanmedian(0).values


@torch.no_grad()
def added(
    model: CountingTransformer,
    tokens: Int64[Tensor, "batch time"],
    regions: int,
    more: Int64[Tensor, " more"],
    rng: np.random.Generator,
    behind: bool = False,
) -> Float[Tensor, " regions"]:
    """Add tokens outside of all regions, where they change no true count.

    Args:
        model: Network; not with learned positions, whose length is fixed.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.
        more: Tokens to add.
        rng: Random generator of their places; unused with ``behind``.
        behind: Append them all to the sequence, in order.

    Returns:
        Median relative change of each region's count.
    """
    longer = torch.cat([tokens, more.expand(len(tokens), -1)], 1)
    if not behind:
        longer = torch.stack([_insert(row, more, rng) for row in tokens])
    before, after = (answer(model, some, regions) for some in (tokens, longer))
    return ((after - before) / before.clamp_min(1)).median(0).values


def _insert(row: Tensor, more: Tensor, rng: np.random.Generator) -> Tensor:
    """Insert tokens at random places outside of regions."""
    open_now = ((row == OPEN).int() - (row == CLOSE).int()).cumsum(0)
    gaps = np.flatnonzero(np.append(0, open_now.numpy()) == 0)  # place i is before token i
    at = np.sort(rng.choice(gaps, len(more)))
    return torch.from_numpy(np.insert(row.numpy(), at, more.numpy()))


class Pair(NamedTuple):
    """Sequences, changed copies of them, and which decoder keys were changed directly."""

    clean: Int64[Tensor, "batch time"]
    other: Int64[Tensor, "batch time"]


def flip_a_bit(tokens: Int64[Tensor, "batch time"], region: int) -> Pair:
    """Change the first 0 of a region to 1; sequences without one are dropped.

    Args:
        tokens: Sequences.
        region: Index of the region, from 0.

    Returns:
        Pairs of sequences whose counts differ by one.
    """
    zeros = (places(tokens) == region + 1) & (tokens == ZERO)
    clean = tokens[zeros.any(1)]
    return _replace(clean, zeros[zeros.any(1)], ONE)


def erase_the_last_bracket(tokens: Int64[Tensor, "batch time"], regions: int) -> Pair:
    """Change the last ``]`` to 0: the last region then extends to the end.

    Args:
        tokens: Sequences of ``regions`` regions.
        regions: Number of regions.

    Returns:
        Pairs of sequences.
    """
    return _replace(tokens, (places(tokens) == regions) & (tokens == CLOSE), ZERO)


def _replace(tokens: Tensor, chosen: Tensor, token: int) -> Pair:
    other = tokens.clone()
    other[torch.arange(len(tokens)), chosen.to(torch.int8).argmax(1)] = token
    return Pair(tokens, other)


@torch.no_grad()
def patched(
    model: CountingTransformer, pair: Pair, regions: int, region: int, elsewhere: bool
) -> dict[str, float]:
    """Activation patching: insert the changed sequence's activation into the original run, by site.

    Args:
        model: Network.
        pair: Original and changed sequences.
        regions: Number of prompts.
        region: Index of the region whose count is measured, from 0.
        elsewhere: Patch all tokens but the changed one; else that one alone.

    Returns:
        Site -> median fraction of the full change of the count.
    """
    _, cache = run_with_cache(model, pair.other, regions, names_filter=PATCHED)
    changed = model.encoder.with_begin(pair.clean) != model.encoder.with_begin(pair.other)
    chosen = ~changed if elsewhere else changed  # (B, K)
    start, end = (answer(model, tokens, regions)[:, region] for tokens in pair)
    moved = (end - start).abs() > 0.1
    shares = {}
    for site in PATCHED:
        where = chosen[..., None] if cache[site].ndim == 3 else chosen[:, None, :, None]
        hook = put(cache[site], where)
        found = answer(model, pair.clean, regions, [(site, hook)])[:, region]
        shares[site] = ((found - start) / (end - start))[moved].median().item()
    return shares
