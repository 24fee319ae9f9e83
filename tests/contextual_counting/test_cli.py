"""The project through its own command: real processes, a few seconds each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests/golden/smoke_losses.json").read_text())["contextual_counting"]
SMOKE = ["--config", "configs/contextual_counting/smoke.yaml"]

pytestmark = pytest.mark.process


def run(*words, cwd=ROOT):
    command = [sys.executable, "-m", "contextual_counting", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A run of smoke.yaml, started in an empty folder: the YAML comes from the package."""
    folder = tmp_path_factory.mktemp("empty")
    done = run("fit", *SMOKE, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs/contextual_counting/smoke"


def test_fit_leaves_a_whole_run_behind(smoke):
    written = {path.name.split(".tfevents")[0] for path in smoke.iterdir()}
    assert {
        "config.yaml", "last.ckpt", "best.ckpt", "metrics.csv", "metrics.json", "events.out"
    } <= written  # fmt: skip


def test_the_first_losses_are_the_golden_ones(smoke):
    lines = (smoke / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("train/loss")
    losses = [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]
    # Sums run in another order on other processors; a change of the method moves far more.
    assert losses == pytest.approx(GOLDEN, rel=1e-4)


def test_evaluate_writes_numbers_and_a_page(smoke, tmp_path):
    done = run("evaluate", str(smoke), "--out", str(tmp_path), "--samples", "20")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for key in ("id/top1/region0", "id/top5/region1", "t300/mae/region0", "r3/top1/region2"):
        assert isinstance(metrics[key], float)
        assert f"{key}/baseline_constant" in metrics
    assert metrics["id/in_range"] == 1
    assert metrics["t1024/in_range"] == 0
    assert metrics["run"]["seed"] == 0
    assert metrics["run"]["cpu_s"] > 0
    assert metrics["run"]["config"] == "configs/contextual_counting/smoke.yaml" or (
        metrics["run"]["config"].endswith("contextual_counting/configs/smoke.yaml")
    )
    page = (tmp_path / "index.html").read_text()
    assert page.count("<figure>") == 3
    assert str(tmp_path / "index.html") in done.stdout


def test_test_takes_the_settings_of_the_checkpoint(smoke):
    done = run("test", "--ckpt_path", str(smoke / "last.ckpt"), "--data.samples", "20")
    assert done.returncode == 0, done.stderr
    assert "test/r3/top1/region2" in done.stdout


def test_the_seed_on_the_command_line_seeds_weights_and_data(smoke, tmp_path):
    losses = []
    for seed in ("0", "7"):
        folder = tmp_path / seed
        words = ["--seed_everything", seed, "--trainer.default_root_dir", str(folder)]
        assert run("fit", *SMOKE, *words).returncode == 0
        losses.append(json.loads((folder / "metrics.json").read_text())["train/loss"])
        assert json.loads((folder / "metrics.json").read_text())["run"]["seed"] == int(seed)
    assert losses[0] == json.loads((smoke / "metrics.json").read_text())["train/loss"]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model.heads", "5"], ["model.network.heads", "5", "64"]),
        (["--data.workers=-1"], ["data.workers: -1 is less than 0"]),
        (["--data.length", "3"], ["data.length: 3", "regions 2"]),
        (["--data.batch_size", "-4"], ["batch_size", "-4"]),
    ],
)
def test_what_cannot_work_is_said_in_one_line_and_leaves_nothing(words, said, tmp_path):
    done = run("fit", *SMOKE, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    for word in said:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_does_not_import_torch():
    code = "import sys, contextual_counting.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
