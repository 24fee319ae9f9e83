"""The smallest project: a transformer block learns the mean of what it sees.

Tests run it in their own process and, with this folder on ``PYTHONPATH``, as ``python -m minimal``.
"""

import sys
import time
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import AdamW
from torch.utils.data import Dataset

from sciformer.arguments import ArgumentError, check_least
from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import SeededLoader, seeded_loader
from sciformer.data.shards.command import simulate as write
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe
from sciformer.nn.block import TransformerBlock
from sciformer.report.report import Report, report_folder
from sciformer.training.checkpoints import checkpoint
from sciformer.training.module import Module


class Batch(NamedTuple):
    """Noise and its mean."""

    x: Float[Tensor, "batch time dim"]
    mean: Float[Tensor, " batch"]


class Network(nn.Module):
    """One block and a linear head on the mean of its tokens."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.block = TransformerBlock(dim, heads)
        self.head = nn.Linear(dim, 1)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, " batch"]:
        return self.head(self.block(x).mean(1)).squeeze(-1)


class MinimalModule(Module):
    """Regress the mean.

    Args:
        dim: Width of the block.
        heads: Attention heads; divides ``dim``.
        lr: Learning rate of AdamW.
    """

    monitor = ("val/loss", "min")

    def __init__(self, dim: int = 8, heads: int = 2, lr: float = 1e-2) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.model = Network(dim, heads)
        self.lr = lr

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.loss(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.loss(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.loss(batch, "test")

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        return {"mean": self.model(batch.x)}

    def loss(self, batch: Batch, stage: str) -> Tensor:
        loss = mse_loss(self.model(batch.x), batch.mean)
        self.log(f"{stage}/loss", loss, sync_dist=True, batch_size=len(batch.x))
        return loss

    def configure_optimizers(self) -> AdamW:
        return AdamW(self.parameters(), lr=self.lr)


class Noise(Dataset[Batch]):
    """Sequences of 4 tokens, a pure function of the seed."""

    def __init__(self, samples: int, dim: int, seed: int) -> None:
        source = torch.Generator().manual_seed(seed)
        self.x = torch.randn(samples, 4, dim, generator=source)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Batch:
        return Batch(self.x[index], self.x[index].mean())


class MinimalData(DataModule):
    """Noise.

    Args:
        samples: Sequences to train on; validation and test have 8.
        batch_size: Sequences per step, over all devices.
        dim: Width of a token.
        seed: Seed of the sequences.
        shards: Folder of sequences to train on, in place of drawn ones.
        workers: Processes that load; 0 loads in the main one.
        epochs: Passes over the data.

    Raises:
        ValueError: If there are too few samples for a batch.
    """

    def __init__(
        self,
        samples: int = 32,
        batch_size: int = 8,
        dim: int = 8,
        seed: int = 0,
        shards: str | None = None,
        workers: int = 0,
        epochs: int = 1,
    ) -> None:
        super().__init__(batch_size, workers, seed)
        check_least(epochs=(epochs, 1))
        if not 0 < batch_size <= samples:
            raise ArgumentError(
                "batch_size", f"{batch_size} is not between 1 and {samples} samples"
            )
        self.samples, self.dim = samples, dim
        self.on_disk = None if shards is None else ShardedDataset(shards, Batch)

    def train_dataloader(self) -> SeededLoader:
        return self._loader(self.samples, 0)

    def val_dataloader(self) -> SeededLoader:
        return self._loader(8, 1)

    def test_dataloader(self) -> SeededLoader:
        return self._loader(8, 2)

    @property
    def predicted(self) -> dict[str, list[str]]:
        return {"noise": [str(number) for number in range(8)]}

    def _loader(self, samples: int, part: int) -> SeededLoader:
        rank, world = self.rank()
        shuffle = part == 0
        if shuffle and self.on_disk is not None:
            rows = self.on_disk
        else:
            rows = Noise(samples, self.dim, 3 * self.seed + part)
        place = {"rank": rank, "world": world, "workers": self.workers}
        return seeded_loader(rows, self.batch_size, self.seed, shuffle=shuffle, **place)


class Announce(Callback):
    """Say on stdout that a step is done, and dawdle from then on, so that a signal can come.

    Args:
        step: Which.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            sys.stdout.write("now\n")
            sys.stdout.flush()
        if trainer.global_step >= self.step:
            time.sleep(0.2)


def make_sample(number: int) -> dict[str, np.ndarray]:
    x = np.random.default_rng(number).standard_normal((4, 8), np.float32)
    return {"x": x, "mean": x.mean()}


def simulate(
    out: str = "data",
    shards: int = 2,
    workers: int = 0,
    samples: int = 32,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Write noise as shards."""
    write(out, make_sample, Recipe("minimal", "1", seed, samples, shards), workers, overwrite)


def evaluate(path: str, out: str = "report", fault: str = "", overwrite: bool = False) -> None:
    """Write the loss on noise.

    Args:
        path: A checkpoint, or a run's folder.
        out: Folder of the report.
        fault: ``bug`` or ``input``: raise what these raise.
        overwrite: Replace a report that is there.

    Raises:
        ValueError: If ``fault`` is ``input``.
        TypeError: If ``fault`` is ``bug``.
    """
    if fault:
        raise {"bug": TypeError, "input": ValueError}[fault]("asked to\nfail")
    found = checkpoint.find(path)
    module, saved = checkpoint.load(found, MinimalModule), checkpoint.read(found)
    x = Noise(8, module.hparams["dim"], seed=0).x
    with torch.no_grad():
        loss = mse_loss(module.model(x), x.mean((1, 2)))
    folder = report_folder(out, overwrite)
    report = Report("Minimal", checkpoint.run_record(saved))
    report.add_metrics({"noise/loss": loss.item()})
    report.add_result("loss", loss.item())
    report.write(folder)


PROJECT = Project(
    name="minimal",
    summary="Learn the mean of noise.",
    module="minimal:MinimalModule",
    data="minimal:MinimalData",
    links={"data.dim": "model.dim"},
    verbs={
        "evaluate": Verb("minimal:evaluate", "the loss on noise, from a checkpoint"),
        "simulate": Verb("minimal:simulate", "noise as shards"),
    },
)

if __name__ == "__main__":
    run(PROJECT, sys.argv[1:])
