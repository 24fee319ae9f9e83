import pytest
import torch

from contextual_counting.analysis.effective_values import (
    decoded,
    effective_values,
    implied,
    is_linear,
)
from contextual_counting.analysis.principal_components import ones_by_region
from contextual_counting.analysis.ratio_readout import exact, fit
from contextual_counting.nn.constructed_weights import BETA, SHARP, shares
from contextual_counting.nn.count_heads import UNIT
from contextual_counting.nn.model import CountingTransformer
from sciformer.interpret.components import principal
from sciformer.interpret.hooks import run_with_cache


def test_effective_values_are_those_set_by_hand(oracles, data):
    tokens, _ = data.evaluation("id", samples=30)
    k = torch.arange(1024).double() / UNIT
    sharp = torch.tensor(SHARP).double().exp()
    for values in effective_values(oracles["begin"], tokens, 4):
        assert values.weight == pytest.approx(BETA, rel=1e-4)
        own, rest = sharp * k * BETA / UNIT, -sharp * k**2 / 2
        assert torch.allclose(values.own, own, atol=1e-4 * own.max().item())
        assert torch.allclose(values.rest, rest, atol=1e-4 * rest.abs().max().item())


@pytest.mark.parametrize("bias", ["begin", "own", "close"])
def test_the_formula_answers_with_the_count(oracles, data, bias):
    tokens, _ = data.evaluation("id", samples=30)
    counts = torch.arange(400)
    for values in effective_values(oracles[bias], tokens, 4):
        assert values.logits(counts).argmax(1).equal(counts)


def test_the_formula_is_for_one_head_without_an_mlp():
    assert is_linear(CountingTransformer())
    assert not is_linear(CountingTransformer(mlp=True))
    assert not is_linear(CountingTransformer(heads=2))


def test_the_implied_count_is_the_count(oracles, data):
    tokens, counts = data.evaluation("id", samples=50)
    _, cache = run_with_cache(oracles["begin"], tokens, 4, names_filter="decoder.head.in")
    found = implied(oracles["begin"], cache["decoder.head.in"])
    assert (found - counts).abs().max() < 0.05


def test_the_implied_count_of_a_free_head_is_the_mean_of_its_softmax():
    model = CountingTransformer(head="free", classes=10, dim=4)
    with torch.no_grad():
        model.decoder.head.weight.zero_()
        model.decoder.head.bias.copy_(torch.log(torch.arange(10).float()))
    mean = (torch.arange(10.0) ** 2).sum() / 45
    assert torch.allclose(implied(model, torch.randn(2, 3, 4)), mean)


def test_ones_of_one_region_carry_the_share_of_that_region(oracles, data):
    tokens, _ = data.evaluation("id", samples=20)
    found = ones_by_region(oracles["begin"], tokens, 4, "encoder.block.attention.out")
    assert found.explained[0] > 0.999
    centers = [found.plane[found.place == region, 0] for region in range(1, 5)]
    for points in centers:
        assert points.std() < 1e-5
    steps = torch.stack([points[0] for points in centers]).diff().abs()
    expected = torch.tensor(shares(4)).diff().abs() * 2**0.5  # a feature takes two channels
    assert torch.allclose(steps, expected, atol=1e-4)


def test_keys_of_regions_lie_apart(oracles, data):
    tokens, _ = data.evaluation("id", samples=20)
    found = ones_by_region(oracles["begin"], tokens, 4, "decoder.attention.key")
    centers = torch.stack([found.plane[found.place == region].mean(0) for region in range(1, 5)])
    assert torch.pdist(centers).min() > 1
    assert max(found.plane[found.place == r].std(0).max() for r in range(1, 5)) < 1e-2


def test_principal_components_are_those_of_an_ellipse():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(5000, 2, generator=generator) * torch.tensor([3.0, 1.0])
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
    mean, directions, explained = principal(points @ turn + 7, 1)
    assert mean == pytest.approx([7, 7], abs=0.2)
    assert directions[:, 0].abs() == pytest.approx([0.8, 0.6], abs=0.02)
    assert explained[0].item() == pytest.approx(0.9, abs=0.01)


def test_the_rational_readout_of_the_circuit_is_exact_on_other_lengths(oracles, data):
    fitted = data.evaluation("id", samples=300)
    other = data.evaluation("t300", samples=300)
    z = decoded(oracles["begin"], fitted.tokens, 4)
    far = decoded(oracles["begin"], other.tokens, 4)
    for region in range(4):
        readout = fit(z[:, region], fitted.counts[:, region])
        assert exact(readout, z[:, region], fitted.counts[:, region]) == 1
        assert exact(readout, far[:, region], other.counts[:, region]) == 1


def test_the_rational_readout_fails_where_the_bias_does(oracles, data):
    fitted = data.evaluation("id", samples=300)
    other = data.evaluation("r3", samples=300)
    z = decoded(oracles["close"], fitted.tokens, 4)[:, 0]
    readout = fit(z, fitted.counts[:, 0])
    assert exact(readout, z, fitted.counts[:, 0]) == 1
    far = decoded(oracles["close"], other.tokens, 3)[:, 0]
    assert exact(readout, far, other.counts[:, 0]) < 0.2
