"""AstroCLIP: two encoders that embed images and spectra of galaxies in a shared space."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from astroclip.nn.image_encoder import ImageEncoder, Images
from astroclip.nn.logit_scale import bounded_scale
from astroclip.nn.spectrum_encoder import SpectrumCode, SpectrumEncoder

SCALE = 15.5  # initial logit scale: the original's constant
BIAS = -10.0  # initial bias of SigLIP: most combinations are no pairs


class Embedding(NamedTuple):
    """Embeddings of galaxies.

    Args:
        h: Output of the encoder; best for predicting properties.
        z: Unit vector in the shared space.
    """

    h: Float[Tensor, "batch width"]
    z: Float[Tensor, "batch dim"]


class Seen(NamedTuple):
    """Embeddings of image-spectrum pairs.

    Args:
        image: Embeddings of the images.
        spectrum: Embeddings of the spectra.
        code: Full output of the spectrum encoder.
    """

    image: Embedding
    spectrum: Embedding
    code: SpectrumCode


class AstroCLIP(nn.Module):
    """Image and spectrum encoder with projections to a shared space (Parker et al. 2024).

    Args:
        image: Image encoder.
        spectrum: Spectrum encoder.
        width: Width of both encoders' output.
        dim: Width of the shared space.
    """

    def __init__(
        self, image: ImageEncoder, spectrum: SpectrumEncoder, width: int = 256, dim: int = 128
    ) -> None:
        super().__init__()
        self.image, self.spectrum = image, spectrum
        self.image_projection = nn.Linear(width, dim)
        self.spectrum_projection = nn.Linear(width, dim)
        self.log_scale = nn.Parameter(torch.full((1,), math.log(SCALE)))
        self.bias = nn.Parameter(torch.full((1,), BIAS))

    def forward(
        self,
        image: Images,
        flux: Float[Tensor, "batch pixels"],
        ivar: Float[Tensor, "batch pixels"],
    ) -> Seen:
        code = self.spectrum(flux, ivar)
        spectrum = Embedding(code.h, on_sphere(self.spectrum_projection(code.h)))
        return Seen(self.encode_image(image), spectrum, code)

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Logit scale, at most 100."""
        return bounded_scale(self.log_scale.squeeze(0))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it embeds."""
        return "image", "spectrum"

    def heads(self, name: str) -> list[nn.Module]:
        """What is trained while the encoder of ``image`` or ``spectrum`` is frozen."""
        return [self.image.head] if name == "image" else [self.spectrum.head, self.spectrum.decoder]

    def matrices(self) -> list[nn.Parameter]:
        """Weight matrices of hidden layers, which Muon optimizes."""
        layers = [m for part in (self.image, self.spectrum) for m in part.modules()]
        last = self.spectrum.decoder
        linear = [m for m in layers if isinstance(m, nn.Linear) and m is not last]
        return [m.get_parameter("weight") for m in linear]

    def encode_image(self, image: Images) -> Embedding:
        """Embed images, in nanomaggies of g, r and z."""
        h = self.image(image)
        return Embedding(h, on_sphere(self.image_projection(h)))

    def encode_spectrum(
        self, flux: Float[Tensor, "batch pixels"], ivar: Float[Tensor, "batch pixels"]
    ) -> Embedding:
        """Embed spectra.

        Args:
            flux: 7781 pixels or 2048 bins, in 1e-17 erg / s / cm2 / A.
            ivar: Inverse variance of ``flux``; 0 where not measured.

        Returns:
            Embeddings.
        """
        h = self.spectrum(flux, ivar).h
        return Embedding(h, on_sphere(self.spectrum_projection(h)))


def on_sphere(x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    """Normalize vectors in fp32: bf16 cosines are off by 0.002, times a scale of 15 or more."""
    return normalize(x.float(), dim=1)
