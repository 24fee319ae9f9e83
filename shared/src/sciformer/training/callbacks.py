"""What every run does beside training: measures itself, stops on NaN, and survives Ctrl-C."""

import resource
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor, nn

from sciformer.training.checkpoint import stamp


def peak_gib() -> float:
    """Peak memory so far: of the accelerator where there is one, else resident memory; in GiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, else KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


class RunRecord(Callback):
    """Carry what a training was and what it cost, in every checkpoint.

    Time goes on counting where a run is resumed.

    Args:
        facts: What is known before the run: command, configuration, seed, versions.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)
        self.before = {"cpu_s": 0.0, "wall_s": 0.0}
        self.start = (time.process_time(), time.perf_counter())

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start = (time.process_time(), time.perf_counter())

    def record(self) -> dict[str, Any]:
        """The facts, and CPU-seconds, seconds and peak GiB of the training until now."""
        cpu_s = self.before["cpu_s"] + time.process_time() - self.start[0]
        wall_s = self.before["wall_s"] + time.perf_counter() - self.start[1]
        return {**self.facts, "cpu_s": cpu_s, "wall_s": wall_s, "peak_gib": peak_gib()}

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        stamp(checkpoint, pl_module, self.record())

    def state_dict(self) -> dict[str, Any]:
        record = self.record()
        return {"cpu_s": record["cpu_s"], "wall_s": record["wall_s"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = dict(state_dict)


class Throughput(Callback):
    """Log samples per second and peak memory of the training steps.

    Args:
        every: Steps between two log entries.
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.samples = 0
        self.since = time.perf_counter()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.samples, self.since = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.samples += len(batch[0]) * trainer.world_size
        if (batch_idx + 1) % self.every == 0:
            elapsed = time.perf_counter() - self.since
            figures = {
                "train/samples_per_s": self.samples / elapsed,
                "train/peak_memory_gib": peak_gib(),
            }
            pl_module.log_dict(figures)
            self.on_train_start(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.on_train_start(trainer, pl_module)  # its time is not the training's


class StopOnNonFiniteLoss(Callback):
    """End a run whose loss is NaN or infinite, before the step that would spoil the weights."""

    def __init__(self) -> None:
        self.batch: Any = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.batch = batch

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Check the loss.

        Args:
            trainer: Knows the step.
            pl_module: Knows the tensors.
            loss: What the training step returned.

        Raises:
            FloatingPointError: Naming the step and the first tensor that is not finite.
        """
        if not torch.isfinite(loss).all():
            culprit = first_non_finite(pl_module, self.batch)
            raise FloatingPointError(
                f"the loss is {loss.item()} at step {trainer.global_step}; "
                f"the first tensor that is not finite: {culprit}"
            )


def first_non_finite(module: LightningModule, batch: Any) -> str:
    """Name the first non-finite tensor: of the batch, the parameters, or the layers' outputs.

    Args:
        module: Whose training step gave a loss that is not finite.
        batch: What it was given; the step is repeated on it.

    Returns:
        For example ``batch.tokens``, ``parameter head.weight`` or ``output of model.encoder``.
    """
    fields = getattr(batch, "_fields", range(len(batch)))
    named = [(f"batch.{field}", value) for field, value in zip(fields, batch, strict=True)]
    named += [(f"parameter {name}", p) for name, p in module.named_parameters()]
    for name, value in named:
        if isinstance(value, Tensor) and not _finite(value):
            return name
    outputs: list[str] = []

    def watch(name: str) -> Any:
        def look(layer: nn.Module, args: Any, output: Any) -> None:
            parts = output if isinstance(output, tuple) else (output,)
            if not all(_finite(part) for part in parts if isinstance(part, Tensor)):
                outputs.append(f"output of {name}")

        return look

    hooks = [m.register_forward_hook(watch(name)) for name, m in module.named_modules() if name]
    try:
        with torch.no_grad():
            module.training_step(batch, 0)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs[0] if outputs else "the loss itself"


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())


class KeepLast(Checkpoint):
    """Keep what a run can go on from in one file: at each validation, and at the training's end.

    Lightning's own ``save_last`` writes it only where the monitored metric has improved. A
    ``Checkpoint``, so that it comes after the others and holds what they know.

    Args:
        path: Of the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.saved: int | None = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.on_train_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.saved != trainer.global_step:
            trainer.save_checkpoint(self.path)
            self.saved = trainer.global_step


class GracefulStop(Callback):
    """Save a checkpoint and end after the step in which Ctrl-C or SIGTERM arrives.

    A second signal ends the process at once. Exit code: 128 plus the signal's number.

    Args:
        path: Where to save.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.received: int | None = None
        self.handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.handlers[number] = signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        number = self._number(trainer)
        if number:
            trainer.save_checkpoint(self.path)
            if trainer.is_global_zero:
                sys.stderr.write(
                    f"\nstopped after step {trainer.global_step}; "
                    f"continue with --ckpt_path {self.path}\n"
                )
            sys.exit(128 + number)

    def _number(self, trainer: Trainer) -> int:
        """The signal that any rank has received, or 0: all have to stop after the same step."""
        number = self.received or 0
        if trainer.world_size == 1:
            return number
        everywhere = torch.tensor(number, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(everywhere, reduce_op="max"))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore()  # before the trainer restores what was there before its own

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._restore()
