"""Two-step fits in every precision, clipped or not, by each optimizer, on one rank or two.

    python precisions.py FOLDER                                                       # one rank
    torchrun --standalone --nproc_per_node 2 precisions.py FOLDER                     # DDP and FSDP

Writes ``STRATEGY.json``: combination -> the losses and how far the parameters moved, or why
Lightning refuses it. With Trainers of one's own, without the command line.
"""

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from sciformer.nn.encoder import Encoder
from sciformer.training.distributed.strategies import DDP, FSDP, shard
from sciformer.training.optim import MuonAdamW, adamw, decay_groups

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true")
STRATEGIES = {"one": lambda: "auto", "DDP": DDP, "FSDP": FSDP}
CLIPS = (None, 0.01)
OPTIMIZERS = ("adamw", "muon")
DIM = 16


class Small(LightningModule):
    """An encoder that learns the sine of its input.

    Args:
        optimizer: One of ``OPTIMIZERS``.
    """

    def __init__(self, optimizer: str) -> None:
        super().__init__()
        self.kind = optimizer
        self.model = Encoder(DIM, 1, 2)
        self.losses: list[float] = []

    def configure_model(self) -> None:
        shard(self, self.model)

    def training_step(self, batch: Float[Tensor, "batch time dim"], batch_idx: int) -> Tensor:
        batch = batch.to(self.dtype)
        loss = (self.model(batch) - batch.sin()).float().square().mean()
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> Optimizer:
        if self.kind == "adamw":
            return adamw(decay_groups(self.parameters(), 0.1), 1e-2)
        matrices = [p for p in self.parameters() if p.ndim == 2]
        others = [p for p in self.parameters() if p.ndim != 2]
        return MuonAdamW([{"params": matrices}], [{"params": others}], lr=1e-2)


def values(module: nn.Module) -> Tensor:
    """All parameters in a row."""
    whole = [p.full_tensor() if isinstance(p, DTensor) else p for p in module.parameters()]
    return torch.cat([p.detach().flatten().double() for p in whole])


def fit(root: Path, strategy: str, precision: Any, clip: float | None, optimizer: str) -> list:
    """Two steps."""
    torch.manual_seed(0)
    module = Small(optimizer)
    before = values(module)
    trainer = Trainer(
        accelerator="cpu",
        devices=1 if strategy == "one" else 2,
        strategy=STRATEGIES[strategy](),
        precision=precision,
        gradient_clip_val=clip,
        max_steps=2,
        default_root_dir=root,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    data = torch.randn(2, 4, 8, DIM, generator=torch.Generator().manual_seed(1))
    trainer.fit(module, DataLoader(data, batch_size=None))
    return [*module.losses, (values(module) - before).norm().item()]


def main(root: Path) -> None:
    """All combinations of this number of ranks."""
    torch.set_num_threads(1)
    for strategy in ("DDP", "FSDP") if "RANK" in os.environ else ("one",):
        found = {}
        for combination in itertools.product(PRECISIONS, CLIPS, OPTIMIZERS):
            name = " ".join(map(str, combination))
            try:
                found[name] = fit(root, strategy, *combination)
            except ValueError as error:
                found[name] = str(error)
        if int(os.environ.get("RANK", "0")) == 0:
            (root / f"{strategy}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if distributed.is_initialized():
        distributed.destroy_process_group()  # gloo's threads must not outlive the interpreter
