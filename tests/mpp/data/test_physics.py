"""Physics is read from files, taken from the user or asked for; never guessed."""

import warnings

import h5py
import numpy as np
import pytest
import torch
from physics_samples import described, numbered

from mpp.data.dataset import Windows
from mpp.data.joined import Joined
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.well import Well
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well
from mpp.sizes import sizes_of

CNS = ("velocity_x", "density", "pressure")


def foreign(folder, name, times=True):
    """Compressible flow in one dimension as PDEBench's own code writes it."""
    with h5py.File(folder / name, "w") as file:
        for key in ("Vx", "density", "pressure"):
            file[key] = np.ones((3, 4, 8), "f4")
        if times:
            file["t-coordinate"] = np.arange(5, dtype="f4") * 0.01
            file["x-coordinate"] = (np.arange(8, dtype="f4") + 0.5) / 8
    return folder / name


def opened(path, **said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return open_files({"path": str(path), **said})[1].description


def refused(path, **said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the tests look at the text
        open_files({"path": str(path), **said})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "boundary"),
    [
        ("1D_CFD_Rand_Eta0.1_Zeta0.1_periodic_Train.hdf5", "periodic"),
        ("1D_CFD_Shock_Eta1.e-8_Zeta1.e-8_trans_Train.hdf5", "open"),
        ("1D_CFD_Rand_Eta1.e-8_Zeta1.e-8_trans_Train.hdf5", "open"),
        ("Sod3.hdf5", "open"),
        ("KH_M01_dk1_Re1e3.hdf5", "periodic"),
    ],
)
def test_the_name_of_a_set_of_pdebench_says_its_boundaries(tmp_path, name, boundary):
    found = opened(foreign(tmp_path, name))
    assert found.boundaries == (boundary,)
    assert found.conserved == (("density",) if boundary == "periodic" else ())


def test_boundaries_that_a_name_says_in_two_ways_are_asked_for(tmp_path):
    path = foreign(tmp_path, "trans_periodic.hdf5")
    said = refused(path)
    assert said.startswith(f"boundaries: {path}: ")
    assert "boundaries: [periodic]" in said
    assert opened(path, boundaries=["wall"]).boundaries == ("wall",)


@pytest.mark.parametrize("name", ["run0.hdf5", "transport.hdf5"])
def test_boundaries_of_a_flow_that_no_name_says_are_assumed_with_a_warning(tmp_path, name):
    path = foreign(tmp_path, name)
    with pytest.warns(UserWarning, match=f"{name}: boundaries: .*: periodic is assumed"):
        found = open_files(str(path))[1].description
    assert (found.boundaries, found.flips, found.conserved) == (("periodic",), (), ())
    (tmp_path / "many").mkdir()
    for number in range(2):
        foreign(tmp_path / "many", f"run{number}.hdf5")
    with pytest.warns(UserWarning, match="periodic is assumed"):
        open_files(str(tmp_path / "many"))
    found = opened(path, boundaries=["wall"])
    assert found.boundaries == ("wall",)
    assert (found.flips, found.conserved) == ((), ())  # of a set that it may not be


def test_a_value_that_contradicts_the_file_is_refused_with_both(tmp_path):
    path = foreign(tmp_path, "1D_CFD_trans.hdf5")
    for key, value, stored in (
        ("boundaries", ["periodic"], "['open']"),
        ("dt", 0.02, "0.01"),
        ("spacing", [1.0], "[0.125]"),
    ):
        said = refused(path, **{key: value})
        assert said.startswith(f"{key}: {path}: {value}, but the file says {stored}")
    assert opened(path, boundaries=["open"], dt=0.01, spacing=[0.125]).dt == pytest.approx(0.01)


def test_a_value_that_is_no_boundary_or_of_too_few_axes_is_refused(tmp_path):
    path = foreign(tmp_path, "run.hdf5")
    assert "'outflow' is none of periodic, open, wall" in refused(path, boundaries=["outflow"])
    assert "2 axes, but space has 1" in refused(path, boundaries=["open", "wall"])
    assert "1 axes of space" in refused(path, boundaries=["open"], spacing=[1.0, 1.0])
    assert refused(path, boundaries=["open"], conserved=["mass"]).startswith("conserved: ")
    assert refused(path, boundaries=["open"], dt=-1.0).startswith("dt: ")


def test_an_assumed_time_step_is_said_once(tmp_path):
    path = foreign(tmp_path, "1D_CFD_trans.hdf5", times=False)
    with pytest.warns(UserWarning, match="dt: not in the file, 1 is assumed") as caught:
        open_files(str(path))
    assert len(caught) == 1
    assert opened(path, dt=0.5, spacing=[2.0]).dt == 0.5


def test_what_is_conserved_comes_from_our_own_files_or_the_user(tmp_path):
    description = described("height", "tracer", conserved=("height",))
    write_well(tmp_path / "ours.h5", "w", numbered(3, 4, description), description)
    assert opened(tmp_path / "ours.h5").conserved == ("height",)
    plain = description._replace(conserved=())
    write_well(tmp_path / "other.h5", "w", numbered(3, 4, plain), plain)
    assert opened(tmp_path / "other.h5").conserved == ()
    assert opened(tmp_path / "other.h5", conserved=["tracer"]).conserved == ("tracer",)


def test_boundaries_are_kept_in_the_files_that_we_write(tmp_path):
    description = described(*CNS, axes=1, boundary="wall")
    write_pdebench(tmp_path / "a.h5", "compressible", numbered(3, 4, description), description)
    assert opened(tmp_path / "a.h5").boundaries == ("wall",)


