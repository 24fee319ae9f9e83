"""Progress bars on stderr; shown only if it is a terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar while the context lasts.

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
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done)


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
