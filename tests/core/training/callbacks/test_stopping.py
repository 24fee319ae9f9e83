"""A run that is told to end does so at once or after its step, and goes on as if it had not."""

import json
import re
import signal
import time
from types import SimpleNamespace

import pytest
import told
import torch
from kills import compare
from lightning.pytorch.trainer.states import TrainerFn
from minimal import PROJECT
from two_ranks import callback, two
from verbs import exit_code

from sciformer.training.callbacks.stopping import GracefulStop
from sciformer.training.checkpoints import checkpoint

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def ends(start_in, tmp_path_factory):
    """How each case ended, and its folder."""
    folder = tmp_path_factory.mktemp("told")
    process = start_in(folder, told.__file__, folder)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = json.loads(out)
    for number, name in enumerate(told.CASES):
        found[name]["root"] = folder / f"case{number}"
    return found


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("while data are prepared, SIGINT", 130),
        ("while data are prepared, SIGTERM", -signal.SIGTERM),  # before we listen
        ("in a sanity check", 143),
        ("in a validation", 128 + signal.SIGUSR2),
        ("in a step, twice", -signal.SIGTERM),  # the second ends it at once
        ("in a test", 143),
        ("in a validation of its own", 130),
        ("by SLURM", 128 + signal.SIGUSR1),
    ],
)
def test_it_ends_within_five_seconds(case, code, ends):
    assert ends[case]["code"] == code
    assert ends[case]["seconds"] < 5
    assert "Traceback" not in ends[case]["said"]


def test_a_validation_that_was_ended_is_repeated_whole(ends, tmp_path):
    end = ends["in a validation"]
    stopped = re.search(r"stopped after step 4; continue with --ckpt_path (\S+)\n", end["said"])
    goes_on((f"--ckpt_path={stopped[1]}",), end["root"], tmp_path)


def goes_on(words, root, tmp_path):
    """A run that goes on is one that nobody has disturbed, in every weight and row."""
    threads = torch.get_num_threads()
    for folder, more in ((root, words), (tmp_path / "alone", ())):
        place = f"--trainer.default_root_dir={folder}"
        assert exit_code(PROJECT, "fit", *told.COMMON, place, *more) == 0
    torch.set_num_threads(threads)
    compare(root, tmp_path / "alone")


def test_slurm_is_asked_to_start_the_job_again(ends, tmp_path, monkeypatch):
    assert "\nscontrol requeue 12345\n" in ends["by SLURM"]["said"]
    assert "\nscontrol requeue 777_3\n" in ends["by SLURM, in an array"]["said"]
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    root = ends["by SLURM"]["root"]
    assert not list(root.glob("hpc_ckpt*"))  # which Lightning would go on from unasked
    goes_on((), root, tmp_path)


def test_a_signal_between_the_agreement_and_the_validation_ends_it(monkeypatch):
    stop = GracefulStop("last.ckpt")
    trainer = SimpleNamespace(state=SimpleNamespace(fn=TrainerFn.FITTING), sanity_checking=False)

    def largest(received):
        stop.received = signal.SIGTERM  # as by a signal just after this rank has answered
        return received

    stop.agreement = SimpleNamespace(largest=largest)
    with pytest.raises(SystemExit, match="143"):
        stop.on_validation_epoch_start(trainer, None)


def test_two_ranks_end_in_the_middle_of_a_validation(start, tmp_path):
    more = (*two("DDP"), "--trainer.default_root_dir=run")
    linger = callback("faults.Linger", hook="on_validation_batch_start")
    process = start("-m", "minimal", "fit", *told.COMMON, *more, linger)
    assert "now\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGTERM)
    told_at = time.monotonic()
    _, err = process.communicate(timeout=60)  # both ranks write there: it ends when both have
    assert time.monotonic() - told_at < 5
    assert process.returncode == 143
    assert "Traceback" not in err
    assert "stopped after step 4; continue with --ckpt_path run/last.ckpt" in err
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == 4
