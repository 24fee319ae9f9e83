"""The original networks, SpecFormer and its vision transformer; slicing is exact to the bit.

https://github.com/PolymathicAI/AstroCLIP; Parker et al. 2024 (arXiv 2310.03024), section 3.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from sciformer.nn.attention import attend, autocast, merge, split
from sciformer.nn.block import TransformerBlock
from sciformer.nn.encoder import Encoder
from sciformer.nn.position import LearnedPositions

MIN_SPREAD = 0.2
MOMENTS = 2  # columns of a token that only the first one fills
VISION_EPS = 1e-6  # of the norms of DINOv2; those of SpecFormer have torch's own 1e-5
# Of the Legacy Surveys' viewer: band of the images -> plane and scale. Red is z, blue is g.
PLANES, SCALES = (2, 1, 0), (6.0, 3.4, 2.2)
OFFSET, SOFTENING = 0.03, 20.0

Flux = Float[Tensor, "batch pixels"] | Float[Tensor, "batch pixels 1"]


class SpecFormerCode(NamedTuple):
    """Output of SpecFormer.

    Args:
        tokens: Tokens after the last norm; their mean is the embedding of a spectrum.
        reconstruction: Reconstruction of the input tokens.
    """

    tokens: Float[Tensor, "batch time dim"]
    reconstruction: Float[Tensor, "batch time features"]


def slice_spectrum(flux: Flux, section: int = 20) -> Float[Tensor, "batch time features"]:
    """Slice standardized spectra into half-overlapping sections; the first token has the moments.

    The original always drops its last section, full or not: 7781 pixels give 777 sections.

    Args:
        flux: Flux in 1e-17 erg / s / cm2 / A; may have a last axis of size 1.
        section: Pixels per section.

    Returns:
        Tokens of ``section + 2`` values: the first token starts with ``(mean - 2) / 2`` and
        ``(spread - 2) / 8``, the others with zeros.

    Raises:
        ValueError: If the spectrum is too short for one section.
    """
    flux = flux.flatten(1)
    overlap = section // 2
    stride = section - overlap
    count = (flux.shape[1] - overlap - 1) // stride
    if count < 1:
        raise ValueError(f"spectrum: {flux.shape[1]} pixels give no section of {section}")
    spread = flux.std(1, keepdim=True).clamp_min(MIN_SPREAD)
    mean = flux.mean(1, keepdim=True)
    sections = ((flux - mean) / spread).unfold(1, section, stride)[:, :count]
    tokens = pad(sections, (MOMENTS, 0, 1, 0))
    tokens[:, 0, :MOMENTS] = torch.cat([(mean - 2) / 2, (spread - 2) / 8], 1)
    return tokens


class SpecFormer(nn.Module):
    """A transformer over sections of a spectrum, and a head that reconstructs them.

    Args:
        section: Pixels per token.
        dim: Width of the tokens.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.
        length: Number of tokens of the longest spectrum, including that of mean and spread.
        mlp_ratio: Hidden width of the MLPs in units of ``dim``.
    """

    def __init__(
        self,
        section: int = 20,
        dim: int = 768,
        depth: int = 6,
        heads: int = 6,
        length: int = 800,
        mlp_ratio: float = 4.0,
    ) -> None:
        super().__init__()
        self.section = section
        self.embed = nn.Linear(section + MOMENTS, dim)
        self.positions = LearnedPositions(length, dim)
        self.encoder = Encoder(dim, depth, heads, mlp_ratio=mlp_ratio)
        self.encoder.blocks[-1] = LastBlock(dim, heads, mlp_ratio=mlp_ratio)
        self.head = nn.Linear(dim, section + MOMENTS)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialize weights as the original does.

        Normal distributions truncated at 3 sigma, with standard deviation 1 / sqrt(2 depth fan_in)
        in the blocks and 1 / sqrt(dim) elsewhere.

        Biases start at 0, except that of the embedding, which keeps torch's default.
        """
        depth, dim = len(self.encoder.blocks), self.head.in_features
        for weight in (self.embed.weight, self.positions.weight, self.head.weight):
            _cut_normal(weight, dim**-0.5)
        nn.init.zeros_(self.head.bias)
        for layer in self.encoder.modules():
            if isinstance(layer, nn.Linear):
                _cut_normal(layer.weight, (2 * depth * layer.in_features) ** -0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, flux: Flux) -> SpecFormerCode:
        return self.decode(slice_spectrum(flux, self.section))

    def decode(self, tokens: Float[Tensor, "batch time features"]) -> SpecFormerCode:
        """Encode and reconstruct sliced spectra; tokens may be masked with 0.

        Args:
            tokens: Tokens from ``slice_spectrum``.

        Returns:
            Encoded tokens and reconstruction.

        Raises:
            ValueError: If there are more tokens than positions.
        """
        x = self.encoder(self.positions(self.embed(tokens)))
        return SpecFormerCode(x, self.head(x))

    def reconstruct(
        self, tokens: Float[Tensor, "batch time features"], asked: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "answers features"]:
        """Reconstruct selected tokens: cheaper than ``decode(tokens).reconstruction[asked]``.

        The last block's output at the other tokens does not enter the loss and is not computed.
        This saves half of the block if 39 % of the tokens are selected, as in the original's
        training.

        Args:
            tokens: Tokens from ``slice_spectrum``, with the selected ones masked.
            asked: Mask of the tokens to reconstruct.

        Returns:
            Reconstructions of the selected tokens, concatenated.

        Raises:
            ValueError: If there are more tokens than positions.
        """
        most = int(asked.sum(1).max())
        index = asked.int().argsort(dim=1, descending=True, stable=True)[:, :most]
        x = self.positions(self.embed(tokens))
        for block in self.encoder.blocks[:-1]:
            x = block(x)
        x = self.encoder.blocks[-1](x, None, index)
        return self.head(self.encoder.norm(x[asked.gather(1, index)]))


