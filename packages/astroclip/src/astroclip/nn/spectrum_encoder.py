"""Spectrum encoder: bins equal in log wavelength, weighted by inverse variance."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from astroclip.nn.residual_mlp import Head
from astroclip.survey import PIXELS, STEP, wavelengths
from sciformer.nn.encoder import Encoder
from sciformer.nn.pooling import AttentionPooling
from sciformer.nn.position import LearnedPositions
from sciformer.nn.precision import like_weights

BINS = 2048  # equal in log wavelength: a redshift shifts all lines by the same number of bins
POOLED = 4  # bins averaged for the dense path and the reconstruction
TARGETS = BINS // POOLED
STATS = 3
ABSURD = 1e9  # limit of flux and ivar; the brightest star has 1e6
MIN_SPREAD = 0.2  # as the original's: below it there is only noise
HIDDEN = 384  # width of the dense path
PATCH = 32  # bins of a token
QUERIES = 4


class Spectrum(NamedTuple):
    """Standardized spectra.

    Args:
        flux: Bins, minus the mean, in units of the standard deviation; 0 where not measured.
        precision: Inverse variance of ``flux``; 0 where not measured.
        stats: asinh m, asinh s and m / (s + |m|) of mean ``m`` and standard deviation ``s``.
    """

    flux: Float[Tensor, "batch bins"]
    precision: Float[Tensor, "batch bins"]
    stats: Float[Tensor, "batch stats"]

    def without(self, hidden: Bool[Tensor, "batch bins"]) -> "Spectrum":
        """Mark bins as not measured; mean and standard deviation stay."""
        flux, precision = (x.masked_fill(hidden, 0.0) for x in (self.flux, self.precision))
        return Spectrum(flux, precision, self.stats)

    def channels(self) -> Float[Tensor, "batch 2 bins"]:
        """Input channels from flux f and precision q: f q / (q + 1), and log1p(q) / 3 - 1."""
        q = self.precision
        return torch.stack([self.flux * (q / (q + 1)), q.log1p() / 3 - 1], 1)

    def target(self) -> tuple[Float[Tensor, "batch targets"], Float[Tensor, "batch targets"]]:
        """Target of the reconstruction in 512 bins, and its weight q / (q + 1), below 1."""
        q = self.precision.unflatten(1, (TARGETS, POOLED))
        flux = (self.flux.unflatten(1, (TARGETS, POOLED)) * q).sum(-1)
        total = q.sum(-1)
        return flux / total.clamp_min(1e-12), total / (total + POOLED)


def standardized(
    flux: Float[Tensor, "batch bins"],
    ivar: Float[Tensor, "batch bins"],
    hidden: Bool[Tensor, "batch bins"] | None = None,
) -> Spectrum:
    """Subtract the mean and divide by the standard deviation, both weighted by inverse variance.

    Args:
        flux: Bins, in 1e-17 erg / s / cm2 / A.
        ivar: Inverse variance of ``flux``; 0 where not measured.
        hidden: Bins to exclude from mean and standard deviation.

    Returns:
        Standardized spectra; finite even if nothing was measured.
    """
    flux, ivar = flux.float(), ivar.float()
    shown = ivar if hidden is None else ivar.masked_fill(hidden, 0.0)
    total = shown.sum(1, keepdim=True).clamp_min(1e-12)
    m = (flux * shown).sum(1, keepdim=True) / total
    apart = (flux - m).masked_fill(ivar == 0, 0.0)
    s = ((apart.square() * shown).sum(1, keepdim=True) / total).sqrt().clamp_min(MIN_SPREAD)
    stats = torch.cat([m.asinh(), s.asinh(), m / (s + m.abs())], 1)
    return Spectrum(apart / s, ivar * s.square(), stats)


class Rebin(nn.Module):
    """Rebin the survey's pixels to 2048 bins equal in log wavelength, weighted by inverse variance.

    A pixel contributes to each bin by the fraction of it that overlaps. Values that are not finite,
    larger than 1e9 or without ivar are ignored.
    """

    pixel: Tensor
    share: Tensor

    def __init__(self) -> None:
        super().__init__()
        first, last = wavelengths()[[0, -1]] + STEP * np.array([-0.5, 0.5])
        edge = (np.geomspace(first, last, BINS + 1) - first) / STEP  # in pixels
        pixel = np.floor(edge[:-1]).astype(np.int64)
        pixel = np.append(pixel, PIXELS - 1)
        share = torch.from_numpy(np.append(edge[:-1], PIXELS) - pixel)
        self.register_buffer("pixel", torch.from_numpy(pixel), persistent=False)
        self.register_buffer("share", share, persistent=False)

    def forward(
        self, flux: Float[Tensor, "batch pixels"], ivar: Float[Tensor, "batch pixels"]
    ) -> tuple[Float[Tensor, "batch bins"], Float[Tensor, "batch bins"]]:
        measured = (flux.abs() < ABSURD) & (ivar > 0) & (ivar < ABSURD)  # NaN is neither
        weight = ivar.where(measured, 0.0)
        ivar = self.sums(weight)
        flux = self.sums(weight * flux.where(measured, 0.0))
        return flux / ivar.where(ivar > 0, 1.0), ivar

    def sums(self, x: Float[Tensor, "batch pixels"]) -> Float[Tensor, "batch bins"]:
        """Sums over bins: differences of the cumulative sum, in fp64 because they cancel."""
        x64 = x.double()
        before = torch.nn.functional.pad(x64.cumsum(1), (1, 0))
        last = torch.nn.functional.pad(x64, (0, 1))
        total = before[:, self.pixel] + last[:, self.pixel] * self.share
        return total.diff(dim=1).to(x.dtype)


class SpectrumCode(NamedTuple):
    """Output of the spectrum encoder.

    Args:
        h: Embedding.
        reconstruction: Standardized flux in 512 bins, decoded from h.
        wanted: Target of the reconstruction.
        weight: Weight of each target, from 0 to 1.
    """

    h: Float[Tensor, "batch width"]
    reconstruction: Float[Tensor, "batch targets"]
    wanted: Float[Tensor, "batch targets"]
    weight: Float[Tensor, "batch targets"]


class SpectrumEncoder(nn.Module):
    """Embed spectra: an MLP on 512 bins and a transformer on 64 tokens of 32 bins.

    Hidden bins have an inverse variance of 0.

    Args:
        width: Width of the embedding.
        depth: Transformer blocks; 0 for the MLP alone.
        dim: Width of the transformer.
        heads: Attention heads per block; divides ``dim``.
    """

    def __init__(self, width: int = 256, depth: int = 0, dim: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.rebin = Rebin()
        self.dense = nn.Sequential(
            nn.Linear(2 * TARGETS + STATS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU()
        )
        self.tokens = SpectrumTokens(dim, depth, heads) if depth else None
        self.head = Head(HIDDEN + (dim * (QUERIES + 1) if depth else 0), width)
        self.decoder = nn.Linear(width, TARGETS)

    def forward(
        self,
        flux: Float[Tensor, "batch pixels"],
        ivar: Float[Tensor, "batch pixels"],
        hidden: Bool[Tensor, "batch targets"] | None = None,
    ) -> SpectrumCode:
        bins = None if hidden is None else hidden.repeat_interleave(POOLED, 1)
        whole = self.read(flux, ivar, bins)
        h = self.head(self.features(whole if bins is None else whole.without(bins)))
        return SpectrumCode(h, self.decoder(h), *whole.target())

    def read(
        self,
        flux: Float[Tensor, "batch pixels"],
        ivar: Float[Tensor, "batch pixels"],
        hidden: Bool[Tensor, "batch bins"] | None = None,
    ) -> Spectrum:
        """Rebin and standardize spectra.

        Args:
            flux: 7781 pixels or 2048 bins, in 1e-17 erg / s / cm2 / A.
            ivar: Inverse variance of ``flux``.
            hidden: Bins to exclude from mean and standard deviation.

        Returns:
            Input of ``features``.

        Raises:
            ValueError: For another number of pixels.
        """
        if flux.shape[1] == PIXELS:
            flux, ivar = self.rebin(flux, ivar)
        elif flux.shape[1] != BINS:
            raise ValueError(f"flux: {flux.shape[1]} pixels are neither {PIXELS} nor {BINS} bins")
        return standardized(flux, ivar, hidden)

    def features(self, spectrum: Spectrum) -> Float[Tensor, "batch features"]:
        """Input features of the head."""
        channels = spectrum.channels()
        pooled = channels.unflatten(2, (TARGETS, POOLED)).mean(-1).flatten(1)
        dense = self.dense(like_weights(torch.cat([pooled, spectrum.stats], 1), self.dense))
        if self.tokens is None:
            return dense
        return torch.cat([dense, self.tokens(channels, spectrum.stats)], 1)


class SpectrumTokens(nn.Module):
    """Transformer over pieces of a spectrum, pooled by learned queries and by the mean.

    Args:
        dim: Width of the tokens.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.
    """

    def __init__(self, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Linear(2 * PATCH, dim)
        self.stats = nn.Linear(STATS, dim)
        self.positions = LearnedPositions(BINS // PATCH + 1, dim)
        self.encoder = Encoder(dim, depth, heads)
        self.pool = AttentionPooling(dim, heads, QUERIES)

    def forward(
        self, channels: Float[Tensor, "batch 2 bins"], stats: Float[Tensor, "batch stats"]
    ) -> Float[Tensor, "batch features"]:
        pieces = channels.unflatten(2, (-1, PATCH)).transpose(1, 2).flatten(2)  # (B, T, 2 PATCH)
        stats, pieces = (like_weights(x, self.embed) for x in (stats, pieces))
        x = torch.cat([self.stats(stats)[:, None], self.embed(pieces)], 1)
        x = self.encoder(self.positions(x))
        return torch.cat([self.pool(x).flatten(1), x.mean(1)], 1)
