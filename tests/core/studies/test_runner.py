"""Studies: each run once, in its own folder, whatever interrupts."""

import os
import time
from pathlib import Path

import pytest

from sciformer.studies.runner import Run, Study
from sciformer.studies.summary import cost

WORDS = ("fit", "--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--trainer.devices=1")


@pytest.fixture(autouse=True)
def importable(quick_children, monkeypatch):
    """A run is a process of its own: ``python -m minimal``."""
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))  # an empty one would be this folder


@pytest.mark.process
def test_runs_are_made_once_and_their_cost_is_added_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("minimal.py").write_text("raise SystemExit('a file of this folder was run')")
    runs = [Run(f"seed{seed}", (*WORDS, f"--seed_everything={seed}")) for seed in range(2)]
    found = Study("minimal", str(tmp_path), jobs=2).fit(runs)
    assert [found[run.name]["run"]["seed"] for run in runs] == [0, 1]
    assert cost(found) == pytest.approx(sum(found[run.name]["run"]["cpu_s"] for run in runs))
    before = (tmp_path / "seed1/metrics.json").stat().st_mtime_ns
    (tmp_path / "seed0/metrics.json").unlink()  # as if it had been stopped: goes on from last.ckpt
    again = Study("minimal", str(tmp_path)).fit(runs)
    assert (tmp_path / "seed1/metrics.json").stat().st_mtime_ns == before
    # what ended after last.ckpt was saved is not in it; a run from nothing would count far less
    assert again["seed0"]["run"]["cpu_s"] > 0.5 * found["seed0"]["run"]["cpu_s"]


@pytest.mark.process
def test_a_run_that_fails_is_named_with_its_log_and_last_word(tmp_path):
    runs = [Run("wrong", (*WORDS, "--model.heads=3"))]
    with pytest.raises(ValueError, match=r"wrong/log.txt: the run ended with code 2: .*heads"):
        Study("minimal", str(tmp_path)).fit(runs)


def test_a_folder_of_another_run_is_refused(tmp_path):
    study = Study("minimal", str(tmp_path))
    study._claim(Run("seed0", WORDS))
    with pytest.raises(ValueError, match=r"seed0: holds a run of fit .*choose another --out"):
        study.fit([Run("seed0", ("fit", "--model.dim=16"))])


def test_a_folder_with_results_of_something_else_is_refused(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ValueError, match="holds results of something else; choose another --out"):
        Study("minimal", str(tmp_path)).fit([Run("seed0", WORDS)])
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


def test_there_is_no_study_without_a_process(tmp_path):
    with pytest.raises(ValueError, match="jobs: 0 is less than 1"):
        Study("minimal", str(tmp_path), jobs=0)


SLOW = (
    *WORDS,
    "--trainer.max_steps=1000000",
    "--trainer.max_epochs=1000000",
    "--trainer.callbacks+=minimal.Announce",
    "--trainer.callbacks.step=1",
)


@pytest.mark.process
def test_a_study_that_is_told_to_end_has_its_runs_save_and_end(start, tmp_path):
    words = f"Study('minimal', 'study').fit([Run('run', {SLOW})])"
    imports = "from sciformer.studies.runner import Run, Study"
    process = start("-c", f"{imports}; {words}")
    log = tmp_path / "study/run/log.txt"
    deadline = time.monotonic() + 120
    while not (log.is_file() and "now" in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped after step" in log.read_text()
    assert (tmp_path / "study/run/last.ckpt").is_file()
