"""The child process of one tree: set up a case, call it, say what that took.

    PYTHONPATH=TREE/shared/src:... python tests/benchmarks/worker.py TREE

Requests and answers are lines of JSON on stdin and stdout.
"""

import gc
import importlib
import json
import os
import re
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import files
import torch
from case import Call, Case
from parts import Parts
from torch.profiler import ProfilerActivity, profile

SOURCES = re.compile(r"/(shared|packages/[^/]+)/src/?$")


def main(tree: str) -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever is printed meanwhile is no answer
    # Editable installs put another tree on the path: what this one lacks would come from there.
    sys.path[:] = [p for p in sys.path if not SOURCES.search(p) or p.startswith(tree + "/")]
    files.shared = Path(tree).parent / "files"
    torch.set_num_threads(1)
    # As in a process that trains: once it has freed a large tensor, glibc keeps what is freed.
    torch.ones(31 << 18)
    session = Session()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"value": getattr(session, name)(*arguments)}
        except Exception as error:  # a case may raise anything in an old tree
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


class Session:
    """What a driver may ask for."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.call: Call = lambda: None

    def load(self, room: str) -> dict[str, Any]:
        """Import a file of cases; return name -> its passes for time and for memory."""
        found = importlib.import_module(f"cases.{room}")
        cases: dict[str, Case] = found.CASES
        self.cases |= cases
        for part in vars(found).values():
            if isinstance(part, Parts):
                part.preload()
        gc.collect()
        gc.freeze()  # or each collection would go through all that the imports have made: 0.2 s
        return {name: [case.passes, case.memory] for name, case in cases.items()}

    def prepare(self, case: str, kind: Any) -> float:
        """Set a case up; return the CPU-seconds of a call."""
        self.call = lambda: None
        gc.enable()
        gc.collect()
        self.call = self.cases[case].make(kind)
        self.call()
        gc.disable()
        return self.sample(1)

    def sample(self, repeats: int) -> float:
        """Call it; return the CPU-seconds of one call."""
        start = time.process_time()
        for _ in range(repeats):
            self.call()
        return (time.process_time() - start) / repeats

    def start(self, case: str, kind: Any) -> None:
        """Set a case up and call it once."""
        self.call = self.cases[case].make(kind)
        self.call()
        gc.collect()

    def peak(self, case: str, kind: Any) -> int:
        """Return the most bytes that a case holds in a call: torch's tensors and Python's objects.

        What it has kept since its set-up counts too. Counted, not sampled: the same on every run.
        """
        self.start(case, kind)  # once in a process, something is imported or cached
        tracemalloc.start()  # numpy reports to it, torch does not
        self.start(case, kind)
        tracemalloc.reset_peak()
        self.call()
        python = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.call = lambda: None
        gc.collect()
        held, _ = allocated(lambda: self.start(case, kind))
        return python + held + allocated(self.call)[1]


def allocated(call: Call) -> tuple[int, int]:
    """Return the bytes of tensors that a call leaves behind, and the most that it held."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    held = highest = 0
    results = profiler.profiler.kineto_results  # pyright: ignore
    for event in results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            highest = max(highest, held)
    return held, highest


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1])
