"""Products and sums: what is written is true."""

import re

import numpy as np
import pytest

from xval.simulate import text_set


def test_products_and_sums_stay_in_the_range_and_are_true():
    found = text_set("products").simulate(0, 4000)
    decades, sums, zeros = set(), 0, 0
    for text in found.texts:
        a, operator, b, c = re.fullmatch(
            r"(-?[0-9.e-]+?(?:e[-+][0-9]+)?)([*+])(.*)=(.*)", text
        ).groups()
        a, b, c = float(a), float(b), float(c)
        exact = a + b if operator == "+" else a * b
        assert c == pytest.approx(exact, rel=1e-6, abs=1e-8)
        sums, zeros = sums + (operator == "+"), zeros + (a == 0) + (b == 0)
        for number in (a, b, c):
            if number:
                assert 0.999e-8 <= abs(number) <= 1.001e8
                decades.add(int(np.floor(np.log10(abs(number)))))
    assert set(range(-8, 8)) <= decades
    assert 1850 < sums < 2150  # five deviations
    assert 300 < zeros < 500
    assert not any(re.search(r"-0(?![.0-9])", text) for text in found.texts)
