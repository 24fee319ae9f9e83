"""The bias that was set by hand is found, and what it must fail at is predicted."""

import pytest
import torch

from contextual_counting.analysis.attribution import at_length, attribute, brackets, predict
from contextual_counting.analysis.token_kinds import KINDS
from contextual_counting.nn.constructed_weights import BETA, BIASES

CLOSING = ["earlier ]", "own ]", "next ]", "later ]"]
ABSENT = {0: {"earlier ]"}, 2: {"later ]"}, 3: {"next ]", "later ]"}}


@pytest.fixture(scope="module")
def found(oracles, data):
    tokens, _ = data.evaluation("id", samples=200)
    return {bias: attribute(model, tokens, 4) for bias, model in oracles.items()}


@pytest.mark.parametrize(
    ("bias", "kinds", "each"),
    [
        ("begin", ["begin"], BETA),
        ("own", ["own ["], BETA),
        ("close", CLOSING, BETA / 4),
        ("zeros", ["own 0s", "other 0s"], BETA / BIASES["zeros"].number),
    ],
)
def test_the_bias_is_found_with_its_weight(found, bias, kinds, each):
    for region in range(4):
        absent = ABSENT.get(region, set())
        assert set(found[bias].leading(region, 0.01)) == set(kinds) - absent
        assert found[bias].rest[region].sum() == pytest.approx(BETA, rel=0.02)
        for kind in set(kinds) - absent:
            weight = found[bias].weight[0, region, KINDS.index(kind)]
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
    predicted = predict(oracles[bias], found[bias], tokens, counts)
    assert len(predicted) == counts.shape[1]
    assert (predicted > 0.95).all() if passes else (predicted < 0.5).all()


@pytest.mark.parametrize("name", ["id", "r3", "t300"])
@pytest.mark.parametrize("bias", ["begin", "close", "zeros"])
def test_predicted_accuracy_is_the_measured_one(found, oracles, data, bias, name):
    tokens, counts = data.evaluation(name, samples=100)
    model = oracles[bias]
    predicted = predict(model, found[bias], tokens, counts)
    measured = (model(tokens, counts.shape[1]).argmax(-1) == counts).float().mean(0)
    assert torch.allclose(predicted, measured, atol=0.02)  # two sequences


def test_weights_go_on_as_they_do_from_half_the_length(found):
    short = found["begin"]._replace(weight=2 * found["begin"].weight)
    far = at_length(short, found["begin"], 2)
    assert torch.allclose(far.rest, found["begin"].rest / 4, rtol=1e-4)
    assert torch.allclose(far.value, found["begin"].value)
    assert torch.allclose(at_length(short, found["begin"], -1).rest, short.rest, rtol=1e-4)


def test_brackets_are_told_apart_by_number(oracles, data):
    tokens, _ = data.evaluation("id", samples=50)
    opens, closes = brackets(oracles["own"], tokens, 4)
    assert (opens.diagonal() > 0.5).all()
    assert (opens - opens.diagonal().diag()).abs().max() < 1e-6
    assert closes.max() < 1e-6
