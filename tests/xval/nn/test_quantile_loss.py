"""Losses of quantiles, beside what is known exactly of the normal distribution."""

import math

import pytest
import torch
from torch.distributions import Normal

from xval.nn.quantile_loss import crps, pinball
from xval.nn.quantiles import at_level, levels

NORMAL = Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))


def normal_quantiles(count):
    return NORMAL.icdf(levels(count))


def exact(truth):
    """Score of the standard normal distribution (Gneiting and Raftery 2007, section 4.2)."""
    density = NORMAL.log_prob(truth).exp()
    return truth * (2 * NORMAL.cdf(truth) - 1) + 2 * density - 1 / math.sqrt(math.pi)


def test_the_pinball_loss_weighs_errors_by_the_level():
    found = pinball(torch.tensor([[0.0, 0.0]]), torch.tensor([2.0]), torch.tensor([0.1, 0.9]))
    assert found[0].tolist() == pytest.approx([0.2, 1.8])
    found = pinball(torch.tensor([[0.0, 0.0]]), torch.tensor([-2.0]), torch.tensor([0.1, 0.9]))
    assert found[0].tolist() == pytest.approx([1.8, 0.2])


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95])
def test_the_mean_pinball_loss_is_least_at_the_quantile(level):
    drawn = torch.randn(100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    at = torch.tensor([level], dtype=torch.float64)
    exactly = NORMAL.icdf(at)
    losses = [
        pinball((exactly + off).expand(100_000, 1), drawn, at).mean() for off in (-0.1, 0.0, 0.1)
    ]
    assert losses[1] == min(losses)
    # E max(t e, (t - 1) e) at the quantile is the density there
    assert losses[1].item() == pytest.approx(NORMAL.log_prob(exactly).exp().item(), rel=0.01)


@pytest.mark.parametrize("truth", [-2.5, 0.0, 0.3, 1.7])
def test_the_score_of_many_quantiles_is_that_of_the_distribution(truth):
    where = torch.tensor(truth, dtype=torch.float64)
    found = crps(normal_quantiles(20_000), where)
    assert found.item() == pytest.approx(exact(where).item(), rel=1e-3)


def test_the_score_of_one_quantile_is_the_absolute_error():
    assert crps(torch.tensor([[1.5]]), torch.tensor([-2.0])).item() == pytest.approx(3.5)


def test_ten_levels_hold_the_ends_of_a_90_percent_interval_and_the_median_is_between():
    assert levels(10)[[0, -1]].tolist() == pytest.approx([0.05, 0.95])
    quantiles = torch.arange(10.0)
    assert at_level(quantiles, 0.5) == 4.5
    assert at_level(quantiles, 0.05) == at_level(quantiles, 0.01) == 0
    assert at_level(quantiles, 0.95) == at_level(quantiles, 1.0) == 9
    assert at_level(torch.tensor([7.0]), 0.3) == 7