class LastBlock(TransformerBlock):
    """A transformer block that can compute its output at selected tokens only.

    These attend to all tokens.

    Args:
        dim: Width of the residual stream.
        heads: Number of attention heads; divides ``dim``.
        mlp_ratio: Hidden width of the MLP in units of ``dim``.
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__(dim, heads, mlp_ratio=mlp_ratio)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
        asked: Int[Tensor, "batch answers"] | None = None,
    ) -> Float[Tensor, "batch answers dim"]:
        if asked is None:
            return super().forward(x, mask)
        (y,), attention = autocast(self.attention_norm(x)), self.attention
        q = split(attention.query(_picked(y, asked)), attention.heads)
        k, v = (split(layer(y), attention.heads) for layer in (attention.key, attention.value))
        x = _picked(x, asked) + attention.out(merge(attend(q, k, v)))
        return x + self.mlp(self.mlp_norm(x))


def to_rgb(image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
    """Stretch images like the Legacy Surveys' viewer.

    Args:
        image: Nanomaggies in g, r and z.

    Returns:
        Red, green and blue (from z, r and g), from 0 to 1.
    """
    planes = image[:, PLANES] * image.new_tensor(SCALES[::-1])[:, None, None] + OFFSET
    light = planes.clamp_min(0).mean(1, keepdim=True)
    stretched = (SOFTENING * light).asinh() / SOFTENING**0.5
    return (planes * (stretched / light.where(light != 0, 1e-6))).clamp(0, 1)


class ScaledBlock(TransformerBlock):
    """A transformer block whose two updates are scaled channel by channel (LayerScale).

    Args:
        dim: Width of the residual stream.
        heads: Number of attention heads; divides ``dim``.
        mlp_ratio: Hidden width of the MLP in units of ``dim``.
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__(dim, heads, mlp_ratio=mlp_ratio)
        self.attention_norm.eps = self.mlp_norm.eps = VISION_EPS
        self.attention_scale = nn.Parameter(torch.full((dim,), 1e-5))
        self.mlp_scale = nn.Parameter(torch.full((dim,), 1e-5))

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        x = x + self.attention_scale * self.attention(self.attention_norm(x), mask)
        return x + self.mlp_scale * self.mlp(self.mlp_norm(x))


class VisionTransformer(nn.Module):
    """DINOv2's vision transformer, standalone or as used in the original's image branch.

    Args:
        size: Pixels along a side of an image.
        patch: Pixels along a side of a token; divides ``size``.
        dim: Width of the tokens.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.
        mlp_ratio: Hidden width of the MLPs in units of ``dim``.
        legacy: Omit position embeddings and class token, as AstroCLIP's image branch does. Images
            may then have any size that is a multiple of ``patch``.
    """

    def __init__(
        self,
        size: int = 144,
        patch: int = 12,
        dim: int = 1024,
        depth: int = 24,
        heads: int = 16,
        mlp_ratio: float = 4.0,
        legacy: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.patch = size, patch
        self.embed = nn.Linear(3 * patch**2, dim)
        self.cls = None if legacy else nn.Parameter(torch.zeros(dim))
        self.positions = None if legacy else LearnedPositions((size // patch) ** 2 + 1, dim)
        self.blocks = nn.ModuleList(ScaledBlock(dim, heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, VISION_EPS)

    def forward(
        self, rgb: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch tokens dim"]:
        if any(side % self.patch or side == 0 for side in rgb.shape[-2:]):
            height, width = rgb.shape[-2:]
            raise ValueError(f"image: {height} x {width} pixels in patches of {self.patch}")
        x = rgb.unfold(2, self.patch, self.patch).unfold(3, self.patch, self.patch)
        x = self.embed(x.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2))
        if self.cls is not None and self.positions is not None:
            x = self.positions(torch.cat([self.cls.expand(len(x), 1, -1).to(x.dtype), x], 1))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def _cut_normal(weight: Tensor, std: float) -> None:
    nn.init.trunc_normal_(weight, std=std, a=-3 * std, b=3 * std)


def _picked(
    x: Float[Tensor, "batch time dim"], index: Int[Tensor, "batch answers"]
) -> Float[Tensor, "batch answers dim"]:
    """Gather tokens of each sample by row index, whose gradient is five times as fast in torch."""
    first = x.shape[1] * torch.arange(len(x), device=x.device)
    rows = (index + first[:, None]).flatten()
    return x.flatten(0, 1).index_select(0, rows).unflatten(0, index.shape)
