"""Aperture photometry of an image as input features.

Fluxes in apertures, colors, sizes, concentration and ellipticity of the central object.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from astroclip.survey import PIXEL_SCALE
from sciformer.nn.tensor_cache import kept

FEATURES = 28
APERTURES = (0.75, 1.5, 2.5, 4.0, 6.0)  # radii in arcsec
COLOR_APERTURES = (0, 2, 4)  # indices of APERTURES: core, middle, total
SOFTENING = 0.3  # nanomaggies; about the noise of z in the widest aperture
RINGS = 24  # steps of the curve of growth, up to the widest aperture
FRACTIONS = (0.2, 0.5, 0.8)  # of the light: their radii give size and concentration
WINDOW = 2.0  # arcsec; sigma of the Gaussian weight of the second moments
SUBPIXELS = 5  # per side, for the fraction of a pixel inside an aperture

Images = Float[Tensor, "batch 3 height width"]


def photometry(images: Images) -> Float[Tensor, "batch 28"]:
    """Measure the central object of each image, in at least fp32.

    Args:
        images: Nanomaggies in g, r and z at 0.262 arcsec per pixel.

    Returns:
        ``asinh(flux / 0.3)`` in 5 apertures of g, of r and of z; differences of these, g - r and
        r - z, in the first, third and last aperture; the half-light radius of each band in
        arcsec; ``log(r80 / r20)`` of each band; the ellipticity ``1 - b / a`` of all light.
        Finite for finite images, empty ones too.
    """
    with torch.autocast(images.device.type, enabled=False):  # bf16 would change colors by 6 %
        return _photometry(images.to(torch.promote_types(images.dtype, torch.float32)))


def _photometry(images: Images) -> Float[Tensor, "batch 28"]:
    grown = images.flatten(2) @ _circles(*images.shape[-2:]).to(images).T  # (B, 3, radii)
    fluxes = torch.asinh(grown[..., : len(APERTURES)] / SOFTENING)
    colors = (fluxes[:, :-1] - fluxes[:, 1:])[..., COLOR_APERTURES]
    inner, half, outer = _radii(grown[..., len(APERTURES) :]).unbind(-1)
    ellipticity = _ellipticity(images.sum(1))[:, None]
    parts = (fluxes.flatten(1), colors.flatten(1), half, (outer / inner).log(), ellipticity)
    return torch.cat(parts, dim=1)


def _radii(growth: Float[Tensor, "batch 3 rings"]) -> Float[Tensor, "batch 3 fractions"]:
    """Radii in arcsec that enclose fractions of the light, by linear interpolation."""
    total = growth[..., -1:].clamp_min(SOFTENING / 10)
    share = (growth / total).cummax(dim=-1).values.clamp(0, 1)
    share = torch.cat([torch.zeros_like(total), share], dim=-1)
    wanted = torch.tensor(FRACTIONS).to(share).expand(*share.shape[:-1], -1).contiguous()
    above = torch.searchsorted(share, wanted).clamp(1, RINGS)
    low, high = share.gather(-1, above - 1), share.gather(-1, above)
    part = ((wanted - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return (above - 1 + part).clamp_min(0.1) * (APERTURES[-1] / RINGS)


def _ellipticity(light: Float[Tensor, "batch height width"]) -> Float[Tensor, " batch"]:
    """Ellipticity from second moments with a Gaussian weight; 0 where there is no light."""
    height, width = light.shape[-2:]
    x, y = (each.to(light) for each in _offsets(height, width, 1))
    window = torch.exp(-(x**2 + y**2) / (2 * WINDOW**2))
    moments = torch.stack([x**2 + y**2, x**2 - y**2, 2 * x * y]) * window
    size, plus, cross = torch.einsum("bhw,mhw->mb", light, moments)
    stretch = torch.hypot(plus, cross) / size.clamp_min(1e-3)
    stretch = stretch.clamp(0, 0.999)
    return 1 - ((1 - stretch) / (1 + stretch)).sqrt()


@kept(64)
def _circles(height: int, width: int) -> Float[Tensor, "radii pixels"]:
    """Fraction of each pixel inside the apertures, then inside the curve of growth's radii."""
    rings = torch.arange(1, RINGS + 1) * (APERTURES[-1] / RINGS)
    radii = torch.cat([torch.tensor(APERTURES), rings])
    distance = torch.hypot(*_offsets(height, width, SUBPIXELS))
    inside = (distance <= radii[:, None, None]).float()
    return torch.nn.functional.avg_pool2d(inside, SUBPIXELS).flatten(1)


def _offsets(
    height: int, width: int, parts: int
) -> tuple[Float[Tensor, "rows columns"], Float[Tensor, "rows columns"]]:
    """Offsets of subpixels from the image center in arcsec: to the right, and down."""
    x, y = (
        ((torch.arange(side * parts) + 0.5) / parts - side / 2) * PIXEL_SCALE
        for side in (width, height)
    )
    return torch.broadcast_tensors(x[None, :], y[:, None])
