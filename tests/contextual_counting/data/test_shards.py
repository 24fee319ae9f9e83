import json
import re
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from contextual_counting.data.datamodule import Batch, CountingData
from contextual_counting.data.shards import Ranges, make_sample, simulate
from contextual_counting.simulate.sequences import NO_REGION, ONE, OPEN
from sciformer.data.shards.index import Recipe, read_index
from sciformer.data.shards.writer import write_shards

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")


@pytest.fixture
def folder(tmp_path):
    simulate(
        str(tmp_path / "data"), shards=3, samples=26, length=32, regions=[1, 3], density=[0.2, 0.8]
    )
    return tmp_path / "data"


def test_a_sample_is_a_pure_function_of_seed_and_number():
    ranges = Ranges(40, (1, 4), (0.1, 0.9))
    first, same = make_sample(5, 1, ranges), make_sample(5, 1, ranges)
    assert np.array_equal(first["tokens"], same["tokens"])
    for other in (make_sample(6, 1, ranges), make_sample(5, 2, ranges)):
        assert not np.array_equal(first["tokens"], other["tokens"])
    assert (first["tokens"].dtype, first["counts"].dtype) == (np.uint8, np.int32)


def test_a_batch_of_shards_is_what_the_network_takes(folder):
    data = CountingData(length=32, regions=2, shards=str(folder), batch_size=6)
    batches = list(data.train_dataloader())
    assert len(batches) == 4
    for batch in batches:
        assert isinstance(batch, Batch)
        assert batch.tokens.dtype == batch.counts.dtype == torch.int64
        assert batch.tokens.shape == (6, 32)
        assert batch.counts.shape == (6, 3)
        there = (batch.counts != NO_REGION).sum(1)
        assert torch.equal(there, (batch.tokens == OPEN).sum(1))
        for tokens, counts in zip(batch.tokens.tolist(), batch.counts.tolist(), strict=True):
            inside = re.findall("2([01]*)3", "".join(map(str, tokens)))
            assert [part.count(str(ONE)) for part in inside] == [c for c in counts if c >= 0]


def test_an_epoch_is_a_pass_over_the_shards_in_the_order_of_the_runs_seed(folder):
    def epochs(seed):
        loader = CountingData(shards=str(folder), batch_size=2, seed=seed).train_dataloader()
        return [torch.cat([batch.tokens for batch in loader]) for _ in range(2)]

    first, second = epochs(1)
    assert not torch.equal(first, second)
    for rows in (first, second):
        assert {tuple(row) for row in rows.tolist()} == {
            tuple(make_sample(i, 0, Ranges(32, (1, 3), (0.2, 0.8)))["tokens"].tolist())
            for i in range(26)
        }
    assert torch.equal(first, epochs(1)[0])
    assert not torch.equal(first, epochs(2)[0])


def test_two_ranks_share_out_a_batch_of_shards(folder):
    data = CountingData(shards=str(folder), batch_size=6)
    whole = next(iter(data.train_dataloader()))
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        half = next(iter(data.train_dataloader()))
        assert torch.equal(half.tokens, whole.tokens[rank::2])


