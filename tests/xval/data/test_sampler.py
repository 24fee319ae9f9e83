from itertools import chain

import numpy as np
import pytest

from xval.data.sampler import POOL, LengthBatches

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")

LENGTHS = np.random.default_rng(0).integers(5, 500, 1030)


def epoch_of(order, epoch):
    batch = order.batches(epoch)
    return [batch(step) for step in range(order.steps)]


def test_every_sample_comes_once_in_an_epoch_but_for_the_last_few():
    order = LengthBatches(LENGTHS, 20, 0)
    for epoch in range(3):
        numbers = list(chain(*epoch_of(order, epoch)))
        assert len({n % 1030 for n in numbers}) == len(numbers) == 1020
        assert {n // 1030 for n in numbers} == {epoch}


def test_texts_of_a_batch_are_about_as_long_and_epochs_have_other_batches():
    order = LengthBatches(LENGTHS, 8, 3)
    batches = [[n % 1030 for n in batch] for batch in epoch_of(order, 0)]
    padded = sum(8 * LENGTHS[batch].max() for batch in batches)
    real = sum(LENGTHS[batch].sum() for batch in batches)
    assert real / padded > 0.96  # drawn at random it is 0.56
    assert 2 * POOL >= len(batches) > POOL
    means = np.array([LENGTHS[batch].mean() for batch in batches])
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 0.3  # short ones do not come first
    other = [[n % 1030 for n in batch] for batch in epoch_of(order, 1)]
    assert not {tuple(sorted(b)) for b in batches} & {tuple(sorted(b)) for b in other}


def test_the_ranks_slice_what_one_rank_would_load():
    whole = epoch_of(LengthBatches(LENGTHS, 12, 1), 2)
    for world in (2, 3):
        ranks = [epoch_of(LengthBatches(LENGTHS, 12, 1, r, world), 2) for r in range(world)]
        for batch, *pieces in zip(whole, *ranks, strict=True):
            assert [len(piece) for piece in pieces] == [12 // world] * world
            assert sorted(chain(*pieces)) == sorted(batch)


def test_a_step_is_a_pure_function_of_seed_epoch_and_step():
    late = LengthBatches(LENGTHS, 16, 5).batches(4)(7)
    order = LengthBatches(LENGTHS, 16, 5)
    list(order)
    assert order.batches(4)(7) == late
    assert LengthBatches(LENGTHS, 16, 6).batches(4)(7) != late


def test_what_was_handed_over_is_said_as_samples():
    order = LengthBatches(LENGTHS, 16, 5)
    order.set_epoch(2)
    batches = list(order)
    order.step = 3
    assert order.handed_over() == [n % 1030 for n in batches[2]]
