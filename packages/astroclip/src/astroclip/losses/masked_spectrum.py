"""Masked spectrum modeling: hide pieces of a spectrum and predict them.

Every position is hidden equally often; the original hides some tokens in 1 % and others in 64 % of
its draws. Hide pixels or bins before they are cut into overlapping tokens: the original hides
tokens, which leak the ends of a hidden piece. The loss is 0 where nothing is scored; the original's
is 0 / 0.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciformer.nn.precision import widened


def hide(
    batch: int, positions: int, share: float, length: int, generator: torch.Generator
) -> Bool[Tensor, "{batch} {positions}"]:
    """Draw pieces to hide, so that each position is hidden with exactly the same probability.

    Pieces with random gaps are placed on a ring, which is rotated at random. A piece across the
    seam appears as two shorter ones at both ends of the spectrum; adjacent pieces appear as a
    longer one.

    Args:
        batch: Number of draws.
        positions: Number of bins, pixels or groups of them.
        share: Fraction of the positions to hide; in [0, 1].
        length: Positions per piece, at least 1; one piece of each draw may be shorter to reach the
            fraction.
        generator: Random generator, on the device of the result.

    Returns:
        True where hidden: ``round(share * positions)`` positions in every row.

    Raises:
        ValueError: If ``share`` or ``length`` is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: {share} is not from 0 to 1")
    if length < 1:
        raise ValueError(f"length: {length} is below 1")
    device = generator.device
    total = round(share * positions)
    pieces = -(-total // length)
    # Positions of a ring in which each piece is shrunk to one.
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
    """Set the inverse variance to 0 where hidden, as for pixels that were not measured.

    Args:
        ivar: Inverse variance of pixels or bins.
        hidden: Mask of equal groups of neighboring pixels or bins.

    Returns:
        Inverse variance.

    Raises:
        ValueError: If the pixels do not form equal groups.
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
    """Weighted mean squared error of the hidden part.

    Args:
        prediction: Predicted values.
        target: True values; may be NaN where not measured.
        weight: Weight, rising with the precision of the target; 0 where not measured.
        hidden: Mask of the positions to score.

    Returns:
        Loss in at least fp32; 0, with zero gradients, if nothing is scored.
    """
    counts = hidden & (weight > 0)
    apart = (widened(prediction) - widened(target)).where(counts, 0.0)
    weight = widened(weight).where(counts, 0.0)
    total = weight.sum()
    return (weight * apart.square()).sum() / total.where(total > 0, 1.0)
