"""Cache of frozen encoders' features on disk, so that the encoders run once per galaxy."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from astroclip.data.batch import Batch, Features, pair
from astroclip.nn.model import AstroCLIP
from astroclip.simulate.galaxies import VERSION
from sciformer.data.loader import SeededLoader
from sciformer.data.npy import map_array

HALF = np.float16  # what is kept; the features of a norm's neighborhood are of order one


class CachedFeatures(Dataset[Features]):
    """Memory-mapped features of a folder.

    Args:
        folder: Folder written by ``keep``.

    Raises:
        ValueError: If its content is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        self.arrays = [map_array(folder / f"{name}.npy") for name in Features._fields]
        *features, number = self.arrays
        shapes = [array.shape for array in features]
        kinds = [array.dtype for array in self.arrays] != [HALF] * len(features) + [np.int64]
        if kinds or number.ndim != 1 or any(shape[:-1] != number.shape for shape in shapes):
            raise ValueError(f"{folder}: no features of {number.shape} galaxies; remove it")

    def __len__(self) -> int:
        return len(self.arrays[-1])

    def __getitems__(self, numbers: Sequence[int]) -> Features:
        image, spectrum, wanted, weight, number = (
            torch.from_numpy(array[numbers]) for array in self.arrays
        )
        return Features(image.float(), spectrum.float(), wanted.float(), weight.float(), number)


def folder_of(root: str, model: AstroCLIP, settings: Mapping[str, Any]) -> Path:
    """Path of the cached features; it depends on the weights and the data.

    Args:
        root: Folder of all caches.
        model: Network with frozen encoders.
        settings: Settings of the data.

    Returns:
        The folder, which may not exist yet.
    """
    digest = hashlib.sha256(json.dumps([VERSION, dict(settings)], sort_keys=True).encode())
    for encoder in (model.image, model.spectrum):
        for name, tensor in encoder.state_dict().items():
            if not name.startswith(("head.", "decoder.")):
                digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return Path(root) / digest.hexdigest()[:16]


@torch.no_grad()
def keep(folder: Path, model: AstroCLIP, loader: SeededLoader) -> None:
    """Run the encoders once on all galaxies and store the inputs of their heads.

    Args:
        folder: Output folder, created when complete; nothing is done if it exists.
        model: Network with frozen encoders.
        loader: Loader of the galaxies, in order.
    """
    if folder.exists():
        return
    beside = folder.with_name(f".{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    count = len(loader.dataset)  # pyright: ignore[reportArgumentType]  # ours have a length
    arrays: dict[str, np.memmap] = {}
    start, training = 0, model.training
    model.eval()
    for batch in loader:
        found = seen(model, batch)
        for name, values in found._asdict().items():
            if name not in arrays:
                kind = np.int64 if name == "number" else HALF
                arrays[name] = np.lib.format.open_memmap(
                    beside / f"{name}.npy", "w+", kind, (count, *values.shape[1:])
                )
            arrays[name][start : start + len(values)] = values.cpu().numpy()
        start += len(batch.number)
    for array in arrays.values():
        array.flush()
    model.train(training)
    beside.rename(folder)


def seen(model: AstroCLIP, batch: Batch) -> Features:
    """Run the encoders without their heads.

    Args:
        model: Network with frozen encoders.
        batch: Galaxies with image and spectrum.

    Returns:
        Inputs of the heads.
    """
    image, flux, ivar = pair(batch)
    spectrum = model.spectrum.read(flux, ivar)
    wanted, weight = spectrum.target()
    features = model.spectrum.features(spectrum)
    return Features(model.image.features(image), features, wanted, weight, batch.number)