@pytest.mark.parametrize("bad", [[0, 1, 2, 4, 5], [0, 1, 2, np.nan, 4], [0, 0, 0, 0, 0]])
def test_frames_at_uneven_times_are_refused(tmp_path, bad):
    description = described("height")
    path = tmp_path / "a.h5"
    write_well(path, "w", numbered(3, 5, description), description)
    with h5py.File(path, "r+") as file:
        file["dimensions/time"][...] = bad
    said = refused(path)
    assert said.startswith(f"{path}: dimensions/time: frames must be evenly spaced in time: step")
    pde = foreign(tmp_path, "1D_CFD_trans.hdf5")
    with h5py.File(pde, "r+") as file:
        file["t-coordinate"][:] = [0, 0.01, 0.03, 0.04, 0.05]
    assert "step 1 to 2 is 0.02, but step 0 to 1 is 0.01" in refused(pde)


def test_an_uneven_grid_is_said(tmp_path):
    description = described("height")
    write_well(tmp_path / "a.h5", "w", numbered(3, 5, description), description)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["dimensions/y"][...] = np.arange(8) ** 2
    with pytest.warns(UserWarning, match="y is not evenly spaced"):
        open_files(str(tmp_path / "a.h5"))


def conditions(path, *said):
    description = described("height")
    write_well(path, "w", numbered(3, 5, description), description)
    with h5py.File(path, "r+") as file:
        file.pop("boundary_conditions")
        for number, (dims, kind, mask) in enumerate(said):
            group = file.create_group(f"boundary_conditions/{number}")
            group.attrs["associated_dims"] = dims
            group.attrs["bc_type"] = kind
            if mask is not None:
                group["mask"] = mask
    return path


NONE, ENDS = np.zeros(8, bool), np.eye(8, dtype=bool)[0] | np.eye(8, dtype=bool)[-1]


@pytest.mark.parametrize("mask", [None, NONE, ENDS, ENDS.astype(np.int8), np.ones((6, 8), bool)])
@pytest.mark.parametrize("kind", ["WALL", "open", "Periodic"])
def test_a_boundary_condition_is_read_with_any_mask_of_both_ends(tmp_path, kind, mask):
    path = conditions(tmp_path / "a.h5", ("x", "OPEN", None), ("y", kind, mask))
    assert opened(path).boundaries == ("open", kind.lower())


def test_a_boundary_condition_of_another_type_is_asked_for(tmp_path):
    path = conditions(tmp_path / "a.h5", ("x", "PERIODIC", None), ("y", "NEUMANN", ENDS))
    said = refused(path)
    assert f"{path}: boundary_conditions/1: bc_type 'NEUMANN' is none of" in said
    assert "boundaries: [" in said
    assert opened(path, boundaries=["periodic", "wall"]).boundaries == ("periodic", "wall")


def test_two_types_at_the_ends_of_an_axis_or_none_are_asked_for(tmp_path):
    path = tmp_path / "a.h5"
    conditions(path, ("x", "PERIODIC", None), ("y", "WALL", np.arange(8) == 0))
    assert "y has wall at its start, nothing at its end" in refused(path)
    conditions(path, ("x", "PERIODIC", None))
    assert "y has nothing at its start" in refused(path)
    with h5py.File(path, "r+") as file:
        del file["boundary_conditions"]
    assert "x has nothing at its start" in refused(path)


def test_files_of_unequal_length_are_joined(tmp_path):
    description = described("height")
    arrays = numbered(2, 7, description)
    for number, frames in enumerate((5, 7)):
        path = tmp_path / f"{number}.h5"
        write_well(path, "w", arrays[:, :frames], description)
    joined = Joined([Well(tmp_path / "0.h5"), Well(tmp_path / "1.h5")])
    assert joined.lengths == [5, 5, 7, 7]
    windows = Windows(joined, [0, 3], history=3, horizon=3)
    assert [windows.place(number) for number in range(len(windows))] == [(3, 0), (3, 1)]
    with pytest.raises(ValueError, match="trajectories of 5 frames"):
        joined.read(1, 4, 6)
    np.testing.assert_array_equal(joined.read(3, 4, 7), arrays[1, 4:7])
    frames = [torch.from_numpy(part[None]) for part in (*arrays[:, :5], *arrays)]
    pairs = [one[:, k : k + 2] for one in frames for k in range(one.shape[1] - 1)]
    torch.testing.assert_close(joined.sizes, sizes_of(pairs))  # no frame behind the end is read


def test_a_stride_leaves_frames_out_and_a_coarse_grid_has_means(tmp_path):
    description = described("height", conserved=("height",))
    arrays = numbered(2, 7, description)
    path = tmp_path / "a.h5"
    write_well(path, "w", arrays, description)
    _, found = open_files({"path": str(path), "stride": 3, "coarsen": 2})
    known = found.description
    assert (known.shape, known.spacing) == ((3, 4), (1.0, 0.5))
    assert (known.dt, found.lengths) == (pytest.approx(0.3), [3, 3])
    blocks = arrays[1, ::3, 0].reshape(3, 3, 2, 4, 2).mean((2, 4))
    np.testing.assert_allclose(found.read(1, 0, 3)[:, 0], blocks, rtol=1e-6)  # of fp32
    assert "coarsen: " in refused(path, coarsen=4)
    assert "stride: 0 is less than 1" in refused(path, stride=0)
