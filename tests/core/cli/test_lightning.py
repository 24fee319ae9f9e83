import json
from pathlib import Path

import pytest
import torch
import yaml
from minimal import PROJECT, MinimalModule
from verbs import exit_code

from sciformer.training.checkpoints import checkpoint

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu", "--threads=1"]
pytestmark = pytest.mark.usefixtures("here")


def command(*words):
    return exit_code(PROJECT, *words)


def fit(root, *words):
    return command("fit", *QUIET, *words, f"--trainer.default_root_dir={root}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run with settings that are not the defaults."""
    root = tmp_path_factory.mktemp("finished")
    words = ["--trainer.max_epochs=2", "--data.dim=4", "--model.heads=1", "--data.samples=16"]
    assert fit(root, *words, "--seed_everything=5") == 0
    return root


def refused(capsys, here, *words):
    """The one line with which a command refuses its input, leaving everything as it was."""
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    code = command(*words)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith(f"minimal {words[0]}: error: ")
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before
    return err


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("model: {dmi: 8}", "model.dmi: 8: "),
        ("modle: {dim: 8}", "modle.dim: 8: "),
        ("trainer: {max_epoch: 3}", "trainer.max_epoch: 3: "),
        ("model: {lr: fast}", "model.lr: 'fast': "),
        ("data: {samples: 1.5}", "data.samples: 1.5: "),
        ("seed_everything: -1", "seed_everything: -1: "),
        ("seed_everything: 4294967296", "seed_everything: 4294967296: "),
        ("data: {batch_size: 99}", "data.batch_size: 99 is not "),
        ("data: {batch_size: -1}", "data.batch_size: -1 is less than 1"),
        ("model: {heads: 3}", "model.heads: 3 does not divide dim=8"),
        ("trainer: {strategy: warp}", "trainer.strategy: "),
        ("trainer: {max_epochs: -5}", "trainer.max_epochs: "),
        (
            "trainer: {accumulate_grad_batches: 0}",
            "trainer.accumulate_grad_batches: 0 is less than 1",
        ),
        (
            "trainer: {val_check_interval: 5}",
            "trainer.val_check_interval: 5 is more than the 4 batches",
        ),
        (
            "trainer: {check_val_every_n_epoch: 0}",
            "trainer.check_val_every_n_epoch: 0 is less than 1",
        ),
        ("trainer: {log_every_n_steps: 0}", "trainer.log_every_n_steps: 0 is less than 1"),
        ("trainer: {gradient_clip_val: -1.5}", "trainer.gradient_clip_val: -1.5 is below 0"),
        ("trainer: {callbacks: [{class_path: no.where}]}", "trainer.callbacks: "),
        ("trainer: {callbacks: EarlyStoping}", "trainer.callbacks: 'EarlyStoping': "),
        ("trainer: {max_epochs: 0}", "trainer.max_epochs: 0 is less than 1"),
        (
            "trainer: {callbacks: [RichModelSummary, "
            "{class_path: sciformer.training.cost.Cost, init_args: {ranks: 0}}]}",
            "trainer.callbacks[1].init_args.ranks: 0 is less than 1",
        ),
        ("model: {dim: 8", "not YAML: "),
        ("[1, 2]", "not a table of keys and values"),
        ("hello", "not a table of keys and values"),
        (b"\xff\xfe\x00\x80", "not a text file"),
        (b"a: " + 5000 * b"[", "not YAML: "),
        (
            "a: &a [" + 99 * "x," + "]\nb: &b [" + 99 * "*a," + "]\nc: [" + 99 * "*b," + "]",
            "aliases",
        ),
        ("a: &a [*a]", "aliases"),
    ],
)
def test_a_bad_configuration_is_named_with_key_and_value(content, named, capsys, here):
    Path("run.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    err = refused(capsys, here, "fit", *QUIET, "--config", "run.yaml")
    assert err.startswith("minimal fit: error: run.yaml: ")
    assert named in err
    assert len(err) < 1000  # a line is for reading, also where a type has fifty alternatives


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--config", "missing.yaml"], "missing.yaml: No such file or directory"),
        (["--config", "."], ".: Is a directory"),
        (["--config"], "--config: expected one argument"),
        (["--data.batch_size", "99"], "data.batch_size: 99 is not "),
        (["--model.heads", "3"], "model.heads: 3 does not divide dim=8"),
        (["--model.lr", "fast"], "model.lr: 'fast': Expected a float"),
        (["--model.lrr", "1"], "--model.lrr"),
        (["--threads", "-1"], "threads: '-1': "),
        (["--trainer.devices", "0"], "devices='0'"),
        (["stray"], "stray"),
        (["--ckpt_path", "missing.ckpt"], "missing.ckpt: no such checkpoint"),
        (["--ckpt_path", "."], "last.ckpt: no such checkpoint"),
        (["--ckpt_path", "last"], "runs/minimal/last.ckpt: no such checkpoint"),
        (["--ckpt_path=best"], "runs/minimal/best.ckpt: no such checkpoint"),
        (["--ckpt_path"], "--ckpt_path: expected one argument"),
    ],
)
def test_a_bad_option_is_named_with_its_value(words, named, capsys, here):
    assert named in refused(capsys, here, "fit", *QUIET, *words)


