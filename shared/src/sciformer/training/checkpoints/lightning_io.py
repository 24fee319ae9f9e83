"""Lightning's checkpoint files: written atomically, plain tensors only."""

import errno
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from sciformer.files import write_atomically
from sciformer.training.checkpoints.checkpoint import read


class CheckpointFiles(CheckpointIO):
    """Write checkpoints atomically, and read them without running code."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        def write(beside: Path) -> None:
            with beside.open("wb") as file:
                torch.save(checkpoint, file)

        try:
            write_atomically(path, write)
        except (OSError, RuntimeError) as error:
            cause = error.__context__ if isinstance(error, RuntimeError) else error
            if not isinstance(cause, OSError):
                raise
            raise OSError(
                cause.errno or errno.EIO,
                f"{cause.strerror}: the checkpoint was not written; an earlier one is as it was",
                str(path),
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read(path)

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)
