"""Open a trained run: network, training record and data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from sciformer.arguments import ArgumentError
from sciformer.report.origin import data_hashes, origin
from sciformer.report.report import Report, report_folder
from sciformer.training.checkpoints import checkpoint, shipped
from sciformer.training.checkpoints.hub import fetched

Module = TypeVar("Module", bound=nn.Module)
Data = TypeVar("Data")

MOVED = "if its files have moved, give some with --data"


@dataclass(frozen=True)
class TrainedRun(Generic[Module]):
    """A trained network with the settings in its checkpoint.

    Args:
        path: Path of the checkpoint.
        module: Network in evaluation mode, on its device.
        settings: Arguments of the training's DataModule; empty if unknown.
        record: Command, configuration, seed, versions and cost of the training.
    """

    path: Path
    module: Module
    settings: dict[str, Any]
    record: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where reports go by default: the run's folder; of a file of Hub or package, ``runs``."""
        if fetched(self.path):
            return Path("runs") / self.path.parents[2].name
        own = shipped.name_of(self.path)
        return Path("runs", shipped.FOLDER.name, own) if own else self.path.parent

    def data(self, kind: Callable[..., Data], **changes: Any) -> Data:
        """Rebuild the DataModule of the training.

        Args:
            kind: Class of the DataModule.
            **changes: Arguments that differ from those of the training.

        Returns:
            The DataModule.

        Raises:
            ValueError: If it cannot be built, for example because files no longer exist.
        """
        try:
            return checkpoint.build(self.path, kind, self.settings | changes)
        except ValueError as error:
            raise ValueError(f"{error}; {MOVED}") from error

    @contextmanager
    def report(
        self, title: str, out: str | None, overwrite: bool, name: str = "report", data: Any = None
    ) -> Iterator[Report]:
        """Fill a report of this run, then write it, show its tables and print its path.

        Args:
            title: Title of the report.
            out: Output folder; if None, ``name`` in the folder of the checkpoint.
            overwrite: Replace an existing report.
            name: Name of the default output folder.
            data: Files that are evaluated; by default those of the training.

        Yields:
            A report that contains only the training record, and the origin of the evaluation.

        Raises:
            ValueError: If the folder is not writable or holds a report.
        """
        folder = report_folder(out or self.folder / name, overwrite)
        read = data or [self.settings.get(key) for key in ("files", "shards")]
        report = Report(title, {**self.record, "evaluation": origin(), "data": data_hashes(read)})
        yield report
        report.publish(folder)


def open_run(path: str | Path, kind: type[Module], device: str | None = None) -> TrainedRun[Module]:
    """Open a trained run.

    Args:
        path: A checkpoint, a run folder, a file written by ``sciformer export``, or weights of the
            original of this class, as published or as converted.
        kind: Class of its LightningModule.
        device: ``cpu``, ``cuda`` or another device of torch; if None, the GPU if there is one.

    Returns:
        The network with its settings and training record.

    Raises:
        ValueError: If the device or checkpoint does not exist, or the checkpoint is of another
            class.
    """
    place = device_of(device)
    found = checkpoint.find(path)
    saved = checkpoint.read(found, getattr(kind, "original", None))
    module = checkpoint.restored(found, saved, kind).to(place)
    settings = dict(saved.get(checkpoint.DATA) or {})
    return TrainedRun(found, module, settings, checkpoint.run_record(saved))


def device_of(name: str | None) -> torch.device:
    """Find a device by name.

    Args:
        name: Name of the device; if None, the GPU if there is one, else the CPU.

    Returns:
        The device.

    Raises:
        ArgumentError: If torch cannot use it.
    """
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise ArgumentError("device", f"{name!r} cannot be used: {error}") from error
