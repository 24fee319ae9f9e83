"""The loaders: workers, ranks, epochs, and a training that resumes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from physics_samples import SMALL
from trainers import recorded

from mpp.data.datamodule import PhysicsData


@pytest.mark.process
@pytest.mark.parametrize("mixture", ["round_robin", "uniform"])
def test_a_training_is_the_same_for_any_number_of_workers(files, mixture):
    """Augmented and noisy: both are drawn for the sample, not in its order."""
    options = {**SMALL, "mixture": mixture, "augment": True, "noise": 0.1, "seed": 3}
    alone = list(PhysicsData(files, **options).train_dataloader())
    spread = list(PhysicsData(files, **options, workers=1).train_dataloader())
    for one, other in zip(alone, spread, strict=True):
        assert one.system == other.system
        assert one.boundaries == other.boundaries
        for a, b in zip(one[:3], other[:3], strict=True):
            assert torch.equal(a, b)


@pytest.mark.process
def test_a_worker_opens_anew_what_this_process_has_open(files):
    data = PhysicsData(files, **SMALL, workers=2)
    here = [source.read(0, 0, 2) for source in data.sources.values()]
    assert len(list(data.train_dataloader())) == 6
    for source, frames in zip(data.sources.values(), here, strict=True):
        np.testing.assert_array_equal(source.read(0, 0, 2), frames)


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_a_batch_and_what_is_drawn_for_each_sample(files, world):
    options = {**SMALL, "batch_size": 4, "augment": True, "noise": 0.1}
    data = PhysicsData(files, **options)
    whole = list(data.train_dataloader())
    for rank in range(world):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=world)
        for one, mine in zip(whole, data.train_dataloader(), strict=True):
            assert one.system == mine.system
            assert torch.equal(one.frames[rank::world], mine.frames)


def test_a_run_resumes_within_an_epoch(files, tmp_path):
    def seen(steps, start=None):
        options = {**SMALL, "mixture": "uniform", "augment": True, "noise": 0.1}
        found = recorded(PhysicsData(files, **options), tmp_path, steps, 8, start).seen
        return [(batch.system, float(batch.frames.double().sum())) for batch in found]

    whole, first = seen(10), seen(8)
    assert first + seen(10, tmp_path / "step=8.ckpt") == whole


def test_lightning_validates_each_system_in_a_loader_of_its_own(files, tmp_path):
    validated = recorded(PhysicsData(files, **SMALL), tmp_path, 6).validated
    assert {(loader, batch.system) for loader, batch in validated} == {(0, 0), (1, 1), (2, 2)}


def test_a_loader_goes_on_where_its_state_was_taken(files):
    options = {**SMALL, "augment": True, "noise": 0.1}
    loader = PhysicsData(files, **options).train_dataloader()
    list(loader)
    running = iter(loader)
    for _ in range(3):
        next(running)
    state = loader.state_dict()
    rest = list(running)
    again = PhysicsData(files, **options).train_dataloader()
    again.load_state_dict(state)
    for one, other in zip(rest, again, strict=True):
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.target, other.target)


def test_a_training_without_validation_has_no_loader_for_it(files, tmp_path):
    options = {**SMALL, "splits": {"train": 1.0, "val": 0.0, "test": 0.0}}
    data = PhysicsData(files[:1], **options)
    data.check()
    module = recorded(data, tmp_path, 2)
    assert module.seen
    assert not module.validated
