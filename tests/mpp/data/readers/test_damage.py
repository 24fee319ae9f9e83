"""What a user's file can have wrong: one line that names file, key and value."""

import h5py
import numpy as np
import pytest
from physics_samples import described, numbered
from verbs import complaint

from mpp.data.joined import Joined
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench
from mpp.data.readers.well import Well
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well

CNS = ("velocity_x", "velocity_y", "density", "pressure")


@pytest.fixture
def cns(tmp_path):
    description = described(*CNS)
    write_pdebench(tmp_path / "cns.h5", "compressible", numbered(3, 4, description), description)
    return tmp_path / "cns.h5"


@pytest.fixture
def well(tmp_path):
    description = described("height", "velocity_x", "velocity_y")
    write_well(tmp_path / "well.hdf5", "w", numbered(3, 4, description), description)
    return tmp_path / "well.hdf5"


def test_a_missing_field(cns, well):
    with h5py.File(cns, "r+") as file:
        del file["pressure"]
    assert complaint(lambda: PDEBench(cns)).startswith(f"{cns}: pressure: no such key; there are")
    with h5py.File(well, "r+") as file:
        del file["t1_fields/velocity"]
    assert complaint(lambda: Well(well)).startswith(f"{well}: t1_fields/velocity: no such key")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_frame_that_is_not_finite(cns, well, value):
    with h5py.File(cns, "r+") as file:
        file["density"][1, 2, 3, 4] = value
    read = PDEBench(cns)
    assert np.isfinite(read.read(1, 0, 2)).all()
    said = complaint(lambda: read.read(1, 1, 4))
    assert said == f"{cns}: 1: density: frame 2 holds {value} at (3, 4)"
    assert list(read.scan(every=True)) == [said]
    assert list(read.scan()) == []  # which looks at the ends
    with h5py.File(well, "r+") as file:
        file["t1_fields/velocity"][2, 3, 5, 1, 1] = value
    assert list(Well(well).scan()) == [f"{well}: 2: velocity_y: frame 3 holds {value} at (5, 1)"]


def test_a_number_too_large_for_fp32(cns):
    with h5py.File(cns, "r+") as file:
        density = file["density"][:].astype("f8")
        density[0, 0, 0, 0] = 1e300
        del file["density"]
        file["density"] = density
    assert "density: frame 0 holds inf" in complaint(lambda: PDEBench(cns).read(0, 0, 1))


def test_a_sum_beyond_fp32_of_finite_numbers_is_no_error(cns):
    with h5py.File(cns, "r+") as file:
        file["density"][...] = 3e38
    assert PDEBench(cns).read(0, 0, 1).max() == np.float32(3e38)


