import csv
import itertools
import json
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import two_ranks
from minimal import MinimalModule
from two_ranks import HALF, STEPS, STRATEGIES, fit, recorded

from sciformer.training.checkpoints import checkpoint

SCRIPT = Path(two_ranks.__file__)
PAIRS = [
    (start, end)  # the resume of one rank by one is held to the bit elsewhere
    for start, end in itertools.product(["one", *STRATEGIES], repeat=2)
    if (start, end) != ("one", "one")
]

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def runs(start_in, tmp_path_factory):
    """The folder of all runs: those of one rank made here, and those of ``two_ranks``."""
    root = tmp_path_factory.mktemp("runs")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [])
        record = recorded(root / "one.pt")
        fit(root / "one_whole", record, f"--trainer.max_steps={STEPS}")
        fit(root / "one", f"--trainer.max_steps={HALF}")
        agents = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
        process = start_in(root, *agents, SCRIPT, root)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err + out
        for strategy in STRATEGIES:
            more = (f"--ckpt_path={root / strategy}", f"--trainer.max_steps={STEPS}")
            fit(root / f"{strategy}_then_one", *more)
    torch.set_num_threads(threads)
    return root


def losses(root):
    """Loss of the global batch by step."""
    with (root / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {int(row["step"]): float(row["train/loss"]) for row in rows if row["train/loss"]}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_ranks_give_the_losses_of_one(strategy, runs):
    theirs = losses(runs / "one_whole")
    assert losses(runs / f"{strategy}_whole") == pytest.approx(theirs, rel=1e-5)
    assert set(theirs) == set(range(STEPS))


def errors(ours, theirs):
    """Of all gradients of each step together, relative to their norm."""
    for mine, other in zip(ours, theirs, strict=True):
        error = torch.cat([(mine[name] - other[name]).flatten() for name in other])
        whole = torch.cat([grad.flatten() for grad in other.values()])
        yield float(error.norm() / whole.norm())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_ranks_give_the_gradients_of_one(strategy, runs):
    ours, theirs = torch.load(runs / f"{strategy}.pt"), torch.load(runs / "one.pt")
    assert len(ours) == STEPS
    assert max(errors(ours, theirs)) < 1e-5


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_activations_computed_again_give_the_same_gradients_on_two_ranks(strategy, runs):
    ours, theirs = (torch.load(runs / f"{strategy}{end}.pt") for end in ("_again", ""))
    assert len(ours) == HALF
    assert max(errors(ours, theirs[:HALF])) < 1e-6


def test_fsdp_holds_half_of_what_ddp_holds_of_50_million_parameters(runs):
    weights = {}
    for path in runs.glob("*.bytes.*"):
        found = json.loads(path.read_text())
        assert found["parameters"] > 50e6
        weights.setdefault(path.name.split(".")[0], []).append(found["bytes"])
    assert [len(weights[strategy]) for strategy in STRATEGIES] == [2, 2]
    assert max(weights["FSDP"]) <= 0.6 * min(weights["DDP"])


def test_gradients_accumulate_to_those_of_the_whole_batch(runs, tmp_path):
    parts = ("--data.batch_size=4", "--trainer.accumulate_grad_batches=2")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [])
        path = tmp_path / "parts.pt"
        fit(tmp_path, *parts, recorded(path), f"--trainer.max_steps={STEPS}")
    torch.set_num_threads(threads)
    assert max(errors(torch.load(path), torch.load(runs / "one.pt"))) < 1e-6


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_a_checkpoint_of_any_strategy_goes_on_under_any_other(start, end, runs):
    """Weights, optimizer and place in the data come along: the losses are those of one run."""
    ours, theirs = losses(runs / f"{start}_then_{end}"), losses(runs / "one_whole")
    assert ours == pytest.approx({step: theirs[step] for step in range(HALF, STEPS)}, rel=1e-5)


class Stopped(NamedTuple):
    root: object
    code: int
    err: str


@pytest.fixture(scope="module", params=STRATEGIES)
def stopped(request, start_in, tmp_path_factory):
    """A run on two ranks, started by Lightning, of which the first alone gets Ctrl-C."""
    root = tmp_path_factory.mktemp(request.param)
    config = root / "two.yaml"
    config.write_text(
        "trainer:\n"
        "  devices: 2\n"
        "  accelerator: cpu\n"
        f"  max_steps: {STEPS}\n"
        f"  strategy: {{class_path: sciformer.training.strategies.{request.param}}}\n"
        f"  callbacks: [{{class_path: minimal.Announce, init_args: {{step: {HALF}}}}}]\n"
        f"  default_root_dir: {root / 'run'}\n"
    )
    process = start_in(root, "-m", "minimal", "fit", "--config", config)
    assert "now\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    return Stopped(root / "run", process.returncode, err)


def test_ctrl_c_of_one_rank_stops_both(stopped):
    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    assert "stopped after step" in stopped.err
    module = checkpoint.load(stopped.root, MinimalModule)
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())
