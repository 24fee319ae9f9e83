"""Plots of a galaxy: color image, and spectrum with marked lines."""

from collections.abc import Mapping

import numpy as np
import torch
from astropy.visualization import make_lupton_rgb
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from torch import Tensor

from astroclip.nn.spectrum_encoder import BINS, Rebin
from astroclip.survey import FIRST, PIXELS, STEP
from sciformer.report.figures import BASELINE, BLUE, GREEN, INK

LINES: Mapping[str, float] = {  # Angstrom, in vacuum
    "[OII]": 3728.5,
    "K": 3934.8,
    "H": 3969.6,
    "H\u03b2": 4862.7,
    "[OIII]": 5008.2,
    "Mg": 5176.6,
    "Na": 5895.6,
    "H\u03b1": 6564.6,
}
SIDES = {"K": "right", "H": "left", "H\u03b2": "right", "Mg": "left"}  # names of close lines
WEIGHTS = (2.0, 1.2, 0.75)  # of g, r and z, so that a common galaxy is of no strong color
STRETCH, SOFTNESS = 0.15, 8.0  # nanomaggies of a pixel; as make_lupton_rgb takes them
TICK = 0.85  # of the height, where the mark of a line begins
TOGETHER = 4  # bins of a point that is drawn
FLUX = "flux [10\u207b\u00b9\u2077 erg/s/cm\u00b2/\u00c5]"
WAVELENGTH = "wavelength [\u00c5]"

Image = Float[np.ndarray, "3 height width"]


def rgb(image: Image) -> UInt8[np.ndarray, "height width 3"]:
    """Color image: asinh stretch of the mean over bands, keeping colors (Lupton et al. 2004).

    Args:
        image: Nanomaggies in g, r and z.

    Returns:
        Red, green and blue (from z, r and g); rows and columns as in ``image``.
    """
    g, r, z = (weight * band for weight, band in zip(WEIGHTS, image, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):  # it divides by 0, and leaves that out
        return make_lupton_rgb(z, r, g, stretch=STRETCH, Q=SOFTNESS)  # pyright: ignore[reportArgumentType]


def stamp(axes: Axes, image: Tensor, title: str = "", color: str | None = None) -> None:
    """Draw an image, north up.

    Args:
        axes: Axes to draw on.
        image: Nanomaggies in g, r and z; its rows go north, as those of FITS cutouts do.
        title: Title above the image.
        color: Color of the frame; None for no frame.
    """
    axes.imshow(rgb(image.numpy()), origin="lower")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=8, pad=3)
    axes.grid(False)
    framed(axes, color)


def spectrum(axes: Axes, flux: Tensor, ivar: Tensor, redshift: float = float("nan")) -> None:
    """Draw a spectrum, averaged to 512 points, with marks at redshifted lines.

    Args:
        axes: Axes to draw on.
        flux: Flux in the survey's pixels or in 2048 bins.
        ivar: Inverse variance of ``flux``.
        redshift: Redshift of the marks; NaN for no marks.
    """
    wavelength, drawn = averaged(flux, ivar)
    axes.plot(wavelength, drawn, color=BLUE, linewidth=0.6)
    there = drawn[np.isfinite(drawn)]
    low, high = np.percentile(there, [0.5, 99.5]) if there.size else (0.0, 1.0)
    margin = 0.25 * max(high - low, 1e-3)
    axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(low - margin, high + margin))
    axes.grid(False)
    axes.tick_params(labelsize=8)
    for rest in LINES.values():
        if wavelength[0] < rest * (1 + redshift) < wavelength[-1]:
            axes.axvline(rest * (1 + redshift), TICK, color=BASELINE, linewidth=0.8, zorder=0)


def name_lines(axes: Axes, redshift: float) -> None:
    """Write the names of lines above a spectrum.

    Args:
        axes: Axes of the spectrum.
        redshift: Redshift of the lines.
    """
    low, high = axes.get_xlim()
    for line, rest in LINES.items():
        at = rest * (1 + redshift)
        if low < at < high:
            side = SIDES.get(line, "center")
            axes.text(
                at, 1.01, line, transform=axes.get_xaxis_transform(), fontsize=6.5, ha=side,
                va="bottom", color=INK,
            )  # fmt: skip


def averaged(flux: Tensor, ivar: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Average a spectrum to the points of a plot.

    Args:
        flux: Flux in the survey's pixels or in 2048 bins.
        ivar: Inverse variance of ``flux``.

    Returns:
        Wavelengths in Angstrom, and the ivar-weighted mean flux; NaN where not measured.
    """
    if len(flux) == PIXELS:
        flux, ivar = (each[0] for each in Rebin()(flux[None], ivar[None]))
    weight = ivar.double().unflatten(0, (-1, TOGETHER))
    total = weight.sum(1)
    mean = (flux.double().unflatten(0, (-1, TOGETHER)) * weight).sum(1) / total
    edges = np.geomspace(FIRST - STEP / 2, FIRST + STEP * (PIXELS - 0.5), BINS // TOGETHER + 1)
    return np.sqrt(edges[1:] * edges[:-1]), torch.where(total > 0, mean, torch.nan).numpy()


def framed(axes: Axes, color: str | None = GREEN) -> None:
    """Draw a frame around axes.

    Args:
        axes: Axes to frame.
        color: Color of the frame; None for no frame.
    """
    for spine in axes.spines.values():
        spine.set_visible(color is not None)
        if color is not None:
            spine.set(color=color, linewidth=2.5)
