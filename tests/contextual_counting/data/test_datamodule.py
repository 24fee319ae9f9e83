import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from contextual_counting.data.datamodule import TEST, VALIDATION, CountingData
from contextual_counting.simulate.sequences import NO_REGION

STAGES = [
    {"steps": 3, "batch_size": 64, "lengths": [32, 32], "regions": [1, 4]},
    {"steps": 2, "batch_size": 32, "lengths": [64, 256], "density": [0.1, 0.9]},
]


def test_a_batch_is_a_pure_function_of_seed_and_step():
    first, second = (CountingData(stages=STAGES, seed=4).draw(2) for _ in range(2))
    assert torch.equal(first.tokens, second.tokens)
    assert not torch.equal(first.tokens, CountingData(stages=STAGES, seed=5).draw(2).tokens)
    assert not torch.equal(first.tokens, CountingData(stages=STAGES, seed=4).draw(1).tokens)


def test_each_stage_draws_from_its_own_distribution():
    data = CountingData(stages=STAGES, regions=2)
    early, late = data.draw(2), data.draw(3)
    assert early.tokens.shape == (64, 32)
    assert early.counts.shape == (64, 4)
    assert 64 <= late.tokens.shape[1] <= 256
    assert len(late.tokens) == max(4, 32 * 64 // late.tokens.shape[1] // 4 * 4)
    assert late.counts.shape[1] == 2
    assert (late.counts != NO_REGION).all()


def test_without_stages_every_step_is_as_the_arguments_say():
    data = CountingData(length=40, regions=3, batch_size=5, steps=7)
    assert data.stage_steps == [7]
    assert data.draw(6).tokens.shape == (5, 40)


def test_longer_batches_keep_the_number_of_tokens_and_split_over_ranks():
    data = CountingData(
        stages=[{"steps": 300, "batch_size": 64, "lengths": [32, 640], "regions": [1, 2]}]
    )
    for batch in map(data.draw, range(300)):
        samples, length = batch.tokens.shape
        assert samples % 4 == 0
        assert samples == 4 or 2048 - 4 * length < samples * length <= 2048


def test_lengths_are_log_uniform():
    data = CountingData(stages=[{"steps": 1000, "lengths": [32, 512], "batch_size": 4}])
    lengths = np.log2([data.draw(step).tokens.shape[1] for step in range(1000)])
    shares = np.histogram(lengths, bins=[4.9, 6, 7, 8, 9.1])[0] / 1000
    assert abs(shares - 0.25).max() < 0.05  # 3.5 standard deviations


def test_while_lengths_grow_they_stay_within_a_factor_of_four():
    data = CountingData(
        stages=[{"steps": 400, "lengths": [32, 640], "batch_size": 4, "growth": 0.5}]
    )
    lengths = np.array([data.draw(step).tokens.shape[1] for step in range(400)])
    assert lengths[0] == 32
    assert lengths[:100].max() <= 144  # half of the growth: 32 * sqrt(20)
    assert lengths[200:].min() >= 160
    assert lengths[200:].max() > 500


def test_the_loader_gives_every_step_in_order():
    data = CountingData(stages=STAGES)
    loaded = list(data.train_dataloader())
    assert len(loaded) == 5
    for step, batch in enumerate(loaded):
        assert torch.equal(batch.tokens, data.draw(step).tokens)


def test_two_ranks_share_out_what_one_rank_gets():
    data = CountingData(stages=STAGES)
    whole = next(iter(data.train_dataloader()))
    halves = []
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        halves.append(next(iter(data.train_dataloader())))
    assert torch.equal(whole.tokens[0::2], halves[0].tokens)
    assert torch.equal(whole.tokens[1::2], halves[1].tokens)


def test_evaluation_sets_do_not_depend_on_the_seed():
    for name in ("id", "t1024"):
        first, second = (CountingData(seed=s, samples=20).evaluation(name) for s in (1, 2))
        assert torch.equal(first.tokens, second.tokens)


def test_training_validation_and_test_sequences_differ():
    data = CountingData(length=64, regions=2, batch_size=50)
    sets = [
        data.draw(0).tokens,
        data.evaluation("id", VALIDATION, 50).tokens,
        data.evaluation("id", TEST, 50).tokens,
    ]
    rows = {tuple(row) for tokens in sets for row in tokens.tolist()}
    assert len(rows) == 150


def test_the_sets_are_the_runs_own_and_one_change_each():
    settings = CountingData(length=64, regions=2, density=0.5).settings
    assert settings == {
        "id": (64, 2, 0.5),
        "t300": (300, 2, 0.5),
        "r3": (64, 3, 0.5),
        "t1024": (1024, 2, 0.5),
        "density0.3": (64, 2, 0.3),
    }


def test_a_set_outside_of_the_training_range_says_what_is():
    data = CountingData(length=64, regions=2, stages=STAGES)
    outside = {name: data.outside(setting) for name, setting in data.settings.items()}
    assert outside["id"] == []
    assert outside["r3"] == []
    assert outside["t300"] == ["length 300 not in 32-256"]
    fixed = CountingData(length=64, regions=2)
    assert fixed.outside(fixed.settings["density0.3"]) == ["density 0.3 not in 0.5-0.5"]


def test_the_test_loaders_hold_every_sequence_once():
    data = CountingData(length=64, regions=2, samples=300)
    for loader, name in zip(data.test_dataloader(), data.settings, strict=True):
        tokens = torch.cat([batch.tokens for batch in loader])
        assert torch.equal(tokens, data.evaluation(name).tokens)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"length": 7, "regions": 4}, ["length: 7", "regions 4"]),
        ({"batch_size": 0}, ["batch_size: 0"]),
        ({"batch_size": -3}, ["batch_size: -3"]),
        ({"steps": 0}, ["steps: 0"]),
        ({"regions": 0}, ["regions: 0"]),
        ({"density": 1.5}, ["density: 1.5"]),
        ({"density": float("nan")}, ["density: nan"]),
        ({"samples": 0}, ["samples: 0"]),
        ({"seed": -1}, ["seed: -1"]),
        ({"workers": -1}, ["workers: -1"]),
        ({"stages": [{"lengths": []}]}, ["stages[0].lengths: []"]),
        ({"stages": [{"growth": 2.0}]}, ["stages[0].growth: 2.0"]),
        ({"stages": [{}, {"regions": [4, 2]}]}, ["stages[1].regions", "[4, 2]"]),
        ({"stages": [{"length": 5}]}, ["stages[0].length: is not"]),
        ({"stages": [{"lengths": [6, 9]}]}, ["stages[0].lengths: 6", "regions 4"]),
    ],
)
def test_numbers_that_cannot_work_are_named(arguments, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        CountingData(**arguments)


def test_at_least_five_million_tokens_are_drawn_per_cpu_second():
    # A floor with a wide margin (some 40 million were measured), not a benchmark.
    data = CountingData(batch_size=64)
    start = time.process_time()
    drawn = sum(data.draw(step).tokens.numel() for step in range(40))
    assert drawn / (time.process_time() - start) > 5e6


def test_counts_are_zero_or_more_where_there_is_a_region():
    counts = CountingData(stages=STAGES).draw(0).counts.numpy()
    assert set(np.unique(counts[counts < 0])) == {NO_REGION}
