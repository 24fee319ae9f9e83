"""Image encoder: aperture photometry, Gaussian apertures and a vision transformer."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from astroclip.nn.aperture_photometry import FEATURES, photometry
from astroclip.nn.residual_mlp import Head
from sciformer.arguments import ArgumentError
from sciformer.nn.encoder import Encoder
from sciformer.nn.precision import in_fp32, like_weights

NOISE = (0.005, 0.009, 0.026)  # nanomaggies per pixel in g, r, z: about the survey's noise
STRETCHES = (1.0, 30.0)  # softenings of the asinh in units of the noise, for faint and bright parts
NARROWEST, PLACES = 0.8, 5  # smallest sigma of the apertures in pixels; apertures per side
SPACING = 1.25  # between apertures, in units of sigma
SOFTENINGS = (2.0, 30.0)  # softenings of their sums, in units of the noise
HIDDEN = 256  # width of the MLPs over photometry and apertures

Images = Float[Tensor, "batch 3 height width"]


class ImageEncoder(nn.Module):
    """Embed images from up to three parts: photometry, apertures, and a vision transformer.

    Args:
        width: Width of the embedding.
        size: Pixels along a side.
        photometry: Use aperture photometry.
        apertures: Number of learned mixtures of apertures; 0 for none.
        depth: Transformer blocks; 0 for no transformer.
        dim: Width of the transformer.
        heads: Attention heads per block; divides ``dim``.
        patch: Pixels along a side of a patch; divides ``size``.

    Raises:
        ValueError: If no part is selected, or ``patch`` does not divide ``size``.
    """

    def __init__(
        self,
        width: int = 256,
        size: int = 48,
        photometry: bool = True,
        apertures: int = 0,
        depth: int = 0,
        dim: int = 64,
        heads: int = 4,
        patch: int = 8,
    ) -> None:
        super().__init__()
        if not (photometry or apertures or depth):
            reason = "false, with no apertures and no depth: the encoder has no input"
            raise ArgumentError("photometry", reason)
        self.size = size
        self.measured = _mlp(FEATURES) if photometry else None
        self.apertures = Apertures(apertures, size) if apertures else None
        self.summed = _mlp(self.apertures.features) if self.apertures else None
        self.tokens = ImageTransformer(size, patch, dim, depth, heads) if depth else None
        parts = (HIDDEN * photometry, HIDDEN * (apertures > 0), 2 * dim * (depth > 0))
        self.head = Head(sum(parts), width)

    def forward(self, image: Images) -> Float[Tensor, "batch embedding"]:
        return self.head(self.features(image))

    def features(self, image: Images) -> Float[Tensor, "batch seen"]:
        """Input features of the head.

        Args:
            image: Nanomaggies in g, r and z.

        Returns:
            Features of all selected parts, concatenated.

        Raises:
            ValueError: For an image of another size.
        """
        if image.shape[-2:] != (self.size, self.size):
            height, width = image.shape[-2:]
            raise ValueError(f"image: {height} x {width} pixels; {self.size} are needed")
        seen = []
        if self.measured is not None:
            seen.append(self.measured(like_weights(photometry(image), self.measured)))
        if self.apertures is not None and self.summed is not None:
            sums = in_fp32(self.apertures, image)
            seen.append(self.summed(like_weights(sums, self.summed)))
        if self.tokens is not None:
            cls, patches = self.tokens(image)
            seen += [cls, patches.mean(1)]
        return torch.cat(seen, 1)


class Apertures(nn.Module):
    """Fluxes under fixed Gaussian apertures of many sizes and places, and learned mixtures of them.

    Each flux is in units of its noise and then compressed, ``asinh(flux / softening)``, like asinh
    magnitudes (Lupton et al. 1999). Sums over many pixels detect faint galaxies; a network that
    compresses each pixel first cannot recover them. The Gaussians lie on a 5 x 5 grid for each
    width, spaced in proportion to it: dense in the center, sparse outside. They are fixed: weights
    learned per pixel fit noise where there is no light.

    Args:
        count: Number of mixtures, the same for all bands.
        size: Pixels along a side.
    """

    gaussians: Tensor
    noise: Tensor

    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        gaussians = torch.stack(list(_gaussians(size)))
        unit = gaussians / gaussians.norm(dim=1, keepdim=True)
        self.register_buffer("gaussians", unit, persistent=False)
        self.register_buffer("noise", torch.tensor(NOISE)[:, None], persistent=False)
        self.mix = nn.Linear(len(unit), count, bias=False)
        nn.init.normal_(self.mix.weight, std=len(unit) ** -0.5)
        self.features = 3 * len(SOFTENINGS) * (len(unit) + count)

    def forward(self, image: Images) -> Float[Tensor, "batch features"]:
        sums = image.flatten(2).float() / self.noise @ self.gaussians.mT  # (B, 3, Gaussians)
        sums = torch.cat([sums, self.mix(sums)], 2)
        return torch.cat([(sums / x).asinh().flatten(1) for x in SOFTENINGS], 1)


class Tokens(NamedTuple):
    """Output of the vision transformer.

    Args:
        cls: Embedding of the whole image.
        patches: Embeddings of its patches, row by row.
    """

    cls: Float[Tensor, "batch dim"]
    patches: Float[Tensor, "batch patches dim"]


class ImageTransformer(nn.Module):
    """Vision transformer on asinh-stretched images; position embeddings are interpolated for crops.

    Args:
        size: Pixels along a side of a whole image.
        patch: Pixels along a side of a patch; divides ``size``.
        dim: Width of the tokens.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.

    Raises:
        ValueError: If ``patch`` does not divide ``size``.
    """

    scale: Tensor

    def __init__(self, size: int, patch: int, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        if patch < 1 or size % patch:
            raise ArgumentError("patch", f"{patch} does not divide size {size}")
        self.patch, self.dim = patch, dim
        softening = torch.tensor(STRETCHES)[:, None] * torch.tensor(NOISE)
        self.register_buffer("scale", softening[..., None, None], persistent=False)
        self.embed = nn.Linear(3 * len(STRETCHES) * patch**2, dim)
        self.cls = nn.Parameter(torch.zeros(dim))
        self.hidden = nn.Parameter(torch.zeros(dim))
        self.positions = nn.Parameter(torch.empty(dim, size // patch, size // patch))
        nn.init.normal_(self.positions, std=0.02)
        self.encoder = Encoder(dim, depth, heads)

    def forward(self, image: Images, hidden: Bool[Tensor, "batch patches"] | None = None) -> Tokens:
        rows, columns = (side // self.patch for side in image.shape[-2:])
        x = self.embed(like_weights(self.pieces(image), self.embed))
        if hidden is not None:
            x = torch.where(hidden[..., None], self.hidden.to(x.dtype), x)
        x = x + self.placed(rows, columns)
        x = self.encoder(torch.cat([self.cls.expand(x.shape[0], 1, -1).to(x.dtype), x], 1))
        return Tokens(x[:, 0], x[:, 1:])

    def pieces(self, image: Images) -> Float[Tensor, "batch patches pixels"]:
        """Stretched pixels of each patch."""
        x = (image.float()[:, None] / self.scale).asinh() / 3
        x = x.flatten(1, 2).unfold(2, self.patch, self.patch).unfold(3, self.patch, self.patch)
        return x.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)

    def placed(self, rows: int, columns: int) -> Float[Tensor, "patches dim"]:
        """Position embeddings of a crop's patches, interpolated from the whole image's."""
        grid = self.positions
        if grid.shape[1:] != (rows, columns):
            grid = interpolate(grid[None], (rows, columns), mode="bilinear", align_corners=False)[0]
        return grid.flatten(1).mT


def _mlp(features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU()
    )


def _gaussians(size: int) -> Iterator[Float[Tensor, " pixels"]]:
    """Gaussians at places in the image, of widths that double up to a third of the side."""
    width, place = NARROWEST, torch.arange(size) - (size - 1) / 2
    while width <= max(size / 3, NARROWEST):
        every = (SPACING * width * (number - PLACES // 2) for number in range(PLACES))
        center = torch.tensor([[x] for x in every if abs(x) <= size / 2])
        rows = torch.exp(-((place - center) ** 2) / (2 * width**2))
        yield from torch.einsum("ah,bw->abhw", rows, rows).flatten(2).flatten(0, 1)
        width *= 2
