"""LightningModule of AstroCLIP: contrastive alignment of galaxy images and spectra."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchmetrics import CatMetric, MeanMetric

from astroclip.convert.convert import ORIGINAL
from astroclip.convert.initial_weights import begin, original_parts
from astroclip.convert.original_model import OriginalAstroCLIP, parts_of, with_heads
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
from sciformer.arguments import (
    ArgumentError,
    check_least,
    check_not_negative,
    check_positive,
    inside,
)
from sciformer.training.module import Module
from sciformer.training.optim import OptimizerSettings

if TYPE_CHECKING:
    from astroclip.data.datamodule import GalaxyData

LEARNING = {"spectrum": SpectrumModeling, "image": ImageDistillation}
NEEDED = {"align": ("images", "spectra"), "spectrum": ("spectra",), "image": ("images",)}


@dataclass(frozen=True)
class Network:
    """Both encoders and their embeddings.

    Args:
        dim: Dimension of the shared embedding space.
        width: Width of each encoder's output, before the projection to the shared space.
        photometry: Use aperture photometry of an image as input features.
        apertures: Number of learned apertures of an image.
        image_depth: Transformer blocks of the image encoder; 0 for none.
        spectrum_depth: Transformer blocks of the spectrum encoder; 0 for none.
        tokens_dim: Width of the transformers.
        heads: Attention heads of the transformers; divides ``tokens_dim``.
        patch: Pixels along a side of an image patch; divides ``size``.
        original: Arguments of the original's networks by part (``image``, ``spectrum``,
            ``image_head``, ``spectrum_head``), instead of the encoders above; ``start`` takes them
            from a file of the original.
    """

    dim: int = 128
    width: int = 256
    photometry: bool = True
    apertures: int = 0
    image_depth: int = 0
    spectrum_depth: int = 0
    tokens_dim: int = 64
    heads: int = 4
    patch: int = 8
    original: dict[str, dict[str, Any]] | None = None


@dataclass(frozen=True)
class Align:
    """Contrastive alignment of images and spectra.

    Args:
        loss: ``infonce`` (softmax over all galaxies of the batch) or ``siglip`` (a sigmoid for each
            image-spectrum pair).
        reconstruction: Weight of the squared error of the spectrum's reconstruction.
        chunk: Galaxies encoded at a time to save memory (gradient caching); the gradients do not
            change. None encodes the whole batch.
        frozen: Encoders that are frozen except for their head: ``image``, ``spectrum``.
    """

    loss: Loss = "infonce"
    reconstruction: float = 1.0
    chunk: int | None = None
    frozen: list[Literal["image", "spectrum"]] | None = None


NETWORK, ALIGN = Network(), Align()
OPTIMIZER = OptimizerSettings(lr=1.5e-3, weight_decay=0.05)


class AstroCLIPModule(Module):
    """Align images and spectra of the same galaxies (Parker et al. 2024, section 3).

    Args:
        objective: ``align`` images and spectra, or pretrain one encoder: ``spectrum`` by masked
            modeling, ``image`` by self-distillation.
        size: Pixels along a side of an image; set by the data on the command line.
        network: Architecture of both encoders.
        alignment: Settings of the contrastive alignment.
        start: Checkpoints to start from; each initializes the part of the network that it trained.
            With weights of the original, the network is the original's; encoders without pooling
            heads get new ones.
        cache: Folder for the features of all training galaxies, so that the encoders run only once;
            requires that both are frozen and ``turn`` is off. None runs them at every step.
        turn: Augment training images by rotations by multiples of 90 degrees and reflections.
        optimizer: Optimizer and learning rate, which decays to 2 % of its peak.
        steps: Batches of the learning rate schedule; each is an optimizer step, unless gradients
            accumulate. ``None`` takes all epochs of the fit.

    Raises:
        ValueError: If a number is out of range.
    """

    monitor = ("val/recall_10", "max")
    original = ORIGINAL
    betas = (0.9, 0.98)
    least = 0.02

    def __init__(
        self,
        objective: Literal["align", "spectrum", "image"] = "align",
        size: int = 48,
        network: Network = NETWORK,
        alignment: Align = ALIGN,
        start: list[str] | None = None,
        cache: str | None = None,
        turn: bool = False,
        optimizer: OptimizerSettings = OPTIMIZER,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        if start and network.original is None and (parts := original_parts(start)):
            network = replace(network, original=with_heads(parts, network.dim, network.heads))
        self.save_hyperparameters(logger=False)
        check_least(size=(size, 1))
        self.set_optimizer(optimizer, steps)
        with inside("alignment", {}):
            check_positive(chunk=alignment.chunk)
            check_not_negative(reconstruction=alignment.reconstruction)
        with inside("network", {}):
            model = _built(network, size)
        if network.original is not None:
            _check_original(network.original, size, objective, cache)
        if objective == "align":
            self.learning = Alignment(model, **vars(alignment))
        else:
            self.learning = LEARNING[objective](model)
            self.monitor = ("val/loss", "min")
        frozen = alignment.frozen or ()
        if cache is not None and (turn or set(frozen) != {"image", "spectrum"}):
            reason = "only for frozen [image, spectrum] and images that do not turn"
            raise ArgumentError("cache", reason)
        self.cache = cache
        self.objective, self.start, self.turn = objective, start or [], turn
        self.pairs = CatMetric()
        self.losses = MeanMetric()

    @property
    def model(self) -> AstroCLIP:
        """The network."""
        return self.learning.model

    @property
    def sharded(self) -> nn.Module:
        """Modules to shard: the network and learned parameters of its losses."""
        return self.learning

    def check(self, data: "GalaxyData") -> None:
        """Check the initial weights before training writes anything.

        Args:
            data: Training data.

        Raises:
            ValueError: If they do not exist or do not fit, or if the data lack images or spectra.
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
        """Fraction of the training that is completed."""
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

    def baseline(self) -> tuple[str, float] | None:
        if self.objective != "align":
            return None
        return "chance", min(10 / len(self.data.dataset("val")), 1.0)

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.scores("test"), sync_dist=True)

    def scores(self, stage: str) -> dict[str, float]:
        """Metrics of a pass over a split."""
        found = {f"{stage}/loss": float(self.losses.compute())}
        if self.objective == "align":
            both: Any = self.pairs.compute()
            image, spectrum = both.unbind(1)
            rank = torch.cat([ranks(image, spectrum), ranks(spectrum, image)])
            found |= {f"{stage}/recall_{k}": share for k, share in recalls(rank).items()}
        return found

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Float[Tensor, "batch dim"]]:
        """Embeddings of ``image`` and ``spectrum`` in the shared space."""
        seen = self.model(*pair(batch))
        return {"image": seen.image.z, "spectrum": seen.spectrum.z}

    def matrices(self) -> list[nn.Parameter]:
        return self.model.matrices()


