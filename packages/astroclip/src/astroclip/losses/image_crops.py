"""Image augmentation for self-distillation: crops, rotations, blur, noise; hidden patches.

Crops are not rescaled: the size of a galaxy is informative. The recipe is that of the original's
DINOv2 training, with blur and noise after Stein et al. (2021).
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from astroclip.simulate.images import BLUR, NOISE

# Fractions that are degraded, of second large crops and of small ones; first ones are not.
DEGRADED = (0.9, 0.5)
HIDING = 0.5  # fraction of large crops with hidden patches
HIDDEN = (0.1, 0.5)  # fraction of the patches of such a crop

Images = Float[Tensor, "batch 3 height width"]


class Views(NamedTuple):
    """Crops of a batch.

    Args:
        large: Two large crops of each image: the first of all images, then the second.
        small: Small crops of each image, in the same order.
    """

    large: Float[Tensor, "crops 3 large large"]
    small: Float[Tensor, "parts 3 small small"]


def views(images: Images, large: int, small: int, count: int, generator: torch.Generator) -> Views:
    """Cut two large and several small crops out of each image.

    Args:
        images: Nanomaggies in g, r and z.
        large: Pixels along a side of a large crop.
        small: Pixels along a side of a small crop.
        count: Small crops per image; at least 1.
        generator: Random generator, on the device of the images.

    Returns:
        The crops.

    Raises:
        ValueError: If a crop is larger than the image, or ``count`` is less than 1.
    """
    if count < 1:
        raise ValueError(f"count: {count} small crops")
    first, second = (cut(images, large, generator) for _ in range(2))
    second = degraded(second, DEGRADED[0], generator)
    parts = [cut(images, small, generator) for _ in range(count)]
    return Views(torch.cat([first, second]), degraded(torch.cat(parts), DEGRADED[1], generator))


def cut(
    images: Images, size: int, generator: torch.Generator
) -> Float[Tensor, "batch 3 {size} {size}"]:
    """Random crop of each image, with a random rotation by 90 degrees and mirror image.

    Args:
        images: Images.
        size: Pixels along a side of the crop.
        generator: Random generator, on the device of the images.

    Returns:
        One crop per image.

    Raises:
        ValueError: If the crop is larger than the image.
    """
    batch, _, height, width = images.shape
    if size > min(height, width):
        raise ValueError(f"size: a crop of {size} pixels of an image of {height} x {width}")

    def draw(high: int) -> Tensor:
        return torch.randint(high, (batch, 1), generator=generator, device=images.device)

    place = torch.arange(size, device=images.device)
    y = draw(height - size + 1) + torch.where(draw(2) > 0, place, place.flip(0))
    x = draw(width - size + 1) + torch.where(draw(2) > 0, place, place.flip(0))
    index = y[:, :, None] * width + x[:, None, :]  # (B, size, size)
    index = torch.where(draw(2)[:, :, None] > 0, index, index.mT).flatten(1)
    pixels = images.flatten(2).gather(2, index[:, None].expand(-1, images.shape[1], -1))
    return pixels.unflatten(2, (size, size))


def degraded(images: Images, share: float, generator: torch.Generator) -> Images:
    """Blur some images and add noise, as in worse seeing.

    The sigma of blur and noise added to a band is ``sqrt(max(0, wanted^2 - own^2))``, with both
    drawn from the survey's distribution.

    Args:
        images: Nanomaggies in g, r and z.
        share: Expected fraction of images to degrade; in [0, 1].
        generator: Random generator, on the device of the images.

    Returns:
        The images.
    """
    chosen = torch.rand(len(images), 1, generator=generator, device=images.device) < share
    blur, noise = (
        _added(table, len(images), generator).to(images.dtype) * chosen for table in (BLUR, NOISE)
    )
    normal = torch.randn(
        images.shape, generator=generator, device=images.device, dtype=images.dtype
    )
    return blurred(images, blur) + noise[..., None, None] * normal


def blurred(images: Images, sigma: Float[Tensor, "batch 3"]) -> Images:
    """Convolve with round Gaussians, truncated and renormalized at the edges.

    Args:
        images: Images.
        sigma: Pixels, per image and band; 0 for no blur.

    Returns:
        The images.
    """
    down, across = (_gaussians(side, sigma) for side in images.shape[-2:])
    return down @ images @ across.mT


def hidden_patches(
    batch: int, rows: int, columns: int, generator: torch.Generator
) -> Bool[Tensor, "{batch} {rows*columns}"]:
    """Draw a block of patches to hide in half of the images (block masking).

    Blocks wrap around the edges, so that each patch is hidden equally often. They cover 10 to 50 %
    of the patches, with an aspect ratio of up to 3.

    Args:
        batch: Number of images.
        rows: Rows of patches.
        columns: Columns of patches.
        generator: Random generator, on the device of the result.

    Returns:
        True where hidden.
    """
    device = generator.device
    chosen, share, aspect, tie = (
        torch.rand(batch, size, generator=generator, device=device)
        for size in (1, 1, 1, rows * columns)
    )
    least, most = HIDDEN
    count = ((least + (most - least) * share) * rows * columns).ceil()
    stretch = 3 ** (aspect - 0.5)
    turn = torch.randint(rows * columns, (batch, 1), generator=generator, device=device)
    patch = torch.arange(rows * columns, device=device)
    down = _around(patch // columns, turn // columns, rows)
    across = _around(patch % columns, turn % columns, columns)
    apart = torch.maximum(down * stretch, across / stretch) + 1e-3 * tie
    return (apart.argsort(1).argsort(1) < count) & (chosen < HIDING)


def _around(place: Tensor, center: Tensor, length: int) -> Tensor:
    """Distances on a ring."""
    apart = (place - center).abs()
    return torch.minimum(apart, length - apart)


def _added(table: np.ndarray, batch: int, generator: torch.Generator) -> Float[Tensor, "{batch} 3"]:
    """Sigma to add to reach one draw of log-normals (shape, location, scale) from another."""
    device = generator.device
    shape, location, scale = torch.tensor(table, dtype=torch.float32, device=device).unbind(1)
    normal = torch.randn(2, batch, len(table), generator=generator, device=device)
    wanted, own = (location + scale * (shape * normal).exp()).clamp_min(0)
    return (wanted.square() - own.square()).clamp_min(0).sqrt()


def _gaussians(side: int, sigma: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3 side side"]:
    """Matrices that blur along one axis."""
    place = torch.arange(side, device=sigma.device)
    apart = (place[:, None] - place).square()
    variance = sigma.square().clamp_min(1e-4)[..., None, None]  # 0 / 0 at 0
    weight = (-apart / (2 * variance)).exp()
    return weight / weight.sum(-1, keepdim=True)
