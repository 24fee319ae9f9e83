import csv
import signal
import sys
from typing import NamedTuple

import pytest
import torch
from minimal import PROJECT, MinimalModule

from sciformer.cli import run
from sciformer.training import checkpoint

STOP, STEPS = 6, 12  # the two ranks are stopped after step 6 or soon after

pytestmark = pytest.mark.process


def words(root, *more):
    return [
        "fit",
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--threads", "1"),
        *("--trainer.enable_progress_bar", "false", "--trainer.log_every_n_steps", "1"),
        *("--trainer.max_steps", str(STEPS), "--trainer.default_root_dir", str(root)),
        *map(str, more),
    ]


def one_rank(root, *more):
    """A run in this process."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["minimal"])
        run(PROJECT, words(root, *more))
    torch.set_num_threads(threads)


def losses(root):
    """Loss of the global batch by step."""
    with (root / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {int(row["step"]): float(row["train/loss"]) for row in rows if row["train/loss"]}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    root = tmp_path_factory.mktemp("alone")
    one_rank(root)
    return root


class Stopped(NamedTuple):
    root: object
    code: int
    err: str


@pytest.fixture(scope="module", params=["DDP", "FSDP"])
def stopped(request, start_in, tmp_path_factory):
    """A run on two ranks of which the first alone gets Ctrl-C after some steps."""
    root = tmp_path_factory.mktemp(request.param)
    config = root / "two.yaml"
    config.write_text(
        "trainer:\n"
        f"  strategy: {{class_path: sciformer.training.strategies.{request.param}}}\n"
        f"  callbacks: [{{class_path: minimal.Announce, init_args: {{step: {STOP}}}}}]\n"
    )
    more = ["--config", config, "--trainer.devices", "2"]
    process = start_in(root, "-m", "minimal", *words(root / "run", *more))
    for line in iter(process.stdout.readline, ""):
        if line == "now\n":
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    return Stopped(root / "run", process.returncode, err)


def test_ctrl_c_of_one_rank_stops_both(stopped):
    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    assert "stopped after step" in stopped.err


def test_two_ranks_give_the_losses_of_one(stopped, alone):
    ours, theirs = losses(stopped.root), losses(alone)
    assert set(range(STOP)) <= ours.keys() <= theirs.keys()
    for step, loss in ours.items():
        # sums in another order: fp32 rounds at 6e-8, and AdamW's square roots amplify
        assert loss == pytest.approx(theirs[step], rel=1e-5)


def test_a_checkpoint_of_two_ranks_loads_on_one(stopped):
    module = checkpoint.load(stopped.root, MinimalModule)
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())


def test_a_run_of_two_ranks_goes_on_with_one(stopped, alone, tmp_path):
    one_rank(tmp_path / "run", "--ckpt_path", stopped.root / "last.ckpt")
    ours, theirs = losses(tmp_path / "run"), losses(alone)
    step = checkpoint.read(stopped.root / "last.ckpt")["global_step"]
    assert ours.keys() == set(range(step, STEPS))
    for step, loss in ours.items():
        assert loss == pytest.approx(theirs[step], rel=1e-5)  # the same; AdamW's state came along
