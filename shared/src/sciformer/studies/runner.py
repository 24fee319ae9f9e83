"""Run many trainings, each in its own process; finished ones are not repeated."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from sciformer.allowlist import safe_environment
from sciformer.cli import config_errors
from sciformer.cli.options import shipped
from sciformer.files import check_writable, write_atomically
from sciformer.progress import progress
from sciformer.strict_json import read_json
from sciformer.text import hide_secrets

METRICS, WORDS, LOG = "metrics.json", "words.json", "log.txt"  # in the folder of each run


class Run(NamedTuple):
    """One training of a study.

    Args:
        name: Name of its folder, within that of the study.
        words: Arguments of the command: ``fit`` or the like, and its options.
    """

    name: str
    words: tuple[str, ...]


class Study:
    """Runs of a project, in subfolders of one folder.

    Each run is a process with one thread. Finished runs are not repeated; an interrupted run
    resumes from its last checkpoint.

    Args:
        package: Import name of the project.
        out: Folder of the study.
        jobs: Number of parallel processes.

    Raises:
        ValueError: If the folder is not writable, or ``jobs`` is less than 1.
    """

    def __init__(self, package: str, out: str, jobs: int = 1) -> None:
        if jobs < 1:
            raise ValueError(f"jobs: {jobs} is less than 1")
        self.package, self.out, self.jobs = package, check_writable(out, "out"), jobs
        self.running: set[subprocess.Popen[bytes]] = set()

    def fit(self, runs: Iterable[Run]) -> dict[str, dict[str, Any]]:
        """Run all unfinished runs, with a progress bar if stderr is a terminal.

        Args:
            runs: Runs with unique names.

        Returns:
            Content of each run's ``metrics.json``, by name.

        Raises:
            ValueError: If a folder holds something else, or a run failed (names its log).
        """
        runs = list(runs)
        if (self.out / METRICS).exists() and not any(self.out.rglob(WORDS)):
            raise ValueError(f"{self.out}: holds results of something else; choose another --out")
        for run in runs:
            self._claim(run)
        waiting = [run for run in runs if not (self.folder(run.name) / METRICS).is_file()]
        finished = count(len(runs) - len(waiting))
        with progress("runs", len(runs)) as show:
            show(next(finished))
            self._run_all(waiting, lambda: show(next(finished)))
        return {run.name: read_json(self.folder(run.name) / METRICS) for run in runs}

    def folder(self, name: str) -> Path:
        """Folder of a run."""
        return self.out / name

    def _claim(self, run: Run) -> None:
        """Store the run's arguments in its folder; reject one of another run or elsewhere."""
        path = self.folder(run.name) / WORDS
        if Path(run.name).is_absolute() or ".." in Path(run.name).parts:
            raise ValueError(f"{path.parent}: the name {run.name!r} leads out of {self.out}")
        said = json.dumps(hide_secrets(run.words))
        if not path.is_file():
            write_atomically(path, lambda beside: beside.write_text(said))
        elif path.read_text() != said:
            other = shlex.join(map(str, read_json(path, list)))
            raise ValueError(f"{path.parent}: holds a run of {other}; choose another --out")

    def _run_all(self, runs: Sequence[Run], done: Any) -> None:
        before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        try:
            self._run_in_threads(runs, done)
        finally:
            signal.signal(signal.SIGTERM, before)

    def _run_in_threads(self, runs: Sequence[Run], done: Any) -> None:
        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(self._run, run, done) for run in runs]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            finally:  # of a failure or a signal: what runs saves a checkpoint and ends
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self.running):
                    process.terminate()

    def _run(self, run: Run, done: Any) -> None:
        folder = self.folder(run.name)
        quiet = ("--trainer.enable_progress_bar", "false", "--threads", "1")
        place = ("--trainer.default_root_dir", str(folder), "--ckpt_path", "auto")
        command = [sys.executable, "-m", self.package, *run.words, *place, *quiet]
        with (folder / LOG).open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=safe_environment()
            )
            self.running.add(process)
            code = process.wait()
            self.running.discard(process)
        if code:
            said = (folder / LOG).read_text(errors="replace").strip().splitlines() or ["no word"]
            raise ValueError(f"{folder / LOG}: the run ended with code {code}: {said[-1]}")
        done()


def read_config(package: str, config: str) -> dict[str, Any]:
    """Read the configuration shared by the runs of a study.

    Args:
        package: Import name of the project.
        config: Path, as on the command line.

    Returns:
        Content of the configuration.

    Raises:
        ValueError: If it cannot be read.
    """
    return config_errors.read_config(shipped(package, config))
