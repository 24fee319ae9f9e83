import math

import pytest
import torch

from xval.metrics import scores


def found(predicted, truth):
    return scores(torch.tensor(predicted), torch.tensor(truth))


def test_figures_are_those_computed_by_hand():
    """Errors 0, 1, -1, 0 of 1, 2, 4, 5: mean 3, squares of distances 4 + 1 + 1 + 4."""
    each = found([1.0, 3.0, 3.0, 5.0], [1.0, 2.0, 4.0, 5.0])
    assert each.mse == pytest.approx(2 / 4)
    assert each.mae == pytest.approx(2 / 4)
    assert each.r2 == pytest.approx(1 - 2 / 10)
    assert each.median_relative == pytest.approx((0 + 0.25) / 2)  # of 0, 0, 0.25, 0.5
    assert each.p99_relative == pytest.approx(0.25 + 0.97 * 0.25)
    assert each.within_1_percent == 0.5
    assert each.unparsable == 0


def test_an_answer_that_is_no_number_counts_as_zero():
    each = found([1.0, math.nan, 4.0], [1.0, 3.0, 5.0])
    assert each.unparsable == pytest.approx(1 / 3)
    assert each.mse == pytest.approx((0 + 9 + 1) / 3)
    assert each.within_1_percent == pytest.approx(1 / 3)
    assert each.p99_relative == pytest.approx(0.2 + 0.98 * 0.8)  # of 0, 0.2, 1
    assert found([math.nan, 0.0], [0.0, 0.0]).log_smape == pytest.approx(0.5)


def test_nobody_gains_by_answers_that_are_no_numbers():
    """Where all truths are nearly the same their mean would be an excellent answer."""
    none = found([math.nan] * 3, [1.05, 1.06, 1.07])
    assert none.mse > 1
    assert none.r2 < 0
    assert none.median_relative == 1
    assert none.log_smape == 0


def test_relative_errors_are_those_of_numbers_that_are_not_zero():
    each = found([0.1, 2.0, -1.0], [0.0, 2.0, -2.0])
    assert each.median_relative == pytest.approx((0 + 0.5) / 2)
    assert math.isnan(found([0.0, 1.0], [0.0, 0.0]).median_relative)
    assert math.isnan(found([0.0, 1.0], [0.0, 0.0]).log_r2)


def test_the_truth_without_variance_has_no_share_that_is_explained():
    assert math.isnan(found([1.0, 2.0], [2.0, 2.0]).r2)


def test_log_smape_counts_the_digits_that_are_right():
    exact, none = found([5.0, -5.0], [5.0, -5.0]), found([5.0, 1.0], [-5.0, -2.0])
    assert exact.log_smape == pytest.approx(1)
    assert none.log_smape == pytest.approx(0)
    third = found([999.0], [1001.0])  # 2 / 2000: three digits of fifteen
    assert third.log_smape == pytest.approx(3 / 15)
    assert found([0.0], [0.0]).log_smape == pytest.approx(1)


def test_log_r2_is_that_of_the_sizes():
    """Logs -2, 0, 2 answered as -1, 0, 2: 1 - 1 / 8, whatever the signs."""
    assert found([0.1, -1.0, 100.0], [0.01, 1.0, -100.0]).log_r2 == pytest.approx(1 - 1 / 8)
    assert found([0.0, 1.0, 100.0], [0.01, 1.0, 100.0]).log_r2 == pytest.approx(1)  # as 0.01
    assert found([9.0, 0.01, 1.0, 1e2], [0.0, 0.01, 1.0, 1e2]).log_r2 == pytest.approx(1)
    assert found([math.nan, 1.0, 100.0], [0.01, 1.0, 100.0]).log_r2 == pytest.approx(1)  # likewise
