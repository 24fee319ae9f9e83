"""The noise of a spectrum whose file does not say it."""

import numpy as np

from astroclip.data.batch import Spectrum

PIXELS = 251  # of a piece whose noise is taken as one: 200 Angstrom; 31 of them make a spectrum
TO_SIGMA = 1.482602 / np.sqrt(6)  # of the median |2 f(i) - f(i-2) - f(i+2)| of Gaussian noise

LEAST = 1e-3  # noise as a share of the root mean square of the flux; models have none


def estimated_ivar(flux: np.ndarray) -> Spectrum:
    """Inverse variance of a spectrum from how much its pixels differ from their neighbours.

    Source: DER_SNR (Stoehr et al. 2008, ADASS XVII), in pieces of 200 Angstrom, with straight lines
    between their middles.

    Args:
        flux: Of the original AstroCLIP data, say, which has no noise with it.

    Returns:
        0 where the flux is exactly 0 or not finite, as nothing was measured there.
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
