"""A run's folder is one run's: nothing is replaced unasked, mixed, or written by two."""

import csv
import errno
import fcntl
import os
import socket
from pathlib import Path

import pytest
import torch
import yaml
from minimal import PROJECT
from verbs import exit_code

from sciformer.lock import LOCK, SOFT
from sciformer.training.checkpoints import checkpoint
from sciformer.training.claim import Claim, claimed

QUIET = ("--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu", "--threads=1")
pytestmark = pytest.mark.usefixtures("here")


def fit(root, *words):
    return exit_code(PROJECT, "fit", *QUIET, *words, f"--trainer.default_root_dir={root}")


def content(root):
    return {path.name: path.read_bytes() for path in root.iterdir()}


def refused(capsys, root, *words):
    """The one line with which a fit refuses a folder, leaving it as it was."""
    before = content(root)
    capsys.readouterr()
    assert fit(root, *words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert content(root) == before
    return err.removeprefix("minimal fit: error: ")


@pytest.fixture
def finished(here):
    """The folder of a finished run."""
    assert fit("run", "--trainer.max_epochs=1", "--model.lr=0.5") == 0
    return here / "run"


@pytest.fixture
def interrupted(finished):
    """The same, before its end."""
    (finished / "metrics.json").unlink()
    return finished


def test_a_finished_run_is_not_replaced_unasked(finished, capsys):
    line = refused(capsys, finished)
    assert line == (
        f"{finished}: holds a finished run; --ckpt_path last goes on with it, "
        "--overwrite replaces it\n"
    )


@pytest.mark.parametrize("kept", ["last.ckpt", "best.ckpt", "metrics.csv"])
def test_what_is_left_of_a_run_is_not_replaced_unasked(kept, interrupted, capsys):
    for path in interrupted.iterdir():
        if path.name != kept:
            path.unlink()
    assert "holds a run that was interrupted; --ckpt_path auto " in refused(capsys, interrupted)


def test_overwrite_leaves_nothing_of_the_run_before(finished):
    (finished / "mine.txt").write_text("kept")
    (finished / "events.out.tfevents.1.elsewhere").write_text("old")
    words = ("--trainer.limit_val_batches=0", "--trainer.max_steps=2")
    assert fit("run", *words, "--trainer.log_every_n_steps=1", "--overwrite") == 0
    assert checkpoint.read(finished / "last.ckpt")["hyper_parameters"]["lr"] == 0.01
    left = {path.name for path in finished.iterdir()}
    assert "best.ckpt" not in left  # as nothing was validated
    assert "mine.txt" in left
    assert sum(name.startswith("events.") for name in left) == 1
    with (finished / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "1"]
    assert "val/loss" not in rows[0]


def test_the_configuration_of_a_run_that_replaced_one_replaces_none(finished, capsys):
    assert fit("run", "--trainer.max_epochs=1", "--overwrite") == 0
    said = yaml.safe_load((finished / "config.yaml").read_text())
    assert "overwrite" not in said
    assert "holds a finished run" in refused(capsys, finished, "--config", "run/config.yaml")


@pytest.mark.parametrize("path", ["last", "auto", "run/last.ckpt", "run"])
def test_a_checkpoint_of_the_folder_goes_on(path, finished):
    assert fit("run", "--trainer.max_epochs=2", f"--ckpt_path={path}") == 0
    assert checkpoint.read(finished / "last.ckpt")["global_step"] == 8


def test_a_run_is_not_mixed_with_the_checkpoint_of_another(finished, capsys):
    more = ("--trainer.max_epochs=2", "--ckpt_path=other/last.ckpt")
    assert fit("other", "--trainer.max_epochs=1") == 0
    line = f"{finished}: holds another run than other/last.ckpt; --overwrite replaces it\n"
    assert refused(capsys, finished, *more) == line
    assert fit("run", *more, "--overwrite") == 0
    assert checkpoint.read(finished / "last.ckpt")["hyper_parameters"]["lr"] == 0.01


def test_what_would_go_on_cannot_be_replaced(finished, capsys):
    line = refused(capsys, finished, "--ckpt_path=last", "--overwrite")
    assert "--ckpt_path goes on with the run that --overwrite replaces" in line


def test_a_run_killed_before_it_saved_begins_anew(interrupted):
    for name in ("last.ckpt", "best.ckpt"):
        (interrupted / name).unlink()
    (interrupted / "metrics.csv").write_text("epoch,step,train/loss\r\n0,7,0.5\r\n")
    assert fit("run", "--trainer.max_epochs=1", "--ckpt_path=auto") == 0
    assert "0,7," not in (interrupted / "metrics.csv").read_text()


def test_a_finished_run_without_its_checkpoint_does_not_begin_anew(finished, capsys):
    (finished / "last.ckpt").unlink()
    assert "holds a finished run" in refused(capsys, finished, "--ckpt_path=auto")


def test_leftovers_of_dead_processes_are_removed_when_a_run_begins(finished):
    host = socket.gethostname()
    for name in (".last.ckpt.999999999", f".best.ckpt.999999999@{host}"):
        (finished / name).write_bytes(b"half")
    assert fit("run", "--trainer.max_epochs=1", "--ckpt_path=auto") == 0
    assert not [path.name for path in finished.iterdir() if path.name.startswith(".")]


@pytest.mark.process
def test_two_fits_at_once_are_refused(start, here, capsys):
    run = here / "run"
    run.mkdir()
    held = "with claimed(Claim(Path('run'))): print('held', flush=True); sleep(99)"
    imports = "from time import sleep\nfrom pathlib import Path"
    process = start("-c", f"{imports}\nfrom sciformer.training.claim import Claim, claimed\n{held}")
    assert process.stdout.readline() == "held\n"
    ways = ((), ("--overwrite",), ("--ckpt_path=auto",))
    for words in ways:
        assert refused(capsys, run, *words) == f"{run}: another fit is running there\n"
    process.kill()  # which leaves its lock behind
    process.communicate()
    for words in ways:
        (run / LOCK).touch()
        assert fit("run", "--trainer.max_epochs=1", *words) == 0
        assert not (run / LOCK).exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_has_a_file_for_one(number, monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claimed(Claim(tmp_path)):
        assert str(os.getpid()) in (tmp_path / SOFT).read_text()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / SOFT).write_text("999999999\nelsewhere\n")
    with (
        pytest.raises(ValueError, match=r"another fit is running there \(.*elsewhere.*\); if it"),
        claimed(Claim(tmp_path)),
    ):
        pass
    (tmp_path / SOFT).write_text(f"999999999\n{socket.gethostname()}\n")
    with claimed(Claim(tmp_path)):
        pass


@pytest.mark.parametrize("root", ["s3://bucket/run", "gs://bucket/run", "file:///run"])
def test_an_address_is_no_folder_of_a_run(root, here, capsys):
    assert fit(root) == 2
    err = capsys.readouterr().err
    assert f"trainer.default_root_dir: {root} is an address; " in err
    assert list(here.iterdir()) == []


def test_a_home_is_found_and_null_is_the_projects_own_folder(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    assert fit("~/run", "--trainer.max_epochs=1") == 0
    assert (here / "home/run/last.ckpt").is_file()
    assert fit("null", "--trainer.max_epochs=1") == 0
    assert (here / "runs/minimal/last.ckpt").is_file()
    assert {path.name for path in here.iterdir()} == {"home", "runs"}


def test_what_an_exception_has_left_is_not_gone_on_from_unasked(here):
    saver = (
        "--trainer.callbacks+={class_path: lightning.pytorch.callbacks.OnExceptionCheckpoint, "
        "init_args: {dirpath: left, filename: on_exception}}"
    )
    assert fit("first", "--trainer.max_epochs=1") == 0
    (here / "left").mkdir()
    Path("first/last.ckpt").rename("left/on_exception.ckpt")
    assert fit("run", saver, "--trainer.max_epochs=1", "--seed_everything=3") == 0
    assert fit("plain", "--trainer.max_epochs=1", "--seed_everything=3") == 0
    ours, theirs = (checkpoint.read(f"{root}/last.ckpt")["state_dict"] for root in ("run", "plain"))
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items())


def test_a_job_that_slurm_has_queued_again_goes_on(finished, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert fit("run", "--trainer.max_epochs=2") == 0
    assert checkpoint.read(finished / "last.ckpt")["global_step"] == 8
    line = refused(capsys, finished, "--overwrite")
    assert line.startswith("--overwrite would replace what this job did before it was queued again")
