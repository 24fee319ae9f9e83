"""The minimal project for every test of the core, in this process and in those it starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOUND = [str(HERE), str(HERE / "training")]
sys.path += FOUND  # pytest's importlib mode puts nothing there; `minimal` is found by it


@pytest.fixture(scope="session")
def start_in(quick_python):
    """Start Python on some words in a folder; whatever still runs at the end is killed.

    It finds ``minimal``, and modules in the folder, and computes on one thread. Further variables
    of its environment come by name.
    """
    processes = []

    def starter(folder, *words, python=quick_python, **environment):
        paths = [str(folder), *FOUND, *filter(None, [os.environ.get("PYTHONPATH")])]
        own = {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [python, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=folder,
            env={**os.environ, **own, **environment},
        )
        processes.append(process)
        return process

    yield starter
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def start(start_in, tmp_path):
    """As ``start_in``, in a folder of the test's own."""
    return lambda *words, **environment: start_in(tmp_path, *words, **environment)
