import math

import pytest
import torch

from contextual_counting.analysis.encoder_attention import (
    class_scores,
    leak,
    position_scores,
    rotary_planes,
)
from contextual_counting.nn.constructed_weights import ATTENDED, IGNORED
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import ONE, OPEN
from sciformer.interpret.hooks import run_with_cache


def test_scores_set_by_hand_are_found(oracles):
    scores = class_scores(oracles["begin"])
    expected = torch.tensor([IGNORED, IGNORED, ATTENDED, ATTENDED, 0]).expand(5, 5)
    assert torch.allclose(scores, expected, atol=1e-3)


def test_nothing_leaks_from_the_circuit_and_all_from_uniform_attention(oracles, data):
    tokens, _ = data.evaluation("id", samples=10)
    assert (leak(oracles["begin"], tokens, 4) < 1e-6).all()
    shares = leak(CountingTransformer(), tokens, 4)
    assert (shares > 0.8).all()
    assert (shares < 1).all()


@pytest.mark.parametrize("positions", ["none", "alibi"])
def test_scores_of_classes_are_those_of_tokens_at_distance_0(positions):
    torch.manual_seed(0)
    model = CountingTransformer(positions=positions, uniform=False)
    tokens = torch.tensor([[OPEN, ONE]])
    _, cache = run_with_cache(model, tokens, 1, names_filter="encoder.block.attention.scores")
    seen = cache["encoder.block.attention.scores"][0, 0, 2, 2]
    assert class_scores(model)[ONE, ONE] == pytest.approx(seen.item(), abs=1e-5)


def test_a_query_in_one_rotary_plane_is_found_there():
    model = CountingTransformer(positions="rotary")
    attention = model.encoder.block.attention
    with torch.no_grad():
        for layer in (attention.query, attention.key):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.bias[[20, 52]] = torch.tensor([3.0, 4.0])
    planes = rotary_planes(model)
    expected = torch.zeros(32)
    expected[20] = 25 / 8
    assert torch.allclose(planes.strength, expected)
    assert planes.wavelength[0].item() == pytest.approx(2 * math.pi)
    assert planes.wavelength[16].item() == pytest.approx(200 * math.pi)


def test_the_map_of_learned_positions_holds_the_scores_of_tokens():
    torch.manual_seed(0)
    model = CountingTransformer(positions="learned", length=6, uniform=False)
    tokens = torch.tensor([[OPEN, OPEN, ONE, OPEN, ONE, OPEN]])
    _, cache = run_with_cache(model, tokens, 1, names_filter="encoder.block.attention.scores")
    seen = cache["encoder.block.attention.scores"][0, 0]
    found = position_scores(model)
    assert found[5, 2].item() == pytest.approx(seen[5, 2].item(), abs=1e-5)
    assert found[3, 1].item() == pytest.approx(seen[3, 1].item(), abs=1e-5)
    assert found[1, 3].isnan()


def test_planes_and_maps_are_of_models_that_have_them(oracles):
    with pytest.raises(ValueError, match="not rotary"):
        rotary_planes(oracles["begin"])
    with pytest.raises(ValueError, match="not learned"):
        position_scores(oracles["begin"])
