from collections import Counter
from itertools import chain

import numpy as np
import pytest

from mpp.data.sampler import MixtureOrder, weights_of

SIZES = (7, 20, 12)


def passes(order, epochs):
    """(system, window of it) of all that is loaded, batch by batch."""
    found = []
    for epoch in range(epochs):
        batch = order.batches(epoch)
        for step in range(order.steps):
            numbers = [number % order.total for number in batch(step)]
            systems = np.searchsorted(order.starts, numbers, "right") - 1
            found.append([(s, n - order.starts[s]) for s, n in zip(systems, numbers, strict=True)])
    return found


@pytest.mark.parametrize("weights", [None, [1, 1, 1], [1, 0.5, 3]])
def test_each_batch_is_of_one_system(weights):
    for batch in passes(MixtureOrder(SIZES, 4, 10, 0, weights), 3):
        assert len({system for system, _ in batch}) == 1


def test_round_robin_gives_the_systems_their_turns_over_the_ends_of_epochs():
    systems = [batch[0][0] for batch in passes(MixtureOrder(SIZES, 2, 4, 0), 3)]
    assert systems == [0, 1, 2] * 4


def test_weights_are_how_often_a_system_comes():
    order = MixtureOrder(SIZES, 1, 4000, 0, [1, 0, 3])
    share = np.bincount(order.systems(0), minlength=3) / 4000
    np.testing.assert_allclose(share, [0.25, 0, 0.75], atol=0.02)  # three deviations


@pytest.mark.parametrize("weights", [None, [1, 1, 1]])
def test_no_window_comes_a_second_time_before_each_has_come_once(weights):
    loaded = {system: [] for system in range(3)}
    for batch in passes(MixtureOrder(SIZES, 4, 7, 5, weights), 9):
        for system, window in batch:
            loaded[system].append(window)
    for system, size in enumerate(SIZES):
        windows = loaded[system]
        for start in range(0, len(windows) - size + 1, size):
            assert sorted(windows[start : start + size]) == list(range(size))
        assert windows[:size] != windows[size : 2 * size]


def test_the_ranks_slice_what_one_rank_would_load():
    whole = MixtureOrder(SIZES, 6, 5, 1, [1, 2, 1])
    for world in (2, 3):
        ranks = [MixtureOrder(SIZES, 6, 5, 1, [1, 2, 1], r, world).batches(2) for r in range(world)]
        for step in range(5):
            pieces = [rank(step) for rank in ranks]
            assert sorted(chain(*pieces)) == sorted(whole.batches(2)(step))


def test_a_step_is_a_pure_function_of_seed_epoch_and_step():
    order, other = MixtureOrder(SIZES, 4, 6, 2, [1, 1, 1]), MixtureOrder(SIZES, 4, 6, 2, [1, 1, 1])
    late = order.batches(7)(3)
    other.batches(2)(1)
    assert other.batches(7)(3) == late
    assert MixtureOrder(SIZES, 4, 6, 3, [1, 1, 1]).batches(7)(3) != late


def test_a_state_is_resumed_exactly_on_another_number_of_ranks():
    order = MixtureOrder(SIZES, 4, 6, 2)
    order.set_epoch(3)
    seen = list(order)
    order.set_epoch(3)
    order.step = 2
    resumed = [MixtureOrder(SIZES, 4, 6, 2, None, rank, 2) for rank in range(2)]
    for one in resumed:
        one.load_state_dict(order.state_dict())
    again = [sorted(a + b) for a, b in zip(*resumed, strict=True)]
    assert again == [sorted(batch) for batch in seen[2:]]


@pytest.mark.parametrize(
    ("sizes", "weights", "seed"), [((7, 20, 13), None, 2), (SIZES, [1, 1, 1], 2), (SIZES, None, 3)]
)
def test_a_state_of_another_mixture_is_refused(sizes, weights, seed):
    state = MixtureOrder(SIZES, 4, 6, 2).state_dict()
    with pytest.raises(ValueError, match="loader state"):
        MixtureOrder(sizes, 4, 6, seed, weights).load_state_dict(state)


def test_every_sample_of_a_training_has_a_number_of_its_own():
    order = MixtureOrder(SIZES, 4, 6, 0)
    numbers = [n for epoch in range(4) for step in range(6) for n in order.batches(epoch)(step)]
    draws = [number // order.total for number in numbers]
    assert draws == list(range(4 * 6 * 4))


def test_what_was_handed_over_is_named_by_its_window():
    order = MixtureOrder(SIZES, 4, 6, 0)
    order.set_epoch(5)
    order.step = 3
    assert max(order.handed_over()) < sum(SIZES)


def test_a_system_smaller_than_a_batch_comes_again():
    (batch, *_) = passes(MixtureOrder((3,), 8, 1, 0), 1)
    assert Counter(window for _, window in batch).most_common()[-1][1] == 2


def test_mixtures_by_name():
    assert weights_of("round_robin", ["a", "b"]) is None
    assert weights_of("uniform", ["a", "b"]) == [1, 1]
    assert weights_of({"b": 3, "a": 1}, ["a", "b"]) == [1, 3]
    for wrong in ("random", {"a": 1}, {"a": 1, "b": -1}, {"a": 0, "b": 0}):
        with pytest.raises(ValueError, match="mixture: "):
            weights_of(wrong, ["a", "b"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 3, "world": 2}, "batch_size: 3"),
        ({"steps": 0}, "steps: 0"),
        ({"sizes": [3, 0]}, "a system without windows"),
        ({"weights": [1, 2]}, "mixture: "),
    ],
)
def test_what_cannot_be_is_named(change, said):
    with pytest.raises(ValueError, match=said):
        MixtureOrder(**{"sizes": SIZES, "batch_size": 4, "steps": 6, "seed": 0, **change})
