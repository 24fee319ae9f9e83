"""The bias that was set by hand is found, and what it must fail at is predicted."""

import pytest
import torch

from contextual_counting.analysis.attribution import attribute, brackets, predict
from contextual_counting.analysis.kinds import KINDS
from contextual_counting.circuit import BETA, BIASES


@pytest.fixture(scope="module")
def found(oracles, data):
    tokens, _ = data.evaluation("id", samples=200)
    return {bias: attribute(model, tokens, 4) for bias, model in oracles.items()}


@pytest.mark.parametrize(
    ("bias", "kinds", "each"),
    [
        ("begin", ["begin"], BETA),
        ("own", ["own ["], BETA),
        ("close", ["own ]", "other ]"], BETA / 4),
        ("zeros", ["own 0s", "other 0s"], BETA / BIASES["zeros"].number),
    ],
)
def test_the_bias_is_found_with_its_weight(found, bias, kinds, each):
    for region in range(4):
        assert set(found[bias].leading(region, 0.01)) == set(kinds)
        assert found[bias].rest[region].sum() == pytest.approx(BETA, rel=0.02)
        for kind in kinds:
            weight = found[bias].weight[region, KINDS.index(kind)]
            assert weight == pytest.approx(each, rel=1e-3)


def test_shares_of_attention_add_up_to_one(found):
    for attribution in found.values():
        assert torch.allclose(attribution.mass.sum(1), torch.ones(4), atol=1e-5)


@pytest.mark.parametrize(
    ("bias", "name", "passes"),
    [
        ("begin", "t300", True),
        ("begin", "t1024", True),
        ("begin", "r3", True),
        ("own", "r3", True),
        ("own", "t1024", True),
        ("close", "t1024", True),
        ("close", "r3", False),
        ("zeros", "t300", False),
        ("zeros", "t1024", False),
        ("zeros", "density0.3", False),
    ],
)
def test_what_must_fail_is_predicted(found, oracles, data, bias, name, passes):
    tokens, counts = data.evaluation(name, samples=200)
    encoded = oracles[bias].encoder.with_begin(tokens)
    predicted = predict(found[bias], encoded, counts)
    assert len(predicted) == counts.shape[1]
    assert (predicted > 0.95).all() if passes else (predicted < 0.5).all()


def test_predicted_accuracy_is_the_measured_one(found, oracles, data):
    tokens, counts = data.evaluation("id", samples=200)
    model = oracles["zeros"]
    predicted = predict(found["zeros"], model.encoder.with_begin(tokens), counts)
    measured = (model(tokens, 4).argmax(-1) == counts).float().mean(0)
    # The mean of the number of zeros is that of 200 sequences here, and 252 in the head: 0.3 % off.
    assert torch.allclose(predicted, measured, atol=0.12)


def test_brackets_are_told_apart_by_number(oracles, data):
    tokens, _ = data.evaluation("id", samples=50)
    opens, closes = brackets(oracles["own"], tokens, 4)
    assert (opens.diagonal() > 0.5).all()
    assert (opens - opens.diagonal().diag()).abs().max() < 1e-6
    assert closes.max() < 1e-6
