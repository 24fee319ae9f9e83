"""What users of Lightning are used to: their callbacks and loggers beside a run's own."""

import csv
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
    StochasticWeightAveraging,
    TQDMProgressBar,
)
from minimal import PROJECT, MinimalModule
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.optim.lr_scheduler import LambdaLR
from verbs import exit_code

from sciformer.arguments import ArgumentError
from sciformer.cli.checks import check_callbacks
from sciformer.cli.project import Project
from sciformer.training.checkpoints import checkpoint
from sciformer.training.distributed.strategies import FSDP

QUIET = ["--trainer.accelerator=cpu", "--threads=1"]
SWA = "{class_path: StochasticWeightAveraging, init_args: {swa_lrs: 0.01, swa_epoch_start: 2}}"
EMA = "{class_path: EMAWeightAveraging, init_args: {decay: 0.5}}"
FINDER = "{class_path: LearningRateFinder, init_args: {num_training_steps: 30}}"
LOGGERS = "lightning.pytorch.loggers"
pytestmark = pytest.mark.usefixtures("here")


class Fading(MinimalModule):
    """The minimal module with a schedule."""

    def configure_optimizers(self):
        chosen = super().configure_optimizers()
        schedule = LambdaLR(chosen, lambda step: 0.9**step)
        return [chosen], [{"scheduler": schedule, "interval": "step"}]


class Rateless(MinimalModule):
    """Has its learning rate under a name of its own."""

    def __init__(self, dim: int = 8, heads: int = 2, pace: float = 0.1) -> None:
        super().__init__(dim, heads)
        self.save_hyperparameters(logger=False)
        self.pace = pace
        del self.lr, self.hparams["lr"]

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.pace)


def command(*words, project=PROJECT):
    return exit_code(project, *words)


def fit(root, *words, project=PROJECT, bar=False):
    """Exit code of a fit of two epochs, unless the words say otherwise."""
    fixed = ["--trainer.max_epochs=2", "--trainer.log_every_n_steps=1"]
    fixed += [] if bar else ["--trainer.enable_progress_bar=false"]
    place = f"--trainer.default_root_dir={root}"
    return command("fit", *QUIET, *fixed, place, *words, project=project)


def of(module):
    """The minimal project with another module."""
    sys.modules["habits"] = sys.modules[__name__]  # a project is named by its package
    return Project("minimal", "As minimal.", f"habits:{module.__name__}", "minimal:MinimalData")


def logger(name, **settings):
    given = ", ".join(f"{key}: {value}" for key, value in settings.items())
    return f"--trainer.logger+={{class_path: {LOGGERS}.{name}, init_args: {{{given}}}}}"


def rows(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def weights(path):
    return checkpoint.read(path)["state_dict"]


def test_a_further_checkpoint_on_the_same_metric_is_kept_beside_ours(here):
    more = "{class_path: ModelCheckpoint, init_args: {monitor: val/loss, dirpath: mine}}"
    assert fit("run", f"--trainer.callbacks+={more}") == 0
    (own,) = Path("mine").iterdir()
    theirs = weights("run/best.ckpt")
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in weights(own).items())
    assert command("test", *QUIET, f"--ckpt_path={own}") == 0
    assert fit("run", f"--trainer.callbacks+={more}", "--ckpt_path=last") == 0


def test_the_progress_bar_of_a_user_is_the_only_one(here, monkeypatch, capsys):
    monkeypatch.setattr(TQDMProgressBar, "on_train_start", None)  # ours would fail
    assert fit("run", "--trainer.callbacks+=RichProgressBar", bar=True) == 0
    assert "Epoch 1/1" in capsys.readouterr().out


def test_a_log_that_is_no_terminal_gets_no_progress_bar_unless_the_user_asks(here, capsys):
    assert fit("run", bar=True) == 0
    assert "Epoch" not in capsys.readouterr().out
    assert fit("run", "--overwrite", "--trainer.enable_progress_bar=true", bar=True) == 0
    assert "Epoch" in capsys.readouterr().out


def test_a_barebones_fit_keeps_nothing(here):
    words = ["--trainer.barebones=true", "--trainer.max_epochs=1"]
    assert command("fit", *QUIET, *words, "--trainer.default_root_dir=run") == 0
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("average", [SWA, EMA], ids=["swa", "ema"])
def test_averaged_weights_are_what_a_run_leaves_and_goes_on_with(average, here):
    words = ["--trainer.max_epochs=4", f"--trainer.callbacks+={average}"]
    assert fit("straight", *words) == 0
    assert fit("run", *words, "--trainer.max_steps=10") == 0
    assert fit("run", *words, "--ckpt_path=last") == 0
    found = weights("straight/last.ckpt")
    resumed = weights("run/last.ckpt")
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in found.items())
    assert command("test", *QUIET, "--ckpt_path=run") == 0
    assert "Unable" not in Path("run/config.yaml").read_text()


