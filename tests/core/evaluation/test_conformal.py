"""Intervals of split conformal prediction."""

import math

import numpy as np
import pytest

from sciformer.evaluation.conformal import half_width, half_widths, widening


def test_the_half_width_is_the_error_of_the_rank_that_holds_the_share():
    errors = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert half_width(errors) == 18  # rank ceil(20 * 0.9)
    assert half_width(errors, 0.5) == 10


def test_too_few_errors_have_no_interval():
    assert math.isnan(half_width(np.ones(8)))
    assert half_width(np.ones(9)) == 1
    assert np.isnan(half_widths(np.ones(8), np.ones(8), np.ones(3))).all()


def test_each_bin_of_the_prediction_has_a_width_of_its_own():
    """Errors are ten times as large for larger predictions; 5,000 others show the coverage."""
    random = np.random.default_rng(1)
    answers = random.uniform(size=10_000)
    errors = abs(random.normal(size=10_000)) * np.where(answers > 0.5, 1.0, 0.1)
    half = half_widths(answers[:5000], errors[:5000], answers[5000:])
    inside = errors[5000:] <= half
    for low in (0.0, 0.2, 0.6, 0.8):
        there = (answers[5000:] >= low) & (answers[5000:] < low + 0.2)
        assert abs(inside[there].mean() - 0.9) < 0.04  # 3 deviations of 1000 set aside, 1000 new
    assert half[answers[5000:] > 0.7].min() > 5 * half[answers[5000:] < 0.3].max()


def test_equal_predictions_are_one_bin():
    errors = np.arange(1.0, 501.0)
    assert (half_widths(np.ones(500), errors, np.array([0.0, 1.0, 2.0])) == 451).all()


def test_intervals_that_hold_too_few_are_widened_and_those_that_hold_too_many_narrowed():
    draws = np.random.default_rng(0)
    truth, half = draws.normal(size=20_000), np.full(10_000, 1.0)
    for ends in (half, 3 * half):
        wide = widening(-ends, ends, truth[:10_000])
        assert wide + ends[0] == pytest.approx(1.645, abs=0.04)
        held = (np.abs(truth[10_000:]) <= ends + wide).mean()
        assert held == pytest.approx(0.9, abs=0.01)
