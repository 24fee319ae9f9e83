"""Tell verbs of the minimal project to end where they linger, and print how they did, as JSON.

    PYTHONPATH=tests/core python tests/core/training/told.py FOLDER

By case: exit code, seconds from the signal to the end, and what was said.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch
from forks import Fork
from minimal import PROJECT

from sciformer.cli import lightning


class Case(NamedTuple):
    """A verb, the moment at which it lingers, and the signals that it gets, one after another."""

    verb: str
    moment: str
    signals: tuple[signal.Signals, ...]
    words: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


COMMON = (
    *("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--threads=1"),
    *("--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--trust"),
)
SLURM = tuple(
    f"SLURM_{name}"
    for name in (
        *("JOB_ID=12345", "JOB_NAME=fit", "JOB_NODELIST=localhost", "NODEID=0", "NTASKS=1"),
        *("NTASKS_PER_NODE=1", "PROCID=0", "LOCALID=0"),
    )
)
BATCH, VALIDATION = "on_train_batch_start", "on_validation_batch_start"
CASES = {
    "while data are prepared, SIGINT": Case("fit", "setup", (signal.SIGINT,)),
    "while data are prepared, SIGTERM": Case("fit", "setup", (signal.SIGTERM,)),
    "in a sanity check": Case(
        "fit", VALIDATION, (signal.SIGTERM,), ("--trainer.num_sanity_val_steps=1",)
    ),
    "in a validation": Case("fit", VALIDATION, (signal.SIGUSR2,)),
    "in a step, twice": Case("fit", BATCH, (signal.SIGTERM, signal.SIGTERM)),
    "in a test": Case("test", "on_test_batch_start", (signal.SIGTERM,)),
    "in a validation of its own": Case("validate", VALIDATION, (signal.SIGINT,)),
    "by SLURM": Case("fit", VALIDATION, (signal.SIGUSR1,), (), SLURM),
    "by SLURM, in an array": Case(
        *("fit", VALIDATION, (signal.SIGUSR1,), ()),
        (*SLURM, "SLURM_ARRAY_JOB_ID=777", "SLURM_ARRAY_TASK_ID=3"),
    ),
}


def tell(case: Case, root: Path) -> dict[str, object]:
    """Run a case in a folder of its own."""
    place = (f"--trainer.default_root_dir={root}", *COMMON)
    linger = ("--trainer.callbacks+=faults.Linger", f"--trainer.callbacks.hook={case.moment}")
    variables = dict(each.split("=") for each in case.variables)
    words = [case.verb, *place, *linger, *case.words]
    verb = Fork(PROJECT, words, root.with_suffix(".log"), **variables)
    assert verb.heard(), verb.log.read_text()
    for number, sign in enumerate(case.signals):
        time.sleep(1.5 * bool(number))
        verb.send(sign)
    return {"seconds": verb.wait(), "code": verb.code, "said": verb.log.read_text()}


def main(folder: Path) -> None:
    """Run all cases, with a ``scontrol`` of our own."""
    lightning.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    torch.set_num_threads(1)
    scontrol = folder / "bin/scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text('#!/bin/sh\necho "scontrol $*"\n')
    scontrol.chmod(0o755)
    os.environ["PATH"] = f"{scontrol.parent}:{os.environ['PATH']}"
    found = {
        name: tell(case, folder / f"case{number}")
        for number, (name, case) in enumerate(CASES.items())
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
