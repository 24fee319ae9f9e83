"""Files of the cases: what they read, and what they write."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

shared: Path | None = None  # folder of all processes of a comparison, as the worker says


def own() -> Path:
    """A new folder of this process, which is gone at its end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def once(name: str, write: Callable[[Path], object]) -> Path:
    """A folder of files that no tree has a say in, written by whichever process is first.

    Both trees then read the very same bytes. A case is called before it is measured, so that they
    are in the memory of the system: neither the disk nor its speed is seen.

    Args:
        name: Of the folder.
        write: Fills it.

    Returns:
        Where it is.
    """
    if shared is None:
        raise RuntimeError("files.shared: no folder")
    folder = shared / name
    if not folder.exists():
        shared.mkdir(exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=shared))
        write(beside)
        beside.rename(folder)
    return folder
