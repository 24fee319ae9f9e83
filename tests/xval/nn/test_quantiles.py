"""Quantiles around an answer: never crossing, of the right share, and without effect on it."""

import pytest
import torch
from xval_small import NETWORK, batch, built, data, module, taught

from sciformer.arguments import ArgumentError
from xval.nn.quantile_loss import crps
from xval.nn.quantiles import Quantiles, levels

TEN = {"network": {"dim": 16, "depth": 1, "heads": 2, "quantiles": 10}}


@pytest.fixture(scope="module")
def given():
    return data()


def test_quantiles_rise_whatever_the_weights():
    torch.manual_seed(0)
    head = Quantiles(4, 8, 10)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=3.0)
    found = head(torch.randn(500, 4), torch.randn(500, 1))
    assert (found.diff(dim=1) >= 0).all()
    assert found.isfinite().all()


def test_a_trained_head_knows_how_wide_a_noise_is():
    """Noise of 0.1 to 1 by the input: each quantile holds its share, wide or narrow."""
    torch.manual_seed(0)
    head = Quantiles(1, 32, 10)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 800)
    for _ in range(800):
        x = torch.rand(256, 1)
        truth = (0.1 + 0.9 * x) * torch.randn(256, 1)
        loss = crps(head(x, torch.zeros(256, 1)), truth[:, 0]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    x = torch.rand(20_000, 1)
    truth = (0.1 + 0.9 * x) * torch.randn(20_000, 1)
    found = head(x, torch.zeros(20_000, 1))
    for part in (x[:, 0] < 0.3, x[:, 0] > 0.7):
        below = (truth < found)[part].double().mean(0)
        torch.testing.assert_close(below, levels(10), atol=0.04, rtol=0)  # 6,000: 0.006 by chance
    wide = found[:, -1] - found[:, 0]
    exact = 2 * 1.645 * (0.1 + 0.9 * x[:, 0])
    assert ((wide - exact) / exact).abs().mean() < 0.1


def test_the_number_and_its_gradients_are_those_of_a_network_without_quantiles(given):
    own, plain = module(given, **TEN), module(given)
    weights = own.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    one = batch(given)
    torch.testing.assert_close(own.answer(one), plain.answer(one), equal_nan=True)
    for each in (own, plain):
        found = each.losses(one)
        (found.token_sum + found.number_sum).backward()
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(own.get_parameter(name).grad, parameter.grad)


def test_quantiles_of_answers_are_in_the_units_of_the_text_and_around_them(given):
    own, one = taught(given, **TEN), batch(given)
    found = own.answers(one)
    there = found.numbers.isfinite()
    assert found.quantiles.shape == (*found.numbers.shape, 10)
    assert (found.quantiles[there].diff(dim=1) >= 0).all()
    low, high = found.quantiles[there][:, 0], found.quantiles[there][:, -1]
    inside = (one.truth[there] >= low) & (one.truth[there] <= high)
    assert inside.double().mean() > 0.5


@pytest.mark.parametrize("causal", [False, True])
def test_answers_have_quantiles_whether_masked_or_causal(given, causal):
    network = {"dim": 16, "depth": 1, "heads": 2, "quantiles": 3, "causal": causal}
    own, one = taught(given, 20, network=network), batch(given)
    found = own.answers(one)
    there = found.numbers.isfinite()
    assert there.any()
    assert (found.quantiles[there].diff(dim=1) >= 0).all()


def test_text_encodings_do_without_and_a_negative_number_is_refused():
    digits = built(encoding={"name": "p1000"}, network=TEN["network"])
    assert digits.model.quantiles is None
    with pytest.raises(ArgumentError, match="quantiles"):
        built(encoding={"name": "xval"}, **NETWORK, quantiles=-1)
