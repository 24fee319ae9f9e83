"""Runs of the minimal project on two ranks, one after another in the same two processes.

    torchrun --standalone --nproc_per_node 2 two_ranks.py FOLDER

FOLDER holds ``one``, a run of one rank that ended at HALF. Beside it come, for DDP and FSDP, runs
with the gradients of every step, plain and with activations computed again, runs that end at HALF,
runs that go on from each of the three, and what a block of 50 million parameters weighs.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from minimal import PROJECT
from torch.distributed.tensor import DTensor

from sciformer.cli.main import run

HALF, STEPS = 6, 12  # within an epoch of four steps, and at the end of one
STRATEGIES = ("DDP", "FSDP")
RECOMPUTE = "sciformer.training.recompute.Recompute"
LARGE = (  # one block has 12 dim^2 parameters
    *("--data.dim=2048", "--model.heads=16", "--trainer.max_steps=1"),
    *("--trainer.enable_checkpointing=false", "--trainer.limit_val_batches=0"),
)


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


class Weigh(Callback):
    """Write what each rank holds of parameters and optimizer state, in bytes.

    Args:
        path: Of the files, one for each rank.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        state = [s for p in trainer.optimizers[0].state.values() for s in p.values()]
        held = [*pl_module.parameters(), *(s for s in state if isinstance(s, torch.Tensor))]
        local = [t.to_local() if isinstance(t, DTensor) else t for t in held]
        weight = sum(t.numel() * t.element_size() for t in local)
        count = sum(p.numel() for p in pl_module.parameters())
        content = json.dumps({"bytes": weight, "parameters": count})
        Path(f"{self.path}.{trainer.global_rank}").write_text(content)


def fit(root: Path, *words: Any) -> None:
    """One fit on the CPU, quietly, with a loss logged at every step."""
    sys.argv = ["minimal"]
    quiet = (
        "--trust",
        "--trainer.enable_progress_bar=false",
        "--trainer.enable_model_summary=false",
    )
    fixed = ("--trainer.accelerator=cpu", "--threads=1", "--trainer.log_every_n_steps=1")
    run(PROJECT, ["fit", *quiet, *fixed, f"--trainer.default_root_dir={root}", *map(str, words)])


def callback(name: str, **arguments: Any) -> str:
    """The option that adds a callback."""
    given = ", ".join(f"{key}: {value}" for key, value in arguments.items())
    return f"--trainer.callbacks+={{class_path: {name}, init_args: {{{given}}}}}"


def recorded(path: Path) -> str:
    """The option that has the gradients written to a file."""
    return callback("two_ranks.Gradients", path=path)


def two(strategy: str) -> tuple[str, ...]:
    """The options for two ranks."""
    kind = f"{{class_path: sciformer.training.distributed.strategies.{strategy}}}"
    return ("--trainer.devices=2", f"--trainer.strategy={kind}")


def main(folder: Path) -> None:
    """Do all runs of two ranks."""
    steps, half = f"--trainer.max_steps={STEPS}", f"--trainer.max_steps={HALF}"
    for strategy in STRATEGIES:
        grads = recorded(folder / f"{strategy}.pt")
        fit(folder / f"{strategy}_whole", *two(strategy), grads, steps)
        fit(folder / strategy, *two(strategy), half)
        again = (callback(RECOMPUTE), recorded(folder / f"{strategy}_again.pt"))
        fit(folder / f"{strategy}_again", *two(strategy), *again, half)
        weigh = callback("two_ranks.Weigh", path=folder / f"{strategy}.bytes")
        fit(folder / f"{strategy}_large", *two(strategy), *LARGE, weigh)
    for strategy in STRATEGIES:
        for start in ("one", *STRATEGIES):
            more = (f"--ckpt_path={folder / start}", steps)
            fit(folder / f"{start}_then_{strategy}", *two(strategy), *more)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
