"""Two encoders that place images and spectra of galaxies in one space."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from astroclip.nn.image_encoder import ImageEncoder, Images
from astroclip.nn.logit_scale import bounded_scale
from astroclip.nn.spectrum_encoder import SpectrumCode, SpectrumEncoder

SCALE = 15.5  # of cosines, at the start: the original's, which never moves there
BIAS = -10.0  # of SigLIP at the start: most are no pairs


class Embedding(NamedTuple):
    """Galaxies as the network sees them.

    Args:
        h: The encoder's own embedding, which properties are best read off.
        z: In the space of both, of norm 1.
    """

    h: Float[Tensor, "batch width"]
    z: Float[Tensor, "batch dim"]


class Seen(NamedTuple):
    """Pairs as the network sees them.

    Args:
        image: Embeddings of the images.
        spectrum: Embeddings of the spectra.
        code: All that the encoder of spectra gives.
    """

    image: Embedding
    spectrum: Embedding
    code: SpectrumCode


class AstroCLIP(nn.Module):
    """An encoder of images and one of spectra (Parker et al. 2024, section 3), made for each other.

    Args:
        image: Encoder of images.
        spectrum: Encoder of spectra.
        width: Of what both give.
        dim: Of the space of both.
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
        """What cosines are multiplied with, 100 at most."""
        return bounded_scale(self.log_scale.squeeze(0))

    def matrices(self) -> list[nn.Parameter]:
        """Weights between hidden layers: those that Muon is made for."""
        layers = [m for part in (self.image, self.spectrum) for m in part.modules()]
        last = self.spectrum.decoder
        linear = [m for m in layers if isinstance(m, nn.Linear) and m is not last]
        return [m.get_parameter("weight") for m in linear]

    def encode_image(self, image: Images) -> Embedding:
        """Embed images.

        Args:
            image: Nanomaggies in g, r and z.

        Returns:
            Their embeddings.
        """
        h = self.image(image)
        return Embedding(h, on_sphere(self.image_projection(h)))

    def encode_spectrum(
        self, flux: Float[Tensor, "batch pixels"], ivar: Float[Tensor, "batch pixels"]
    ) -> Embedding:
        """Embed spectra.

        Args:
            flux: In 7781 pixels or 2048 bins, 1e-17 erg / s / cm2 / A.
            ivar: Its inverse variance, 0 where nothing was measured.

        Returns:
            Their embeddings.
        """
        h = self.spectrum(flux, ivar).h
        return Embedding(h, on_sphere(self.spectrum_projection(h)))


def on_sphere(x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    """Vectors of norm 1, in fp32: a cosine in bf16 is off by 0.002, and its scale is 15 and more.

    Args:
        x: Vectors.

    Returns:
        In the same directions.
    """
    return normalize(x.float(), dim=1)
