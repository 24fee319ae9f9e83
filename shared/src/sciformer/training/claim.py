"""Exclusive use of a run folder: no accidental replacement, and no two fits in one folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sciformer.files import remove_leftovers
from sciformer.lock import exclusive
from sciformer.training.run_folder import BEST, CONFIG, LAST, METRICS, NUMBERS
from sciformer.training.table import read

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
    with exclusive(root, "fit is running"):
        check_free(claim)
        remove_leftovers(root, "*.ckpt", CONFIG, METRICS, NUMBERS)
        if resumed is None or overwrite:
            for pattern in (CONFIG, LAST, BEST, NUMBERS, *(LOGS if overwrite else (METRICS,))):
                for path in root.glob(pattern):
                    path.unlink()
        yield
