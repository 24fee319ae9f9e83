"""Resample spectra and images to the grids of ``astroclip.survey``, conserving flux."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.sparse import csr_array

from astroclip.data.batch import Image, Spectrum
from astroclip.survey import FIRST, PIXEL_SCALE, PIXELS, STEP, wavelengths

SAME = STEP / 80  # Angstrom; tolerance of wavelengths in float32
SAME_SCALE = 2e-3  # relative; pixel scales vary by as much within a camera
FINEST, COARSEST = 0.01, 20.0  # arcsec per pixel; space telescopes to far infrared
LARGEST = 8192  # pixels along a side


class Overlaps(NamedTuple):
    """Overlaps between pixels of two grids.

    Args:
        source: Index of the old pixel.
        target: Index of the new pixel.
        length: Length of the overlap.
    """

    source: Int[np.ndarray, " pairs"]
    target: Int[np.ndarray, " pairs"]
    length: Float[np.ndarray, " pairs"]


def resampled(
    wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray, air: bool = False
) -> tuple[Spectrum, Spectrum]:
    """Resample a spectrum to DESI's pixels, conserving its integral over wavelength.

    A new pixel is the mean of the measured old pixels that it overlaps, weighted by overlap, with
    the variance of this mean. It counts as measured if at least half of it was measured.

    Args:
        wavelength: Center of each old pixel in Angstrom, ascending; at most 0 marks padding.
        flux: Flux density per unit wavelength.
        ivar: Inverse variance of ``flux``; 0 where not measured.
        air: Whether the wavelengths are in air.

    Returns:
        Flux and ivar of 7781 pixels; both 0 where not measured.

    Raises:
        ValueError: If the arrays differ in length, wavelengths do not ascend or none is in range.
    """
    if not wavelength.shape == flux.shape == ivar.shape or wavelength.ndim != 1:
        shapes = f"{wavelength.shape}, {flux.shape} and {ivar.shape}"
        raise ValueError(f"wavelength, flux and ivar: shapes {shapes} are not one number of pixels")
    there = np.isfinite(wavelength) & (wavelength > 0)
    wavelength, flux, ivar = (x[there].astype(np.float64) for x in (wavelength, flux, ivar))
    if len(wavelength) < 2 or (np.diff(wavelength) <= 0).any():
        raise ValueError("wavelength: does not ascend from pixel to pixel")
    grid = wavelengths()
    old = to_vacuum(wavelength) if air else wavelength
    if old[-1] < grid[0] or old[0] > grid[-1]:
        raise ValueError(
            f"wavelength: {old[0]:g} to {old[-1]:g} Angstrom, but {grid[0]:g} to {grid[-1]:g} are "
            "needed"
        )
    measured = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    flux, ivar = np.where(measured, flux, 0.0), np.where(measured, ivar, 0.0)
    first = round((old[0] - FIRST) / STEP)
    if np.abs(old - (FIRST + STEP * (first + np.arange(len(old))))).max() <= SAME:
        flux, ivar = (_moved(x, first) for x in (flux, ivar))
    else:
        flux, ivar = _mean(overlaps(edges(old), edges(grid)), flux, ivar, len(grid))
    return flux.astype(np.float32), ivar.astype(np.float32)


def to_vacuum(air: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Convert wavelengths in air to vacuum, in Angstrom, above 2000 Angstrom.

    Refractive index of Ciddor (1996), inverted as by VALD.
    """
    square = (1e4 / air) ** 2
    index = (
        1.00008336624212083
        + 0.02408926869968 / (130.1065924522 - square)
        + 0.0001599740894897 / (38.92568793293 - square)
    )
    return air * index


def rescaled(image: Image, scale: float) -> Float32[np.ndarray, "3 rows columns"]:
    """Rescale an image to pixels of 0.262 arcsec, conserving flux.

    Args:
        image: Flux per pixel; its center stays fixed.
        scale: Arcsec per pixel of the image; 0.01 to 20.

    Returns:
        The rescaled image; itself if the scale is the same.

    Raises:
        ValueError: If the scale is out of range, or the result has no pixel or too many.
    """
    if not FINEST <= scale <= COARSEST:
        raise ValueError(f"scale: {scale} is not between {FINEST} and {COARSEST} arcsec per pixel")
    if abs(scale / PIXEL_SCALE - 1) < SAME_SCALE:
        return image
    rows, columns = (_onto(size, scale / PIXEL_SCALE) for size in image.shape[1:])
    planes = [rows @ np.nan_to_num(plane.astype(np.float64)) @ columns.T for plane in image]
    return np.stack(planes).astype(np.float32)


def edges(middles: Float[np.ndarray, " pixels"]) -> Float[np.ndarray, " edges"]:
    """Edges of pixels: halfway between their centers."""
    between = (middles[1:] + middles[:-1]) / 2
    first, last = 2 * middles[0] - between[0], 2 * middles[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def overlaps(old: Float[np.ndarray, " edges"], new: Float[np.ndarray, " new_edges"]) -> Overlaps:
    """Overlaps between the pixels of two grids, in ascending order.

    Args:
        old: Pixel edges of the old grid, ascending.
        new: Pixel edges of the new grid, ascending.

    Returns:
        All overlapping pairs of pixels.
    """
    marks = np.unique(np.concatenate([old, new]))
    inside = (marks >= max(old[0], new[0])) & (marks <= min(old[-1], new[-1]))
    marks = marks[inside]
    middles = (marks[1:] + marks[:-1]) / 2
    source, target = (np.searchsorted(each, middles) - 1 for each in (old, new))
    return Overlaps(source, target, np.diff(marks))


def _moved(values: Float[np.ndarray, " points"], first: int) -> Float[np.ndarray, " pixels"]:
    """Embed the pixels of one arm in the full grid; ``first`` is the index of its first pixel."""
    start, stop = max(first, 0), min(first + len(values), PIXELS)
    pixels = np.zeros(PIXELS)
    pixels[start:stop] = values[start - first : stop - first]
    return pixels


def _mean(
    shared: Overlaps,
    flux: Float[np.ndarray, " points"],
    ivar: Float[np.ndarray, " points"],
    pixels: int,
) -> tuple[Float[np.ndarray, " pixels"], Float[np.ndarray, " pixels"]]:
    length = shared.length * (ivar > 0)[shared.source]
    variance = np.divide(1.0, ivar, out=np.zeros_like(ivar), where=ivar > 0)[shared.source]
    total, integral, spread = (
        np.bincount(shared.target, weights, pixels)
        for weights in (length, length * flux[shared.source], length**2 * variance)
    )
    measured = total >= STEP / 2 - SAME
    mean, new = np.zeros(pixels), np.zeros(pixels)
    mean[measured] = integral[measured] / total[measured]
    new[measured] = total[measured] ** 2 / spread[measured]
    return mean, new


def _onto(size: int, ratio: float) -> csr_array:
    """Overlap fractions (new, old) for old pixels that are ``ratio`` times the new ones."""
    count = int(size * ratio + 1e-6)
    if count > LARGEST:
        raise ValueError(f"scale: {size} pixels would become {count}; at most {LARGEST} can be")
    if count < 1:
        raise ValueError(f"scale: {size} pixels do not cover one of {PIXEL_SCALE} arcsec")
    old = (np.arange(size + 1) - size / 2) * ratio
    shared = overlaps(old, np.arange(count + 1) - count / 2)
    shares = shared.length / ratio
    return csr_array((shares, (shared.target, shared.source)), shape=(count, size))
