"""Learning rates and the gradient's norm, as every logger gets them."""

import csv
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from minimal import MinimalData, MinimalModule
from torch.optim.lr_scheduler import LambdaLR

from sciformer.training.callbacks.nonfinite import StopOnNonFiniteLoss


class Rates(MinimalModule):
    """Has parameter groups, a schedule, and notes of the norms of its gradients."""

    def __init__(self, *groups):
        super().__init__()
        self.groups, self.norms = groups, []

    def configure_optimizers(self):
        halves = [list(self.model.block.parameters()), list(self.model.head.parameters())]
        groups = [{"params": p, **g} for p, g in zip(halves, self.groups, strict=True)]
        chosen = torch.optim.SGD(groups, lr=0.5)
        schedule = LambdaLR(chosen, lambda step: 0.1**step)
        return [chosen], [{"scheduler": schedule, "interval": "step"}]

    def on_before_optimizer_step(self, optimizer):
        grads = [p.grad for p in self.parameters()]
        self.norms.append(torch.nn.utils.get_total_norm(grads).item())


def logged(module, folder, **options):
    """The rows of a logger of a user's own after four steps."""
    fixed = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(
        **fixed,
        max_steps=4,
        logger=CSVLogger(folder, name="", version=""),
        use_distributed_sampler=False,
        enable_checkpointing=False,
        callbacks=[StopOnNonFiniteLoss()],
        **{"log_every_n_steps": 1, "limit_val_batches": 0, **options},
    )
    trainer.fit(module, MinimalData(samples=64))
    with (Path(folder) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("train/lr", "train/grad_norm")
    return {key: [float(row[key]) for row in rows] for key in rows[0] if key.startswith(names)}


@pytest.mark.parametrize("clip", [None, 1e-3], ids=["free", "clipped"])
def test_each_step_has_its_rate_and_the_norm_of_its_gradient(clip, tmp_path):
    module = Rates({}, {})
    found = logged(module, tmp_path, gradient_clip_val=clip)
    assert found["train/lr"] == pytest.approx([0.5, 0.05, 5e-3, 5e-4])
    assert found["train/grad_norm"] == pytest.approx(module.norms, rel=1e-5)
    assert found.keys() == {"train/lr", "train/grad_norm"}


def test_groups_of_different_rates_have_numbers(tmp_path):
    found = logged(Rates({}, {"lr": 2.0}), tmp_path)
    assert found["train/lr/pg1"][:2] == pytest.approx([0.5, 0.05])
    assert found["train/lr/pg2"][:2] == pytest.approx([2.0, 0.2])


def test_groups_with_names_have_these(tmp_path):
    found = logged(Rates({"name": "body"}, {"name": "head"}), tmp_path)
    assert found.keys() == {"train/lr/body", "train/lr/head", "train/grad_norm"}


def test_nothing_is_logged_more_often_than_asked(tmp_path):
    assert len(logged(Rates({}, {}), tmp_path, log_every_n_steps=2)["train/lr"]) == 2


def test_accumulated_gradients_are_one_step(tmp_path):
    module = Rates({}, {})
    found = logged(module, tmp_path, accumulate_grad_batches=2, log_every_n_steps=2)
    assert found["train/grad_norm"] == pytest.approx([module.norms[1], module.norms[3]])


class Two(MinimalModule):
    """Steps its two optimizers by itself."""

    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch, "train")
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
            optimizer.zero_grad()

    def configure_optimizers(self):
        parts = (self.model.block, self.model.head)
        return [
            torch.optim.SGD(p.parameters(), lr) for p, lr in zip(parts, (0.1, 0.2), strict=True)
        ]


def test_several_optimizers_are_told_apart(tmp_path):
    found = logged(Two(), tmp_path)
    assert found["train/lr/0"][0] == pytest.approx(0.1)
    assert found["train/lr/1"][0] == pytest.approx(0.2)
    assert found.keys() == {f"train/{n}/{i}" for n in ("lr", "grad_norm") for i in (0, 1)}
