"""Exclusive use of a run folder: no accidental replacement, and no two fits in one folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from sciformer.files import remove_leftovers
from sciformer.training.run_folder import BEST, CONFIG, LAST, METRICS, NUMBERS
from sciformer.training.table import read

LOCK, SOFT = ".lock", ".lock.soft"
LOGS = (METRICS, "events.out.tfevents.*", "hparams.yaml")


class Claim(NamedTuple):
    """How a fit uses its run folder.

    Args:
        root: Run folder.
        resumed: Checkpoint from which the run resumes.
        overwrite: Whether existing files may be replaced.
        begin: Whether a run that was killed before its first checkpoint may restart.
    """

    root: Path
    resumed: str | None = None
    overwrite: bool = False
    begin: bool = False


def check_free(claim: Claim) -> None:
    """Reject a fit that would replace a run in its folder without ``--overwrite``.

    Args:
        claim: Folder, and how the fit uses it.

    Raises:
        ValueError: Naming what the folder holds, and the options that help.
    """
    root, resumed, overwrite, begin = claim
    own = resumed is not None and Path(resumed).resolve().parent == root.resolve()
    if own and overwrite:
        raise ValueError(f"{resumed}: --ckpt_path goes on with the run that --overwrite replaces")
    held = _held(root)
    if own or overwrite or held is None:
        return
    if resumed is not None:
        raise ValueError(f"{root}: holds another run than {resumed}; --overwrite replaces it")
    if not begin or (root / NUMBERS).is_file():
        way = "last" if (root / NUMBERS).is_file() else "auto"
        raise ValueError(
            f"{root}: holds {held}; --ckpt_path {way} goes on with it, --overwrite replaces it"
        )


def _held(root: Path) -> str | None:
    """Run in the folder, if any."""
    if (root / NUMBERS).is_file():
        return "a finished run"
    if (root / LAST).is_file() or (root / BEST).is_file() or read(root / METRICS)[1]:
        return "a run that was interrupted"
    return None


@contextmanager
def claimed(claim: Claim) -> Iterator[None]:
    """Lock an existing run folder, and remove what is left of earlier runs.

    Args:
        claim: Folder, and how the fit uses it.

    Yields:
        While the lock is held.

    Raises:
        ValueError: If another process holds the lock, or has finished a run there.
    """
    root, resumed, overwrite, _ = claim
    with _locked(root):
        check_free(claim)
        remove_leftovers(root, "*.ckpt", CONFIG, METRICS, NUMBERS)
        if resumed is None or overwrite:
            for pattern in (CONFIG, LAST, BEST, NUMBERS, *(LOGS if overwrite else (METRICS,))):
                for path in root.glob(pattern):
                    path.unlink()
        yield


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = FileLock(root / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{root}: another fit is running there") from error
    except OSError:  # a file system that locks no files: there a file itself is the lock
        lock = _soft(root)
    try:
        yield
    finally:
        for name in (LOCK, SOFT):
            (root / name).unlink(missing_ok=True)  # who has it open notices that it is gone
        lock.release()


def _soft(root: Path) -> BaseFileLock:
    """Lock file with process id and host; ignored if that process, on this host, has ended."""
    lock = SoftFileLock(root / SOFT, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        held = (root / SOFT).read_text().split()
        raise ValueError(
            f"{root}: another fit is running there ({' '.join(held[:2])}); "
            f"if it has ended with its machine, remove {root / SOFT}"
        ) from error
    return lock
