"""Estimate the noise of a spectrum from its pixels."""

import numpy as np

from astroclip.data.batch import Spectrum

PIXELS = 251  # of a segment with constant noise: 200 Angstrom; a spectrum has 31
TO_SIGMA = 1.482602 / np.sqrt(
    6
)  # sigma of Gaussian noise over the median of |2 f(i) - f(i-2) - f(i+2)|

LEAST = 1e-3  # smallest noise relative to the RMS flux, for noise-free models


def estimated_ivar(flux: np.ndarray) -> Spectrum:
    """Inverse variance of a spectrum from differences of neighboring pixels (DER_SNR).

    Stoehr et al. 2008 (ADASS XVII), in segments of 200 Angstrom with linear interpolation between
    their centers.

    Args:
        flux: Spectrum without known noise, as in the original AstroCLIP data.

    Returns:
        Inverse variance; 0 where the flux is exactly 0 or not finite: not measured.
    """
    measured = np.isfinite(flux) & (flux != 0)
    values = np.where(measured, flux, 0).astype(np.float64)
    curve = np.abs(2 * values[2:-2] - values[:-4] - values[4:])
    whole = measured[2:-2] & measured[:-4] & measured[4:]
    middles, sigmas = [], []
    for start in range(0, len(curve), PIXELS):
        piece = curve[start : start + PIXELS][whole[start : start + PIXELS]]
        if len(piece):
            middles.append(start + 2 + PIXELS / 2)
            sigmas.append(TO_SIGMA * np.median(piece))
    if not sigmas:
        return np.zeros(flux.shape, np.float32)
    sigma = np.interp(np.arange(len(flux)), middles, sigmas)
    sigma = np.maximum(sigma, LEAST * np.sqrt(np.mean(values[measured] ** 2)))
    return np.where(measured, sigma**-2, 0).astype(np.float32)
