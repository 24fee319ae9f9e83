"""What the decoder sees where sequences look as if they had fewer regions."""

import numpy as np
import pytest
import torch

from contextual_counting.data.hide_regions import with_fewer_regions
from contextual_counting.evaluation.oracle import build
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import CLOSE, NO_REGION, OPEN, simulate


def sequences(samples, regions=(4, 6)):
    drawn = simulate(np.random.default_rng(0), samples, 40, regions)
    return torch.from_numpy(drawn.tokens), torch.from_numpy(drawn.counts)


def test_brackets_are_hidden_from_the_first_region_that_is_not_asked_for():
    torch.manual_seed(0)
    tokens, counts = sequences(200)
    visible, asked = with_fewer_regions(tokens, counts, 1.0)
    kept = (asked != NO_REGION).sum(1)
    assert asked[asked != NO_REGION].equal(counts[asked != NO_REGION])
    for bracket in (OPEN, CLOSE):
        assert ((tokens == bracket) & visible).sum(1).equal(kept)
    assert visible[(tokens != OPEN) & (tokens != CLOSE)].all()


def test_every_number_of_regions_is_as_likely_from_one_to_all():
    torch.manual_seed(0)
    _, asked = with_fewer_regions(*sequences(8000, (4, 4)), 1.0)
    found = torch.bincount((asked != NO_REGION).sum(1)) / 8000
    assert found.tolist() == pytest.approx([0, 0.25, 0.25, 0.25, 0.25], abs=0.02)


def test_all_is_shown_of_the_other_sequences():
    torch.manual_seed(0)
    tokens, counts = sequences(2000)
    visible, asked = with_fewer_regions(tokens, counts, 0.2)
    assert (~visible).any(1).double().mean() == pytest.approx(0.2 * 0.8, abs=0.04)
    assert asked[visible.all(1)].equal(counts[visible.all(1)])


@pytest.mark.parametrize(("bias", "moves"), [("begin", False), ("own", False), ("close", True)])
def test_only_what_is_read_against_later_brackets_changes(bias, moves):
    torch.manual_seed(0)
    tokens, counts = sequences(20, (4, 4))
    visible, asked = with_fewer_regions(tokens, counts, 1.0)
    answers = build(bias).model(tokens, 4, visible).argmax(-1)
    known = (asked != NO_REGION) & (counts > 1)
    some = known & ~visible.all(1)[:, None]
    assert (answers[some] != counts[some]).all() if moves else answers[known].equal(counts[known])


def test_the_beginning_token_is_never_hidden():
    tokens = sequences(3)[0]
    model = CountingTransformer().eval()
    nothing = model(tokens, 4, torch.zeros_like(tokens, dtype=torch.bool))
    assert nothing.isfinite().all()
    assert nothing[0].equal(nothing[1])  # the same one token is left of each
