"""Processes that die, disks that fill up, numbers that overflow: what a run does then."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import kills
import pytest
import torch
from two_ranks import callback, fit, two

from sciformer.data.sampler import GlobalBatches
from sciformer.training.checkpoints import checkpoint

pytestmark = pytest.mark.process

EPOCHS, SAMPLES, BATCH = 4, 35, 8  # four batches of an epoch; three samples are left over
SETTINGS = (
    *("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--threads=1"),
    *(f"--trainer.max_epochs={EPOCHS}", f"--data.samples={SAMPLES}", f"--data.batch_size={BATCH}"),
    *("--save_every=1", "--trust"),
)
RUN = ("-m", "minimal", "fit", *SETTINGS, "--trainer.default_root_dir=run")


def wait_for_step(process):
    assert "now\n" in iter(process.stdout.readline, ""), process.stderr.read()


def finish(process):
    """What a process says, and that it ends well."""
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The weights at the end of a run that nothing has interrupted."""
    root, threads = tmp_path_factory.mktemp("straight"), torch.get_num_threads()
    fit(root, *SETTINGS)
    torch.set_num_threads(threads)
    return checkpoint.read(root / "last.ckpt")["state_dict"]


def assert_same_weights(root, weights):
    found = checkpoint.read(root / "last.ckpt")["state_dict"]
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, found[name])


@pytest.mark.parametrize("step", [2, 7, 12])  # in an epoch, before its last step, at its start
def test_a_killed_run_goes_on_to_the_very_same_weights(step, start, straight, tmp_path):
    process = start(*RUN, callback("minimal.Announce", step=step))
    wait_for_step(process)
    time.sleep(0.1 * step)  # a step takes 0.2 s by now: somewhere in the next six
    process.kill()
    process.communicate()
    finish(start(*RUN, "--ckpt_path=auto"))
    assert_same_weights(tmp_path / "run", straight)


def test_runs_that_are_killed_at_random_moments_lose_nothing(start):
    """A few of the forty kills that are made by hand; see ``kills.py``."""
    process = start(kills.__file__, "--kills", "5", "--kind", "steps")
    out = finish(process)
    assert "kills, nothing lost" in out


def test_a_validation_among_accumulated_gradients_spoils_no_resume(start, tmp_path):
    more = ("--trainer.accumulate_grad_batches=2", "--trainer.val_check_interval=3")
    straight = start(*RUN[:-1], *more, "--trainer.default_root_dir=straight")
    finish(straight)
    process = start(*RUN, *more, callback("minimal.Announce", step=3))
    wait_for_step(process)
    time.sleep(0.5)  # among the batches of the epoch that follows
    process.kill()
    process.communicate()
    finish(start(*RUN, *more, "--ckpt_path=auto"))
    weights = checkpoint.read(tmp_path / "straight" / "last.ckpt")["state_dict"]
    assert_same_weights(tmp_path / "run", weights)
    tables = [(tmp_path / run / "metrics.csv").read_text() for run in ("run", "straight")]
    assert tables[0] == tables[1]


def children(process):
    """The process ids of the ranks that a first rank has started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = []
    for pid in listed:
        with suppress(OSError):  # one of the loader's workers has ended since
            if b"LOCAL_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(int(pid))
    return found


@pytest.mark.parametrize(
    ("strategy", "victim", "workers"), [("DDP", 1, 2), ("DDP", 0, 0), ("FSDP", 1, 0)]
)
def test_a_killed_rank_ends_the_others_and_no_sample_is_lost(
    strategy, victim, workers, start, straight, tmp_path
):
    """Its workers hold its connections open; they have to end with it."""
    diary = callback("faults.Diary", path=tmp_path / "diary")
    more = (*two(strategy), diary, f"--data.workers={workers}")
    real = {"python": sys.executable}  # whose rank 1 is its child
    process = start(*RUN, *more, callback("minimal.Announce", step=6), **real)
    wait_for_step(process)
    (other,) = children(process)
    killed_at = time.monotonic()
    os.kill(other if victim else process.pid, signal.SIGKILL)
    if strategy == "FSDP":  # a rank that is slow to notice gets its word in, too
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(6)
        os.kill(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=60)  # both ranks write there: it ends when both have
    assert time.monotonic() - killed_at < 60
    assert process.returncode == (1 if victim else -signal.SIGKILL)
    assert f"rank {1 - victim} lost another rank" in err
    assert "--ckpt_path auto" in err
    assert "Traceback" not in err
    reached = checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"]
    before = [line for line in entries(tmp_path / "diary") if line[1] <= reached]
    (tmp_path / "diary").unlink()
    finish(start(*RUN, *more, "--ckpt_path=auto"))
    assert_seen_once([*before, *entries(tmp_path / "diary")])


def entries(path):
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()]


def assert_seen_once(lines):
    """Every step of every epoch took the samples that its order says, each by one rank."""
    order = GlobalBatches(SAMPLES, BATCH, seed=0)
    for epoch in range(EPOCHS):
        seen = sorted(number for line in lines if line[0] == epoch for number in line[2:])
        expected = [n for step in range(len(order)) for n in order.batches(epoch)(step)]
        assert seen == sorted(expected)
        assert len(set(seen)) == SAMPLES // BATCH * BATCH


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_loss_that_is_nan_names_step_rank_and_samples(ranks, start, tmp_path):
    more = two("DDP") if ranks == 2 else ()
    process = start(*RUN, *more, callback("faults.Spoil", step=5, rank=ranks - 1))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    order = GlobalBatches(SAMPLES, BATCH, 0, ranks - 1, ranks)
    numbers = ", ".join(map(str, order.batches(1)(1)))  # step 5 is the second of epoch 1
    assert f"the loss is nan at step 5 on rank {ranks - 1}; " in err
    assert f"batch.x; the batch: samples {numbers} of epoch 1" in err
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == 5


@pytest.mark.parametrize("strategy", ["DDP", "FSDP"])
def test_a_gradient_that_is_nan_ends_all_ranks_before_the_step(strategy, start, tmp_path):
    harm = callback("faults.SpoilGradient", step=5, rank=1)
    process = start(*RUN, *two(strategy), harm, "--trainer.gradient_clip_val=1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "rank 0 stops: the gradient of rank 1 is not finite at step 5" in err
    assert "the gradient is not finite at step 5 on rank 1, though the loss is; " in err
    assert "the first such parameter: model.block.mlp.up.weight; the batch: samples " in err
    saved = checkpoint.read(tmp_path / "run" / "last.ckpt")
    assert saved["global_step"] == 5
    assert all(tensor.isfinite().all() for tensor in saved["state_dict"].values())


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for three checkpoints, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder, mounted
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_leaves_the_last_good_checkpoint(small_disk, start, straight, tmp_path):
    folder, mounted = small_disk
    harm = callback("faults.Fill", step=6, path=folder / "ballast")
    if not mounted:  # not ours to mount: a limit on the size of files gives the same error
        harm = callback("faults.LimitFiles", step=6, size=1000)
    process = start(*RUN, f"--trainer.default_root_dir={folder}", harm)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert f"{folder}/last.ckpt: " in err
    assert "the checkpoint was not written; an earlier one is as it was" in err
    assert checkpoint.read(folder / "last.ckpt")["global_step"] == 6
    (folder / "ballast").unlink(missing_ok=True)
    finish(start(*RUN, f"--trainer.default_root_dir={folder}", "--ckpt_path=auto"))
    assert_same_weights(folder, straight)
