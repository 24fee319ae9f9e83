"""The original's networks, to the bit where they slice: SpecFormer and its vision transformer.

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
    """What SpecFormer gives.

    Args:
        tokens: After the last norm; their mean is its embedding of a spectrum.
        reconstruction: Of the tokens that went in.
    """

    tokens: Float[Tensor, "batch time dim"]
    reconstruction: Float[Tensor, "batch time features"]


def slice_spectrum(flux: Flux, section: int = 20) -> Float[Tensor, "batch time features"]:
    """Cut standardized spectra into sections that overlap by half, behind a token of moments.

    The original always drops its last section, full or not: 7781 pixels give 777 sections.

    Args:
        flux: In 1e-17 erg / s / cm2 / A; a last axis of 1 may be there.
        section: Pixels of a section.

    Returns:
        Tokens of ``section + 2`` numbers: in the first two of the first token mean and spread, as
        ``(mean - 2) / 2`` and ``(spread - 2) / 8``, and zeros in those of the others.

    Raises:
        ValueError: If not even one section is left.
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
        section: Pixels of a token.
        dim: Width of the tokens.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.
        length: Tokens of the longest spectrum, that of the moments among them.
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
        """Normals cut at 3 sigma: 1 / sqrt(2 depth fan_in) in the blocks, 1 / sqrt(dim) elsewhere.

        Biases start at 0, but for that of the embedding, which keeps torch's start.
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
        """Encode and reconstruct sliced spectra, some of whose tokens may be set to 0.

        Args:
            tokens: Of ``slice_spectrum``.

        Returns:
            What the tokens have become.

        Raises:
            ValueError: For more tokens than there are positions.
        """
        x = self.encoder(self.positions(self.embed(tokens)))
        return SpecFormerCode(x, self.head(x))

    def reconstruct(
        self, tokens: Float[Tensor, "batch time features"], asked: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "answers features"]:
        """Reconstruct some tokens: ``decode(tokens).reconstruction[asked]`` for less.

        What the last block makes of the other tokens reaches no loss and is not computed. That is
        half of the block where 39 % are asked for, as in the original's training.

        Args:
            tokens: Of ``slice_spectrum``, those asked for set to 0 or whatever hides them.
            asked: Which to reconstruct.

        Returns:
            These, row after row.

        Raises:
            ValueError: For more tokens than there are positions.
        """
        most = int(asked.sum(1).max())
        index = asked.int().argsort(dim=1, descending=True, stable=True)[:, :most]
        x = self.positions(self.embed(tokens))
        for block in self.encoder.blocks[:-1]:
            x = block(x)
        x = self.encoder.blocks[-1](x, None, index)
        return self.head(self.encoder.norm(x[asked.gather(1, index)]))


class LastBlock(TransformerBlock):
    """A transformer block that need not answer at every token, though it sees all.

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
    """Stretch images as the Legacy Surveys' viewer does.

    Args:
        image: Nanomaggies in g, r and z.

    Returns:
        Red, green and blue, which are z, r and g, from 0 to 1.
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
    """DINOv2's vision transformer, by itself or as the original's image branch calls it.

    Args:
        size: Pixels along a side of an image.
        patch: Pixels along a side of a token; divides ``size``.
        dim: Width of the tokens.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.
        mlp_ratio: Hidden width of the MLPs in units of ``dim``.
        legacy: A bag of patches, without positions and class token: what AstroCLIP's image branch
            makes of it. Images of any size then go in.
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
    """Tokens of each sample: by rows, whose gradient torch adds up five times as fast."""
    first = x.shape[1] * torch.arange(len(x), device=x.device)
    rows = (index + first[:, None]).flatten()
    return x.flatten(0, 1).index_select(0, rows).unflatten(0, index.shape)
