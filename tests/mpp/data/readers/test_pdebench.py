import multiprocessing
import pickle

import h5py
import numpy as np
import pytest
from physics_samples import described, numbered

from mpp.data.joined import Joined
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench

KINDS = {
    "shallow_water": (("height",), "open", 2),
    "diffusion_reaction": (("activator", "inhibitor"), "wall", 2),
    "diffusion_sorption": (("concentration",), "wall", 1),
    "compressible": (("velocity_x", "velocity_y", "density", "pressure"), "periodic", 2),
    "incompressible": (("velocity_x", "velocity_y", "tracer"), "wall", 2),
    "burgers": (("velocity_x",), "periodic", 1),
    "advection": (("tracer",), "periodic", 1),
}


def written(path, kind, frames=5, compression=None):
    names, boundary, axes = KINDS[kind]
    description = described(*names, boundary=boundary, axes=axes)
    arrays = numbered(3, frames, description)
    path = path / f"{kind}.h5"
    write_pdebench(path, kind, arrays, description, compression)
    return path, arrays, description


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", [None, "lzf"])
def test_what_is_written_in_a_layout_of_pdebench_is_read_back(tmp_path, kind, compression):
    path, arrays, description = written(tmp_path, kind, compression=compression)
    read = PDEBench(path)
    assert (len(read), read.frames) == arrays.shape[:2]
    assert read.description.components == description.components
    assert read.description.shape == description.shape
    assert read.description.boundaries == description.boundaries
    assert read.description.dt == pytest.approx(0.1, rel=1e-6)  # fp32 coordinates
    for trajectory in range(3):
        np.testing.assert_array_equal(read.read(trajectory, 0, 5), arrays[trajectory])
    np.testing.assert_array_equal(read.read(1, 2, 4), arrays[1, 2:4])


def test_the_grids_of_the_file_are_those_of_the_description(tmp_path):
    assert PDEBench(written(tmp_path, "shallow_water")[0]).description.spacing == (0.5, 0.25)
    assert PDEBench(written(tmp_path, "compressible")[0]).description.spacing == (0.5, 0.25)


def test_shallow_water_is_stored_as_time_x_y_and_diffusion_reaction_as_time_y_x(tmp_path):
    time, x, y = np.meshgrid(np.arange(5), np.arange(6), np.arange(8), indexing="ij")
    number = (100 * time + 10 * x + y).astype("f4")
    for name, stored in (
        ("swe", number[..., None]),
        ("dr", np.stack([number, -number], -1).swapaxes(1, 2)),
    ):
        with h5py.File(tmp_path / name, "w") as file:
            file["0000/data"] = stored
        read = PDEBench(tmp_path / name)
        assert read.description.shape == (6, 8)
        assert read.read(0, 2, 3)[0, 0, 3, 5] == 235


def test_the_velocity_along_x_is_along_the_first_axis(tmp_path):
    file = PDEBench(written(tmp_path, "incompressible")[0])
    assert [part.axes for part in file.description.components] == [(0,), (1,), ()]


def test_symmetries_are_those_of_the_set(tmp_path):
    assert PDEBench(written(tmp_path, "compressible")[0]).description.flips == (0, 1)
    assert not PDEBench(written(tmp_path, "compressible")[0]).description.turns  # 6 x 8 points
    assert PDEBench(written(tmp_path, "advection")[0]).description.flips == ()
    assert PDEBench(written(tmp_path, "diffusion_sorption")[0]).description.flips == ()


def test_three_dimensional_compressible_flow_is_read(tmp_path):
    names = ("velocity_x", "velocity_y", "velocity_z", "density", "pressure")
    description = described(*names, axes=3)
    arrays = numbered(2, 3, description)
    write_pdebench(tmp_path / "a.h5", "compressible", arrays, description)
    np.testing.assert_array_equal(PDEBench(tmp_path / "a.h5").read(1, 0, 3), arrays[1])


def test_the_field_of_an_unknown_tensor_has_to_be_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tensor"] = np.ones((2, 4, 8), "f4")
    with pytest.raises(ValueError, match=r"a\.h5: tensor: name its field"):
        PDEBench(tmp_path / "a.h5")
    assert PDEBench(tmp_path / "a.h5", ("height",)).description.names == ("height",)


def test_numbers_of_another_width_are_converted(tmp_path):
    path, arrays, _ = written(tmp_path, "burgers")
    for dtype in ("f8", ">f4"):
        with h5py.File(path, "r+") as file:
            del file["tensor"]
            file["tensor"] = arrays[:, :, 0].astype(dtype)
        found = PDEBench(path).read(2, 0, 5)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, arrays[2])


def test_a_reader_travels_to_another_process_without_its_handle(tmp_path):
    path, arrays, _ = written(tmp_path, "incompressible")
    read = PDEBench(path)
    read.read(0, 0, 1)
    there = pickle.loads(pickle.dumps(read))
    assert len(there.source.files) == 0
    np.testing.assert_array_equal(there.read(0, 0, 1), arrays[0, :1])


def test_a_file_is_opened_once_and_its_keys_are_listed_once(tmp_path):
    read = PDEBench(written(tmp_path, "shallow_water")[0])
    read.read(0, 0, 1)
    handle = read.source.files[read.source.path]
    read.keys = tuple(read.keys)
    read.read(2, 1, 3)
    assert read.source.files[read.source.path] is handle


def test_files_of_one_system_are_joined_whatever_the_order_of_their_fields(tmp_path):
    names = ("velocity_x", "velocity_y", "density", "pressure")
    description = described(*names)
    arrays = numbered(3, 4, description)
    write_pdebench(tmp_path / "a.h5", "compressible", arrays, description)
    write_pdebench(tmp_path / "b.h5", "compressible", -arrays, description)
    turned = PDEBench(tmp_path / "b.h5")
    parts = turned.kind.parts
    turned.kind = turned.kind._replace(parts=parts[::-1])
    turned.description = described(*names[::-1])
    joined = Joined([PDEBench(tmp_path / "a.h5"), turned])
    assert len(joined) == 6
    assert len(set(joined.ids)) == 6
    np.testing.assert_array_equal(joined.read(4, 1, 3), -arrays[1, 1:3])
    np.testing.assert_array_equal(joined.read(2, 1, 3), arrays[2, 1:3])


def test_the_writer_names_a_field_that_a_set_needs(tmp_path):
    description = described("height")
    with pytest.raises(ValueError, match="incompressible needs velocity_x"):
        write_pdebench(
            tmp_path / "a.h5", "incompressible", numbered(1, 2, description), description
        )
    with pytest.raises(ValueError, match="kind: 'x' is none of"):
        write_pdebench(tmp_path / "a.h5", "x", numbered(1, 2, description), description)
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_a_process_that_forked_off_closes_what_it_inherited_and_opens_its_own(tmp_path):
    path, arrays, _ = written(tmp_path, "incompressible")
    read = PDEBench(path)
    handle = read.source.files[read.source.path]

    def child(answer):
        same = np.array_equal(read.read(1, 0, 2), arrays[1, :2])
        there = read.source.files[read.source.path]
        answer.put((same, there is handle, bool(handle)))  # a closed file is false

    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    process = context.Process(target=child, args=(answer,))
    process.start()
    assert answer.get() == (True, False, False)
    process.join()
    assert read.source.files[read.source.path] is handle
    np.testing.assert_array_equal(read.read(1, 0, 2), arrays[1, :2])
