"""Interventions on a circuit that is known do what they must."""

import numpy as np
import pytest
import torch

from contextual_counting.analysis.interventions import (
    added,
    answer,
    erase_the_last_bracket,
    flip_a_bit,
    patched,
    without,
)
from contextual_counting.analysis.token_kinds import KINDS, OWN_ONES, kinds
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO


@pytest.fixture(scope="module")
def tokens(data):
    return data.evaluation("id", samples=20).tokens


@pytest.mark.parametrize(
    ("bias", "needed"),
    [
        ("begin", {"own 1s", "begin"}),
        ("own", {"own 1s", "own ["}),
        ("close", {"own 1s", "own ]"}),
        ("zeros", {"own 1s", "own 0s", "other 0s"}),
    ],
)
def test_hiding_a_kind_matters_where_the_circuit_uses_it_and_not_else(
    oracles, tokens, bias, needed
):
    for kind in KINDS:
        change = without(oracles[bias], tokens, 4, kind)
        used = kind in needed or (bias == "close" and kind[-1] == "]")
        assert (change.abs() > 0.01).any() == used, kind  # the first region has no earlier ]
        assert (change.abs() < 1e-3).any() != (kind in needed), kind


def test_without_its_bias_the_answer_is_as_large_as_can_be(oracles, tokens):
    assert (without(oracles["begin"], tokens, 4, "begin") > 3).all()
    assert (without(oracles["begin"], tokens, 4, "own 1s") == -1).all()


@pytest.mark.parametrize(
    ("bias", "change"), [("begin", 0.0), ("own", 0.0), ("close", 0.0), ("zeros", -0.2)]
)
def test_a_quarter_of_zeros_more_lowers_a_count_that_is_compared_with_zeros(
    oracles, tokens, bias, change
):
    more = torch.full((63,), ZERO)  # 252 there are, in the mean
    found = added(oracles[bias], tokens, 4, more, np.random.default_rng(0))
    assert found == pytest.approx([change] * 4, abs=0.03)


@pytest.mark.parametrize(
    ("bias", "change"), [("begin", 0.0), ("own", 0.0), ("zeros", 0.0), ("close", -0.2)]
)
def test_a_fifth_region_lowers_a_count_that_is_compared_with_all_closing_brackets(
    oracles, tokens, bias, change
):
    more = torch.tensor([OPEN, ONE, CLOSE])
    found = added(oracles[bias], tokens, 4, more, np.random.default_rng(0), behind=True)
    assert found == pytest.approx([change] * 4, abs=1e-3)


def test_tokens_are_added_outside_of_regions_alone(oracles, tokens):
    more = torch.tensor([ONE] * 50)
    found = added(oracles["begin"], tokens, 4, more, np.random.default_rng(0))
    assert found == pytest.approx([0.0] * 4, abs=1e-3)


def test_a_flipped_bit_is_one_more(tokens):
    clean, other = flip_a_bit(tokens, 2)
    assert ((clean != other).sum(1) == 1).all()
    ones = [(kinds(some, 4) == OWN_ONES).sum(2) for some in (clean, other)]
    assert (ones[1] - ones[0]).unique(dim=0).tolist() == [[0, 0, 1, 0]]


def test_a_flipped_bit_acts_through_its_own_token(oracles, tokens):
    pair = flip_a_bit(tokens, 1)
    here = patched(oracles["begin"], pair, 4, 1, elsewhere=False)
    there = patched(oracles["begin"], pair, 4, 1, elsewhere=True)
    assert here["encoder.out"] == pytest.approx(1, abs=1e-2)
    assert there["encoder.out"] == pytest.approx(0, abs=1e-2)
    assert here["encoder.block.attention.out"] == pytest.approx(0, abs=1e-2)


def test_an_erased_bracket_acts_through_the_attention_of_others(oracles, tokens):
    pair = erase_the_last_bracket(tokens, 4)
    model = oracles["begin"]
    ones = (pair.other == ONE) & ((pair.other == OPEN).cumsum(1) == 4)
    assert answer(model, pair.other, 4)[:, 3] == pytest.approx(ones.sum(1).float(), abs=0.1)
    there = patched(model, pair, 4, 3, elsewhere=True)
    here = patched(model, pair, 4, 3, elsewhere=False)
    for site in ("encoder.block.attention.out", "encoder.out", "decoder.attention.key"):
        assert there[site] == pytest.approx(1, abs=1e-2), site
        assert here[site] == pytest.approx(0, abs=1e-2), site
    assert there["decoder.attention.value"] == pytest.approx(0, abs=1e-2)