def _check_original(parts: dict[str, Any], size: int, objective: str, cache: str | None) -> None:
    if objective != "align" or cache is not None:
        name = "cache" if objective == "align" else "objective"
        raise ArgumentError(name, "not with the networks of the original, which are aligned alone")
    needed = parts.get("image", {}).get("size", 0)
    if size < needed:
        raise ArgumentError("size", f"{size}, but the original's images have {needed} pixels")


def _built(network: Network, size: int) -> AstroCLIP:
    if network.original is not None:
        return OriginalAstroCLIP(**parts_of(network.original))
    width, dim, heads = network.width, network.tokens_dim, network.heads
    check_least(dim=(network.dim, 1), width=(width, 1), apertures=(network.apertures, 0))
    check_least(image_depth=(network.image_depth, 0), spectrum_depth=(network.spectrum_depth, 0))
    if dim < 1 or heads < 1 or dim % heads:
        raise ArgumentError("heads", f"{heads} does not divide a tokens_dim of {dim}")
    image = ImageEncoder(
        width,
        size,
        network.photometry,
        network.apertures,
        network.image_depth,
        dim,
        heads,
        network.patch,
    )
    spectrum = SpectrumEncoder(width, network.spectrum_depth, dim, heads)
    return AstroCLIP(image, spectrum, width, network.dim)
