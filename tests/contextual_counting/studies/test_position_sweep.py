"""The sweep, at the smallest size at which all of it happens."""

import csv
import json

import pytest
import yaml
from verbs import exit_code

from contextual_counting.cli import PROJECT
from contextual_counting.studies.figures import strips
from contextual_counting.studies.paper_grid import GRID, PUBLISHED, SETS

RATES = {"matrices": 2e-2, "others": 2e-3, "head": 2e-2, "sigma": 1e-2, "warmup": 1, "power": 1}
ARMS = ["causal-none-begin", "full-none-bare", "causal-learned-begin"]


def configuration(path):
    said = {
        "threads": 1,
        "trainer": {
            "accelerator": "cpu", "devices": 1, "max_epochs": 1, "val_check_interval": 1.0,
        },
        "model": {"dim": 8, "classes": 40, "rates": [RATES]},
        "data": {"length": 32, "regions": 2, "batch_size": 8, "steps": 2, "samples": 20},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(said))
    return str(path)


@pytest.mark.parametrize("name", SETS)  # of fewer regions the paper has no non-causal medians
def test_strips_have_axes_in_percent(name):
    drawn = strips({arm: [0.5, 1.0] for arm in GRID}, PUBLISHED[name], chance=0.1)
    for axes in drawn.axes:
        ticks = [label.get_text() for label in axes.get_yticklabels()]
        assert {"0", "100"} <= set(ticks)


@pytest.mark.process
@pytest.mark.usefixtures("quick_children")
def test_arms_are_trained_measured_and_held_to_the_paper(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["sweep", "--config", configuration(tmp_path / "tiny.yaml"), "--out", "out"]
    words += ["--arms", f"[{', '.join(ARMS)}]", "--seeds", "1", "--samples", "50"]
    assert exit_code(PROJECT, *words) == 0
    found = json.loads((tmp_path / "out/metrics.json").read_text())
    assert found["study/runs"] == 3
    with (tmp_path / "out/points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * (2 + 2 + 1)  # id, short and one region less
    for row in rows:
        key = f"{row['set']}/top1/{row['arm']}/seed{row['seed']}.region{row['region']}"
        assert found[key] == pytest.approx(float(row["exact"]), abs=1e-5)
    page = (tmp_path / "out/index.html").read_text()
    assert page.count("<figure>") == 3
    shown = capsys.readouterr().out
    assert "non-causal without positions is at chance" in shown
    assert "not run" in shown
    kept = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("out/*/*/*.ckpt"))]
    assert exit_code(PROJECT, *words) == 0  # nothing is run again
    assert kept == [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("out/*/*/*.ckpt"))]
    again = json.loads((tmp_path / "out/metrics.json").read_text())
    assert again.pop("run").keys() == found.pop("run").keys()
    assert again == found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arms", "[causal-none]"], "arms: 'causal-none' is none of causal-none-begin"),
        (["--seeds", "0"], "seeds: 0"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exit_code(PROJECT, "sweep", *words) == 2
    written = capsys.readouterr().err
    assert said in written
    assert len(written.splitlines()) == 1
