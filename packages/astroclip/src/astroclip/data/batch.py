"""What a reader gives of a galaxy, and what the networks read at a step."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

Image = Float32[np.ndarray, "3 height width"]
Spectrum = Float32[np.ndarray, " pixels"]


class Galaxy(NamedTuple):
    """One galaxy, on the grids of ``astroclip.survey``.

    Args:
        id: What names it for good; splits are decided by it.
        image: Nanomaggies in g, r and z, north up and east to the left; None where there is none.
        flux: Spectrum in 1e-17 erg / s / cm2 / A; None where there is none.
        ivar: Inverse variance of ``flux``, 0 where nothing was measured; None as ``flux``.
        labels: What is known of it; what is not known is not there.
    """

    id: str
    image: Image | None
    flux: Spectrum | None
    ivar: Spectrum | None
    labels: Mapping[str, float]


class Batch(NamedTuple):
    """Galaxies of a step.

    Args:
        image: Nanomaggies in g, r and z; None where the source has no images.
        flux: Spectra in 1e-17 erg / s / cm2 / A; None where the source has none.
        ivar: Inverse variance of ``flux``, 0 where nothing was measured.
        labels: NaN where unknown.
        number: Of each galaxy in its source, which knows its id.
    """

    image: Float32[Tensor, "batch 3 height width"] | None
    flux: Float32[Tensor, "batch pixels"] | None
    ivar: Float32[Tensor, "batch pixels"] | None
    labels: Float32[Tensor, "batch labels"]
    number: Int64[Tensor, " batch"]


def collate(
    galaxies: Sequence[Galaxy],
    numbers: Sequence[int],
    labels: Sequence[str] = (),
    size: int | None = None,
) -> Batch:
    """Stack galaxies.

    Args:
        galaxies: All with an image or all without, and the same for spectra.
        numbers: Of each in its source.
        labels: Names of the columns of ``Batch.labels``.
        size: Pixels along a side of the images, cut out of their middle; None leaves them.

    Returns:
        The batch.

    Raises:
        ValueError: Naming the galaxy that has no image or spectrum, or one of another size.
    """
    if size is not None:
        galaxies = [_cut(galaxy, size) for galaxy in galaxies]
    known = [[galaxy.labels.get(name, np.nan) for name in labels] for galaxy in galaxies]
    return Batch(
        _stack(galaxies, "image"),
        _stack(galaxies, "flux"),
        _stack(galaxies, "ivar"),
        torch.tensor(known, dtype=torch.float32).reshape(len(galaxies), len(labels)),
        torch.tensor(numbers, dtype=torch.int64),
    )


def pair(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Images, fluxes and inverse variances of a batch.

    Args:
        batch: Of galaxies with both.

    Returns:
        The three.

    Raises:
        ValueError: If the source has only one of the two.
    """
    if batch.image is None or batch.flux is None or batch.ivar is None:
        raise ValueError("files: an alignment needs both images and spectra")
    return batch.image, batch.flux, batch.ivar


def middle(image: Image, size: int) -> Float32[np.ndarray, "3 size size"]:
    """Cut a square out of the middle of an image.

    Args:
        image: At least as large.
        size: Pixels along a side; one more row and column stay in front where it is uneven.

    Returns:
        A view of it.

    Raises:
        ValueError: If the image is smaller.
    """
    height, width = image.shape[1:]
    if min(height, width) < size:
        raise ValueError(f"image: {height} x {width} pixels; {size} x {size} are needed")
    top, left = (height - size) // 2, (width - size) // 2
    return image[:, top : top + size, left : left + size]


def _cut(galaxy: Galaxy, size: int) -> Galaxy:
    if galaxy.image is None:
        return galaxy
    try:
        return galaxy._replace(image=middle(galaxy.image, size))
    except ValueError as error:
        raise ValueError(f"{galaxy.id}: {error}") from error


def _stack(galaxies: Sequence[Galaxy], name: str) -> Tensor | None:
    first, *others = (getattr(galaxy, name) for galaxy in galaxies)
    for galaxy, other in zip(galaxies[1:], others, strict=True):
        shapes = [None if one is None else one.shape for one in (first, other)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{galaxy.id}: {name}: shape {shapes[1]}, but {galaxies[0].id} has {shapes[0]}"
            )
    return None if first is None else torch.from_numpy(np.stack([first, *others]))


class Features(NamedTuple):
    """What frozen encoders see of the galaxies of a step.

    Args:
        image: What the head of the image encoder embeds.
        spectrum: What that of the spectrum encoder embeds.
        wanted: What the reconstruction should be.
        weight: How well that is known.
        number: Of each galaxy in its source.
    """

    image: Float32[Tensor, "batch seen"]
    spectrum: Float32[Tensor, "batch features"]
    wanted: Float32[Tensor, "batch targets"]
    weight: Float32[Tensor, "batch targets"]
    number: Int64[Tensor, " batch"]
