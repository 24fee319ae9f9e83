"""Parallel map over processes, which all stop if one of them fails."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[Result, None, None]:
    """Call a function on each item, in this process or in several workers.

    Workers are spawned, not forked, so that they do not inherit threads and locks. No worker
    outlives this process, and Ctrl-C reaches this process only. Closing the generator early ends
    the workers.

    Args:
        function: Function to call; must be picklable if there are workers.
        items: Arguments of the calls.
        workers: Number of processes; 0 uses this process.

    Yields:
        Results, in order of completion.

    Raises:
        OSError: If a worker is killed. An exception in a worker is raised here.
    """
    if not workers:
        yield from map(function, items)
        return
    running: dict[Connection, SpawnProcess] = {}
    try:
        with _no_interrupt():
            for share in (items[k::workers] for k in range(min(workers, len(items)))):
                receiver, process = _start(function, share)
                running[receiver] = process
        while running:
            yield from _results(running)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.join()


def _start(function: Callable[[Any], Any], items: Sequence[Any]) -> tuple[Any, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(function, items, sender), daemon=True)
    process.start()
    sender.close()  # the worker's own is then the last one: when it ends, so does the pipe
    return receiver, process


def _results(running: dict[Connection, SpawnProcess]) -> Iterator[Any]:
    """Results that have arrived; finished workers are removed from the list."""
    ready: list[Any] = wait(list(running))
    for receiver in ready:
        try:
            result = receiver.recv()
        except EOFError:
            process = running.pop(receiver)
            process.join()
            if process.exitcode:
                raise OSError(f"a worker ended with code {process.exitcode}") from None
            continue
        if isinstance(result, Exception):
            raise result
        yield result


def _work(function: Callable[[Any], Any], items: Sequence[Any], results: Connection) -> None:
    end_with_parent()
    if torch := sys.modules.get("torch"):  # of the function; importing it takes seconds
        torch.set_num_threads(1)  # as in torch's own loaders: the processes are the threads
    try:
        for item in items:
            results.send(function(item))
    except Exception as error:  # the parent raises it, if it is still there
        with suppress(BrokenPipeError):
            results.send(error)


def end_with_parent(worker: int = 0) -> None:
    """Let this worker process end as soon as its parent has ended.

    A forked worker would keep its parent's connections open, so other ranks would not notice its
    death.

    Args:
        worker: Index of the worker, given by torch's loader.
    """
    Thread(target=_end_after_parent, daemon=True).start()
    report = sys.excepthook

    def report_of_the_living(*error: Any) -> None:
        _end_after_parent(1.0)  # a thread that was handing a tensor to it says nothing, then
        report(*error)

    sys.excepthook = report_of_the_living


def _end_after_parent(timeout: float | None = None) -> None:
    """End this process once its parent has ended, if it does within a time in seconds."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join(timeout)
    if not parent.is_alive():
        os._exit(1)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Block Ctrl-C for processes started in this context, where a system can."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let Ctrl-C in again if it came later
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
