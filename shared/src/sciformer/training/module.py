"""Base of the projects' LightningModules: settings, optimizer, learning rate, logs, checkpoints."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from lightning.pytorch import Callback, LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from sciformer.arguments import (
    ArgumentError,
    check_not_negative,
    check_positive,
    inside,
    with_tables,
)
from sciformer.report.origin import origin
from sciformer.training.callbacks.run_record import RunRecord
from sciformer.training.callbacks.update_log import due
from sciformer.training.checkpoints import hub, shipped
from sciformer.training.checkpoints.checkpoint import DATA, STAMP, find, read, restored, stamp
from sciformer.training.checkpoints.original_weights import Original
from sciformer.training.distributed.strategies import shard
from sciformer.training.lightning_private import trainer_of
from sciformer.training.optim import (
    MuonAdamW,
    OptimizerSettings,
    adamw,
    batches_before,
    decay_groups,
    warmup_cosine,
)


class Module(LightningModule):
    """A LightningModule whose checkpoints, from any Trainer, can be opened by every command.

    A subclass defines ``monitor`` (metric that selects the best checkpoint), stores its network as
    ``model``, calls ``save_hyperparameters(logger=False)``, and calls :meth:`set_optimizer` or
    configures its own.
    """

    monitor: tuple[str, str]  # the metric that decides, and whether its "min" or "max" is best
    model: Any
    original: ClassVar[Original | None] = None  # weights of a paper's own code, if it has any
    betas = (0.9, 0.999)  # of AdamW without Muon
    least = 0.0  # of the peak learning rate, at the end
    path: Path | None = None  # file that the module was opened from
    stored: Mapping[str, Any] = {}  # and what it says beside weights and arguments

    @property
    def sharded(self) -> nn.Module:
        """Part of the module that is optimized, and sharded under FSDP."""
        return self.model

    @property
    def data(self) -> Any:
        """Data module of the trainer."""
        return self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Output of the network."""
        return self.model(*inputs, **named)

    def check(self, data: Any) -> None:
        """Check module and data before training writes anything.

        Args:
            data: Training data.

        Raises:
            ValueError: If training cannot start.
        """

    def baseline(self) -> tuple[str, float] | None:
        """Name and score, by ``monitor``, of a prediction that takes no training, on one process.

        ``None`` where there is none that takes less than a second.
        """
        return None

    def save_hyperparameters(self, *names: Any, **options: Any) -> None:
        """Store the constructor's arguments as plain data, which checkpoints hold."""
        frame = inspect.currentframe()
        options.setdefault("frame", frame and frame.f_back)
        super().save_hyperparameters(*names, **options)
        tables = {key: value for key, value in self.hparams.items() if is_dataclass(value)}
        self.hparams.update({key: asdict(value) for key, value in tables.items()})  # pyright: ignore[reportArgumentType]

    @classmethod
    def load_from_checkpoint(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, checkpoint_path: str | Path, *options: Any, **settings: Any
    ) -> Any:
        """Like Lightning's, but with tables and with settings of older formats."""
        stored = with_tables(cls, read(checkpoint_path)["hyper_parameters"])
        return super().load_from_checkpoint(checkpoint_path, *options, **{**stored, **settings})

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> Any:
        """Open a trained module, in evaluation mode; no code of a file is run.

        Args:
            name: A checkpoint, a run folder, a folder of :meth:`save_pretrained`, weights of the
                original, a network that a project ships (``PROJECT/NAME``), or ``NAME/REPO`` on the
                Hub.
            **options: Of the Hub: ``revision``, ``cache_dir``, ``local_files_only``, ``token``,
                ``force_download``.

        Returns:
            The module.

        Raises:
            ValueError: If it cannot be read, or is of another class.
        """
        known = str(name).startswith(hub.PREFIX) or str(name) in shipped.networks()
        found = find(name) if known or Path(name).exists() else hub.fetch(str(name), **options)
        saved = read(found, cls.original)
        module = restored(found, saved, cls)
        module.path = found
        module.stored = {key: saved[key] for key in (STAMP, DATA) if key in saved}
        return module

    def save_pretrained(self, folder: str | Path, **options: Any) -> None:
        """Write ``config.json``, ``model.safetensors`` and a model card to a folder.

        Args:
            folder: Output folder.
            **options: Of ``ModelHubMixin.save_pretrained``; ``model_card_kwargs`` are parts of the
                card: ``title``, ``summary``, ``data``, ``metrics``, ``limits``, ``licence``.
        """
        hub.published()(self).save_pretrained(folder, **options)

    def push_to_hub(self, repo: str, **options: Any) -> str:
        """Push the files of :meth:`save_pretrained` to the Hub.

        Args:
            repo: ``NAME/REPO``, created if there is none.
            **options: Of ``ModelHubMixin.push_to_hub``: ``private``, ``token``, ``branch``, ...

        Returns:
            Address of the commit.
        """
        given = {"repo_id": repo, **options.pop("model_card_kwargs", {})}
        pushed = hub.published()(self)
        return str(pushed.push_to_hub(repo, model_card_kwargs=given, **options))

    def kept(self) -> dict[str, Any]:
        """What a file of weights says beside them: our record, and the arguments of the data.

        The name of the machine is left out: such files are made for others.
        """
        found = dict(self.stored)
        if not found:
            stamp(found, self, {})
        record = found[STAMP]
        run = {key: value for key, value in record["run"].items() if key != "host"}
        return {**found, STAMP: {**record, "run": run}}

    def set_optimizer(self, optimizer: OptimizerSettings, steps: int | None) -> None:
        """Set optimizer and learning rate schedule.

        Args:
            optimizer: Settings of the optimizer.
            steps: Batches of the schedule; ``None`` if set later.

        Raises:
            ArgumentError: Naming a number out of range.
        """
        check_positive(steps=steps)
        with inside("optimizer", {}):
            check_positive(lr=optimizer.lr, matrix_lr=optimizer.matrix_lr)
            check_not_negative(weight_decay=optimizer.weight_decay, warmup=optimizer.warmup)
        self.lr, self.matrix_lr = optimizer.lr, optimizer.matrix_lr
        self.weight_decay, self.warmup = optimizer.weight_decay, optimizer.warmup
        self.steps = steps

    def matrices(self) -> list[nn.Parameter]:
        """Hidden weight matrices, which Muon optimizes if ``matrix_lr`` is set."""
        raise NotImplementedError

    def learning_rates(self) -> list[tuple[float, list[nn.Parameter]]]:
        """Parameters grouped by factor of the learning rate."""
        return [(1.0, list(self.sharded.parameters()))]

    def configure_optimizers(self) -> tuple[list[Optimizer], list[Any]]:
        matrices = [p for p in self.matrices() if p.requires_grad] if self.matrix_lr else []
        apart = {id(parameter) for parameter in matrices}
        muon, others = [], []
        for part, parameters in self.learning_rates():
            here = {id(parameter) for parameter in parameters}
            hidden = [p for p in matrices if id(p) in here]
            rate = part * (self.matrix_lr or 0.0)
            muon.append({"params": hidden, "lr": rate, "weight_decay": self.weight_decay})
            rest = [p for p in parameters if id(p) not in apart]
            groups = decay_groups(rest, self.weight_decay)
            others += [{**group, "lr": part * self.lr} for group in groups]
        muon, others = ([each for each in found if each["params"]] for found in (muon, others))
        if muon:
            chosen = MuonAdamW(muon, others, lr=self.lr)
        else:
            chosen = adamw(others, self.lr, betas=self.betas)
        schedule = {"scheduler": LambdaLR(chosen, partial(self.rate)), "interval": "step"}
        return [chosen], [schedule]

    def rate(self, step: int) -> float:
        """Factor of the learning rate at an optimizer step, counted from 0."""
        assert self.steps is not None, "neither given nor set up"
        if trainer_of(self):
            step = batches_before(step, self.data.batches, self.trainer.accumulate_grad_batches)
        fall = warmup_cosine(step, self.steps, self.warmup)
        return fall if step < self.warmup else self.least + (1 - self.least) * fall

    def fit_batches(self) -> int:
        """Batches of a fit, from its number of epochs or, without epochs, from ``max_steps``."""
        epochs = self.trainer.max_epochs
        if epochs is not None and epochs != -1:
            return epochs * self.data.batches
        if self.trainer.max_steps == -1:
            reason = "null, but neither max_epochs nor max_steps says where a fit ends"
            raise ArgumentError("steps", reason)
        return self.trainer.max_steps * self.trainer.accumulate_grad_batches

    def log_losses(self, losses: Mapping[str, Tensor]) -> None:
        """Log a training step's losses as ``train/<name>``, every ``trainer.log_every_n_steps``.

        Args:
            losses: Losses by name; the progress bar shows ``loss``.
        """
        if not due(self.trainer):
            return
        for name, value in losses.items():
            self.log(f"train/{name}", value, prog_bar=name == "loss", sync_dist=True)

    def configure_model(self) -> None:
        shard(self, self.sharded)

    def configure_callbacks(self) -> list[Callback]:
        """Add a run record if the module is trained without our command line."""
        return [] if self._record() else [RunRecord(origin())]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        record = self._record()
        stamp(checkpoint, self, record.record() if record else {})

    def _record(self) -> RunRecord | None:
        trainer: Any = trainer_of(self)  # none after ddp_spawn
        callbacks = trainer.callbacks if trainer else []
        return next((each for each in callbacks if isinstance(each, RunRecord)), None)
