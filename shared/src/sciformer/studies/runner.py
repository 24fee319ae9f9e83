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
        name: Its folder, below that of the study.
        words: The verb that fits, and its options.
    """

    name: str
    words: tuple[str, ...]


class Study:
    """Runs of a project in the folders below one.

    Each is a process of one thread. A run that was finished is read, one that was interrupted goes
    on from its last checkpoint.

    Args:
        package: The project whose command runs, by import name.
        out: The folder.
        jobs: Processes at a time.

    Raises:
        ValueError: If the folder cannot be written to, or there is to be no process.
    """

    def __init__(self, package: str, out: str, jobs: int = 1) -> None:
        if jobs < 1:
            raise ValueError(f"jobs: {jobs} is less than 1")
        self.package, self.out, self.jobs = package, check_writable(out, "out"), jobs
        self.running: set[subprocess.Popen[bytes]] = set()

    def fit(self, runs: Iterable[Run]) -> dict[str, dict[str, Any]]:
        """Run what is not finished, with a progress bar on stderr if that is a terminal.

        Args:
            runs: With names of their own.

        Returns:
            By name, the ``metrics.json`` of each.

        Raises:
            ValueError: If the folder, or that of a run, holds something else, or a run failed;
                naming its log.
        """
        runs = list(runs)
        begun = any((self.folder(run.name) / WORDS).is_file() for run in runs)
        if not begun and (self.out / METRICS).exists():
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
        """Where a run is kept."""
        return self.out / name

    def _claim(self, run: Run) -> None:
        """Note the run of a folder; refuse a folder of another run, or one elsewhere."""
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
    """Read the configuration that the runs of a study share.

    Args:
        package: Whose it is, by import name.
        config: Its path, as on the command line.

    Returns:
        Its content.

    Raises:
        ValueError: If it cannot be read.
    """
    return config_errors.read_config(shipped(package, config))
