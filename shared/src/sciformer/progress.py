"""Progress bars on stderr, shown only if it is a terminal, and ``--quiet``, which hides them."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
SHOWN = Lock()  # held by the bar that is shown: two would write over each other
QUIET = "SCIFORMER_QUIET"  # a variable of the environment, as processes that are started heed it


def be_quiet() -> None:
    """Show no progress bar from here on, in this process and those it starts."""
    os.environ[QUIET] = "1"


def quiet() -> bool:
    """Whether ``be_quiet`` was called."""
    return QUIET in os.environ


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar while the context lasts; none inside of another one.

    Args:
        text: Description of the task.
        total: Number of steps; None shows an indeterminate bar.

    Yields:
        A function that sets the number of finished steps.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    if total is not None:
        columns += (MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=quiet() or SHOWN.locked() or not console.file.isatty(),
    ) as bar:
        task = bar.add_task(text, total=total)
        outer = SHOWN.acquire(blocking=False)
        try:
            yield lambda done: bar.update(task, completed=done)
        finally:
            if outer:
                SHOWN.release()


def track(items: Iterable[Item], text: str, total: int) -> Iterator[Item]:
    """Iterate with a progress bar.

    Args:
        items: Items to iterate over.
        text: Description of the task.
        total: Number of items.

    Yields:
        Each item.
    """
    with progress(text, total) as show:
        for number, item in enumerate(items, 1):
            yield item
            show(number)
