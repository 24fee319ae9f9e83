from itertools import chain

import numpy as np
import pytest

from sciformer.data.sampler import GlobalBatches, epoch_order


def passes(order, epochs=1):
    """The batches of some epochs, one list."""
    batches = []
    for epoch in range(epochs):
        order.set_epoch(epoch)
        batches.extend(order)
    return batches


def gathered(batches_of_ranks):
    """The set of samples of each global batch."""
    return [set(chain(*parts)) for parts in zip(*batches_of_ranks, strict=True)]


def test_the_order_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    order = epoch_order(1000, seed=3, epoch=5)
    assert sorted(order) == list(range(1000))
    assert np.array_equal(order, epoch_order(1000, seed=3, epoch=5))
    assert not np.array_equal(order, epoch_order(1000, seed=3, epoch=6))
    assert not np.array_equal(order, epoch_order(1000, seed=4, epoch=5))


def test_the_order_is_the_one_it_always_was():
    # Written down from the first version: another order would break every stopped run.
    assert epoch_order(8, seed=0, epoch=0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5]


@pytest.mark.parametrize("world", [2, 3, 4])
def test_the_ranks_partition_each_global_batch(world):
    whole = passes(GlobalBatches(60, 12, seed=1), epochs=2)
    ranks = [passes(GlobalBatches(60, 12, 1, rank, world), epochs=2) for rank in range(world)]
    assert gathered(ranks) == [set(batch) for batch in whole]
    assert all(len(batch) == 12 // world for rank in ranks for batch in rank)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_a_stopped_run_goes_on_in_the_same_order_with_another_number_of_ranks(world):
    whole = GlobalBatches(64, 8, seed=1)
    whole.set_epoch(2)
    expected = [set(batch) for batch in whole]
    state = {**whole.state_dict(), "epoch": 2, "step": 3}
    resumed = [GlobalBatches(64, 8, 1, rank, world) for rank in range(world)]
    for order in resumed:
        order.load_state_dict(state)
        order.set_epoch(2)  # as Lightning does after it restored a loader
    assert gathered(list(resumed)) == expected[3:]
    assert all(len(list(order)) == 8 for order in resumed)  # only the first pass is shortened


def test_training_drops_an_incomplete_batch_and_says_so_once():
    with pytest.warns(UserWarning, match=r"3 batches of 8; the 2 left over are dropped") as said:
        orders = [GlobalBatches(26, 8, 0, rank, 2) for rank in range(2)]
    assert len(said) == 1  # of two ranks
    assert [[len(batch) for batch in order] for order in orders] == [[4, 4, 4]] * 2


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [4, 5, 11, 12, 13, 23, 24])
def test_evaluation_sees_every_sample_once_in_as_many_steps_on_every_rank(size, world):
    ranks = [list(GlobalBatches(size, 12, 0, rank, world, shuffle=False)) for rank in range(world)]
    assert sorted(chain(*chain(*ranks))) == list(range(size))
    assert len({len(batches) for batches in ranks}) == 1
    assert all(batches and all(batches) for batches in ranks)


@pytest.mark.parametrize(("batch_size", "world"), [(0, 1), (-4, 1), (6, 4)])
def test_a_batch_that_does_not_split_over_the_ranks_is_refused(batch_size, world):
    with pytest.raises(ValueError, match=f"batch_size: {batch_size} does not split over {world}"):
        GlobalBatches(100, batch_size, seed=0, world=world)


@pytest.mark.parametrize("shuffle", [True, False])
def test_too_few_samples_are_refused(shuffle):
    with pytest.raises(ValueError, match="3 samples are too few"):
        GlobalBatches(3, 4, seed=0, world=4, shuffle=shuffle)


@pytest.mark.parametrize(
    "change", [{"batch_size": 4}, {"seed": 2}, {"samples": 65}, {"step": 9}, {"epoch": -1}]
)
def test_the_state_of_another_order_is_refused(change):
    order = GlobalBatches(64, 8, seed=1)
    with pytest.raises(ValueError, match=f"loader state: .*{next(iter(change))}"):
        order.load_state_dict({**order.state_dict(), **change})
