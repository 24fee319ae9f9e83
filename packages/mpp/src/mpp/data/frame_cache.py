"""Cache of decoded frames: a raw fp32 file from which any window is one read."""

import hashlib
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from mpp.data.description import Description
from mpp.data.trajectories import Frames, Trajectories, Wrapped
from sciformer.data.open_files import OpenFiles, open_raw, read_into
from sciformer.files import write_atomically

FORMAT = 1
PIECE = 2**25  # bytes that are decoded at once


class Cached(Wrapped):
    """Trajectories read from a cache, which is created if it does not exist.

    The file is (trajectory and time, field, *space) in native fp32 and nothing else: ``np.memmap``
    opens it. Frames are read directly into the batch, not memory-mapped: mapped pages count as
    memory of the process, and a truncated file would crash it. Frames are checked for NaN when the
    cache is written. The name of the cache depends on the original's path, size and modification
    time, its fields and its shape: a file that has changed is decoded again.

    Args:
        original: Trajectories to cache.
        folder: Folder of the cache; created if it does not exist.
        progress: Called with the number of trajectories decoded so far.

    Raises:
        ValueError: If the original cannot be read or holds a NaN.
        OSError: Naming the file, if it cannot be written.
    """

    def __init__(
        self,
        original: Trajectories,
        folder: str | Path,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        known = original.description
        super().__init__(original, original.identity, known, original.ids, original.lengths)
        self.path = cache_path(original, folder)
        self.frame_bytes = 4 * math.prod(self.frame_shape)
        self.starts = np.cumsum([0, *self.lengths]).tolist()  # first frame of each trajectory
        self.size = self.starts[-1] * self.frame_bytes
        self.files = OpenFiles(open_raw)
        if not self.path.is_file() or self.path.stat().st_size != self.size:
            decode(original, self.path, progress)

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        into = memoryview(out.data).cast("B")
        offset = (self.starts[trajectory] + start) * self.frame_bytes
        while into:
            try:
                count = read_into(self.files[self.path], offset, [into])
            except OSError as error:
                raise ValueError(f"{self.path}: cannot be read: {error.strerror}") from error
            if not count:
                raise ValueError(
                    f"{self.path}: truncated: {len(into)} bytes are missing; remove it"
                )
            into, offset = into[count:], offset + count


def cache_path(original: Trajectories, folder: str | Path) -> Path:
    """Path of the cache of some trajectories.

    Args:
        original: Trajectories to cache.
        folder: Folder of the cache.

    Returns:
        A path in the folder; it changes when the data change.
    """
    parts = (FORMAT, original.identity, original.description.names, original.frame_shape)
    lengths = set(original.lengths)
    frames = original.frames if len(lengths) == 1 else original.lengths
    digest = hashlib.sha256(repr((*parts, frames, len(original))).encode()).hexdigest()
    return Path(folder) / f"{Path(original.where).stem}-{digest[:16]}.f32"


def decode(
    original: Trajectories, path: Path, progress: Callable[[int], None] | None = None
) -> None:
    """Decode all frames into a cache file, atomically, with a description next to it.

    Args:
        original: Trajectories to decode.
        path: File to write.
        progress: Called with the number of trajectories decoded so far.

    Raises:
        OSError: Naming the file, if it cannot be written.
    """
    step = max(PIECE // (4 * math.prod(original.frame_shape)), 1)

    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            for number in range(len(original)):
                frames = original.lengths[number]
                for start in range(0, frames, step):
                    stop = min(start + step, frames)
                    file.write(original.read(number, start, stop).data)
                if progress is not None:
                    progress(number + 1)

    try:
        write_atomically(path, write)
        write_atomically(path.with_suffix(".json"), partial(_describe, original))
    except OSError as error:
        if error.filename is None and error.strerror:  # a full disk does not say which file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _describe(original: Trajectories, path: Path) -> None:
    described: Description = original.description
    record = {
        "format": FORMAT,
        "source": original.identity,
        "dtype": "float32",
        "axes": ["frame", "field", *"xyz"[: len(described.shape)]],
        "shape": [sum(original.lengths), *original.frame_shape],
        "frames": original.lengths,
        "fields": described.names,
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
