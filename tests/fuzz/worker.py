"""The process that reads hostile inputs: one after the other, with a limit of time and memory.

Questions and answers are lines of JSON, after a line with the names of all targets. A question is
a target, a seed and a number; the answer says what became of the input that they make, and whether
this process has grown so much that a new one should go on. Whoever asks notices when it is gone.
"""

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import torch
from astroclip_network_targets import TARGETS as ASTROCLIP_NETWORKS
from astroclip_targets import TARGETS as ASTROCLIP
from core_targets import TARGETS as CORE
from counting_targets import TARGETS as COUNTING
from mpp_targets import TARGETS as MPP
from mutations import damaged
from target import Target
from xval_targets import TARGETS as XVAL

SECONDS, KILLED = 2.0, 10.0  # of CPU time: a failure; the end of this process
MEMORY = 2**30  # bytes beside what the process has at its start
KEPT = 2**28  # bytes that libraries may keep, before a new process goes on with all of MEMORY free
NO_ROOM = ("to allocate", "bad_alloc", "Cannot allocate", "can't allocate", "not enough memory")
TARGETS = {
    target.name: target
    for target in [*CORE, *COUNTING, *MPP, *ASTROCLIP, *ASTROCLIP_NETWORKS, *XVAL]
}


def make(target: Target, seed: int, number: int, scratch: Path) -> Path:
    """The input of a number: a function of target, seed and number alone; the first is sound."""
    sound, folder = scratch / "sound" / target.name, scratch / "input"
    if not sound.exists():
        sound.mkdir(parents=True)
        target.write(sound)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    random = Random(f"{seed} {target.name} {number}")
    if number == 0:
        return folder
    by_format = bool(target.edits) and random.random() < 0.6
    if by_format:
        for _ in range(random.choice((1, 1, 2, 3))):
            # Some changes cannot be written, or not after the first one.
            with suppress(Exception), warnings.catch_warnings(action="ignore"):
                random.choice(target.edits)(folder, random)
    if not by_format or random.random() < 0.1:
        path = random.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
        path.write_bytes(damaged(path.read_bytes(), random))
        if target.seal is not None and random.random() < 0.8:
            with suppress(Exception):
                target.seal(folder)
    return folder


def read(target: Target, folder: Path) -> tuple[int, str, str]:
    """How far a reader comes, why it refuses, and what is wrong with that; empty if nothing is."""
    depth, error = 0, None
    steps: Iterator[None] = target.read(folder)
    try:
        with warnings.catch_warnings(action="ignore"):
            for _ in steps:
                depth += 1
    except (ValueError, OSError) as caught:
        error = caught
    except BaseException as caught:  # whatever it is, it is what is looked for
        return depth, "", "".join(traceback.format_exception(caught))[-3000:]
    cause = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(word in str(cause) for word in NO_ROOM):
            return depth, "", "memory: " + "".join(traceback.format_exception(error))[-3000:]
        cause = cause.__cause__ or cause.__context__
    return depth, "" if error is None else f"{type(error).__name__}: {error}", ""


def answer(target: Target, seed: int, number: int, scratch: Path) -> dict:
    folder = make(target, seed, number, scratch)
    before, start = _memory(), _cpu()
    signal.setitimer(signal.ITIMER_PROF, KILLED)  # its signal ends this process
    depth, refusal, wrong = read(target, folder)
    signal.setitimer(signal.ITIMER_PROF, 0)
    seconds, gained = _cpu() - start, _peak() - before
    if not wrong and seconds > SECONDS:
        wrong = f"slow: {seconds:.1f} s"
    if not wrong and gained > MEMORY:
        wrong = f"large: {gained / 2**20:.0f} MiB"
    if not wrong and refusal and ("\n" in refusal or str(folder) not in refusal):
        wrong = f"more than one line, or of no file: {refusal}"
    if not wrong and number == 0 and refusal:
        wrong = f"a sound input is refused: {refusal}"
    said = {"depth": depth, "accepted": not refusal and not wrong, "wrong": wrong}
    return said | {"seconds": seconds, "bytes": gained}


def _cpu() -> float:
    """CPU seconds of this process and of its children, whether they have ended or not."""
    ended, running = resource.getrusage(resource.RUSAGE_CHILDREN), 0
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        words = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        running += int(words[11]) + int(words[12])
    ticks = os.sysconf("SC_CLK_TCK")
    return time.process_time() + ended.ru_utime + ended.ru_stime + running / ticks


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise ValueError(key)


def _memory() -> int:
    """Bytes that this process has; from now on its peak is counted anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS:")


def _peak() -> int:
    return _status("VmHWM:")


def main() -> None:
    torch.set_num_threads(1)
    temporary = tempfile.TemporaryDirectory(prefix="fuzz-")
    with temporary as folder, Path(os.devnull).open("w") as silence:
        scratch = Path(folder)
        least, most = _status("VmRSS:"), _status("VmSize:") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        answers, sys.stdout = sys.stdout, silence  # verbs may say something
        print(json.dumps(list(TARGETS)), file=answers, flush=True)
        os.dup2(silence.fileno(), 2)  # and so may libraries
        for line in sys.stdin:
            name, seed, number = json.loads(line)
            said = answer(TARGETS[name], seed, number, scratch)
            print(json.dumps([said, _status("VmRSS:") > least + KEPT]), file=answers, flush=True)


if __name__ == "__main__":
    main()
