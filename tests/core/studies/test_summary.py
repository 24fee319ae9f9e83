"""Summaries of studies."""

import json
import os

from sciformer.report.origin import remember
from sciformer.studies.runner import Study
from sciformer.studies.summary import kept_results, mean_and_range, study_report


def test_a_cell_holds_mean_lowest_and_highest_or_the_one_number():
    assert mean_and_range([1.0, 2.0, 6.0], ".1f") == "3.0 (1.0 to 6.0)"
    assert mean_and_range([2.0, 2.0]) == "2.0000"


def test_results_are_kept_until_the_checkpoint_is_newer(tmp_path):
    path = tmp_path / "best.ckpt"
    path.touch()
    for value in (1, 2):
        assert kept_results(path, ".json", lambda value=value: {"id/mse": value}) == {"id/mse": 1}
    assert (tmp_path / "test-best.json").is_file()
    later = (tmp_path / "test-best.json").stat().st_mtime + 1
    os.utime(path, (later, later))
    assert kept_results(path, ".json", lambda: {"id/mse": 3}) == {"id/mse": 3}


def test_a_report_has_command_cost_and_number_of_runs(tmp_path, capsys):
    study = Study("contextual_counting", str(tmp_path))
    found = {name: {"run": {"cpu_s": 30.0}} for name in ("a", "b")}
    remember(["contextual-counting", "sweep", "--config=x.yaml"])
    with study_report(study, "x.yaml", found, "Masks", "Two arms."):
        pass
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert (written["study/cpu_s"], written["study/runs"]) == (60, 2)
    assert written["run"]["command"] == "contextual-counting sweep --config=x.yaml"
    assert "2 trainings, 1 min 0 s of CPU time. Two arms." in (tmp_path / "index.html").read_text()
    assert f"1 min 0 s of CPU time; {tmp_path / 'index.html'}" in capsys.readouterr().out
