import numpy as np
import pytest
import torch
from mpp_trained import KNOWN, windows

from mpp.evaluation.comparison import compare, spans
from mpp.metrics import nrmse, vrmse


def cut(batch, *sizes):
    """The same windows in batches of some sizes."""
    for frames, target in zip(batch.frames.split(sizes), batch.target.split(sizes), strict=True):
        yield batch._replace(frames=frames, target=target)


def halved(batch):
    """A model that is off by a half of the truth, which it therefore has to see."""
    return 0.5 * batch.target


def test_every_window_counts_the_same_in_batches_of_any_size():
    every = windows()
    whole = compare("s", KNOWN, [every], halved).numbers()
    parts = compare("s", KNOWN, cut(every, 2, 1, 2), halved).numbers()
    assert whole["s/windows"] == 5
    assert parts == pytest.approx(whole, rel=1e-12)


def test_numbers_are_means_over_windows_by_step_and_field():
    every = windows()
    found = compare("s", KNOWN, cut(every, 2, 3), lambda batch: batch.target + 1).numbers()
    scores = nrmse(every.target + 1, every.target).mean(0)
    assert found["s/nrmse/step2/velocity_x"] == pytest.approx(scores[1, 1].item())
    assert found["s/nrmse/step3"] == pytest.approx(scores[2].mean().item())
    assert found["s/nrmse/steps1to3/height"] == pytest.approx(scores[:, 0].mean().item())
    last = every.frames[:, -1:].expand_as(every.target)
    baseline = vrmse(last, every.target).mean(0)[0, 0].item()
    assert found["s/vrmse/step1/height/baseline_persistence"] == pytest.approx(baseline)


def test_each_number_of_the_model_has_both_baselines_beside_it():
    found = compare("s", KNOWN, [windows()], halved).numbers()
    own = {key for key in found if "baseline" not in key and key != "s/windows"}
    metrics = {"nrmse", "vrmse", "spectral_low", "spectral_middle", "spectral_high"}
    assert {key.split("/")[1] for key in own} == metrics
    for key in own:
        assert f"{key}/baseline_persistence" in found
        assert f"{key}/baseline_linear" in found


def test_a_model_beats_the_baselines_where_both_of_its_errors_are_smaller():
    still = windows()
    still = still._replace(target=still.frames[:, -1:].expand_as(still.target))
    better = compare("s", KNOWN, [windows()], lambda batch: batch.target)
    assert better.beaten(slice(0, 3)) == 2
    assert compare("s", KNOWN, [still], halved).beaten(slice(0, 3)) == 0
    assert compare("s", KNOWN, [still], halved).best_baseline("vrmse", slice(1)) == (
        "persistence", 0.0
    )  # fmt: skip


def test_drift_is_of_conserved_fields_alone_and_beside_the_truths():
    every, conserving = windows(), KNOWN._replace(conserved=("height",))
    found = compare("s", conserving, [every], lambda batch: batch.target + 1).numbers()
    assert {key for key in found if "/drift/step1" in key and "to" not in key} == {
        "s/drift/step1", "s/drift/step1/baseline_truth",
        "s/drift/step1/height", "s/drift/step1/height/baseline_truth",
    }  # fmt: skip
    assert not any("drift" in key for key in compare("s", KNOWN, [every], halved).numbers())


def test_one_step_has_no_mean_over_steps():
    assert list(spans(1)) == ["step1"]
    assert list(spans(2)) == ["step1", "step2", "steps1to2"]


def test_a_systems_name_is_kept_as_it_is_in_a_key():
    found = compare("my file (2)", KNOWN, [windows()], halved).numbers()
    assert "my file (2)/nrmse/step1" in found


def test_a_model_that_overflows_is_measured_as_such():
    found = compare("s", KNOWN, [windows()], lambda batch: torch.full_like(batch.target, np.inf))
    assert not np.isfinite(found.numbers()["s/nrmse/step1"])
    assert found.beaten(slice(0, 1)) == 0
