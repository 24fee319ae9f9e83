"""For all tests: one thread, as tiny tensors are slower on more; a folder; quick processes."""

import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from jsonargparse._common import parsing_settings

sys.path.append(str(Path(__file__).parent))  # for verbs.py and the next
from quick_python import serving

from sciformer.progress import QUIET

torch.set_num_threads(1)
# A shell lets what it starts in the background ignore Ctrl-C, and what that starts too.
signal.signal(signal.SIGINT, signal.default_int_handler)


SETTINGS, WORDS = dict(parsing_settings), sys.argv[:1]  # as they are before any command line


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """A command line changes the words of its process and what its parser may import.

    The next test has neither, nor have its fixtures, whatever their scope.
    """
    sys.argv[:] = WORDS
    parsing_settings.update(SETTINGS)
    os.environ.pop(QUIET, None)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in, and as many threads afterwards as before."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def quick_python(tmp_path_factory):
    """A Python that need not import torch and Lightning any more; see ``quick_python.py``."""
    with serving(tmp_path_factory.mktemp("quick")) as program:
        yield program


@pytest.fixture
def quick_children(quick_python, monkeypatch):
    """What is started as ``sys.executable`` by this process is such a Python."""
    monkeypatch.setattr(sys, "executable", quick_python)
