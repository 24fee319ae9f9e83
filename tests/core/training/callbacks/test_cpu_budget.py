"""Trainings by CPU time, on a clock that a step takes one second of and a validation ten."""

import math

import pytest
import torch
from lightning.pytorch import Callback
from minimal import MinimalData, MinimalModule
from torch.optim.lr_scheduler import LambdaLR
from trainers import silent_trainer

from sciformer.training.callbacks import cpu_budget
from sciformer.training.callbacks.cpu_budget import CpuBudget
from sciformer.training.callbacks.run_record import RunRecord
from sciformer.training.checkpoints.lightning_io import CheckpointFiles


class Scheduled(MinimalModule):
    """Has a constant rate, and a validation loss that stops falling."""

    losses = (3.0, 2.0, 2.5, 1.5, 1.6, 1.7, 1.8, 1.9)

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        schedule = LambdaLR(optimizer, lambda step: 1.0)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", torch.tensor(self.losses[min(self.global_step // 4 - 1, 7)]))


class Clock(Callback):
    """Passes one second in each step and ten in each validation; notes the learning rates."""

    def __init__(self, monkeypatch):
        self.now, self.rates = 100.0, []
        monkeypatch.setattr(cpu_budget.time, "process_time", lambda: self.now)

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.now += 1
        self.rates.append(optimizer.param_groups[0]["lr"] / 1e-2)

    def on_validation_batch_end(self, *args):
        self.now += 10


def fit(clock, spent, path=None, module=None, **options):
    trainer = silent_trainer(
        num_sanity_val_steps=1,
        max_epochs=-1,
        plugins=[CheckpointFiles()],
        callbacks=[clock, spent, RunRecord({})],
        **options,
    )
    trainer.fit(module or Scheduled(), MinimalData(), ckpt_path=path)  # validates every 4 steps
    return trainer


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_a_training_ends_when_its_time_is_used_up_and_validation_costs_none(clock):
    spent = CpuBudget(10.0)
    assert fit(clock, spent).global_step == 10
    assert spent.used == 10
    assert clock.now >= 130


def test_the_rate_falls_as_a_cosine_over_the_last_part_of_the_time(clock):
    fit(clock, CpuBudget(10.0, cooldown=0.4))
    falling = [0.5 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    assert clock.rates == pytest.approx([1] * 6 + falling)


def test_a_training_that_improves_no_more_cools_down_and_ends_before_its_time(clock):
    """The fourth validation, after 16 s, is the best; two more and a fifth of it all are left."""
    spent = CpuBudget(1000.0, cooldown=0.2, patience=2)
    assert fit(clock, spent).global_step == 30
    assert spent.plateau == 24
    assert spent.end == pytest.approx(30)
    assert clock.rates[23:26] == pytest.approx([1, 1, 0.5 * (1 + math.cos(math.pi / 6))])


def test_a_training_that_is_resumed_goes_on_counting(clock, tmp_path, monkeypatch):
    trainer = fit(clock, CpuBudget(10.0), max_steps=6)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    later, rest = Clock(monkeypatch), CpuBudget(10.0)
    assert fit(later, rest, tmp_path / "half.ckpt").global_step == 10
    assert rest.used == 10
    assert len(later.rates) == 4
    assert clock.rates + later.rates == pytest.approx(
        [0.5 * (1 + math.cos(math.pi * k / 10)) for k in range(10)]
    )


def test_without_an_end_it_counts_alone(clock):
    spent = CpuBudget()
    fit(clock, spent, max_steps=5)
    assert spent.used == 5
    assert clock.rates == pytest.approx([1] * 5)


def test_a_module_without_a_schedule_is_refused(clock):
    with pytest.raises(ValueError, match="no schedule of its learning rate"):
        fit(clock, CpuBudget(10.0), module=MinimalModule())


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"seconds": 0.0}, "seconds: 0.0 is not above 0"),
        ({"cooldown": 0.0}, "cooldown: 0.0 is not above 0"),
        ({"patience": 0, "cooldown": 0.2}, "patience: 0 is less than 1"),
        ({"patience": 2}, "cooldown 1.0 is all"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(wrong, line):
    with pytest.raises(ValueError, match=line):
        CpuBudget(**wrong)
