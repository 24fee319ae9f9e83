"""A small share of what ``python tests/fuzz/run.py`` does: every reader meets hostile inputs."""

import runpy
from pathlib import Path

import pytest

INPUTS = 2000  # 50 s of CPU time on a Zen 3


@pytest.mark.process
@pytest.mark.timeout(1500)  # with busy neighbors
def test_every_reader_refuses_hostile_files_in_one_line_soon_and_in_little_memory():
    fuzz = runpy.run_path(str(Path(__file__).parent / "fuzz/run.py"))
    found = list(fuzz["fuzz"](INPUTS, seed=0))
    assert len(found) == INPUTS
    assert [one for one in found if one.wrong] == []
    for name in {one.target for one in found}:
        read = [one.depth for one in found if one.target == name and one.number]
        assert max(read) > 0, f"{name}: no input but the sound one was opened"