def test_a_flag_is_blamed_and_not_the_file_that_it_overrides(capsys, here):
    Path("run.yaml").write_text("model: {heads: 2}")
    err = refused(capsys, here, "fit", *QUIET, "--config", "run.yaml", "--model.heads", "3")
    assert err == "minimal fit: error: model.heads: 3 does not divide dim=8\n"


def test_of_two_files_the_one_at_fault_is_named(capsys, here):
    Path("good.yaml").write_text("model: {lr: 0.1}")
    Path("bad.yaml").write_text("model: {heads: 3}")
    words = ["--config", "good.yaml", "--config", "bad.yaml"]
    assert "bad.yaml: model.heads: " in refused(capsys, here, "fit", *QUIET, *words)


@pytest.mark.parametrize("folder", ["a_file/run", "/proc/run"])
def test_a_folder_that_cannot_be_written_to_is_named_before_the_training(folder, capsys, here):
    Path("a_file").touch()
    err = refused(capsys, here, "fit", *QUIET, f"--trainer.default_root_dir={folder}")
    assert f"trainer.default_root_dir: cannot write to {folder}" in err


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_every_verb_refuses_a_file_that_is_no_checkpoint(verb, capsys, here):
    Path("x.ckpt").write_bytes(b"hello")
    assert "x.ckpt: not a checkpoint" in refused(capsys, here, verb, *QUIET, "--ckpt_path=x.ckpt")


def test_debug_shows_the_traceback(capsys):
    assert command("fit", "--model.heads", "3", "--debug") == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith("\nminimal fit: error: model.heads: 3 does not divide dim=8\n")


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(MinimalModule, "training_step", lambda self: None)
    with pytest.raises(TypeError, match="positional argument"):
        command("fit", *QUIET, "--trainer.fast_dev_run=true")


def test_a_fast_dev_run_writes_nothing(here):
    assert fit("run", "--trainer.fast_dev_run=true") == 0
    assert list(here.iterdir()) == []


def test_a_run_keeps_everything_in_its_folder(finished):
    names = {path.name for path in finished.iterdir()}
    assert {"config.yaml", "last.ckpt", "best.ckpt", "metrics.csv", "metrics.json"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)


def test_a_run_records_what_it_was_and_what_it_cost(finished):
    content = json.loads((finished / "metrics.json").read_text())
    record = content["run"]
    assert content["val/loss"] > 0
    assert record["command"].startswith("minimal fit --trainer.enable_progress_bar=false")
    assert record["seed"] == 5
    assert record["settings"]["data"]["samples"] == 16
    assert {"python", "torch", "lightning", "sciformer"} <= record["versions"].keys()
    assert record["wall_s"] > 0
    assert 0 < record["peak_gib"] < 64
    saved = checkpoint.run_record(checkpoint.read(finished / "last.ckpt"))
    assert saved["settings"] == record["settings"]


def test_a_fit_ends_with_folder_metric_baseline_time_and_what_to_do_next(capsys, monkeypatch):
    monkeypatch.setattr(MinimalModule, "baseline", lambda self: ("zero", 0.25))
    assert fit("my run") == 0
    folder, metric, time, after = capsys.readouterr().out.splitlines()
    assert folder.split(maxsplit=2) == ["run", "folder", "my run"]
    assert metric.startswith("val/loss")
    assert metric.endswith("(0.2500 by zero)")
    assert time.split()[0] == "time"
    assert after.split(maxsplit=1) == ["next", "minimal evaluate 'my run'"]


def test_quiet_nothing_is_said(capfd):
    assert command("fit", *QUIET[1:], "--quiet", "--trainer.default_root_dir=run") == 0
    assert command("evaluate", "run", "--out", "report", "--quiet") == 0
    assert command("simulate", "--out", "shards", "--quiet") == 0
    assert capfd.readouterr() == ("", "")


