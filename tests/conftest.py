"""For all tests: one thread, as tiny tensors are slower on more; a folder to stand in."""

import sys
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
sys.path.append(str(Path(__file__).parent))  # for verbs.py


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in, and as many threads afterwards as before."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)
