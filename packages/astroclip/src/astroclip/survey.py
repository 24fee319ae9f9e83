"""Bands, pixel grids and units of images (Legacy Surveys) and spectra (DESI)."""

import numpy as np

BANDS = ("g", "r", "z")
PIXEL_SCALE = 0.262  # arcsec; images are fluxes of pixels in nanomaggies, (band, row, column)

PIXELS = 7781  # pixels of a spectrum: DESI's three arms on one grid
FIRST, STEP = 3600.0, 0.8  # Angstrom, in vacuum
FLUX_UNIT = "1e-17 erg s-1 cm-2 A-1"  # ivar is in its inverse square, 0 where there is no flux


def wavelengths() -> np.ndarray:
    """Wavelengths of the pixels of a spectrum in Angstrom, float64 (7781,)."""
    return FIRST + STEP * np.arange(PIXELS)