def test_bytes_are_missing_at_the_end(cns):
    raw = cns.read_bytes()
    cns.write_bytes(raw[: len(raw) // 2])
    assert complaint(lambda: PDEBench(cns)).startswith(f"{cns}: truncated: ")


def test_a_field_with_fewer_frames_than_the_others(cns, well):
    with h5py.File(cns, "r+") as file:
        short = file["pressure"][:, :3]
        del file["pressure"]
        file["pressure"] = short
    said = complaint(lambda: PDEBench(cns))
    assert said == f"{cns}: pressure: (time, *space) is (3, 6, 8), but Vx has (4, 6, 8)"
    with h5py.File(well, "r+") as file:
        attributes = dict(file["t0_fields/height"].attrs)
        short = file["t0_fields/height"][:, :3]
        del file["t0_fields/height"]
        file["t0_fields/height"] = short
        file["t0_fields/height"].attrs.update(attributes)
    said = complaint(lambda: Well(well))
    assert said.startswith(f"{well}: t0_fields/height: shape (3, 3, 6, 8), truncated")


def test_a_trajectory_that_ends_early(tmp_path):
    description = described("height", boundary="open")
    path = tmp_path / "swe.h5"
    write_pdebench(path, "shallow_water", numbered(3, 4, description), description)
    with h5py.File(path, "r+") as file:
        short = file["0001/data"][:3]
        del file["0001/data"]
        file["0001/data"] = short
    read = PDEBench(path)
    read.read(0, 0, 4)
    assert complaint(lambda: read.read(1, 0, 1)).startswith(f"{path}: 0001/data: truncated: ")
    assert len(list(read.scan())) == 1


def test_a_later_trajectory_without_one_of_the_channels(tmp_path):
    description = described("activator", "inhibitor", boundary="wall")
    path = tmp_path / "rd.h5"
    write_pdebench(path, "diffusion_reaction", numbered(2, 4, description), description)
    with h5py.File(path, "r+") as file:
        one = file["0001/data"][..., :1]
        del file["0001/data"]
        file["0001/data"] = one
    said = complaint(lambda: PDEBench(path).read(1, 0, 1))
    assert said.startswith(f"{path}: 0001/data: shape (4, 8, 6, 1) has no channel 1")


def test_all_fields_end_before_the_times_do(cns):
    """PDEBench's own times have one more than there are frames: the end of the last step."""
    for count in (5, 6):
        with h5py.File(cns, "r+") as file:
            del file["t-coordinate"]
            file["t-coordinate"] = np.arange(count, dtype=np.float32)
        if count == 5:
            assert PDEBench(cns).frames == 4
    said = complaint(lambda: PDEBench(cns))
    assert said == f"{cns}: Vx: truncated: 4 frames, but t-coordinate has 6"


def test_a_field_of_fewer_trajectories_than_the_others(cns):
    with h5py.File(cns, "r+") as file:
        short = file["pressure"][:2]
        del file["pressure"]
        file["pressure"] = short
    said = complaint(lambda: PDEBench(cns))
    assert said == f"{cns}: pressure: truncated: 2 entries, but Vx has 3"


def test_a_grid_without_points(tmp_path, well):
    path = tmp_path / "empty.h5"
    with h5py.File(path, "w") as file:
        file["0000/data"] = np.zeros((4, 0, 6, 2), np.float32)
    assert "0000/data: shape (4, 0, 6) has no point" in complaint(lambda: PDEBench(path))
    with h5py.File(well, "r+") as file:
        del file["dimensions/time"]
        file["dimensions/time"] = np.float32(3)
    assert complaint(lambda: Well(well)).startswith(f"{well}: dimensions/time: shape ()")


def test_what_the_well_says_of_itself_is_named_where_it_is_wrong(well):
    with h5py.File(well, "r+") as file:
        (key, *_) = file["boundary_conditions"]
        dims = file[f"boundary_conditions/{key}"].attrs
        before = dims["associated_dims"]
        dims["associated_dims"] = np.array(["q"], object)
    assert f"{key}: associated_dims: 'q' is none of x, y" in complaint(lambda: Well(well))
    with h5py.File(well, "r+") as file:
        file[f"boundary_conditions/{key}"].attrs["associated_dims"] = before
        file.attrs["n_trajectories"] = "many"
    assert complaint(lambda: Well(well)).startswith(f"{well}: /: n_trajectories: 'many' is no")


def test_a_simulation_that_was_not_finished(tmp_path):
    description = described("velocity_x", "velocity_y", "tracer", boundary="wall")
    path = tmp_path / "ins.h5"
    write_pdebench(path, "incompressible", numbered(2, 4, description), description)
    with h5py.File(path, "r+") as file:
        file.attrs["latestIndex"] = 1
    assert complaint(lambda: PDEBench(path)).startswith(f"{path}: latestIndex: truncated: 1")


def test_another_dtype(cns, well):
    with h5py.File(cns, "r+") as file:
        whole = file["density"][:].astype("i4")
        del file["density"]
        file["density"] = whole
    said = complaint(lambda: PDEBench(cns))
    assert said == f"{cns}: density: dtype int32 is no floating-point number"
    with h5py.File(well, "r+") as file:
        del file["t0_fields/height"]
        file["t0_fields/height"] = [b"high"]
    assert f"{well}: t0_fields/height: dtype" in complaint(lambda: Well(well))


def test_a_single_frame(tmp_path):
    description = described(*CNS)
    path = tmp_path / "one.h5"
    write_pdebench(path, "compressible", numbered(3, 1, description), description)
    assert complaint(lambda: PDEBench(path)).startswith(f"{path}: frames: 1, but")
    write_well(path, "w", numbered(3, 1, description), description)
    assert complaint(lambda: Well(path)).startswith(f"{path}: frames: 1, but")
    with h5py.File(path, "w") as file:
        file["tensor"], file["nu"] = np.ones((2, 1, 8, 8), "f4"), np.ones((2, 8, 8), "f4")
    assert "single frame" in complaint(lambda: PDEBench(path))


def test_what_is_not_hdf5_or_not_there(tmp_path):
    path = tmp_path / "a.h5"
    assert complaint(lambda: open_files(str(path))) == f"path: {path}: no such file"
    path.write_bytes(b"time,height\n" * 100)
    assert complaint(lambda: open_files(str(path))).startswith(f"{path}: not HDF5: ")
    with h5py.File(path, "w") as file:
        file["energy"] = np.ones(3, "f4")
    assert complaint(lambda: open_files(str(path))).startswith(
        f"path: {path}: of unknown layout; it holds energy (3,) float32; describe it: {{path: "
    )


def test_another_number_of_axes(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["0000/data"] = np.ones((4, 8, 8), "f4")
    assert complaint(lambda: PDEBench(path)).startswith(f"{path}: 0000/data: shape (4, 8, 8) is")
    with h5py.File(path, "w") as file:
        file["velocity"] = np.ones((2, 4, 8, 8), "f4")
        file["particles"] = np.ones((2, 4, 8, 8, 1), "f4")
    assert f"{path}: particles: (time, *space)" in complaint(lambda: PDEBench(path))
    with h5py.File(path, "w") as file:
        file["tensor"] = np.ones((2, 4), "f4")
    assert "1 to 3 axes of space" in complaint(lambda: PDEBench(path, ("height",)))


def test_a_damaged_chunk(tmp_path):
    description = described("velocity_x", "velocity_y", "tracer", boundary="wall")
    path = tmp_path / "ins.h5"
    write_pdebench(path, "incompressible", numbered(2, 4, description), description, "gzip")
    with h5py.File(path) as file:
        place = file["particles"].id.get_chunk_info(3)
    raw = bytearray(path.read_bytes())
    raw[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    path.write_bytes(raw)
    read = PDEBench(path)
    read.read(0, 0, 3)
    said = complaint(lambda: read.read(0, 3, 4))
    assert said.startswith(f"{path}: particles: cannot be read: ")


def test_files_that_do_not_fit_together(tmp_path, cns):
    description = described(*CNS)
    other = tmp_path / "other.h5"
    for change, said in (
        ({"dt": 0.2}, "dt: 0.2, but {} has 0.1"),
        ({"spacing": (0.5, 0.5)}, "spacing: 0.5, 0.5, but {} has 0.5, 0.25"),
        ({"boundaries": ("periodic", "wall")}, "boundaries: ('periodic', 'wall'), but {} has"),
    ):
        changed = description._replace(**change)
        write_pdebench(other, "compressible", numbered(3, 5, changed), changed)
        found = complaint(lambda: Joined([PDEBench(cns), PDEBench(other)]))
        assert found.startswith(f"{other}: {said.format(cns)}")


def test_steps_that_differ_by_rounding_are_the_same(tmp_path, cns):
    description = described(*CNS)
    other = tmp_path / "other.h5"
    close = description._replace(dt=0.1 * (1 + 1e-6), spacing=(0.5 * (1 - 1e-6), 0.25))
    write_pdebench(other, "compressible", numbered(3, 4, close), close)
    assert len(Joined([PDEBench(cns), PDEBench(other)])) == 6


def test_frames_that_there_are_not(cns):
    said = complaint(lambda: PDEBench(cns).read(0, 3, 5))
    assert said.startswith(f"{cns}: no frames 3 to 5 of trajectory 0")
