"""The project through its own command: what a user types, and what comes back."""

import pytest
from astroclip_small import astroclip, save

pytestmark = pytest.mark.usefixtures("here")


def test_shards_go_through_all_verbs(here, capsys):
    save(here)
    made = ["--samples", 60, "--shards", 2, "--size", 16]
    assert astroclip("simulate", "--out", "d", *made) == 0
    assert astroclip("embed", here, "--shards", "d", "--out", "e.npz") == 0
    assert astroclip("search", "e.npz", "17", "--k", 3) == 0
    assert "simulated-0-17" in capsys.readouterr().out
    assert astroclip("probe", "e.npz", "--out", "p") == 0
    assert astroclip("evaluate", here, "--shards", "d", "--out", "r") == 0
    assert (here / "p/metrics.json").is_file()
    assert (here / "r/index.html").is_file()
