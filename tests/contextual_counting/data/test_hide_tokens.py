import numpy as np
import torch

from contextual_counting.data.hide_tokens import without_loose_tokens
from contextual_counting.evaluation.oracle import build
from contextual_counting.simulate.sequences import ONE, ZERO, simulate


def drawn(samples=200):
    found = simulate(np.random.default_rng(0), samples, 64, (1, 3), (0.1, 0.9))
    return torch.from_numpy(found.tokens), torch.from_numpy(found.counts)


def test_brackets_and_the_ones_of_regions_are_always_seen():
    tokens, counts = drawn()
    torch.manual_seed(0)
    visible = without_loose_tokens(tokens, 1.0)
    assert visible[(tokens != ZERO) & (tokens != ONE)].all()
    open_now = ((tokens == 2).int() - (tokens == 3).int()).cumsum(1) > 0
    ones = ((tokens == ONE) & open_now & visible).sum(1)
    assert torch.equal(ones, counts.clamp_min(0).sum(1))


def test_the_hidden_part_is_random_for_each_sequence():
    tokens, _ = drawn()
    torch.manual_seed(0)
    hidden = (~without_loose_tokens(tokens, 1.0)).sum(1) / (tokens == ZERO).sum(1).clamp_min(1)
    assert hidden.std() > 0.2
    half = (~without_loose_tokens(tokens, 0.5)).any(1).double().mean()
    assert 0.4 < half < 0.6
    assert without_loose_tokens(tokens, 0.0).all()


def test_a_circuit_that_uses_the_beginning_token_counts_as_before_and_one_on_zeros_does_not():
    tokens, counts = drawn(50)
    torch.manual_seed(0)
    visible, known = without_loose_tokens(tokens, 1.0), counts >= 0
    for bias, same in (("begin", True), ("zeros", False)):
        model = build(bias).model
        with torch.no_grad():
            plain, hidden = (model(tokens, 3, v).argmax(-1)[known] for v in (None, visible))
        assert torch.equal(plain, hidden) == same
