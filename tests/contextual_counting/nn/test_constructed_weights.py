"""Weights set by hand count exactly, and fail exactly where the paper says."""

import pytest
import torch

from contextual_counting.data.datamodule import CountingData
from contextual_counting.evaluation.oracle import build
from contextual_counting.evaluation.predictions import predict_sets, scores
from contextual_counting.nn.constructed_weights import shares
from contextual_counting.simulate.sequences import ONE, OPEN

DATA = CountingData()
SETS = DATA.settings | DATA.further


def exact(module, name, samples=200):
    """Lowest top-1 over regions."""
    (answers,) = predict_sets(module, DATA, samples, {name: SETS[name]})
    found = scores(answers)
    return min(found[f"{name}/top1/region{r}"] for r in range(answers.setting.regions))


@pytest.mark.parametrize("name", ["id", "t300", "r3", "t1024", "r12"])
def test_with_the_beginning_token_every_count_of_4000_sequences_is_exact(name):
    assert exact(build("begin"), name, 4000) == 1.0  # some 20 CPU-seconds in all


@pytest.mark.parametrize("name", ["id", "t300", "r3", "t1024", "density0.3", "r12"])
def test_with_its_own_bracket_every_count_is_exact(name):
    assert exact(build("own"), name) == 1.0


def test_counts_of_2048_tokens_are_exact():
    assert exact(build("begin"), "t2048", 40) == 1.0


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("id", 1, 1), ("t300", 1, 1), ("t1024", 1, 1), ("r3", 0, 0.1), ("r12", 0, 0.15)],
)
def test_with_all_closing_brackets_it_fails_where_the_number_of_regions_changes(name, low, high):
    assert low <= exact(build("close"), name) <= high


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("id", 0.35, 0.6), ("r3", 0.3, 0.5), ("t300", 0, 0.1), ("t1024", 0, 0.1)],
)
def test_with_zeros_it_fails_where_the_length_changes(name, low, high):
    # Their number is binomial: never exact, and as good with three regions as with four.
    assert low <= exact(build("zeros"), name) <= high


def test_the_same_weights_without_causality_do_not_count():
    assert exact(build("begin", causal=False), "id") < 0.1


def test_the_encoder_finds_the_share_of_opening_brackets_to_1e_6():
    module = build("begin")
    tokens, _ = DATA.evaluation("id", samples=3)
    encoder = module.model.encoder
    seen = encoder.with_begin(tokens)
    attention = encoder.block.attention
    out = attention(encoder.block.attention_norm(encoder.embedding(seen)))
    opened = (seen == OPEN).cumsum(1)
    delimiters = opened + (seen == OPEN + 1).cumsum(1)
    inside = (2 * opened - delimiters == 1) & (seen == ONE)
    expected = torch.tensor([0.0, *shares(4)])[opened]
    assert (out[..., 12] - expected)[inside].abs().max() < 1e-6
