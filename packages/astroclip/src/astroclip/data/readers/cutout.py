"""Cutout of a galaxy from several exposures, resampled to a common grid."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter, map_coordinates

from astroclip.data.batch import Image
from astroclip.data.readers.fits import ARCSEC, sky
from astroclip.data.source import Positions
from astroclip.survey import BANDS, PIXEL_SCALE

LARGEST = 152  # pixels along a side, as in the cutouts of AstroCLIP
SEEING = 2.0  # pixels; smoothing before the galaxy is located
APERTURE = 8  # pixels around the peak that define the galaxy's center
Plane = Float[np.ndarray, "height width"]
Square = Float[np.ndarray, "size size"]
Where = Bool[np.ndarray, "size size"]


class Exposure(NamedTuple):
    """Image of one exposure.

    Args:
        band: Filter.
        flux: Nanomaggies per pixel, sky subtracted; NaN where bad.
        wcs: World coordinates.
        weight: Weight in the mean of exposures of one band.
    """

    band: str
    flux: Plane
    wcs: WCS
    weight: float


def cutout(
    exposures: Sequence[Exposure], middle: tuple[float, float], centered: bool = False
) -> Image:
    """Cutout of a galaxy, north up, in nanomaggies per pixel of 0.262 arcsec.

    Args:
        exposures: Exposures in g, r and z.
        middle: Right ascension and declination in degrees.
        centered: Whether ``middle`` is the galaxy's center; else the brightest one nearby is taken.

    Returns:
        The largest square around the galaxy that every band covers; rows go north, columns west.

    Raises:
        ValueError: If there is no such square.
    """
    first = north_up(middle)
    if not centered:
        row, column = _brightest(*_means(exposures, first))
        first = north_up(_between_pixels(exposures[0].wcs, sky_at(first, column, row)))
    image, covered = _means(exposures, first)
    side = np.abs(np.arange(LARGEST) - (LARGEST - 1) / 2)
    from_middle = np.maximum(side[:, None], side)
    half = int(np.min(from_middle, where=~covered, initial=LARGEST / 2))
    if half < 1:
        raise ValueError("image: g, r and z cover no common square around the galaxy")
    inside = slice(LARGEST // 2 - half, LARGEST // 2 + half)
    return image[:, inside, inside]


def regridded(flux: Plane, wcs: WCS, grid: WCS, size: int) -> tuple[Square, Where]:
    """Resample an image to a grid of similar pixels, conserving flux.

    The flux per old pixel is interpolated at the new centers and multiplied by the ratio of pixel
    areas. For shifts and rotations by right angles this equals the exact overlap of pixels.

    Args:
        flux: Flux per pixel; NaN where bad.
        wcs: World coordinates of the image.
        grid: World coordinates of the new grid.
        size: Pixels along a side of the new grid.

    Returns:
        Flux per new pixel, NaN where more than half is bad; mask of pixels inside the old image.
    """
    rows, columns = np.indices((size, size))
    ra, dec = grid.wcs_pix2world(columns.ravel(), rows.ravel(), 0)
    x, y = (each.reshape(size, size) for each in wcs.all_world2pix(ra, dec, 0))
    (x_row, x_column), (y_row, y_column) = np.gradient(x), np.gradient(y)
    area = np.abs(x_column * y_row - x_row * y_column)  # old pixels in a new one
    known = np.isfinite(flux)
    total, part = (
        map_coordinates(each, [y, x], order=1, mode="constant")
        for each in (np.where(known, flux, 0.0), known.astype(np.float64))
    )
    there = part > 0.5
    height, width = flux.shape
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    return np.where(there, total / np.where(there, part, 1) * area, np.nan), inside


def sky_at(wcs: WCS, x: float, y: float) -> tuple[float, float]:
    """Right ascension and declination of a pixel, in degrees."""
    ra, dec = wcs.all_pix2world(x, y, 0)
    return float(ra), float(dec)


def wcs_of(path: Path, header: fits.Header) -> WCS:
    """World coordinates of an image; ``ValueError`` if its header has none."""
    found = sky(header)
    if found is None:
        raise ValueError(f"{path}: CTYPE1: no world coordinates in the header")
    return found


def pixel_scale(wcs: WCS) -> float:
    """Arcsec per pixel."""
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs)))) * ARCSEC


def within(wcs: WCS, shape: tuple[int, int], positions: Positions) -> Bool[np.ndarray, " rows"]:
    """Which positions are inside an image.

    Args:
        wcs: World coordinates of the image.
        shape: Its rows and columns.
        positions: Right ascension and declination in degrees.

    Returns:
        True inside.
    """
    x, y = pixels_of(wcs, shape, positions)
    return (x > -0.5) & (x < shape[1] - 0.5) & (y > -0.5) & (y < shape[0] - 0.5)


def pixels_of(
    wcs: WCS, shape: tuple[int, int], positions: Positions
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Columns and rows of positions in an image, NaN for those far away, where no solution exists.

    Args:
        wcs: World coordinates of the image.
        shape: Its rows and columns.
        positions: Right ascension and declination in degrees.

    Returns:
        Columns and rows, from 0.
    """
    middle = sky_at(wcs, (shape[1] - 1) / 2, (shape[0] - 1) / 2)
    ra, dec = np.radians(positions.T)
    ra0, dec0 = np.radians(middle)
    cosine = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(ra - ra0)
    reach = np.hypot(*shape) * pixel_scale(wcs) / ARCSEC
    near = np.degrees(np.arccos(np.clip(cosine, -1, 1))) < reach
    found = np.full((2, len(positions)), np.nan)
    if near.any():
        found[:, near] = wcs.all_world2pix(*positions[near].T, 0)
    return found[0], found[1]


