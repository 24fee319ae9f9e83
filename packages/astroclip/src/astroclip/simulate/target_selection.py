"""Target selection: galaxies of DESI's Bright Galaxy Survey."""

import numpy as np
from jaxtyping import Float64
from numpy.random import Generator

from astroclip.simulate.light import band_fluxes, light
from astroclip.simulate.population import (
    BRIGHTEST,
    CANDIDATES,
    FAINTEST,
    FUZZ,
    Latents,
    candidates,
)


def targets(rng: Generator, count: int) -> Latents:
    """Draw galaxies brighter than the magnitude limit of the Bright Galaxy Survey.

    Args:
        rng: Random generator.
        count: Number of galaxies.

    Returns:
        The galaxies, in no order.
    """
    found: list[Latents] = []
    while sum(len(part.redshift) for part in found) < count:
        drawn = candidates(rng, CANDIDATES)
        red = 22.5 - 2.5 * np.log10(_fluxes(drawn)) + rng.normal(0, FUZZ, CANDIDATES)
        found.append(drawn.kept((red > BRIGHTEST) & (red < FAINTEST)))
    whole = Latents(*map(np.concatenate, zip(*found, strict=True)))
    return whole.kept(np.arange(count))


def _fluxes(drawn: Latents) -> Float64[np.ndarray, " galaxies"]:
    return band_fluxes(drawn, light(drawn))[..., 1].sum(1)
