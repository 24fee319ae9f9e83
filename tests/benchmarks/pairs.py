"""Measure two trees in turn, each in a process of its own, one of them running at a time.

Both processes of a generation run on one core, drawn anew. Left to the system they may stay on two
cores, of which a neighbor keeps one busy (its caches, its power, its other thread): the same code
then differs by 20 to 40 %, and alternating does not help, as it is always one tree that suffers.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from trees import environment

WORKER = Path(__file__).with_name("worker.py")
SAMPLE_S = 0.002
SLACK_BYTES = 1 << 16  # a few Python objects more are no larger memory


class Measure(NamedTuple):
    """What is compared: a case of a file of cases, in one pass, by time or memory."""

    room: str
    case: str
    kind: str
    quantity: str


class Pair(NamedTuple):
    """One generation's result, in seconds or bytes, and the ratio head / base."""

    base: float
    head: float
    ratio: float


class Rounds(NamedTuple):
    """In how many rounds the two trees take turns: many of short samples, few of long ones.

    Args:
        least: Of any.
        most: Of any.
        cpu_s: What both trees may take together, beyond the least.
    """

    least: int
    most: int
    cpu_s: float

    def of(self, sample_s: float) -> int:
        """How many, of samples that take so long."""
        return min(self.most, max(self.least, round(self.cpu_s / (2 * sample_s))))


class CaseError(Exception):
    """A tree cannot run a case.

    Args:
        tree: Its folder's name: ``base`` or ``head``.
        reason: What Python said.
    """

    def __init__(self, tree: str, reason: str) -> None:
        super().__init__(reason)
        self.tree = tree


class Worker:
    """The process of a tree.

    Args:
        tree: Whose sources it imports.
        log: Where it writes what it has to say.
    """

    def __init__(self, tree: Path, log: Any) -> None:
        self.name = tree.name
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, WORKER, tree],
            env=environment(tree),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C is for the driver, which then ends this one
        )

    def send(self, *request: Any) -> None:
        """Ask to call a method of its ``Session``."""
        assert self.process.stdin
        with suppress(BrokenPipeError):  # then there is no answer either
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def receive(self) -> Any:
        """Wait for the answer.

        Raises:
            CaseError: If the method failed.
            RuntimeError: If the process has ended.
        """
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            last = self.log.read().decode(errors="replace").strip().splitlines()[-1:]
            code = self.process.wait()
            raise RuntimeError(f"the process of {self.name} ended ({code}): {' '.join(last)}")
        answer = json.loads(line)
        if "error" in answer:
            raise CaseError(self.name, answer["error"])
        return answer["value"]

    def ask(self, *request: Any) -> Any:
        """Send and receive."""
        self.send(*request)
        return self.receive()


@contextmanager
def worker(tree: Path) -> Iterator[Worker]:
    """Start a process of a tree; end it afterwards, whatever happens."""
    with tempfile.TemporaryFile() as log:
        started = Worker(tree, log)
        try:
            yield started
        finally:
            assert started.process.stdin
            with suppress(BrokenPipeError):
                started.process.stdin.close()
            try:
                with suppress(subprocess.TimeoutExpired):
                    started.process.wait(5)  # it removes its own temporary files
            finally:
                started.process.kill()
                started.process.wait()


@contextmanager
def both(trees: tuple[Path, Path]) -> Iterator[tuple[Worker, Worker]]:
    """Start a process of each tree."""
    with worker(trees[0]) as base, worker(trees[1]) as head:
        yield base, head


def find_measures(
    trees: tuple[Path, Path], rooms: list[str]
) -> tuple[list[Measure], dict[str, CaseError]]:
    """List what the head can measure; and for each file that a tree cannot import, why."""
    found, failed = [], {}
    with both(trees) as workers:
        for process in workers:  # both import at the same time
            for room in rooms:
                process.send("load", room)
        for process in workers:
            for room in rooms:
                try:
                    cases = process.receive()
                except CaseError as error:
                    failed[room] = error
                    continue
                if process is workers[0]:
                    continue
                for case, (passes, memory) in cases.items():
                    found += [Measure(room, case, kind, "time") for kind in passes]
                    found += [Measure(room, case, kind, "memory") for kind in memory]
    return found, failed


def generation(
    trees: tuple[Path, Path], measures: list[Measure], rounds: Rounds
) -> Iterator[tuple[Measure, Pair | CaseError]]:
    """Measure each once in a fresh process per tree, in an order drawn anew.

    The head sets up first: what it cannot run is broken, whether or not the base can.
    """
    rooms = sorted({measure.room for measure in measures})
    with both(trees) as (base, head):
        for process in (base, head):
            for room in rooms:
                process.send("load", room)
        for process in (base, head):
            for _ in rooms:
                process.receive()
        on_one_core(base, head)
        for measure in random.sample(measures, len(measures)):
            try:
                if measure.quantity == "memory":
                    yield measure, compare_memory(base, head, measure)
                else:
                    yield measure, compare_time(base, head, measure, rounds)
            except CaseError as error:
                yield measure, error


def on_one_core(*workers: Worker) -> None:
    """Keep processes on the same core, where the system lets us."""
    if sys.platform == "linux":
        core = random.choice(sorted(os.sched_getaffinity(0)))
        for each in workers:
            os.sched_setaffinity(each.process.pid, {core})


def compare_memory(base: Worker, head: Worker, measure: Measure) -> Pair:
    """Compare the peak of the bytes that are allocated."""
    other, one = (process.ask("peak", measure.case, measure.kind) for process in (head, base))
    return Pair(one, other, (other + SLACK_BYTES) / (one + SLACK_BYTES))


def compare_time(base: Worker, head: Worker, measure: Measure, rounds: Rounds) -> Pair:
    """Compare CPU time: the median over rounds that time one right after the other."""
    workers = (base, head)
    first = [process.ask("prepare", measure.case, measure.kind) for process in (head, base)]
    repeats = max(1, round(SAMPLE_S / min(first)))
    taken = []
    for _ in range(rounds.of(repeats * min(first))):
        times = [0.0, 0.0]
        for index in random.sample(range(2), 2):
            times[index] = workers[index].ask("sample", repeats)
        taken.append(times)
    ratio = median(after / before for before, after in taken)
    return Pair(median(t[0] for t in taken), median(t[1] for t in taken), ratio)
