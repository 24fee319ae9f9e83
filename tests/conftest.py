"""For all tests: one thread, as tiny tensors are slower on more; a folder to stand in."""

import signal
import sys
from pathlib import Path

import pytest
import torch
from jsonargparse._common import parsing_settings

torch.set_num_threads(1)
# A shell lets what it starts in the background ignore Ctrl-C, and what that starts too.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.append(str(Path(__file__).parent))  # for verbs.py


@pytest.fixture(autouse=True)
def words_and_parser_of_its_own(monkeypatch):
    """A command line changes the words of its process and what its parser may import."""
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    settings = dict(parsing_settings)
    yield
    parsing_settings.update(settings)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in, and as many threads afterwards as before."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)
