import math

import pytest
import torch

from mpp import metrics

SHAPES = {1: (12,), 2: (8, 10), 3: (6, 4, 5)}
ALL = {"nrmse": metrics.nrmse, "vrmse": metrics.vrmse, "spectral": metrics.spectral_error}


def pair(*space, batch=3):
    torch.manual_seed(0)
    shape = (batch, 2, 2, *space)
    return torch.randn(shape), torch.randn(shape) + 0.5


def the_wells(metric, prediction, target):
    """A metric of The Well's own package; its fields come last."""
    theirs = pytest.importorskip("the_well.benchmark.metrics")
    data = pytest.importorskip("the_well.data.datasets")
    axes = prediction.ndim - 3
    meta = data.WellMetadata("test", axes, "cartesian", [], [], {}, [], [], [], [], [])
    x, y = (frames.movedim(2, -1).double() for frames in (prediction, target))
    return getattr(theirs, metric).eval(x, y, meta)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("name", ALL)
def test_there_is_a_number_per_sample_step_and_field_and_batches_do_not_change_it(name, axes):
    prediction, target = pair(*SHAPES[axes])
    sizes = torch.ones(3, 2)
    whole = ALL[name](prediction, target, sizes)
    rows = (slice(1), slice(1, 3))
    parts = [ALL[name](prediction[part], target[part], sizes) for part in rows]
    assert whole.shape[:3] == (3, 2, 2)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_an_exact_answer_has_no_error(name):
    _, target = pair(6, 6)
    assert (ALL[name](target, target) == 0).all()


def test_nrmse_is_the_written_out_formula_with_the_root_before_any_mean():
    prediction, target = pair(8, 10)
    p, t = prediction[1, 0, 1].double(), target[1, 0, 1].double()
    expected = math.sqrt(((p - t) ** 2).mean() / ((t**2).mean() + 1e-7))
    found = metrics.nrmse(prediction, target, torch.ones(3, 2))
    assert found[1, 0, 1].item() == pytest.approx(expected, rel=1e-12)


def test_an_answer_of_zeros_has_an_nrmse_of_one():
    _, target = pair(8, 10)
    scores = metrics.nrmse(torch.zeros_like(target), target)
    torch.testing.assert_close(scores, torch.ones_like(scores), atol=1e-6, rtol=0)  # the 1e-7


def test_an_offset_shrinks_nrmse_and_leaves_vrmse():
    prediction, target = pair(8, 10)
    far = metrics.nrmse(prediction + 100, target + 100)
    assert (far < 0.02 * metrics.nrmse(prediction, target)).all()
    same = metrics.vrmse(prediction.double() + 100, target.double() + 100)
    torch.testing.assert_close(same, metrics.vrmse(prediction.double(), target.double()))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_vrmse_is_that_of_the_wells_own_package(axes):
    prediction, target = pair(*SHAPES[axes])
    expected = the_wells("VRMSE", prediction, target)
    torch.testing.assert_close(metrics.vrmse(prediction, target), expected)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_spectral_error_is_the_root_of_the_wells_binned_one(axes):
    prediction, target = pair(*SHAPES[axes])
    found = the_wells("binned_spectral_mse", prediction, target)
    theirs = [found[f"spectral_error_nmse_per_bin_{band}"] for band in range(3)]
    expected = torch.stack(theirs, -1).sqrt()
    # They add up in fp64 what they multiplied by a count and its inverse plus 1e-7.
    torch.testing.assert_close(
        metrics.spectral_error(prediction, target), expected, rtol=1e-6, atol=0
    )


def test_the_bands_share_out_the_mean_square():
    frames = pair(8, 10)[0].double()
    torch.testing.assert_close(metrics.band_energy(frames).sum(-1), metrics.mean_square(frames))


@pytest.mark.parametrize(("mode", "band"), [(0, 0), (1, 0), (3, 0), (4, 1), (12, 1), (13, 2)])
def test_a_wave_lies_in_the_band_of_its_number_at_64_points(mode, band):
    x = torch.arange(64) * 2 * math.pi / 64
    wave = torch.cos(mode * x)[:, None].expand(64, 64)
    energy = metrics.band_energy(wave.double()[None, None, None])[0, 0, 0]
    assert energy.argmax() == band
    torch.testing.assert_close(energy[band], wave.double().square().mean())


def test_drift_is_the_change_of_the_mean_in_units_of_the_field():
    before = torch.full((1, 2, 4, 4), 2.0)
    moved = torch.stack([before, before + 0.5], 1)
    expected = torch.tensor([[[0.0, 0.0], [0.25, 0.25]]], dtype=torch.float64)
    torch.testing.assert_close(metrics.drift(moved, before), expected, atol=1e-7, rtol=0)


def test_what_only_moves_about_does_not_drift():
    before = pair(8, 10)[0][:, 0]
    rolled = before.roll((3, 2), (-2, -1)).unsqueeze(1)
    assert metrics.drift(rolled, before).max() < 1e-12


def test_bf16_answers_are_measured_in_fp64():
    prediction, target = pair(8, 10)
    coarse = prediction.bfloat16()
    assert torch.equal(metrics.nrmse(coarse, target), metrics.nrmse(coarse.double(), target))
