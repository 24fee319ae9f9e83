"""The original AstroCLIP, or one of its encoders alone, with the methods of ours."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from astroclip.convert.original_networks import (
    Flux,
    SpecFormer,
    VisionTransformer,
    slice_spectrum,
    to_rgb,
)
from astroclip.convert.pooling_head import PoolingHead
from astroclip.nn.model import BIAS, SCALE, AstroCLIP, Embedding, Seen
from astroclip.nn.spectrum_encoder import SpectrumCode
from astroclip.survey import PIXELS
from sciformer.arguments import ArgumentError

SHORTEST = 1e-3  # norm to which the original still divides embeddings
HIDDEN = 4  # hidden width of a pooling head's MLP in units of its width
PARTS: dict[str, type[nn.Module]] = {
    "image": VisionTransformer,
    "spectrum": SpecFormer,
    "image_head": PoolingHead,
    "spectrum_head": PoolingHead,
}


class SpectrumBranch(nn.Module):
    """SpecFormer and its pooling head: from spectra to embeddings.

    Args:
        spectrum: Encoder.
        head: Pooling head.
    """

    def __init__(self, spectrum: SpecFormer, head: PoolingHead) -> None:
        super().__init__()
        self.spectrum, self.head = spectrum, head

    def forward(self, flux: Flux) -> Float[Tensor, "batch dim"]:
        return self.head(self.spectrum(flux).tokens)


class OriginalAstroCLIP(AstroCLIP):
    """The original network, with the same methods as ours (Parker et al. 2024, section 3).

    Args:
        image: Image encoder; None for a spectrum encoder alone.
        spectrum: Spectrum encoder; None for an image encoder alone.
        image_head: Pooling head of the image encoder; without one, z is the normalized h.
        spectrum_head: Pooling head of the spectrum encoder.
    """

    image: VisionTransformer | None  # pyright: ignore[reportIncompatibleVariableOverride]
    spectrum: SpecFormer | None  # pyright: ignore[reportIncompatibleVariableOverride]
    bias: Tensor  # pyright: ignore[reportIncompatibleVariableOverride]
    temperature: Tensor

    def __init__(
        self,
        image: VisionTransformer | None = None,
        spectrum: SpecFormer | None = None,
        image_head: PoolingHead | None = None,
        spectrum_head: PoolingHead | None = None,
    ) -> None:
        nn.Module.__init__(self)  # with other parts
        self.image, self.image_head = image, image_head
        self.spectrum, self.spectrum_head = spectrum, spectrum_head
        self.register_buffer("temperature", torch.tensor(SCALE), persistent=False)  # not learned
        self.register_buffer("bias", torch.full((1,), BIAS), persistent=False)

    def forward(
        self,
        image: Float[Tensor, "batch 3 height width"],
        flux: Float[Tensor, "batch pixels"],
        ivar: Float[Tensor, "batch pixels"],
    ) -> Seen:
        spectrum, code = self._read(flux)
        return Seen(self.encode_image(image), spectrum, code)

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Logit scale: the original's constant."""
        return self.temperature

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it embeds: ``image``, ``spectrum`` or both."""
        return tuple(kind for kind in ("image", "spectrum") if getattr(self, kind) is not None)

    def heads(self, name: str) -> list[nn.Module]:
        """What is trained while an encoder is frozen."""
        return [self.get_submodule(f"{name}_head")]

    def matrices(self) -> list[nn.Parameter]:
        """Weight matrices of hidden layers, which Muon optimizes."""
        return [m.get_parameter("weight") for m in self.modules() if isinstance(m, nn.Linear)]

    def encode_image(self, image: Float[Tensor, "batch 3 height width"]) -> Embedding:
        """Embed images after cropping them to the central 144 x 144 pixels, as torchvision does.

        Args:
            image: Nanomaggies in g, r and z; at least 144 x 144 pixels.

        Returns:
            h is the mean of the tokens (of DINOv2 alone, the class token), z the normalized output
            of the pooling head.

        Raises:
            ValueError: If an image is smaller than that, or there is no image encoder.
        """
        if self.image is None:
            raise ValueError("image: the network has a spectrum encoder alone")
        size, (height, width) = self.image.size, image.shape[-2:]
        if min(height, width) < size:
            raise ValueError(f"image: {height} x {width} pixels; at least {size} are needed")
        top, left = round((height - size) / 2), round((width - size) / 2)
        tokens = self.image(to_rgb(image[..., top : top + size, left : left + size]))
        h = tokens.mean(1) if self.image.cls is None else tokens[:, 0]
        return Embedding(h, _on_sphere(h if self.image_head is None else self.image_head(tokens)))

    def encode_spectrum(
        self, flux: Float[Tensor, "batch pixels"], ivar: Float[Tensor, "batch pixels"]
    ) -> Embedding:
        """Embed spectra.

        Args:
            flux: 7781 pixels in 1e-17 erg / s / cm2 / A; values that are not finite are set to 0.
            ivar: Ignored; the original does not use it.

        Returns:
            h is the mean of the tokens, z the normalized output of the pooling head.

        Raises:
            ValueError: If the number of pixels is not 7781, or there is no spectrum encoder.
        """
        return self._read(flux)[0]

    def _read(self, flux: Float[Tensor, "batch pixels"]) -> tuple[Embedding, SpectrumCode]:
        if self.spectrum is None:
            raise ValueError("flux: the network has an image encoder alone")
        if flux.shape[1] != PIXELS:
            raise ValueError(f"flux: {flux.shape[1]} pixels; {PIXELS} are needed")
        sliced = slice_spectrum(flux.nan_to_num(0.0, 0.0, 0.0), self.spectrum.section)
        tokens, rebuilt = self.spectrum.decode(sliced)
        h, wanted = tokens.mean(1), sliced.flatten(1)
        z = _on_sphere(h if self.spectrum_head is None else self.spectrum_head(tokens))
        return Embedding(h, z), SpectrumCode(h, rebuilt.flatten(1), wanted, torch.ones_like(wanted))


def parts_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Networks of the original by part, from their arguments."""
    unknown = [name for name in settings if name not in PARTS]
    if unknown:
        raise ArgumentError("original", f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return {name: PARTS[name](**given) for name, given in settings.items()}


def with_heads(settings: Mapping[str, Any], dim: int, heads: int) -> dict[str, Any]:
    """Settings with a new pooling head for each of two encoders that has none.

    Args:
        settings: Arguments of the original's networks by part.
        dim: Width of the embedding.
        heads: Attention heads of new pooling heads; divides ``dim``.

    Returns:
        Settings of four parts if both encoders are there, else the same settings.
    """
    if not {"image", "spectrum"} <= settings.keys():
        return dict(settings)
    shared = {"dim": dim, "heads": heads, "hidden": HIDDEN * dim}
    new = {
        f"{name}_head": shared | {"context_dim": settings[name]["dim"], "residual": residual}
        for name, residual in (("image", False), ("spectrum", True))
    }
    return new | dict(settings)


def _on_sphere(x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    return normalize(x.float(), dim=1, eps=SHORTEST)
