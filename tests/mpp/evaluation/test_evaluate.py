import warnings

import numpy as np
import pytest
import torch
from mpp_small import SYSTEMS, module, quiet
from mpp_trained import command, complaint, numbers, save, settings

from mpp.data.datamodule import PhysicsData
from mpp.data.description import FIELDS
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.simulated import Simulated
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well
from mpp.evaluation.evaluate import measure, open_data, open_run, rows_of
from mpp.metrics import nrmse
from mpp.nn.rollout import rollout

pytestmark = quiet
WATER = {"frames": 6, "shape": [8, 8]}


def measured(folder, *asked):
    """The numbers of an evaluation, without its pictures."""
    trained = open_run(folder)
    every = measure(trained, open_data(trained, *asked))
    return {key: value for compared, _ in every for key, value in compared.numbers().items()}


@pytest.fixture
def water(tmp_path):
    """Two trajectories of shallow water in The Well's layout."""
    made = Simulated("shallow_water", 2, 5, WATER)
    write_well(tmp_path / "water.hdf5", "water", made.arrays, made.description)
    return tmp_path / "water.hdf5"


def test_the_numbers_are_those_of_the_rollout_on_the_test_split_with_baselines_beside(tmp_path):
    own = save(tmp_path)
    found = measured(tmp_path)
    data = PhysicsData(**settings())
    for loader, name in zip(data.test_dataloader(), data.systems, strict=True):
        batches = list(loader)
        frames, target = (torch.cat(parts) for parts in list(zip(*batches, strict=True))[:2])
        fields, boundaries = batches[0].fields, batches[0].boundaries
        with torch.no_grad():
            scores = nrmse(rollout(own, frames, fields, boundaries, 3), target).mean((0, 2))
        assert found[f"{name}/windows"] == len(frames) <= 5
        for step, score in enumerate(scores.tolist(), 1):
            # A batch of another size sums in another order.
            assert found[f"{name}/nrmse/step{step}"] == pytest.approx(score, rel=1e-4)
            assert found[f"{name}/nrmse/step{step}/baseline_persistence"] > 0
    assert "shallow_water/vrmse/steps1to3/velocity_x/baseline_linear" in found
    assert "shallow_water/drift/step3/height/baseline_truth" in found
    assert "diffusion_reaction/spectral_high/step1/activator" in found


def test_the_page_holds_tables_pictures_and_films_and_loads_nothing(tmp_path):
    save(tmp_path, simulate=SYSTEMS[:1])
    command("evaluate", tmp_path / "last.ckpt", "--out", tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text()
    titles = ("errors by field", "errors by step", "error by wave number", "error against time")
    for title in (*titles, "spectra after 3 steps", "4 steps of a rollout"):
        assert f"shallow water: {title}" in page
    found = numbers(tmp_path / "out")
    assert "shallow_water/vrmse/step3/height" in found
    assert found["run"]["results"][0]["name"] == "shallow water, VRMSE at step 1"
    assert page.count("data:image/gif;base64,") + page.count("data:video/mp4;base64,") == 1
    assert "://" not in page


def test_batches_of_another_size_give_the_same_numbers(tmp_path, water):
    """The original's validation kept the last batch alone (B8)."""
    save(tmp_path, batch_size=8)
    whole = measured(tmp_path, str(water))
    assert whole["water/windows"] == 4  # two trajectories of six frames, windows of five
    for size in (1, 3):
        save(tmp_path, batch_size=size)
        assert measured(tmp_path, str(water)) == pytest.approx(whole, rel=1e-4, abs=1e-7)


def test_other_files_are_evaluated_whole_with_other_steps_and_windows(tmp_path, water):
    save(tmp_path)
    found = measured(tmp_path, str(water), 7, 1)
    assert found["water/windows"] == 7
    assert "water/nrmse/step1/height" in found
    assert not any("step2" in key or key.startswith("shallow") for key in found)


def test_files_that_have_moved_are_named_and_may_be_said_anew(tmp_path, water, capsys):
    save(tmp_path, files=[str(water)], simulate=None)
    elsewhere = water.rename(tmp_path / "elsewhere.hdf5")
    said = complaint(capsys, "evaluate", tmp_path)
    assert f"{water}: no such file" in said
    assert "--data" in said
    found = measured(tmp_path, {"path": str(elsewhere), "name": "moved"})
    assert "moved/nrmse/step3/velocity_y" in found


def test_a_field_that_the_network_has_no_row_for_is_refused(tmp_path, water, capsys):
    """The original took the last row for it (B14)."""
    own = module(["activator", "inhibitor"])
    save(tmp_path, own, fields=["activator", "inhibitor"], simulate=SYSTEMS[1:])
    said = complaint(capsys, "evaluate", tmp_path, f"--data={water}")
    assert said.startswith(f"mpp evaluate: error: fields: {water}: ")
    assert "no 'height'" in said
    assert "there are activator, inhibitor" in said
    assert not (tmp_path / "report/index.html").exists()


def test_a_field_whose_row_was_never_trained_is_said(tmp_path, water):
    save(tmp_path, simulate=SYSTEMS[1:])
    source = open_files(str(water))[1]
    line = "water.hdf5: height, velocity_x, velocity_y: no data of the training had such a field"
    with pytest.warns(UserWarning, match=line):
        rows_of(open_run(tmp_path), source)
    save(tmp_path, simulate=SYSTEMS)
    with warnings.catch_warnings(action="error"):
        rows_of(open_run(tmp_path), source)


def test_more_axes_than_the_network_has_are_refused(tmp_path, capsys):
    made = Simulated("shallow_water", 2, 5, WATER)
    solid = made.description._replace(
        shape=(8, 8, 4), boundaries=("open",) * 3, spacing=(1.0, 1.0, 1.0)
    )
    arrays = np.repeat(made.arrays[..., None], 4, -1)
    write_well(tmp_path / "solid.hdf5", "solid", arrays, solid)
    save(tmp_path)
    said = complaint(capsys, "evaluate", tmp_path, f"--data={tmp_path / 'solid.hdf5'}")
    assert "solid.hdf5: shape: 3 axes of space, but the network has 2" in said


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--steps=0", "steps: 0 is less than 1"),
        ("--samples=0", "samples: 0 is less than 1"),
        ("--windows=0", "samples: 0 is less than 1"),  # its former name
        ("--device=abacus", "device: 'abacus' cannot be used"),
        ("--steps=6", "frames: 6 are too few for history 2 and horizon 6"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, capsys, word, line):
    save(tmp_path)
    assert line in complaint(capsys, "evaluate", tmp_path, word)


def test_a_file_of_one_axis_is_evaluated_by_a_network_of_two(tmp_path):
    made = Simulated("burgers", 2, 0, {"frames": 6, "shape": [32]})
    path = tmp_path / "burgers.h5"
    write_pdebench(path, "burgers", made.arrays, made.description)
    save(tmp_path, module(FIELDS))
    assert "burgers/drift/step3/velocity_x" in measured(tmp_path, str(path))