def test_its_own_config_starts_the_same_run_again(finished):
    words = ["--config", finished / "config.yaml"]
    assert fit("again", *words) == 0
    again = checkpoint.read("again/last.ckpt")["state_dict"]
    for name, tensor in checkpoint.read(finished / "last.ckpt")["state_dict"].items():
        assert torch.equal(tensor, again[name])


def settings(capsys, *words):
    """What a verb would run with."""
    assert command(*words, "--print_config") == 0
    return yaml.safe_load(capsys.readouterr().out)


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_the_settings_of_a_checkpoint_are_the_defaults(verb, finished, capsys):
    found = settings(capsys, verb, f"--ckpt_path={finished / 'last.ckpt'}")
    assert found["data"] == {"samples": 16, "batch_size": 8, "dim": 4, "shards": None, "workers": 0}
    assert (found["model"]["heads"], found["seed_everything"]) == (1, 5)


def test_flags_and_files_win_over_the_settings_of_a_checkpoint(finished, capsys):
    Path("run.yaml").write_text("data: {samples: 24}")
    words = ["--config", "run.yaml", "--data.batch_size", "4", "--seed_everything", "6"]
    found = settings(capsys, "test", "--ckpt_path", finished, *words)
    assert found["data"] == {"samples": 24, "batch_size": 4, "dim": 4, "shards": None, "workers": 0}
    assert found["seed_everything"] == 6


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_a_checkpoint_is_judged_on_its_own_data(verb, finished, capsys, here):
    assert command(verb, *QUIET, "--ckpt_path", finished) == 0
    out = capsys.readouterr().out
    if verb == "validate":
        shown = json.loads((finished / "metrics.json").read_text())["val/loss"]
        assert f"{shown:.6f}"[:6] in out  # the table has more digits than six
    assert list(here.iterdir()) == []


def test_weights_that_do_not_fit_are_named(finished, capsys, here):
    words = ["--ckpt_path", finished / "last.ckpt", "--data.dim", "8"]
    err = refused(capsys, here, "test", *QUIET, *words)
    assert f"{finished / 'last.ckpt'}: model.block.attention_norm.weight is (4,)" in err


def test_a_checkpoint_of_another_module_is_refused(finished, capsys, here):
    saved = checkpoint.read(finished / "last.ckpt")
    saved[checkpoint.STAMP]["module"] = "other.Module"
    saved["hyper_parameters"] = {"depth": 3}
    torch.save(saved, "x.ckpt")
    err = refused(capsys, here, "test", *QUIET, "--ckpt_path=x.ckpt")
    assert "x.ckpt: holds a other.Module, not a minimal.MinimalModule" in err


def test_settings_that_the_module_no_longer_has_are_named(finished, capsys, here):
    saved = checkpoint.read(finished / "last.ckpt")
    saved["hyper_parameters"]["depth"] = 3
    torch.save(saved, "x.ckpt")
    err = refused(capsys, here, "test", *QUIET, "--ckpt_path=x.ckpt")
    assert "x.ckpt: " in err
    assert "model.depth" in err


def test_a_run_goes_on_from_the_last_checkpoint_of_its_folder(here):
    assert fit("straight", "--trainer.max_epochs=2") == 0
    assert fit("run", "--trainer.max_epochs=1") == 0
    assert fit("run", "--trainer.max_epochs=2", "--ckpt_path=last") == 0
    ours, theirs = checkpoint.read("run/last.ckpt"), checkpoint.read("straight/last.ckpt")
    assert ours["global_step"] == theirs["global_step"]
    for name, tensor in theirs["state_dict"].items():
        assert torch.equal(tensor, ours["state_dict"][name])


def test_a_run_that_ended_by_its_epochs_goes_on_elsewhere_by_its_steps(here):
    assert fit("straight", "--trainer.max_epochs=2") == 0
    assert fit("run", "--trainer.max_epochs=1") == 0
    longer = ("--trainer.max_epochs=2", "--trainer.max_steps=8")
    assert fit("on", *longer, "--ckpt_path=run") == 0
    ours, theirs = (checkpoint.read(f"{root}/last.ckpt") for root in ("on", "straight"))
    assert ours["global_step"] == theirs["global_step"] == 8
    for name, tensor in theirs["state_dict"].items():
        assert torch.equal(tensor, ours["state_dict"][name])
