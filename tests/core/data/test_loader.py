from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sciformer.data.loader import generated_loader, seeded_loader


class Batch(NamedTuple):
    number: Tensor
    noise: Tensor


class Noise(Dataset[Batch]):
    def __len__(self):
        return 40

    def __getitem__(self, i):
        return Batch(
            torch.tensor(i), torch.rand(3, generator=torch.Generator().manual_seed(int(i)))
        )


def make(step):
    rng = np.random.default_rng([7, step])
    return Batch(torch.arange(6) + 6 * step, torch.from_numpy(rng.random((6, 2))))


def assert_same(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, other, strict=True))


def test_each_pass_is_another_epoch_and_the_same_in_every_loader():
    one, other = seeded_loader(Noise(), 8, seed=0), seeded_loader(Noise(), 8, seed=0)
    first, second = list(one), list(one)
    assert_same([*first, *second], [*other, *other])
    assert not torch.equal(first[0].number, second[0].number)


def test_loading_does_not_touch_the_global_generator():
    before = torch.get_rng_state()
    list(seeded_loader(Noise(), 8, seed=0))
    assert torch.equal(before, torch.get_rng_state())


def test_a_loader_resumes_where_it_was_stopped():
    loader = seeded_loader(Noise(), 8, seed=0)
    expected = [*loader, *loader]
    stopped = seeded_loader(Noise(), 8, seed=0)
    seen = [*stopped]
    running = iter(stopped)
    seen += [next(running), next(running)]
    state = stopped.state_dict()
    assert (state["epoch"], state["step"]) == (1, 2)
    resumed = seeded_loader(Noise(), 8, seed=0)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert_same([*seen, *resumed], expected)
    assert len(resumed) == 5  # always that of a whole epoch, as Lightning counts


def test_an_abandoned_pass_starts_again():
    loader = seeded_loader(Noise(), 8, seed=0, shuffle=False)
    next(iter(loader))  # Lightning's sanity check
    assert torch.cat([batch.number for batch in loader]).tolist() == list(range(40))


def test_the_epoch_may_be_set_after_the_iterator_was_asked_for():
    # What Lightning 2.6 does when it resumes at the end of an epoch
    loader, expected = seeded_loader(Noise(), 8, seed=0), seeded_loader(Noise(), 8, seed=0)
    iterator = iter(loader)
    loader.batch_sampler.sampler.set_epoch(1)
    expected.set_epoch(1)
    assert_same(list(iterator), list(expected))


def test_generated_batches_are_the_same_for_any_number_of_ranks():
    whole = list(generated_loader(make, 4))
    ranks = [list(generated_loader(make, 4, rank=rank, world=3)) for rank in range(3)]
    assert [batch.number.tolist() for batch in whole][1] == [6, 7, 8, 9, 10, 11]
    assert ranks[1][1].number.tolist() == [7, 10]
    for step, batch in enumerate(whole):
        parts = torch.cat([rank[step].noise for rank in ranks])
        assert sorted(parts.flatten().tolist()) == sorted(batch.noise.flatten().tolist())


def test_generated_batches_resume_at_a_step():
    loader = generated_loader(make, 4)
    loader.load_state_dict({**loader.state_dict(), "step": 2})
    assert_same(loader, [make(2), make(3)])


def test_generated_batches_that_do_not_split_over_the_ranks_are_refused():
    with pytest.raises(ValueError, match=r"batch_size: 6 does not split over 4 rank\(s\)"):
        list(generated_loader(make, 4, rank=0, world=4))
    with pytest.raises(ValueError, match="steps: 0"):
        generated_loader(make, 0)
    uneven = [next(iter(generated_loader(make, 1, rank=r, world=4, even=False))) for r in range(4)]
    assert [len(part.number) for part in uneven] == [2, 2, 1, 1]


@pytest.mark.process
def test_workers_do_not_change_the_batches_or_where_they_resume():
    for workers in (1, 2):
        assert_same(
            seeded_loader(Noise(), 8, seed=0, workers=workers), seeded_loader(Noise(), 8, seed=0)
        )
        assert_same(generated_loader(make, 4, workers=workers), generated_loader(make, 4))
    loader = seeded_loader(Noise(), 8, seed=0, workers=2)
    running = iter(loader)
    next(running)
    state = loader.state_dict()
    assert state["step"] == 1  # though the workers are ahead
    rest = seeded_loader(Noise(), 8, seed=0, workers=1)
    rest.load_state_dict(state)
    assert_same(list(running), list(rest))
    assert_same(loader, seeded_epoch(1))


def seeded_epoch(epoch):
    loader = seeded_loader(Noise(), 8, seed=0)
    loader.set_epoch(epoch)
    return list(loader)
