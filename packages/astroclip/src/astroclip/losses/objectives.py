"""The three ways in which the network learns: by hidden spectra, by crops of images, by pairs."""

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

HIDDEN_SHARE = 0.4  # of a spectrum: the original hides 39 % of the tokens
PIECE = 32  # of 512 bins that are hidden together: 6 % of the range
LARGE, SMALL = 0.75, 0.375  # side of a crop, of that of the image
SMALL_CROPS = 4
TEMPERATURE_WARMUP = 0.15  # of the steps; the original's 30 of 200 epochs

Loss = Literal["infonce", "siglip"]
Spectra = Float[Tensor, "batch pixels"]
Targets = Float[Tensor, "batch targets"]


class Learning(nn.Module):
    """A network and what it learns by.

    Called with a batch, a generator and the share of the steps that are done, it gives losses by
    name; ``loss`` is minimized.

    Args:
        model: The network.
    """

    def __init__(self, model: AstroCLIP) -> None:
        super().__init__()
        self.model = model

    def only(self, *parts: nn.Module) -> None:
        """Let nothing of the network be trained but these."""
        self.model.requires_grad_(False)
        for part in parts:
            part.requires_grad_(True)

    def after_step(self, done: float) -> None:
        """What is left to do after an optimizer step; nothing, as a rule.

        Args:
            done: Share of the steps.
        """


class Alignment(Learning):
    """Pairs are told from others, those of all ranks, and spectra reconstructed meanwhile.

    Args:
        model: The network.
        loss: ``infonce`` or ``siglip``.
        reconstruction: Weight of the reconstruction.
        chunk: Galaxies whose activations are in memory at once; None for all of a batch.
        frozen: Encoders, by name, of which only the head is trained.
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
            encoder = model.get_submodule(name)
            encoder.requires_grad_(False)
            encoder.get_submodule("head").requires_grad_(True)
        if "spectrum" in frozen:
            model.spectrum.decoder.requires_grad_(True)
        self.loss, self.weight, self.chunk = loss, reconstruction, chunk
        model.bias.requires_grad_(loss == "siglip")
        if model.image.tokens is not None:
            model.image.tokens.hidden.requires_grad_(False)  # nothing is hidden here

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
        """Both embeddings of galaxies, and how badly their spectra are reconstructed."""
        seen = self.model(image, flux, ivar)
        _, said, wanted, weight = seen.code
        return seen.image.z, seen.spectrum.z, errors(said, wanted, weight)

    def heads(
        self, image: Tensor, spectrum: Tensor, wanted: Tensor, weight: Tensor
    ) -> tuple[Tensor, ...]:
        """The same from what frozen encoders have seen."""
        model = self.model
        image_z = on_sphere(model.image_projection(model.image.head(image)))
        h = model.spectrum.head(spectrum)
        spectrum_z = on_sphere(model.spectrum_projection(h))
        return image_z, spectrum_z, errors(model.spectrum.decoder(h), wanted, weight)


class SpectrumModeling(Learning):
    """Pieces of spectra are hidden, and asked for.

    Args:
        model: The network, whose encoder of spectra learns.
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
    """Crops of an image are to say the same as others, and hidden patches what they were.

    Args:
        model: The network, whose image transformer learns.

    Raises:
        ValueError: If it has none.
    """

    def __init__(self, model: AstroCLIP) -> None:
        super().__init__(model)
        tokens = model.image.tokens
        if tokens is None:
            raise ArgumentError("image_depth", "0 leaves nothing that learns from images alone")
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


def errors(said: Targets, wanted: Targets, weight: Targets) -> Float[Tensor, " batch"]:
    """Squared error of reconstructions, by how well each bin is known.

    Args:
        said: In 512 bins.
        wanted: What it should be.
        weight: From 0 to 1.

    Returns:
        The mean of each spectrum.
    """
    return ((said.float() - wanted).square() * weight).mean(1)


def drawn_on(device: torch.device) -> torch.Generator:
    """Torch's own generator of a device, which ``StepSeed`` seeds at every step.

    Args:
        device: CPU or CUDA.

    Returns:
        The generator.
    """
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator
