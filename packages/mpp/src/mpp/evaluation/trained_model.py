"""A trained network and what was said when it was trained, ready to predict."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

import mpp
from mpp.convert import initial_weights
from mpp.data.batch import Batch
from mpp.data.sources import open_files, open_system
from mpp.data.trajectories import Trajectories
from mpp.nn.bias import Boundary
from mpp.nn.field_vocabulary import Vocabulary
from mpp.nn.rollout import rollout
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.distrust import fitted

if TYPE_CHECKING:
    from mpp.module import PhysicsModule


class Trained(NamedTuple):
    """A checkpoint, opened.

    Args:
        path: Of the file.
        module: In evaluation mode, on its device.
        settings: Arguments of the data that it was trained on; empty where it does not say.
        run: The record of its training.
        device: Where it predicts.
    """

    path: Path
    module: "PhysicsModule"
    settings: dict[str, Any]
    run: dict[str, Any]
    device: torch.device

    @torch.no_grad()
    def rollout(
        self,
        frames: Float[Tensor, "batch time fields *space"],
        rows: Int64[Tensor, " fields"],
        boundaries: Sequence[Boundary],
        steps: int,
    ) -> Float[Tensor, "batch steps fields *space"]:
        """The frames after a history; from the host, and on it."""
        frames, rows = frames.to(self.device), rows.to(self.device)
        return rollout(self.module.model, frames, rows, boundaries, steps).cpu()

    def predict(self, batch: Batch) -> Float[Tensor, "batch horizon fields *space"]:
        """As many frames as a batch has after its history."""
        return self.rollout(batch.frames, batch.fields, batch.boundaries, batch.target.shape[1])

    def rows(self, source: Trajectories) -> Int64[Tensor, " fields"]:
        """The rows of the fields of some trajectories; ``ValueError`` if the network lacks one."""
        axes, own = len(source.description.shape), self.module.model.axes
        if axes > own:
            raise ValueError(
                f"{source.where}: shape: {axes} axes of space, but the network has {own}"
            )
        names = source.description.names
        try:
            rows = Vocabulary(self.module.hparams["fields"]).rows(names)
        except ValueError as error:
            raise ValueError(f"{source.where}: {error}") from error
        seen = _fields(self.settings)
        new = [name for name in names if name not in seen]
        if seen and new:
            line = f"{source.where}: {', '.join(new)}: no data of the training had such a field"
            warnings.warn(line, stacklevel=2)
        return rows


def open_trained(path: str | Path, device: str | None = None) -> Trained:
    """Open a checkpoint.

    Args:
        path: Of the file, of the folder of a run, or of what ``mpp convert`` wrote.
        device: ``cpu``, ``cuda`` or another of torch's; the GPU, where there is one, if None.

    Returns:
        The network, and what is known of it.

    Raises:
        ValueError: If there is no such checkpoint or device, or it is not one of MPP.
    """
    place = _device(device)
    found = checkpoint.find(path)
    if initial_weights.is_converted(found):
        own = initial_weights.read(found)
        weights = {f"{initial_weights.PREFIX}{name}": each for name, each in own.weights.items()}
        names = list(own.fields.names)
        try:
            module = fitted(lambda: mpp.PhysicsModule(names, **own.settings), weights)
        except ValueError as error:
            raise ValueError(f"{found}: weights and settings do not fit: {error}") from error
        return Trained(found, module.to(place), {}, {}, place)
    module = checkpoint.load(found, mpp.PhysicsModule).to(place)
    saved = checkpoint.read(found)
    settings = dict(saved.get("datamodule_hyper_parameters") or {})
    return Trained(found, module, settings, checkpoint.run_record(saved), place)


def _fields(settings: Mapping[str, Any]) -> set[str]:
    """The fields of the training's data; none, if its files are not there to look at."""
    try:
        found = [open_files(entry) for entry in settings.get("files") or []]
        found += [open_system(entry) for entry in settings.get("simulate") or []]
    except ValueError:
        return set()
    return {name for _, source in found for name in source.description.names}


def _device(name: str | None) -> torch.device:
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise ValueError(f"device: {name!r} cannot be used: {error}") from error
