"""Intervals of answers: the share that they hold, by field, in normalized units."""

import numpy as np
import pytest
import torch

from xval.encodings.normalization import Transforms
from xval.nn.intervals import Aside, Intervals

LOG = {"kind": "log", "unit": 1e-3, "offset": 0.0, "scale": 1.0}
UNITS = Transforms({"": LOG, "x": LOG})
NONE = np.empty((4000, 0))


def noisy(seed, size=4000):
    """Truths over six decades, with answers that are off by a factor; of two fields."""
    draws = np.random.default_rng(seed)
    fields = draws.integers(0, 2, size)
    truth = 10 ** draws.uniform(-2, 4, size)
    return fields, truth, truth * np.exp(draws.normal(0, 0.1 + 0.4 * fields, size))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_intervals_hold_their_share_of_each_field(share):
    fields, truth, numbers = noisy(0)
    intervals = Intervals(Aside(fields, truth, numbers, NONE), UNITS, share)
    fields, truth, numbers = noisy(1)
    found = intervals.of(fields, numbers, NONE)
    inside = (truth >= found.low) & (truth <= found.high)
    for field in (0, 1):
        assert inside[fields == field].mean() == pytest.approx(share, abs=0.03)
    assert (np.diff(found.quantiles, axis=1) >= 0).all()
    assert (found.low <= found.median).all()
    assert (found.median <= found.high).all()
    assert ((found.low <= numbers) & (numbers <= found.high)).all()


def test_wrong_quantiles_are_mended_by_the_texts_set_aside():
    fields, truth, numbers = noisy(0)
    half = np.log(2) * (0.1 + 0.4 * fields)  # too narrow for 90 %
    ends = np.stack([numbers * np.exp(-half), numbers * np.exp(half)], 1)
    intervals = Intervals(Aside(fields, truth, numbers, ends), UNITS)
    fields, truth, numbers = noisy(1)
    half = np.log(2) * (0.1 + 0.4 * fields)
    ends = np.stack([numbers * np.exp(-half), numbers * np.exp(half)], 1)
    found = intervals.of(fields, numbers, ends)
    bare = ((truth >= ends[:, 0]) & (truth <= ends[:, 1])).mean()
    held = ((truth >= found.low) & (truth <= found.high)).mean()
    assert bare < 0.7
    assert held == pytest.approx(0.9, abs=0.02)
    np.testing.assert_allclose(found.quantiles, ends, rtol=1e-5)  # fp32 units


def test_a_field_with_too_few_texts_has_no_interval_and_no_number_is_an_error_without_bound():
    aside = Aside(np.zeros(8, int), np.ones(8), np.ones(8), np.empty((8, 0)))
    found = Intervals(aside, None).of(np.array([0, 1]), np.ones(2), np.empty((2, 0)))
    assert np.isnan(found.low).all()
    assert np.isnan(found.median).tolist() == [False, True]
    numbers = np.ones(20)
    numbers[:4] = np.nan
    aside = Aside(np.zeros(20, int), np.ones(20), numbers, np.empty((20, 0)))
    assert np.isnan(Intervals(aside, None).of(np.zeros(1, int), np.ones(1), np.empty((1, 0))).high)


def test_a_batch_has_its_ends_and_medians_in_its_own_shape():
    fields, truth, numbers = noisy(0)
    intervals = Intervals(Aside(fields, truth, numbers, NONE), UNITS)
    shaped = torch.from_numpy(numbers[:6].reshape(3, 2)).float()
    own = torch.from_numpy(fields[:6].reshape(3, 2))
    found = intervals.around(own, shaped, torch.empty(3, 2, 0))
    assert list(found) == [".low", ".median", ".high"]
    assert (found[".low"] < found[".high"]).all()
    assert found[".low"].shape == (3, 2)
