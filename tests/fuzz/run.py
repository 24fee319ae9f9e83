"""Fuzz every reader: python tests/fuzz/run.py --inputs 20000 --seed 0.

Each input is a function of a seed and a number. A reader may refuse it by a ValueError or an
OSError, which the command line turns into one line; anything else is a failure, and so is whatever
takes longer than 2 s of CPU time, more than 1 GiB of memory, or ends the process.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PLAIN_MALLOC = {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # the others take 1 GiB of addresses
HELPERS = (".", "core", "mpp", "xval", "astroclip", "astroclip/data")  # of the tests


class Found(NamedTuple):
    """What became of an input."""

    target: str
    number: int
    depth: int
    accepted: bool
    wrong: str
    seconds: float
    bytes: int


class Fuzzer:
    """A worker, started again when an input has ended it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._start()

    def _start(self) -> None:
        paths = [os.environ.get("PYTHONPATH", ""), *(str(HERE.parent / name) for name in HELPERS)]
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **PLAIN_MALLOC, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self.names: list[str] = json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ask(self, target: str, number: int) -> Found:
        """Let the worker read an input."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([target, self.seed, number]) + "\n")
        self.process.stdin.flush()
        line = self._line()
        if line:
            said, grown = json.loads(line)
            if grown:
                self.close()
                self._start()
            return Found(target, number, **said)
        code = self.process.wait()
        self._start()
        return Found(target, number, 0, False, f"the process ended with code {code}", 0.0, 0)

    def close(self) -> None:
        """End the worker."""
        self.process.communicate()


def fuzz(inputs: int, seed: int, first: int = 0, only: str = "") -> Iterator[Found]:
    """Spread inputs over targets, and read them.

    Args:
        inputs: How many there are altogether.
        seed: Of all of them.
        first: Number of the first of each target.
        only: A part of the name of a target.

    Yields:
        What became of each.
    """
    fuzzer = Fuzzer(seed)
    try:
        names = [name for name in fuzzer.names if only in name]
        for place, name in enumerate(names):
            count = (place + 1) * inputs // len(names) - place * inputs // len(names)
            for number in range(first, first + count):
                yield fuzzer.ask(name, number)
    finally:
        fuzzer.close()


def table(found) -> str:
    """A line for each target."""
    rows = [
        f"{'reader':30}{'inputs':>7}{'refused':>8}{'accepted':>9}{'reached':>8}{'read':>6}"
        f"{'slowest s':>10}{'largest MiB':>12}{'failed':>7}"
    ]
    for name in dict.fromkeys(one.target for one in found):
        own = [one for one in found if one.target == name]
        accepted, wrong = sum(o.accepted for o in own), sum(bool(o.wrong) for o in own)
        deepest = max(o.depth for o in own)
        reached = sum(o.depth >= 1 for o in own) / len(own)
        read = sum(o.depth >= deepest for o in own) / len(own)
        rows.append(
            f"{name:30}{len(own):7}{len(own) - accepted - wrong:8}{accepted:9}"
            f"{reached:8.0%}{read:6.0%}"
            f"{max(o.seconds for o in own):10.2f}{max(o.bytes for o in own) / 2**20:12.0f}{wrong:7}"
        )
    return "\n".join(rows)


def main() -> int:
    """Fuzz, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="of all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of each reader's first input")
    parser.add_argument("--only", default="", help="a part of a reader's name")
    given = parser.parse_args()
    found, told = [], Counter()
    for one in fuzz(given.inputs, given.seed, given.first, given.only):
        found.append(one)
        if one.wrong:
            last = one.wrong.strip().splitlines()[-1][:200]
            told[one.target, last] += 1
            if told[one.target, last] == 1:
                where = f"--only '{one.target}' --seed {given.seed} --first {one.number}"
                print(f"--- {where} --inputs 1\n{one.wrong}", flush=True)
    print(table(found))
    return 1 if any(one.wrong for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