def test_the_schedule_and_the_ranges_are_those_of_the_shards(folder):
    data = CountingData(length=32, regions=2, shards=str(folder), batch_size=6, epochs=5)
    assert data.stage_steps == [20]
    assert (data.most_regions, data.longest) == (3, 32)
    outside = {name: data.outside(setting) for name, setting in data.settings.items()}
    assert outside["id"] == outside["r3"] == outside["density0.3"] == []
    assert outside["t300"] == ["length 300 not in 32-32"]
    elsewhere = CountingData(**{**data.hparams, "shards": None})  # evaluated without the shards
    assert elsewhere.outside(elsewhere.settings["t300"]) == ["length 300 not in 32-32"]
    assert CountingData(**data.hparams).stage_steps == [20]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"stages": [{"steps": 3}]}, "stages: with shards nothing is drawn"),
        ({"batch_size": 27}, "batch_size: 27 is not one of 1 to 26"),
        ({"batch_size": 0}, "batch_size: 0"),
        ({"epochs": -1}, "epochs: -1 is no number of passes"),
        ({"epochs": None}, "epochs: None is no number of passes"),
        ({"shards": "nowhere"}, "nowhere: no such file"),
    ],
)
def test_what_does_not_go_with_shards_is_refused(folder, arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        CountingData(**{"shards": str(folder), **arguments})


def test_shards_of_another_task_are_refused(folder, tmp_path):
    write_shards(tmp_path / "o", lambda i: {"tokens": np.int64(i)}, Recipe("other", "7", 0, 2, 1))
    whole = {"tokens": np.zeros(4, np.uint8), "counts": np.zeros(1, np.int32)}
    write_shards(tmp_path / "p", lambda i: whole, Recipe("other", "7", 0, 2, 1))
    with pytest.raises(ValueError, match="p: made by other 7, not contextual_counting"):
        CountingData(shards=str(tmp_path / "p"))
    with pytest.raises(ValueError, match=r"o/index\.json: fields: no 'counts'"):
        CountingData(shards=str(tmp_path / "o"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"regions": 0},
        {"regions": [3, 1]},
        {"regions": 17},
        {"regions": []},
        {"density": 1.5},
        {"density": [0.2, float("nan")]},
        {"length": 0},
        {"shards": 0},
        {"shards": 9, "samples": 8},
        {"seed": -1},
        {"workers": -1},
    ],
)
def test_sequences_that_cannot_be_are_not_written(tmp_path, arguments):
    with pytest.raises(ValueError, match=rf"{next(iter(arguments))}"):
        simulate(str(tmp_path / "data"), **{"length": 32, "samples": 8, **arguments})
    assert list(tmp_path.iterdir()) == []


SMOKE = ["--config", "configs/contextual_counting/smoke.yaml", "--data.stages", "null"]


@pytest.fixture
def fit(folder, quick_python):
    """Fit in the folder of the shards, in a process of its own."""
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
    command = [quick_python, "-m", "contextual_counting", "fit", *SMOKE, *quiet]
    options = {"cwd": folder.parent, "capture_output": True, "text": True}
    return lambda *words: subprocess.run([*command, *words], check=False, **options)


@pytest.mark.process
def test_fit_reads_shards_and_says_what_it_drops(folder, fit):
    words = ["--data.shards", "data", "--data.batch_size", "4", "--data.workers", "2"]
    done = fit(*words, "--trainer.max_epochs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "contextual-counting fit: warning: 26 samples make 6 batches of 4; "
        "the 2 left over are dropped, other ones in each epoch\n"
    )
    run = folder.parent / "runs/contextual_counting/smoke"
    lines = (run / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("train/loss")
    assert sum(bool(line.split(",")[column]) for line in lines[1:]) == 12
    assert json.loads((run / "metrics.json").read_text())["run"]["seed"] == 0


@pytest.mark.process
@pytest.mark.parametrize(("workers", "damaged"), [("2", "stop"), ("0", "skip")])
def test_a_damaged_shard_ends_a_fit_in_one_line_or_is_skipped(folder, fit, workers, damaged):
    path = folder / "shard-00001.tar"
    raw = bytearray(path.read_bytes())
    raw[int(read_index(folder).shards[1].offsets[2]) + 700] ^= 1
    path.write_bytes(raw)
    words = ["--data.shards", "data", "--data.batch_size", "2", "--data.workers", workers]
    done = fit(*words, "--data.damaged", damaged)
    kind = "error" if damaged == "stop" else "warning"
    assert done.stderr.startswith(
        f"contextual-counting fit: {kind}: data/shard-00001.tar: sample 00000010: damaged: crc32"
    )
    assert done.stderr.count("\n") == 1
    assert done.returncode == (2 if damaged == "stop" else 0)
