"""Embed galaxies with a trained network, batch by batch."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

import astroclip
from astroclip.data.batch import Batch, Galaxy, collate, middle
from astroclip.data.entry import Files, OnError
from astroclip.data.on_error import Bad, LeftOut, sound
from astroclip.data.readers.open import open_all
from astroclip.data.source import Joined, Positions, Source, Wrapped
from astroclip.inference.bank import Bank
from astroclip.inference.embedding_files import RESERVED, Embeddings, joined
from sciformer.evaluation.run import TrainedRun, open_run
from sciformer.progress import progress

if TYPE_CHECKING:
    from astroclip.module import AstroCLIPModule


def weights_hash(module: torch.nn.Module) -> str:
    """Hash of the weights of a network, as 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def own_device(local: int) -> str | None:
    """Device of a process of a machine: of several GPUs its own; None leaves the choice open."""
    count = torch.cuda.device_count()
    return f"cuda:{local % count}" if count > 1 else None


def open_galaxies(files: Files | None, shards: str | None, on_error: OnError = "stop") -> Source:
    """Open the galaxies of ``--files`` and ``--shards``.

    Args:
        files: A path or glob pattern, a table accepted by ``open_source``, or a list of these.
        shards: Folder written by ``astroclip simulate``.
        on_error: ``stop`` or ``skip``, see ``open_source``.

    Returns:
        All galaxies, those of shards last.

    Raises:
        ValueError: If neither is given, or one cannot be read.
    """
    found = open_all(files, shards, on_error)
    if not found:
        raise ValueError("files: neither --files nor --shards says where the galaxies are")
    return found[0] if len(found) == 1 else Joined(found)


class Middles(Wrapped):
    """Galaxies whose images are cropped to the input size of a network.

    Args:
        source: The galaxies.
        size: Pixels along a side.
    """

    def __init__(self, source: Source, size: int) -> None:
        super().__init__(source)
        self.size = size

    def read(self, number: int) -> Galaxy:
        galaxy = self.source[number]
        if galaxy.image is None:
            return galaxy
        try:
            return galaxy._replace(image=middle(galaxy.image, self.size))
        except ValueError as error:
            raise ValueError(f"{self.place(number)}: {error}") from error


def encoded(
    module: "AstroCLIPModule",
    source: Source,
    batch_size: int = 256,
    on_error: OnError = "stop",
    tell: Callable[[Bad], None] | None = None,
) -> Iterator[Embeddings]:
    """Embed all galaxies of a source, with a progress bar; only one batch is in memory.

    Args:
        module: Network in evaluation mode.
        source: Source with images, spectra or both.
        batch_size: Galaxies per batch; the last batch may be smaller.
        on_error: Stop with an error at a galaxy that cannot be used, or skip it.
        tell: Called with each skipped galaxy.

    Yields:
        Embeddings of each batch.

    Raises:
        ValueError: Naming the first galaxy that cannot be used.
    """
    labels = tuple(name for name in source.labels if name not in RESERVED)
    positions = source.positions()
    cut = Middles(source, module.hparams["size"])
    waiting: list[tuple[int, Galaxy]] = []
    with progress("embedding galaxies", len(source)) as show:
        for each in sound(cut, on_error, tell):
            waiting.append(each)
            if len(waiting) == batch_size:
                yield _encoded(module, waiting, labels, positions)
                show(waiting[-1][0] + 1)
                waiting = []
        if waiting:
            yield _encoded(module, waiting, labels, positions)


def _encoded(
    module: "AstroCLIPModule",
    numbered: Sequence[tuple[int, Galaxy]],
    labels: Sequence[str],
    positions: Positions | None,
) -> Embeddings:
    numbers, galaxies = zip(*numbered, strict=True)
    batch = collate(galaxies, numbers, labels)
    columns = dict(zip(labels, batch.labels.numpy().T, strict=True))
    at = None if positions is None else positions[list(numbers)]
    vectors = encode(module, batch)
    for name, rows in vectors.items():
        for galaxy, row in zip(galaxies, rows, strict=True):
            if not np.isfinite(row).all():
                raise ValueError(
                    f"{galaxy.id}: {name}: embedding is not finite; check pixel values"
                )
    measured = [np.nan if galaxy.ivar is None else np.mean(galaxy.ivar > 0) for galaxy in galaxies]
    shares = None if galaxies[0].ivar is None else np.array(measured, np.float32)
    return Embeddings([galaxy.id for galaxy in galaxies], columns, at, vectors, {}, shares)


@torch.inference_mode()
def encode(module: "AstroCLIPModule", batch: Batch) -> dict[str, np.ndarray]:
    """Embed a batch.

    Args:
        module: Network in evaluation mode.
        batch: Batch with images, spectra or both.

    Returns:
        ``image_h``, ``image_z``, ``spectrum_h`` and ``spectrum_z``, as far as available.

    Raises:
        ValueError: If the batch has nothing that the network embeds.
    """
    vectors: dict[str, Tensor] = {}
    kinds = module.model.kinds
    if batch.image is not None and "image" in kinds:
        seen = module.model.encode_image(batch.image.to(module.device))
        vectors |= {"image_h": seen.h, "image_z": seen.z}
    if batch.flux is not None and batch.ivar is not None and "spectrum" in kinds:
        flux, ivar = (each.to(module.device) for each in (batch.flux, batch.ivar))
        measured = module.model.encode_spectrum(flux, ivar)
        vectors |= {"spectrum_h": measured.h, "spectrum_z": measured.z}
    if not vectors:
        raise ValueError(f"files: nothing for the network to read, which embeds each {kinds[0]}")
    return {name: vector.float().cpu().numpy() for name, vector in vectors.items()}


def embedded(path: str, source: Source, on_error: OnError = "stop") -> Bank:
    """Embed galaxies into a bank in memory.

    Args:
        path: Network, as ``open_run`` takes it.
        source: The galaxies.
        on_error: What to do with a galaxy that cannot be used, ``skip`` or ``stop``.

    Returns:
        The bank.

    Raises:
        ValueError: If the network or a galaxy cannot be used, or if there is none.
    """
    run = open_run(path, astroclip.AstroCLIPModule)
    parts = [*encoded(run.module, source, 256, on_error, LeftOut())]
    if not parts:
        raise ValueError(f"{source.where}: no galaxy is left to embed")
    return Bank(path, joined(parts), about(run))


def about(run: "TrainedRun[AstroCLIPModule]") -> Mapping[str, str]:
    """Origin stored in a file of embeddings: checkpoint and hash of the weights."""
    return {"checkpoint": str(run.path), "weights": weights_hash(run.module)}
