"""The minimal project for every test of the core, in this process and in those it starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # pytest's importlib mode puts nothing there; `minimal` is found by it


@pytest.fixture
def environment():
    """Of a process that shall find ``minimal`` and compute on one thread."""
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def start(environment, tmp_path):
    """Start Python on some words in an empty folder; whatever still runs at the end is killed."""
    processes = []

    def starter(*words, **more):
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{"env": environment, "cwd": tmp_path, **more},
        )
        processes.append(process)
        return process

    yield starter
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
