import h5py
import numpy as np
import pytest
import torch
from mpp_trained import command, complaint, numbers, save

from mpp.data.description import FIELDS
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.shards import make_sample, recipe
from mpp.data.simulated import Simulated
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well
from mpp.evaluation.evaluate import open_data, open_run
from mpp.metrics import nrmse
from mpp.nn.field_vocabulary import Vocabulary
from mpp.nn.rollout import rollout
from sciformer.data.shards.writer import write_shards

FLOW = {"frames": 6, "shape": [8, 8]}


@pytest.fixture
def made():
    return Simulated("compressible", 3, 1, FLOW)


@pytest.fixture
def flow(tmp_path, made):
    """Three trajectories of compressible flow in PDEBench's layout."""
    write_pdebench(tmp_path / "flow.h5", "compressible", made.arrays, made.description)
    return tmp_path / "flow.h5"


def trained(folder, **changed):
    """A network that was trained on all fields of compressible flow."""
    return save(folder, simulate=[{"system": "compressible", **FLOW}], **changed)


def test_the_file_holds_the_history_and_the_networks_own_answers(tmp_path, made, flow):
    own = trained(tmp_path)
    command("rollout", tmp_path, flow, "--steps=3", "--trajectories=[2,0]", "--start=1")
    name, found = open_files(str(tmp_path / "rollout/rollout.h5"))
    assert (name, len(found), found.frames) == ("rollout", 2, 5)
    assert found.description.boundaries == ("periodic", "periodic")
    source = open_files(str(flow))[1]
    frames = torch.from_numpy(source.read(2, 1, 3))[None]
    rows = Vocabulary(FIELDS).rows(source.description.names)
    with torch.no_grad():
        answers = rollout(own, frames, rows, ("periodic",) * 2, 3)
    whole = torch.cat([frames, answers], 1)[0].numpy()
    np.testing.assert_allclose(found.read(0, 0, 5), whole, rtol=1e-5, atol=1e-6)
    with h5py.File(tmp_path / "rollout/rollout.h5", locking=False) as file:
        assert sorted(file)[:4] == ["Vx", "Vy", "density", "pressure"]  # as the file had them


def test_errors_are_measured_as_far_as_the_file_goes(tmp_path, flow, capsys):
    own = trained(tmp_path)
    command("rollout", tmp_path, flow, "--steps=7", "--out", tmp_path / "out")
    found = numbers(tmp_path / "out")
    assert "flow/vrmse/step4/density/baseline_linear" in found
    assert "flow/drift/step4/density" in found
    assert not any("step5" in key for key in found)
    source = open_files(str(flow))[1]
    frames = torch.from_numpy(source.read(0, 0, 6))[None]
    rows = Vocabulary(FIELDS).rows(source.description.names)
    with torch.no_grad():
        answers = rollout(own, frames[:, :2], rows, ("periodic",) * 2, 4)
    expected = nrmse(answers, frames[:, 2:])[0, 3, 2].item()
    assert found["flow/nrmse/step4/density"] == pytest.approx(expected, rel=1e-5)
    shown = capsys.readouterr().out
    assert "errors by step" in shown
    assert "NRMSE, persistence" in shown
    assert str(tmp_path / "out/rollout.h5") in shown
    assert open_files(str(tmp_path / "out/rollout.h5"))[1].frames == 2 + 7


def test_beyond_the_end_of_a_file_there_are_frames_and_a_film_and_no_errors(tmp_path, flow):
    trained(tmp_path)
    command("rollout", tmp_path, flow, "--steps=2", "--start=4")
    assert set(numbers(tmp_path / "rollout")) == {"run"}
    assert (tmp_path / "rollout/rollout.gif").read_bytes()[:6] == b"GIF89a"


def test_a_shorter_history_and_a_file_of_the_well_and_shards(tmp_path, made):
    trained(tmp_path)
    write_well(tmp_path / "w.hdf5", "w", made.arrays, made.description)
    command("rollout", tmp_path, tmp_path / "w.hdf5", "--steps=2", "--history=1")
    assert open_files(str(tmp_path / "rollout/rollout.h5"))[1].frames == 3

    def sample(number):
        return make_sample(number, "shallow_water", 0, FLOW)

    write_shards(tmp_path / "shards", sample, recipe("shallow_water", 0, 2, 1, FLOW))
    command("rollout", tmp_path, tmp_path / "shards", "--steps=2", "--overwrite")
    written = open_files(str(tmp_path / "rollout/rollout.h5"))[1]
    assert set(written.description.names) == {"height", "velocity_x", "velocity_y"}


