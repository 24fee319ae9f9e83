"""Training of AstroCLIP: images and spectra of the same galaxies come to lie near each other."""

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import CatMetric, MeanMetric

from astroclip.convert.initial_weights import begin
from astroclip.data.batch import Batch, Features, pair
from astroclip.data.feature_cache import CachedFeatures, folder_of, keep
from astroclip.losses.image_crops import cut
from astroclip.losses.objectives import (
    Alignment,
    ImageDistillation,
    Loss,
    SpectrumModeling,
    drawn_on,
)
from astroclip.metrics import ranks, recalls
from astroclip.nn.image_encoder import ImageEncoder
from astroclip.nn.model import AstroCLIP
from astroclip.nn.spectrum_encoder import SpectrumEncoder
from sciformer.arguments import ArgumentError, check_least, check_not_negative, check_positive
from sciformer.training.lightning_private import trainer_of
from sciformer.training.module import Module
from sciformer.training.optim import MuonAdamW, adamw, batches_before, decay_groups, warmup_cosine

if TYPE_CHECKING:
    from astroclip.data.datamodule import GalaxyData

LEARNING = {"spectrum": SpectrumModeling, "image": ImageDistillation}
NEEDED = {"align": ("images", "spectra"), "spectrum": ("spectra",), "image": ("images",)}
LEAST = 0.02  # of the peak learning rate, at the end


