"""The project through its own command: what a user types, and what comes back."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from mpp_small import NETWORK, quiet
from verbs import exit_code, one_error

from mpp.cli import PROJECT

ROOT = Path(__file__).parents[2]
NETWORK_WORDS = [f"--model.{name}={json.dumps(value)}" for name, value in NETWORK.items()]
TINY = [*NETWORK_WORDS, "--model.bias=relative", "--model.warmup=1", "--trainer.max_epochs=1"]
TINY += ["--data.history=2", "--data.test_horizon=2", "--data.steps=2", "--threads=1"]
QUIET = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.enable_progress_bar=false"]
TINY += QUIET

pytestmark = [quiet, pytest.mark.usefixtures("here")]


def mpp(*words):
    """Run a verb in this process; its exit code."""
    return exit_code(PROJECT, *words)


def simulated(folder, system, layout, shape, samples=60, frames=6):
    """A file as the verb writes it."""
    words = ("--out", folder, "--layout", layout, "--samples", samples, "--frames", frames)
    assert mpp("simulate", system, *words, "--shape", json.dumps(shape)) == 0
    return Path(folder) / f"{system}.hdf5"


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    """Compressible flow in the layout of PDEBench."""
    return simulated(tmp_path_factory.mktemp("waves"), "compressible", "pdebench", [8, 8])


@pytest.mark.parametrize(
    ("system", "layout", "shape"),
    [
        ("dam_break", "pdebench", [8, 8]),
        ("diffusion_reaction_noise", "pdebench", [16, 16]),
        ("incompressible", "pdebench", [16, 16]),
        ("burgers", "pdebench", [16]),
        ("shallow_water", "well", [8, 8]),
        ("burgers", "well", [16]),
    ],
)
def test_files_of_pdebench_and_the_well_train_and_are_tested(system, layout, shape, capsys):
    path = simulated("files", system, layout, shape, frames=5)
    axes = f"--model.axes={len(shape)}"
    assert mpp("fit", *TINY, axes, f"--data.files=[{path}]") == 0
    assert mpp("test", "--ckpt_path=runs/mpp/last.ckpt", *QUIET) == 0
    assert f"test/{system[:12]}" in capsys.readouterr().out


def without_pressure(file):
    del file["pressure"]


def with_nan(file):
    file["density"][1, 0, 2, 3] = np.nan


def of_integers(file):
    whole = file["Vx"][:].astype("i4")
    del file["Vx"]
    file["Vx"] = whole


def of_one_frame(file):
    for name in ("Vx", "Vy", "density", "pressure"):
        first = file[name][:, :1]
        del file[name]
        file[name] = first


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_pressure, ["pressure", "no such key"]),
        (with_nan, ["density", "frame 0 holds nan at (2, 3)"]),
        (of_integers, ["Vx", "int32"]),
        (of_one_frame, ["frames: 1, but there is nothing to predict"]),
    ],
)
def test_a_damaged_file_is_one_line_and_leaves_nothing(waves, damage, said, here, capsys):
    Path("damaged.hdf5").write_bytes(waves.read_bytes())
    with h5py.File("damaged.hdf5", "r+") as file:
        damage(file)
    assert mpp("fit", *TINY, "--data.files=[damaged.hdf5]") == 2
    one_error(capsys, "damaged.hdf5", *said)
    assert [one.name for one in here.iterdir()] == ["damaged.hdf5"]


def test_a_file_that_was_cut_short_is_one_line(waves, capsys):
    Path("cut.hdf5").write_bytes(waves.read_bytes()[:-5000])
    assert mpp("fit", *TINY, "--data.files=[cut.hdf5]") == 2
    one_error(capsys, "cut.hdf5")


def test_what_a_worker_finds_ends_the_run_in_one_line_too(waves, capsys):
    Path("damaged.hdf5").write_bytes(waves.read_bytes())
    with h5py.File("damaged.hdf5", "r+") as file:
        file["density"][:, 3] = np.inf  # not at the ends, where a scan looks
    assert mpp("fit", *TINY, "--data.workers=1", "--data.files=[damaged.hdf5]") == 2
    one_error(capsys, "damaged.hdf5", "density: frame 3 holds inf")