def field_question(path: Path, shape: tuple[int, ...], where: str) -> str:
    """What to ask about an image that is too large to be of one galaxy."""
    return (
        f"{path}: {shape[-1]} x {shape[-2]} pixels are a field, not one galaxy; "
        f"{{path: {where}, catalog: positions.fits}} cuts out those of a catalog"
    )


def north_up(middle: tuple[float, float]) -> WCS:
    """World coordinates of 0.262 arcsec pixels, north up and east left, around a sky position."""
    grid = WCS(naxis=2)
    grid.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    grid.wcs.crval = list(middle)
    grid.wcs.crpix = [(LARGEST + 1) / 2] * 2
    grid.wcs.cdelt = [-PIXEL_SCALE / ARCSEC, PIXEL_SCALE / ARCSEC]
    return grid


def _between_pixels(wcs: WCS, place: tuple[float, float]) -> tuple[float, float]:
    """The nearest corner of four pixels, as our grid's middle is: aligned images stay sharp."""
    x, y = wcs.all_world2pix(*place, 0)
    return sky_at(wcs, float(np.floor(x)) + 0.5, float(np.floor(y)) + 0.5)


def _means(exposures: Sequence[Exposure], grid: WCS) -> tuple[Image, Where]:
    """Mean of each band on one grid, 0 where unknown; mask of pixels that every band covers."""
    total, weight, seen = (np.zeros((len(BANDS), LARGEST, LARGEST)) for _ in range(3))
    for exposure in exposures:
        if exposure.band in BANDS:
            number = BANDS.index(exposure.band)
            flux, inside = regridded(exposure.flux, exposure.wcs, grid, LARGEST)
            known = np.isfinite(flux) & inside
            total[number] += np.where(known, flux, 0) * exposure.weight
            weight[number] += known * exposure.weight
            seen[number] += inside
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return mean.astype(np.float32), np.all(seen > 0, axis=0)


def _brightest(image: Image, covered: Where) -> tuple[float, float]:
    """Row and column of the galaxy's center."""
    light = gaussian_filter(np.where(covered, image.sum(0), 0.0), SEEING)
    rows, columns = np.indices(light.shape)
    if not covered.any():
        raise ValueError("image: g, r and z cover no common square around the galaxy")
    middle = rows[covered].mean(), columns[covered].mean()
    near = np.hypot(rows - middle[0], columns - middle[1]) < np.sqrt(covered.sum()) / 4
    row, column = np.unravel_index(np.where(near, light, -np.inf).argmax(), light.shape)
    around = np.hypot(rows - row, columns - column) <= APERTURE
    weight = np.where(around, light, 0).clip(0) + 1e-30
    return float(np.average(rows, weights=weight)), float(np.average(columns, weights=weight))