class AstroCLIPModule(Module):
    """Align images and spectra of the same galaxies (Parker et al. 2024, section 3).

    Args:
        objective: ``align`` images and spectra, or let one encoder learn by itself before: the
            ``spectrum`` by pieces of it that are hidden, the ``image`` by its own crops.
        dim: Numbers of an embedding in the space of both.
        width: Numbers of each encoder's own embedding, in front of it.
        size: Pixels along a side of an image; those of the data on the command line.
        photometry: Whether the aperture photometry of an image is measured and seen.
        apertures: Number of apertures of an image that are learned.
        image_depth: Transformer blocks over the pixels of an image; 0 for none.
        spectrum_depth: Transformer blocks beside the dense path of a spectrum; 0 for none.
        tokens_dim: Width of the transformers.
        heads: Their attention heads; divides ``tokens_dim``.
        patch: Pixels along a side of an image's token; divides ``size``.
        loss: ``infonce``, where each galaxy is told from all others of the batch, or ``siglip``,
            where every pair of an image and a spectrum is judged by itself.
        start: Checkpoints to begin with; each gives the part of the network that it has trained.
        frozen: Encoders that are not trained but for their head: ``image``, ``spectrum``.
        cache: Folder for what the encoders see of every galaxy of the training, if both are frozen:
            they then run once. None runs them at every step.
        reconstruction: Weight of the squared error of the spectrum's reconstruction.
        chunk: Galaxies of a batch whose activations are in memory at once; all gradients are those
            of the whole batch. None takes the batch at once.
        turn: Turn and mirror the images of the training.
        lr: Peak learning rate of AdamW.
        matrix_lr: Peak learning rate of Muon for the matrices inside the encoders; ``None`` leaves
            them to AdamW.
        weight_decay: Of matrices, per step and unit of learning rate.
        warmup: Batches of the linear rise; a cosine to 2 % of the peak follows.
        steps: Batches of the schedule; ``None`` takes all epochs of the fit.

    Raises:
        ValueError: If a number is out of its range.
    """

    monitor = ("val/recall_10", "max")

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of network and training
        self,
        objective: Literal["align", "spectrum", "image"] = "align",
        dim: int = 128,
        width: int = 256,
        size: int = 48,
        photometry: bool = True,
        apertures: int = 0,
        image_depth: int = 0,
        spectrum_depth: int = 0,
        tokens_dim: int = 64,
        heads: int = 4,
        patch: int = 8,
        loss: Loss = "infonce",
        start: list[str] | None = None,
        frozen: list[Literal["image", "spectrum"]] | None = None,
        cache: str | None = None,
        reconstruction: float = 1.0,
        chunk: int | None = None,
        turn: bool = False,
        lr: float = 1.5e-3,
        matrix_lr: float | None = None,
        weight_decay: float = 0.05,
        warmup: int = 100,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        check_positive(lr=lr, matrix_lr=matrix_lr, steps=steps, chunk=chunk)
        check_not_negative(reconstruction=reconstruction, weight_decay=weight_decay, warmup=warmup)
        check_least(dim=(dim, 1), width=(width, 1), size=(size, 1), apertures=(apertures, 0))
        check_least(image_depth=(image_depth, 0), spectrum_depth=(spectrum_depth, 0))
        if tokens_dim < 1 or heads < 1 or tokens_dim % heads:
            raise ArgumentError("heads", f"{heads} does not divide a tokens_dim of {tokens_dim}")
        image = ImageEncoder(
            width, size, photometry, apertures, image_depth, tokens_dim, heads, patch
        )
        spectrum = SpectrumEncoder(width, spectrum_depth, tokens_dim, heads)
        model = AstroCLIP(image, spectrum, width, dim)
        if objective == "align":
            self.learning = Alignment(model, loss, reconstruction, chunk, frozen or ())
        else:
            self.learning = LEARNING[objective](model)
            self.monitor = ("val/loss", "min")
        if cache is not None and (turn or set(frozen or ()) != {"image", "spectrum"}):
            reason = "only for frozen [image, spectrum] and images that do not turn"
            raise ArgumentError("cache", reason)
        self.cache = cache
        self.objective, self.start, self.turn = objective, start or [], turn
        self.lr, self.matrix_lr, self.weight_decay = lr, matrix_lr, weight_decay
        self.warmup, self.steps = warmup, steps
        self.pairs = CatMetric()
        self.losses = MeanMetric()

    @property
    def model(self) -> AstroCLIP:
        """The network."""
        return self.learning.model

    @property
    def sharded(self) -> nn.Module:
        """The network, and what its losses learn beside it."""
        return self.learning

    def check(self, data: "GalaxyData") -> None:
        """Before a fit writes anything: are the weights to begin with there, and do they fit?

        Args:
            data: Of the training.

        Raises:
            ValueError: If not, or if the data lack images or spectra.
        """
        for name in NEEDED[self.objective]:
            if data.source is not None and not getattr(data.source, name):
                reason = f"{self.objective} needs {name}, but {data.source.where} has none"
                raise ArgumentError("objective", reason)
        begin(self.model, self.start)
        if self.cache is not None:
            folder = folder_of(self.cache, self.model, data.hparams)
            keep(folder, self.model, data.loader("train"))

    def setup(self, stage: str) -> None:
        if stage != "fit":
            return
        begin(self.model, self.start)
        if self.cache is not None:
            self.trainer.strategy.barrier()  # the first rank fills it
            folder = folder_of(self.cache, self.model, self.data.hparams)
            self.data.sets["train"] = CachedFeatures(folder)
        if self.hparams["steps"] is None:
            self.steps = self.data.epochs * self.data.batches

    def learn(self, batch: Batch | Features, draw: torch.Generator) -> dict[str, Tensor]:
        """Losses of a batch by name; ``loss`` is minimized."""
        return self.learning(batch, draw, self.done)

    @property
    def done(self) -> float:
        """Share of the training that lies behind."""
        return (
            self.trainer.global_step / self.steps if self.trainer.training and self.steps else 1.0
        )

    def training_step(self, batch: Batch | Features, batch_idx: int) -> Tensor:
        draw = drawn_on(self.device)
        if self.turn and isinstance(batch, Batch) and batch.image is not None:
            batch = batch._replace(image=cut(batch.image, batch.image.shape[-1], draw))
        losses = self.learn(batch, draw)
        self.log_losses(losses)
        return losses["loss"]

    def on_train_batch_end(self, outputs: Any, batch: Batch | Features, batch_idx: int) -> None:
        self.learning.after_step(self.done)

    def on_validation_epoch_start(self) -> None:
        self.pairs.reset()
        self.losses.reset()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        draw = torch.Generator(self.device).manual_seed(batch_idx)
        self.losses.update(self.learn(batch, draw)["loss"], len(batch.number))
        if self.objective == "align":
            seen = self.model(*pair(batch))
            self.pairs.update(torch.stack([seen.image.z, seen.spectrum.z], 1))

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.scores("val"), sync_dist=True)

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.scores("test"), sync_dist=True)

    def scores(self, stage: str) -> dict[str, float]:
        """What a pass over a split has found."""
        found = {f"{stage}/loss": float(self.losses.compute())}
        if self.objective == "align":
            both: Any = self.pairs.compute()
            image, spectrum = both.unbind(1)
            rank = torch.cat([ranks(image, spectrum), ranks(spectrum, image)])
            found |= {f"{stage}/recall_{k}": share for k, share in recalls(rank).items()}
        return found

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Float[Tensor, "batch dim"]]:
        """The embeddings of ``image`` and ``spectrum`` in the space of both."""
        seen = self.model(*pair(batch))
        return {"image": seen.image.z, "spectrum": seen.spectrum.z}

    def configure_optimizers(self) -> tuple[list[Optimizer], list[Any]]:
        trained = [p for p in self.learning.parameters() if p.requires_grad]
        matrices = self.model.matrices() if self.matrix_lr else []
        matrices = [p for p in matrices if p.requires_grad]
        apart = {id(parameter) for parameter in matrices}
        others = decay_groups([p for p in trained if id(p) not in apart], self.weight_decay)
        if self.matrix_lr:
            group = {"params": matrices, "lr": self.matrix_lr, "weight_decay": self.weight_decay}
            chosen = MuonAdamW([group], others, lr=self.lr)
        else:
            chosen = adamw(others, self.lr, betas=(0.9, 0.98))
        schedule = {"scheduler": LambdaLR(chosen, partial(self.rate)), "interval": "step"}
        return [chosen], [schedule]

    def rate(self, step: int) -> float:
        """Factor of the learning rate at an optimizer step, counted from 0."""
        assert self.steps is not None, "neither given nor set up"
        if trainer_of(self):
            step = batches_before(step, self.data.batches, self.trainer.accumulate_grad_batches)
        fall = warmup_cosine(step, self.steps, self.warmup)
        return fall if step < self.warmup else LEAST + (1 - LEAST) * fall
