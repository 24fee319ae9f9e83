"""Training objectives: image-spectrum alignment, masked spectra, self-distillation of images."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from astroclip.data.batch import Batch, Features, pair
from astroclip.losses.contrastive import info_nce, siglip
from astroclip.losses.distillation import (
    SelfDistillation,
    teacher_momentum,
    teacher_temperature,
)
from astroclip.losses.gradient_cache import in_chunks
from astroclip.losses.image_crops import hidden_patches, views
from astroclip.losses.masked_spectrum import hide, masked_loss
from astroclip.nn.image_encoder import Images
from astroclip.nn.model import AstroCLIP, on_sphere
from astroclip.nn.spectrum_encoder import TARGETS
from sciformer.arguments import ArgumentError

HIDDEN_SHARE = 0.4  # fraction of a spectrum; the original hides 39 % of the tokens
PIECE = 32  # bins of 512 that are hidden together: 6 % of the range
LARGE, SMALL = 0.75, 0.375  # side of a crop over side of the image
SMALL_CROPS = 4
TEMPERATURE_WARMUP = 0.15  # fraction of the steps; the original's 30 of 200 epochs

Loss = Literal["infonce", "siglip"]
Spectra = Float[Tensor, "batch pixels"]
Targets = Float[Tensor, "batch targets"]


class Learning(nn.Module):
    """A network with a training objective.

    Called with a batch, a random generator and the fraction of completed steps, it returns losses
    by name; ``loss`` is minimized.

    Args:
        model: The network.
    """

    def __init__(self, model: AstroCLIP) -> None:
        super().__init__()
        self.model = model

    def only(self, *parts: nn.Module) -> None:
        """Freeze all of the network but these parts."""
        self.model.requires_grad_(False)
        for part in parts:
            part.requires_grad_(True)

    def after_step(self, done: float) -> None:
        """Hook after an optimizer step; does nothing by default.

        Args:
            done: Fraction of completed steps.
        """


class Alignment(Learning):
    """Contrastive alignment of image and spectrum embeddings, with reconstruction of the spectra.

    Args:
        model: The network.
        loss: ``infonce`` or ``siglip``; negatives are gathered from all ranks.
        reconstruction: Weight of the reconstruction loss.
        chunk: Galaxies encoded at a time (gradient caching); None for the whole batch.
        frozen: Names of encoders of which only the head is trained.
    """

    def __init__(
        self,
        model: AstroCLIP,
        loss: Loss,
        reconstruction: float,
        chunk: int | None = None,
        frozen: Sequence[str] | None = None,
    ) -> None:
        super().__init__(model)
        frozen = frozen or ()
        for name in frozen:
            model.get_submodule(name).requires_grad_(False)
            for head in model.heads(name):
                head.requires_grad_(True)
        self.loss, self.weight, self.chunk = loss, reconstruction, chunk
        model.bias.requires_grad_(loss == "siglip")
        tokens = getattr(model.image, "tokens", None)  # which the original's encoder lacks
        if tokens is not None:
            tokens.hidden.requires_grad_(False)  # no patch is hidden in this objective

    def forward(
        self, batch: Batch | Features, draw: torch.Generator, done: float
    ) -> dict[str, Tensor]:
        cached = isinstance(batch, Features)
        encode, inputs = (self.heads, batch[:4]) if cached else (self.encode, pair(batch))
        rows = in_chunks(encode, inputs, self.chunk) if self.chunk else encode(*inputs)
        image_z, spectrum_z, error = rows
        model = self.model
        if self.loss == "siglip":
            contrast = siglip(image_z, spectrum_z, model.scale, model.bias.squeeze(0), gather=True)
        else:
            contrast = info_nce(image_z, spectrum_z, model.scale, gather=True)
        rebuilt = error.mean()
        found = {"contrast": contrast, "reconstruction": rebuilt, "scale": model.scale.detach()}
        return {"loss": contrast + self.weight * rebuilt, **found}

    def encode(self, image: Images, flux: Spectra, ivar: Spectra) -> tuple[Tensor, ...]:
        """Embeddings of images and spectra, and reconstruction errors of the spectra."""
        seen = self.model(image, flux, ivar)
        _, predicted, wanted, weight = seen.code
        return seen.image.z, seen.spectrum.z, errors(predicted, wanted, weight)

    def heads(
        self, image: Tensor, spectrum: Tensor, wanted: Tensor, weight: Tensor
    ) -> tuple[Tensor, ...]:
        """Outputs of ``encode`` from stored features of frozen encoders."""
        model = self.model
        image_z = on_sphere(model.image_projection(model.image.head(image)))
        h = model.spectrum.head(spectrum)
        spectrum_z = on_sphere(model.spectrum_projection(h))
        return image_z, spectrum_z, errors(model.spectrum.decoder(h), wanted, weight)


class SpectrumModeling(Learning):
    """Masked spectrum modeling.

    Args:
        model: The network, whose spectrum encoder is trained.
    """

    def __init__(self, model: AstroCLIP) -> None:
        super().__init__(model)
        self.only(model.spectrum)

    def forward(self, batch: Batch, draw: torch.Generator, done: float) -> dict[str, Tensor]:
        assert batch.flux is not None, "checked before the fit"
        hidden = hide(len(batch.flux), TARGETS, HIDDEN_SHARE, PIECE, draw)
        code = self.model.spectrum(batch.flux, batch.ivar, hidden)
        return {"loss": masked_loss(code.reconstruction, code.wanted, code.weight, hidden)}


class ImageDistillation(Learning):
    """Self-distillation (DINOv2): match student and teacher across crops and hidden patches.

    Args:
        model: The network, whose vision transformer is trained.

    Raises:
        ValueError: If it has no vision transformer.
    """

    def __init__(self, model: AstroCLIP) -> None:
        super().__init__(model)
        tokens = model.image.tokens
        if tokens is None:
            raise ArgumentError(
                "image_depth", "0: without a vision transformer, nothing learns from images alone"
            )
        self.only(tokens)
        self.patch = tokens.patch
        side = model.image.size // tokens.patch
        self.large, self.small = (max(1, round(side * share)) for share in (LARGE, SMALL))
        self.distilled = SelfDistillation(tokens, tokens.dim)

    def forward(self, batch: Batch, draw: torch.Generator, done: float) -> dict[str, Tensor]:
        image = batch.image
        assert image is not None, "checked before the fit"
        large, small = self.large * self.patch, self.small * self.patch
        seen = views(image, large, small, SMALL_CROPS, draw)
        hidden = hidden_patches(2 * len(image), self.large, self.large, draw)
        temperature = teacher_temperature(done, TEMPERATURE_WARMUP)
        return self.distilled(seen, hidden, temperature)._asdict()

    def after_step(self, done: float) -> None:
        self.distilled.update(teacher_momentum(done, 1.0))


def errors(predicted: Targets, wanted: Targets, weight: Targets) -> Float[Tensor, " batch"]:
    """Weighted mean squared error of each reconstruction.

    Args:
        predicted: Reconstructions in 512 bins.
        wanted: Targets.
        weight: Weights from 0 to 1.

    Returns:
        Error of each spectrum.
    """
    return ((predicted.float() - wanted).square() * weight).mean(1)


def drawn_on(device: torch.device) -> torch.Generator:
    """Torch's default random generator of a device, which ``StepSeed`` seeds at every step."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator
