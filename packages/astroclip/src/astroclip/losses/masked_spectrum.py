"""Masked-spectrum modeling: pieces of a spectrum are hidden and asked for.

The original hides 6 pieces of 50 tokens, some tokens in 1 % of its draws and some in 64 %; tokens
overlap by half, so a hidden piece can be read at its ends; its loss is 0 / 0 where all that is
hidden is 0 (dossier 1.3 and 3.1). Here every position is hidden equally often. What overlaps is
hidden before it is cut into tokens: hide pixels or bins, never tokens, and none of them shows.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from astroclip.losses.precision import widened


def hide(
    batch: int, positions: int, share: float, length: int, generator: torch.Generator
) -> Bool[Tensor, "{batch} {positions}"]:
    """Draw what to hide: pieces of a length, each position with exactly the same probability.

    The positions are closed to a ring, on which pieces lie with random gaps, and the ring is turned
    at random. A piece over the seam is a shorter one at either end of the spectrum, and pieces
    without a gap are a longer one.

    Args:
        batch: Number of draws.
        positions: Bins, pixels or groups of them.
        share: Of the positions to hide, from 0 to 1.
        length: Positions of a piece; one piece of each draw may be shorter, to make up the share.
        generator: On the device that the answer is to be on.

    Returns:
        True where hidden, ``round(share * positions)`` times in every row.

    Raises:
        ValueError: If share or length is out of its range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: {share} is not from 0 to 1")
    if length < 1:
        raise ValueError(f"length: {length} is below 1")
    device = generator.device
    total = round(share * positions)
    pieces = -(-total // length)
    # Of a ring with each piece drawn together to one place.
    places = positions - total + pieces
    draw = torch.rand(batch, places, generator=generator, device=device)
    chosen = draw.topk(pieces).indices
    sizes = torch.ones(batch, places, dtype=torch.long, device=device).scatter(1, chosen, length)
    sizes.scatter_(1, chosen[:, :1], total - length * (pieces - 1))
    hidden = torch.zeros_like(sizes, dtype=torch.bool).scatter(1, chosen, True)
    ring = hidden.flatten().repeat_interleave(sizes.flatten(), output_size=batch * positions)
    turn = torch.randint(positions, (batch, 1), generator=generator, device=device)
    source = (torch.arange(positions, device=device) + turn) % positions
    return ring.view(batch, positions).gather(1, source)


def without(
    ivar: Float[Tensor, "batch pixels"], hidden: Bool[Tensor, "batch positions"]
) -> Float[Tensor, "batch pixels"]:
    """Take what is hidden for not measured, as our encoder reads it.

    Args:
        ivar: Inverse variance of pixels or bins.
        hidden: Of groups of neighboring ones; what a decoder gives in 512 bins is hidden there.

    Returns:
        The inverse variance, 0 where hidden.

    Raises:
        ValueError: If the pixels do not make equal groups.
    """
    pixels, positions = ivar.shape[1], hidden.shape[1]
    if pixels % positions:
        raise ValueError(f"{pixels} pixels do not make {positions} equal groups")
    return ivar.masked_fill(hidden.repeat_interleave(pixels // positions, 1), 0.0)


def masked_loss(
    prediction: Float[Tensor, "batch positions"],
    target: Float[Tensor, "batch positions"],
    weight: Float[Tensor, "batch positions"],
    hidden: Bool[Tensor, "batch positions"],
) -> Float[Tensor, ""]:
    """Squared error of what was hidden, weighted by how well it is known.

    Args:
        prediction: What the network says.
        target: What is there; anything, NaN too, where nothing was measured.
        weight: Rises with the precision of the target; 0 where nothing was measured.
        hidden: Where it counts.

    Returns:
        The weighted mean in fp32 at least; 0, with gradients of 0, where there is none to take.
    """
    counts = hidden & (weight > 0)
    apart = (widened(prediction) - widened(target)).where(counts, 0.0)
    weight = widened(weight).where(counts, 0.0)
    total = weight.sum()
    return (weight * apart.square()).sum() / total.where(total > 0, 1.0)
