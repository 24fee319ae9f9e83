"""Obstacles and land are no part of the domain: not in the loss, not in the metrics."""

import pickle

import h5py
import numpy as np
import pytest
import torch
from mpp_small import module
from mpp_trained import command, numbers, save
from physics_samples import described, numbered

from mpp.data.batch import Batch
from mpp.data.datamodule import PhysicsData
from mpp.data.description import FIELDS
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well
from mpp.metrics import drift, nrmse, vrmse

TABLE = {
    "fields": {"height": "h"},
    "axes": ["run", "time", "x", "y"],
    "boundaries": ["open", "open"],
    "dt": 1.0,
    "spacing": [1.0, 1.0],
}
LAND = np.zeros((6, 8), bool)
LAND[1:3, 4:] = True


def fields(seed=0):
    return np.random.default_rng(seed).normal(size=(10, 6, 6, 8)).astype("f4")


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return {"path": str(path), **TABLE}


@pytest.fixture
def land(tmp_path):
    """Heights that are NaN on land."""
    return write(tmp_path / "a.h5", h=np.where(LAND, np.nan, fields()))


def test_land_of_nans_is_outside_and_said(land):
    with pytest.warns(UserWarning, match="8 of 48 points are NaN in all frames"):
        _, found = open_files(land)
    found = pickle.loads(pickle.dumps(found))
    assert found.masked
    np.testing.assert_array_equal(found.outside(3), LAND)
    np.testing.assert_array_equal(found.read(1, 2, 4)[:, 0], np.where(LAND, 0, fields()[1, 2:4]))


@pytest.mark.filterwarnings("ignore:.*points are NaN")
def test_a_nan_elsewhere_or_water_on_land_is_refused(tmp_path):
    for value, place in ((np.nan, (0, 0)), (1.0, (1, 5))):
        heights = np.where(LAND, np.nan, fields())
        heights[(2, 3, *place)] = value
        _, found = open_files(write(tmp_path / f"{value}.h5", h=heights))
        with pytest.raises(ValueError, match=rf"2: height: frame 3 holds {value} at \({place[0]}"):
            found.read(2, 2, 5)


def test_nans_that_come_later_are_no_land(tmp_path):
    heights = fields()
    heights[0, 3:, 1, 1] = np.nan
    _, found = open_files(write(tmp_path / "a.h5", h=heights))
    assert not found.masked
    with pytest.raises(ValueError, match=r"frame 3 holds nan at \(1, 1\)"):
        found.read(0, 3, 4)


@pytest.mark.parametrize("key", ["mask", "valid"])
@pytest.mark.parametrize("each", [False, True])
def test_a_field_of_the_file_marks_the_points_outside_or_inside(tmp_path, key, each):
    marks = LAND if key == "mask" else ~LAND
    stored = np.stack([marks] * 10) if each else marks
    said = write(tmp_path / "a.h5", h=fields(), m=stored.astype("u1"))
    _, found = open_files({**said, key: "m"})
    np.testing.assert_array_equal(found.outside(9), LAND)
    assert not found.read(0, 0, 2)[:, 0, LAND].any()
    with pytest.raises(ValueError, match=f"^{key}: .*nothing: no such array"):
        open_files({**said, key: "nothing"})


@pytest.mark.parametrize("mark", [0, 1])
def test_a_mask_of_the_well_is_used_where_nothing_changes(tmp_path, mark):
    known = described("height", boundary="open")
    arrays = np.where(LAND, np.float32(0), numbered(3, 4, known))
    path = tmp_path / "a.h5"
    constants = {"mask": (mark == LAND).astype("f4")}
    write_well(path, "w", arrays, known, constants)
    with pytest.warns(UserWarning, match="mask: nothing changes where it is"):
        _, found = open_files(str(path))
    np.testing.assert_array_equal(found.outside(1), LAND)
    write_well(path, "w", numbered(3, 4, known), known, constants)
    with pytest.warns(UserWarning, match="not used: say mask: mask if it is 1 outside"):
        assert not open_files(str(path))[1].masked
    assert open_files({"path": str(path), "valid": "mask"})[1].masked


def test_a_coarse_grid_has_the_means_of_the_points_inside(land):
    with pytest.warns(UserWarning, match="NaN"):
        _, found = open_files({**land, "coarsen": 2})
    blocks = np.where(LAND, np.nan, fields())[4].reshape(6, 3, 2, 4, 2)
    assert found.outside(4).sum() == 0  # no block lies wholly on land
    means = np.nanmean(blocks, (2, 4))
    np.testing.assert_allclose(found.read(4, 0, 6)[:, 0], means, rtol=1e-5)  # of fp32


def cut(frames):
    """The points inside, as frames without land."""
    return frames[..., torch.from_numpy(~LAND)]


def test_metrics_are_those_of_the_points_inside():
    torch.manual_seed(0)
    prediction, target = torch.randn(2, 3, 2, 2, 6, 8, dtype=torch.float64)
    inside = torch.from_numpy(~LAND).double().expand(3, 1, 6, 8)
    blank, sizes = target * inside[:, None], torch.ones(3, 2)
    for metric in (nrmse, vrmse):
        found = metric(prediction, blank + 5 * inside[:, None], sizes, inside)
        torch.testing.assert_close(found, metric(cut(prediction), cut(blank) + 5, sizes))
    found = drift(prediction, blank[:, 0], inside=inside)
    torch.testing.assert_close(found, drift(cut(prediction), cut(blank[:, 0])))


@pytest.mark.parametrize("loss", ["square", "variance", "change"])
def test_the_loss_is_the_same_whatever_the_network_says_on_land(loss):
    own = module(["height"], loss=loss)
    torch.manual_seed(0)
    inside = torch.from_numpy(~LAND).float().expand(3, 1, 6, 8)
    frames, target = torch.randn(2, 3, 2, 1, 6, 8) * inside[:, None]
    batch = Batch(frames, target, torch.arange(1), ("open", "open"), 0, inside=inside)
    answers = torch.randn(2, 3, 1, 6, 8)
    losses = []
    for beyond in (0.0, 100.0):
        said = iter([answer * inside + beyond * (1 - inside) for answer in answers])
        own.forward = lambda *_, said=said: next(said)
        losses.append(own.loss(batch))
    torch.testing.assert_close(*losses)


@pytest.mark.filterwarnings("ignore:.*(is in (val|test)|points are NaN)")
def test_batches_say_where_the_domain_is(land):
    options = {"history": 2, "test_horizon": 2, "steps": 1, "augment": True}
    batch = next(iter(PhysicsData([land], **options).train_dataloader()))
    assert batch.inside.shape == (4, 1, 6, 8)
    np.testing.assert_array_equal(batch.inside[2, 0], ~LAND)
    assert not batch.frames[..., torch.from_numpy(LAND)].any()


@pytest.mark.filterwarnings("ignore:.*(points are NaN|no data of the training)")
def test_a_rollout_is_blank_on_land(tmp_path, land):
    save(tmp_path, files=[land], simulate=None)
    command("rollout", tmp_path, str(land).replace("'", '"'), "--steps=3")
    assert np.isfinite(numbers(tmp_path / "rollout")["a/vrmse/step1/height"])
    _, found = open_files(str(tmp_path / "rollout/rollout.h5"))
    np.testing.assert_array_equal(found.outside(0), LAND)
    assert FIELDS[0] in found.description.names
