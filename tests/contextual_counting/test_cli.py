"""The project through its own command: what a user types, and what comes back."""

import json

import pytest
import torch
from verbs import exit_code

from contextual_counting.cli import PROJECT

SMOKE = ("--config=configs/contextual_counting/smoke.yaml", "--trainer.enable_progress_bar=false")

pytestmark = pytest.mark.usefixtures("here")


def fit(folder, *words):
    place = f"--trainer.default_root_dir={folder}"
    assert exit_code(PROJECT, "fit", *SMOKE, place, *words) == 0
    return folder


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A run of smoke.yaml, which comes from the package."""
    threads = torch.get_num_threads()
    yield fit(tmp_path_factory.mktemp("smoke"))
    torch.set_num_threads(threads)


def test_fit_leaves_a_whole_run_behind(smoke):
    written = {path.name.split(".tfevents")[0] for path in smoke.iterdir()}
    assert {
        "config.yaml", "last.ckpt", "best.ckpt", "metrics.csv", "metrics.json", "events.out"
    } <= written  # fmt: skip


def test_evaluate_writes_numbers_and_a_page(smoke, here, capsys):
    assert exit_code(PROJECT, "evaluate", smoke, "--out", "report", "--samples", 20) == 0
    metrics = json.loads((here / "report/metrics.json").read_text())
    for key in ("id/top1/region0", "id/top5/region1", "t300/mae/region0", "r3/top1/region2"):
        assert isinstance(metrics[key], float)
        assert f"{key}/baseline_constant" in metrics
    assert metrics["id/in_range"] == 1
    assert metrics["t1024/in_range"] == 0
    assert metrics["run"]["seed"] == 0
    assert metrics["run"]["cpu_s"] > 0
    assert metrics["run"]["config"].endswith("/smoke.yaml")
    assert (here / "report/index.html").read_text().count("<figure>") == 3
    assert "report/index.html" in capsys.readouterr().out


def test_test_takes_the_settings_of_the_checkpoint(smoke, capsys):
    words = ("--data.samples=20", "--trainer.accelerator=cpu", "--threads=1")
    assert exit_code(PROJECT, "test", f"--ckpt_path={smoke / 'last.ckpt'}", *words) == 0
    assert "test/r3/top1/region2" in capsys.readouterr().out


def test_the_seed_on_the_command_line_seeds_weights_and_data(smoke, here):
    again, other = (fit(here / seed, f"--seed_everything={seed}") for seed in ("0", "7"))
    found = [json.loads((run / "metrics.json").read_text()) for run in (smoke, again, other)]
    assert [each["run"]["seed"] for each in found] == [0, 0, 7]
    assert found[0]["train/loss"] == found[1]["train/loss"] != found[2]["train/loss"]