@pytest.mark.parametrize("file", ["val", "{split: val, name: compressible}"])
def test_a_held_out_run_of_the_training_needs_no_file(tmp_path, file):
    save(tmp_path, simulate=[{"system": "compressible", "count": 10, **FLOW}])
    command("rollout", tmp_path, file, "--steps=2")
    data = open_data(open_run(tmp_path))
    (held_out,) = data.parts("val", 1)[0].windows.chosen
    source = data.sources["compressible"]
    found = open_files(str(tmp_path / "rollout/rollout.h5"))[1]
    order = [source.description.names.index(name) for name in found.description.names]
    truth = source.read(int(held_out), 0, 2)[:, order]
    np.testing.assert_allclose(found.read(0, 0, 2), truth, rtol=1e-6)
    page = (tmp_path / "rollout/index.html").read_text()
    assert f"{source.ids[held_out]}, in the val split" in page


def test_which_system_of_a_run_is_asked_for(tmp_path, capsys):
    two = [{"system": name, "count": 10, **FLOW} for name in ("compressible", "shallow_water")]
    save(tmp_path, simulate=two)
    line = complaint(capsys, "rollout", tmp_path, "val")
    assert "file: name: the run has compressible, shallow_water; {split: test, name: ...}" in line


def test_a_prediction_that_is_not_finite_is_said(tmp_path, flow, capsys):
    own = trained(tmp_path)
    own.model.head.bias.data.fill_(3e38)
    save(tmp_path, own)
    command("rollout", tmp_path, flow, "--steps=3")
    assert "the prediction is not finite from step" in capsys.readouterr().err
    assert numbers(tmp_path / "rollout")["flow/nrmse/step3"] is None


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--start=5", "frames: 6 are too few for a history of 2 from frame 5"),
        ("--history=7", "frames: 6 are too few for a history of 7 from frame 0"),
        ("--history=0", "history: 0 is less than 1"),
        ("--trajectories=[3]", "no frames 0 to 2 of trajectory 3; there are 3 trajectories"),
        ("--trajectories=[]", "trajectories: none"),
        ("--film=film.webm", "film: film.webm: the name ends in none of .gif, .mp4"),
        ("--steps=0", "steps: 0 is less than 1"),
    ],
)
def test_what_does_not_fit_a_file_is_refused_in_one_line(tmp_path, flow, capsys, word, line):
    trained(tmp_path)
    assert line in complaint(capsys, "rollout", tmp_path, flow, word)
    assert not (tmp_path / "rollout/rollout.h5").exists()


def test_a_frame_that_is_not_finite_is_named(tmp_path, flow, capsys):
    with h5py.File(flow, "r+") as file:
        file["density"][0, 1, 3, 4] = np.nan
    trained(tmp_path)
    said = complaint(capsys, "rollout", tmp_path, flow)
    assert said == f"mpp rollout: error: {flow}: 0: density: frame 1 holds nan at (3, 4)"


def test_a_field_without_a_row_and_a_missing_one_are_named(tmp_path, flow, capsys):
    trained(tmp_path)
    other = f"{{path: {flow}, rename: {{density: mass}}}}"
    assert f"{flow}: fields: no 'mass'; there are height, " in complaint(
        capsys, "rollout", tmp_path, other
    )
    with h5py.File(flow, "r+") as file:
        del file["pressure"]
    assert f"{flow}: pressure: no such key" in complaint(capsys, "rollout", tmp_path, flow)


def test_a_checkpoint_that_says_nothing_of_its_data_needs_a_history(tmp_path, flow, capsys):
    trained(tmp_path)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del state["datamodule_hyper_parameters"]
    torch.save(state, tmp_path / "weights.ckpt")
    said = complaint(capsys, "rollout", tmp_path / "weights.ckpt", flow)
    assert "weights.ckpt: history: not said in the checkpoint; give --history" in said
    command("rollout", tmp_path / "weights.ckpt", flow, "--history=2", "--steps=1")
