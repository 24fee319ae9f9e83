"""Emission lines of galaxies: H II regions around young stars, and weak lines of old populations.

The star formation rate gives H-alpha (Kennicutt & Evans 2012), case B the other hydrogen lines;
metal lines follow the metallicity: more nitrogen and less oxygen at high metallicity.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

LINES = {  # Angstrom, in vacuum
    "[OII]3727": 3727.09,
    "[OII]3730": 3729.88,
    "[NeIII]3870": 3869.86,
    "H-delta": 4102.89,
    "H-gamma": 4341.68,
    "H-beta": 4862.68,
    "[OIII]4960": 4960.30,
    "[OIII]5008": 5008.24,
    "HeI5877": 5877.25,
    "[OI]6302": 6302.05,
    "[NII]6550": 6549.86,
    "H-alpha": 6564.61,
    "[NII]6585": 6585.27,
    "[SII]6718": 6718.29,
    "[SII]6733": 6732.67,
}
WAVELENGTHS = np.array(list(LINES.values()))
HALPHA_PER_RATE = 10**41.27  # erg / s per solar mass / yr
HALPHA_PER_OLD_MASS = 1.2e29  # erg / s per solar mass: about 0.8 A of equivalent width

Galaxies = Float64[np.ndarray, " galaxies"]
Lines = Float64[np.ndarray, "galaxies lines"]


class Ionization(NamedTuple):
    """Parameters of the line ratios.

    Args:
        metallicity: Gas metallicity, log10 of solar.
        excitation: Offset of the oxygen lines from the metallicity relation, in dex.
    """

    metallicity: Galaxies
    excitation: Galaxies


def young(gas: Ionization) -> Lines:
    """Line ratios to H-alpha of gas ionized by young stars."""
    metals = gas.metallicity
    return _ratios(
        nitrogen=10 ** np.clip(-0.50 + 0.7 * metals, -1.6, -0.2),
        oxygen3=10 ** np.clip(-0.25 - 1.2 * metals + gas.excitation, -0.9, 0.8),
        oxygen2=10 ** np.clip(-0.15 - 0.4 * metals + 0.3 * gas.excitation, -0.8, 0.4),
        sulfur=np.full_like(metals, 0.3),
    )


def old(gas: Ionization) -> Lines:
    """Line ratios to H-alpha of gas ionized by old stars or a weak active nucleus."""
    one = np.ones_like(gas.metallicity)
    excited = 10**gas.excitation
    return _ratios(nitrogen=1.1 * one, oxygen3=1.8 * excited, oxygen2=1.6 * one, sulfur=0.8 * one)


def _ratios(nitrogen: Galaxies, oxygen3: Galaxies, oxygen2: Galaxies, sulfur: Galaxies) -> Lines:
    """Ratios of all lines from [NII]6585, [OII], [SII] over H-alpha and [OIII]5008 over H-beta."""
    beta = 1 / 2.86
    one = np.ones_like(nitrogen)
    table = {
        "[OII]3727": 0.43 * oxygen2,
        "[OII]3730": 0.57 * oxygen2,
        "[NeIII]3870": 0.1 * beta * oxygen3,
        "H-delta": 0.259 * beta * one,
        "H-gamma": 0.468 * beta * one,
        "H-beta": beta * one,
        "[OIII]4960": beta * oxygen3 / 2.98,
        "[OIII]5008": beta * oxygen3,
        "HeI5877": 0.04 * one,
        "[OI]6302": 0.1 * sulfur,
        "[NII]6550": nitrogen / 3.05,
        "H-alpha": one,
        "[NII]6585": nitrogen,
        "[SII]6718": 0.58 * sulfur,
        "[SII]6733": 0.42 * sulfur,
    }
    return np.stack([table[name] for name in LINES], axis=1)
