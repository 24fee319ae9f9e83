"""Ratios of lines that atoms fix, and those that follow the metals."""

import numpy as np
import pytest

from astroclip.simulate.emission_lines import LINES, WAVELENGTHS, Ionization, old, young

GAS = Ionization(np.array([-0.5, 0.0, 0.4]), np.zeros(3))


def line(table, name):
    return table[:, list(LINES).index(name)]


@pytest.mark.parametrize("ratios", [young, old])
@pytest.mark.parametrize(
    ("strong", "weak", "ratio"),
    [
        ("[OIII]5008", "[OIII]4960", 2.98),
        ("[NII]6585", "[NII]6550", 3.05),
        ("H-alpha", "H-beta", 2.86),
    ],
)
def test_atoms_fix_ratios(ratios, strong, weak, ratio):
    table = ratios(GAS)
    np.testing.assert_allclose(line(table, strong) / line(table, weak), ratio)


def test_metals_raise_nitrogen_and_lower_oxygen():
    table = young(GAS)
    assert (np.diff(line(table, "[NII]6585")) > 0).all()
    assert (np.diff(line(table, "[OIII]5008")) < 0).all()


def test_lines_stand_where_the_lines_of_desi_do():
    assert (np.diff(WAVELENGTHS) > 0).all()
    # Hydrogen's, from the Rydberg constant of a finite nucleus; in vacuum.
    for name, upper in {"H-alpha": 3, "H-beta": 4, "H-gamma": 5, "H-delta": 6}.items():
        expected = 1e8 / (109_677.58 * (1 / 4 - 1 / upper**2))
        assert abs(LINES[name] - expected) < 0.1