def test_an_average_is_what_is_left(here):
    """With a decay of 1 it is what the first step gave."""
    still = EMA.replace("0.5", "1.0")
    assert fit("first", "--trainer.max_steps=1") == 0
    assert fit("run", f"--trainer.callbacks+={still}") == 0
    found, first = weights("run/last.ckpt"), weights("first/last.ckpt")
    assert all(torch.equal(tensor, first[name]) for name, tensor in found.items())


def test_averaged_weights_are_left_where_steps_end_the_run_too(here):
    words = [f"--trainer.callbacks+={SWA}", "--trainer.max_epochs=4"]
    assert fit("epochs", *words) == 0
    assert fit("steps", *words, "--trainer.max_steps=16") == 0
    found, other = weights("steps/last.ckpt"), weights("epochs/last.ckpt")
    assert all(torch.equal(tensor, other[name]) for name, tensor in found.items())


@pytest.mark.parametrize("kind", [StochasticWeightAveraging, EMAWeightAveraging])
def test_weights_that_are_shared_out_are_not_averaged(kind):
    average = kind(swa_lrs=0.1) if kind is StochasticWeightAveraging else kind()
    options = {"accelerator": "cpu", "devices": 1, "logger": False}
    trainer = Trainer(callbacks=[average], strategy=FSDP(), **options)
    line = rf"trainer\.callbacks: {kind.__name__}: copies the whole network, .*; take DDP$"
    with pytest.raises(ArgumentError, match=line):
        check_callbacks(trainer, MinimalModule())


def test_the_rate_that_is_found_is_the_one_of_the_schedule(here):
    words = ["--trainer.max_epochs=10", "--data.samples=64", f"--trainer.callbacks+={FINDER}"]
    assert fit("run", *words, project=of(Fading)) == 0
    lr = checkpoint.read("run/last.ckpt")["hyper_parameters"]["lr"]
    assert lr != 1e-2
    rates = [float(row["train/lr"]) for row in rows("run/metrics.csv") if row["train/lr"]]
    assert rates[:3] == pytest.approx([lr, 0.9 * lr, 0.81 * lr])
    assert command("test", *QUIET, "--ckpt_path=run", project=of(Fading)) == 0


def test_a_module_without_a_rate_to_find_is_named(here, capsys):
    assert fit("run", f"--trainer.callbacks+={FINDER}", project=of(Rateless)) == 2
    line = "LearningRateFinder: Rateless has no argument lr or learning_rate"
    assert capsys.readouterr().err == f"minimal fit: error: trainer.callbacks: {line}\n"
    assert list(here.iterdir()) == []


def test_a_logger_of_a_user_gets_what_the_runs_own_record_gets(here):
    assert fit("run", logger("CSVLogger", save_dir="mine")) == 0
    theirs = rows(next(Path("mine").rglob("metrics.csv")))
    ours = rows("run/metrics.csv")
    for name in ("train/loss", "train/lr", "train/grad_norm", "val/loss"):
        values = [row[name] for row in ours if row[name]]
        assert values
        assert values == [row[name] for row in theirs if row[name]]
    assert "samples: 32" in next(Path("mine").rglob("hparams.yaml")).read_text()


def test_tensorboard_shows_hyperparameters_and_what_came_of_them(here):
    assert fit("run", "--model.lr=0.25") == 0
    events = EventAccumulator("run").Reload()
    assert {"train/lr", "train/grad_norm", "val/loss"} <= set(events.Tags()["scalars"])
    plugin = events.summary_metadata["_hparams_/session_start_info"].plugin_data
    assert plugin.plugin_name == "hparams"
    assert b"model.lr" in plugin.content
    experiment = events.summary_metadata["_hparams_/experiment"].plugin_data.content
    assert b"val/loss" in experiment


@pytest.mark.process
def test_wandb_gets_everything_offline(start, here):
    """It writes the last of it when its process ends."""
    pytest.importorskip("wandb")
    wandb = logger("WandbLogger", offline="true", save_dir=".", project="p")
    process = start("-m", "minimal", "fit", *QUIET, "--trainer.log_every_n_steps=1", wandb)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    (written,) = Path("wandb").glob("offline-run-*/run-*.wandb")
    content = written.read_bytes()
    for name in (b"train/loss", b"train/lr", b"train/grad_norm", b"val/loss", b"data.samples"):
        assert name in content


def test_mlflow_gets_everything_in_a_folder(here, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert fit("run", logger("MLFlowLogger", tracking_uri="file:./mine")) == 0
    metrics = {path.name for path in Path("mine").rglob("metrics/train/*")}
    assert {"loss", "lr", "grad_norm"} <= metrics
    (lr,) = Path("mine").rglob("params/model.lr")
    assert lr.read_text() == "0.01"
