"""Two encoders that place images and spectra of galaxies in one space."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from astroclip.nn.image import ImageEncoder, Images
from astroclip.nn.spectrum import SpectrumEncoder

SCALE = 15.5  # of cosines, at the start: the original's, which never moves there


class Embedding(NamedTuple):
    """Galaxies as the network sees them.

    Args:
        h: The encoder's own embedding, which properties are best read off.
        z: In the space of both, of norm 1.
    """

    h: Float[Tensor, "batch width"]
    z: Float[Tensor, "batch dim"]


class SpectrumEmbedding(NamedTuple):
    """Spectra as the network sees them.

    Args:
        h: The encoder's own embedding.
        z: In the space of both, of norm 1.
        reconstruction: Of the standardized flux from h, in 512 bins.
    """

    h: Float[Tensor, "batch width"]
    z: Float[Tensor, "batch dim"]
    reconstruction: Float[Tensor, "batch targets"]


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
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.bias = nn.Parameter(torch.tensor(-10.0))

    def forward(
        self,
        image: Images,
        flux: Float[Tensor, "batch pixels"],
        ivar: Float[Tensor, "batch pixels"],
    ) -> tuple[Embedding, SpectrumEmbedding]:
        return self.encode_image(image), self.encode_spectrum(flux, ivar)

    def matrices(self) -> list[nn.Parameter]:
        """Weights between hidden layers: those that Muon is made for."""
        layers = [m for part in (self.image, self.spectrum) for m in part.modules()]
        last = self.spectrum.decoder
        return [m.weight for m in layers if isinstance(m, nn.Linear) and m is not last]

    def encode_image(self, image: Images) -> Embedding:
        """Embed images.

        Args:
            image: Nanomaggies in g, r and z.

        Returns:
            Their embeddings.
        """
        h = self.image(image)
        return Embedding(h, normalize(self.image_projection(h), dim=1))

    def encode_spectrum(
        self, flux: Float[Tensor, "batch pixels"], ivar: Float[Tensor, "batch pixels"]
    ) -> SpectrumEmbedding:
        """Embed spectra.

        Args:
            flux: In 7781 pixels or 2048 bins, 1e-17 erg / s / cm2 / A.
            ivar: Its inverse variance, 0 where nothing was measured.

        Returns:
            Their embeddings.
        """
        h, reconstruction = self.spectrum(flux, ivar)
        return SpectrumEmbedding(h, normalize(self.spectrum_projection(h), dim=1), reconstruction)
