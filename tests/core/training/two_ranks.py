"""Runs of the minimal project on two ranks, one after another in the same two processes.

    torchrun --standalone --nproc_per_node 2 two_ranks.py FOLDER

FOLDER holds ``one``, a run of one rank that ended at HALF. Beside it come, for DDP and FSDP, runs
with the gradients of every step, runs that end at HALF, and runs that go on from each of the three.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from minimal import PROJECT
from torch.distributed.tensor import DTensor

from sciformer.cli import run

HALF, STEPS = 6, 12  # within an epoch of four steps, and at the end of one
STRATEGIES = ("DDP", "FSDP")


class Gradients(Callback):
    """Write the whole gradients of every optimizer step.

    Args:
        path: The file, written at the end.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.steps: list[dict[str, torch.Tensor]] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        grads = {name: p.grad for name, p in pl_module.named_parameters()}
        whole = {n: g.full_tensor() if isinstance(g, DTensor) else g for n, g in grads.items()}
        self.steps.append({name: g.clone() for name, g in whole.items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            torch.save(self.steps, self.path)


def fit(root: Path, *words: Any) -> None:
    """One fit on the CPU, quietly, with a loss logged at every step."""
    sys.argv = ["minimal"]
    quiet = ("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false")
    fixed = ("--trainer.accelerator=cpu", "--threads=1", "--trainer.log_every_n_steps=1")
    run(PROJECT, ["fit", *quiet, *fixed, f"--trainer.default_root_dir={root}", *map(str, words)])


def recorded(path: Path) -> str:
    """The option that has the gradients written to a file."""
    return f"--trainer.callbacks=[{{class_path: two_ranks.Gradients, init_args: {{path: {path}}}}}]"


def main(folder: Path) -> None:
    """Do all runs of two ranks."""
    for strategy in STRATEGIES:
        kind = f"{{class_path: sciformer.training.strategies.{strategy}}}"
        two = ("--trainer.devices=2", f"--trainer.strategy={kind}")
        grads = recorded(folder / f"{strategy}.pt")
        fit(folder / f"{strategy}_whole", *two, grads, f"--trainer.max_steps={STEPS}")
        fit(folder / strategy, *two, f"--trainer.max_steps={HALF}")
    for strategy in STRATEGIES:
        kind = f"{{class_path: sciformer.training.strategies.{strategy}}}"
        two = ("--trainer.devices=2", f"--trainer.strategy={kind}")
        for start in ("one", *STRATEGIES):
            more = (f"--ckpt_path={folder / start}", f"--trainer.max_steps={STEPS}")
            fit(folder / f"{start}_then_{strategy}", *two, *more)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
