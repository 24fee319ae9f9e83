"""Simulated images of galaxies in g, r and z, as in the Legacy Surveys."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from numpy.random import Generator

from astroclip.simulate.population import Latents
from astroclip.simulate.profiles import Mixture, mixture
from astroclip.survey import PIXEL_SCALE

# Stein et al. (2021): log-normals (shape, location, scale) of the bands' noise in nanomaggies per
# pixel and of their PSF's sigma in pixels.
NOISE = np.array(
    [
        [0.2264926, -0.0006735, 0.0037602],
        [0.2431146, -0.0023663, 0.0067417],
        [0.1334844, -0.0143416, 0.0260779],
    ]
)
BLUR = np.array(
    [
        [0.2109966, 1.0807153, 1.3153171],
        [0.3008485, 1.2394326, 0.9164757],
        [0.3471172, 1.1928363, 0.8233702],
    ]
)
NEIGHBORS = 0.8  # mean number of neighbors in 48 x 48 pixels
CROWD = 48**2  # pixels of that area
FAINTEST, BRIGHTEST = 23.5, 17.5  # magnitudes in r of neighbors
COUNTS = 0.35  # slope of the number counts, dex per magnitude
WINDOW = 48  # pixels along a side of a neighbor's stamp
STARS = 0.3  # fraction of neighbors that are stars
CONTRAST = np.array(
    [1.0, 0.7, 0.4]
)  # relative contrast of spiral arms in g, r and z: young stars are blue
CACHED = 10_000  # pixels whose Gaussians fit into a cache

Image = Float32[np.ndarray, "galaxies 3 height width"]
Bands = Float64[np.ndarray, "galaxies 3"]


class Source(NamedTuple):
    """Sources of one light profile, one in each image.

    Args:
        x: Pixels to the right of the image center.
        y: Pixels below it.
        radius: Half-light radius in pixels.
        axis: Axis ratio, short over long.
        angle: Position angle of the long axis in radians.
        flux: Nanomaggies.
    """

    x: Float64[np.ndarray, " galaxies"]
    y: Float64[np.ndarray, " galaxies"]
    radius: Float64[np.ndarray, " galaxies"]
    axis: Float64[np.ndarray, " galaxies"]
    angle: Float64[np.ndarray, " galaxies"]
    flux: Bands


def expose(
    rng: Generator,
    galaxies: Latents,
    fluxes: Float64[np.ndarray, "galaxies 2 bands"],
    arms: Float64[np.ndarray, " galaxies"],
    size: int,
) -> Image:
    """Simulate an image of each galaxy; PSF, neighbors and noise are drawn for each image and band.

    Args:
        rng: Random generator.
        galaxies: Properties of the galaxies.
        fluxes: Nanomaggies of bulge and disk.
        arms: Contrast of spiral arms; 0 for none.
        size: Pixels along a side.

    Returns:
        Nanomaggies per pixel.
    """
    count = len(fluxes)
    blur = lognormal(rng, BLUR, count)
    noise = lognormal(rng, NOISE, count).astype(np.float32)
    x, y = rng.uniform(-0.5, 0.5, (2, count))
    shape = galaxies.disk_axis()
    disk = Source(x, y, galaxies.disk_radius / PIXEL_SCALE, shape, galaxies.angle, fluxes[:, 1])
    bulge = Source(
        x,
        y,
        galaxies.bulge_radius / PIXEL_SCALE,
        galaxies.bulge_axis,
        galaxies.angle,
        fluxes[:, 0],
    )
    image = render(disk, mixture("exponential"), blur, size)
    winding = np.stack([rng.uniform(2.0, 5.0, count), rng.uniform(0, 2 * np.pi, count)], 1)
    _add_arms(image, disk, arms, winding)
    image += render(bulge, mixture("de_vaucouleurs"), blur, size)
    _add_neighbors(rng, image, blur)
    image += rng.standard_normal(image.shape, np.float32) * noise[..., None, None]
    return image


def render(source: Source, profile: Mixture, blur: Bands, size: int) -> Image:
    """Convolve sources with Gaussian PSFs and sample them at pixel centers.

    The PSF includes the pixel response and is wider than a pixel, so the sum over pixels is the
    flux.

    Args:
        source: One source in each image.
        profile: Light profile.
        blur: Sigma of the PSF in pixels.
        size: Pixels along a side.

    Returns:
        Nanomaggies per pixel.
    """
    exponents, heights = _gaussians(source, profile, blur)
    powers = _powers(size)
    count, bands, gaussians = heights.shape
    image = np.empty((count, bands, 1, size * size), np.float32)
    chunk = max(1, CACHED // size**2)
    for start in range(0, count, chunk):
        part = slice(start, start + chunk)
        values = exponents[part].reshape(-1, 6) @ powers
        np.exp(values, out=values)
        values = values.reshape(-1, bands, gaussians, size * size)
        np.matmul(heights[part, :, None], values, out=image[part])
    return image.reshape(count, bands, size, size)


def lognormal(
    rng: Generator, law: Float64[np.ndarray, "bands 3"], count: int
) -> Float64[np.ndarray, "galaxies bands"]:
    """Draw from log-normals (shape, location, scale)."""
    shape, location, scale = law.T
    return location + scale * np.exp(shape * rng.standard_normal((count, len(law))))


def _gaussians(
    source: Source, profile: Mixture, blur: Bands
) -> tuple[
    Float32[np.ndarray, "galaxies bands gaussians 6"],
    Float32[np.ndarray, "galaxies bands gaussians"],
]:
    """Coefficients of 1, x, y, xx, xy, yy in the exponents, and amplitudes."""
    long = source.radius[:, None, None] ** 2 * profile.variance + blur[..., None] ** 2
    short = (source.radius * source.axis)[:, None, None] ** 2 * profile.variance
    short = short + blur[..., None] ** 2
    cos, sin = (f(source.angle)[:, None, None] for f in (np.cos, np.sin))
    xx = cos**2 / long + sin**2 / short
    yy = sin**2 / long + cos**2 / short
    xy = 2 * cos * sin * (1 / long - 1 / short)
    x, y = source.x[:, None, None], source.y[:, None, None]
    coefficients = [
        xx * x**2 + xy * x * y + yy * y**2,
        -2 * xx * x - xy * y,
        -2 * yy * y - xy * x,
        xx,
        xy,
        yy,
    ]
    heights = source.flux[..., None] * profile.weight / (2 * np.pi * np.sqrt(long * short))
    return (-0.5 * np.stack(coefficients, -1)).astype(np.float32), heights.astype(np.float32)


def _grid(size: int) -> tuple[Float32[np.ndarray, " pixels"], Float32[np.ndarray, " pixels"]]:
    """Pixel offsets to the right of and below the center."""
    side = (np.arange(size) - (size - 1) / 2).astype(np.float32)
    return np.tile(side, size), np.repeat(side, size)


def _powers(size: int) -> Float32[np.ndarray, "6 pixels"]:
    x, y = _grid(size)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])


def _add_arms(
    image: Image,
    disk: Source,
    arms: Float64[np.ndarray, " galaxies"],
    winding: Float64[np.ndarray, "galaxies 2"],
) -> None:
    """Add two logarithmic spiral arms in the plane of the disk.

    The light is multiplied by 1 + c cos(2 theta - w ln r + phase), the mean of which is 1 on every
    ellipse; it fades within half a half-light radius.
    """
    px, py = _grid(image.shape[-1])
    for i in np.flatnonzero(arms):
        x, y = px - np.float32(disk.x[i]), py - np.float32(disk.y[i])
        cos, sin = np.float32(np.cos(disk.angle[i])), np.float32(np.sin(disk.angle[i]))
        u, v = x * cos + y * sin, (y * cos - x * sin) / np.float32(disk.axis[i])
        square = u * u + v * v
        core = np.float32(0.25 * disk.radius[i] ** 2 + 1.0)
        phase = np.float32(0.5 * winding[i, 0]) * np.log(square + core)
        phase += np.float32(winding[i, 1])
        wave = (u * u - v * v) * np.cos(phase) + 2 * u * v * np.sin(phase)
        wave = (wave / (square + core)).reshape(image.shape[-2:])
        image[i] *= 1 + (arms[i] * CONTRAST).astype(np.float32)[:, None, None] * wave


def _add_neighbors(rng: Generator, image: Image, blur: Bands) -> None:
    """Add faint galaxies and stars, some of them across the edge."""
    size = image.shape[-1]
    owner = np.repeat(np.arange(len(image)), rng.poisson(NEIGHBORS * size**2 / CROWD, len(image)))
    count = len(owner)
    steps = 10 ** (COUNTS * (FAINTEST - BRIGHTEST))
    magnitude = BRIGHTEST + np.log10(1 + rng.random(count) * (steps - 1)) / COUNTS
    red = rng.normal([0.9, 0.0, -0.5], [0.35, 0.0, 0.25], (count, 3))
    flux = 10 ** (0.4 * (22.5 - magnitude[:, None] - red))
    point = rng.random(count) < STARS
    radius = np.where(point, 1e-3, rng.lognormal(np.log(0.6), 0.4, count)) / PIXEL_SCALE
    axis, angle = rng.uniform(0.3, 1.0, count), rng.uniform(0, np.pi, count)
    corner = rng.uniform(0, size, (2, count)) - WINDOW / 2
    first = np.rint(corner).astype(np.int64)
    x, y = corner - first
    around = Source(x, y, radius, axis, angle, flux)
    stamps = render(around, mixture("exponential"), blur[owner], WINDOW)
    for stamp, i, (left, top) in zip(stamps, owner, first.T, strict=True):
        columns, rows = (slice(max(0, at), min(size, at + WINDOW)) for at in (left, top))
        image[i, :, rows, columns] += stamp[
            :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
