"""HDF5 files of others: nothing outside of them is read, and no size is believed."""

import os
import pickle

import h5py
import numpy as np
import pytest
from verbs import complaint

from sciformer.data import hdf5
from sciformer.data.hdf5 import HDF5
from sciformer.data.hdf5_probe import Probe

LIAR = 4_000_000_000  # numbers


def change(path, edit):
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def test_arrays_groups_and_attributes_are_found(path):
    with HDF5(path) as file:
        assert (file.keys(), file.groups(), file.arrays()) == (["of", "x"], ["of"], ["x"])
        assert (file.keys("of"), file.keys("x"), file.keys("none")) == (["y"], [], [])
        assert (file.shape("x"), file.dtype("of/y").kind, file.holds("of")) == ((2, 3), "i", False)
        assert file.read("x", 1).tolist() == [3.0, 4.0, 5.0]
        assert file.read("of/y", slice(2, 4), np.float32).dtype == np.float32
        assert file.whole_number("/", "count") == 2
        assert list(file.attribute("of", "names")) == ["long", "b"]
        assert file.attribute("of", "none") is file.attribute("none", "x") is None
    assert len(file.files) == 0


def test_a_missing_key_is_named_with_what_there_is(path):
    assert complaint(lambda: HDF5(path).read("z")) == f"{path}: z: no such key; there are of, x"
    assert complaint(lambda: HDF5(path).shape("of/z")) == f"{path}: of/z: no such key; there are y"
    said = complaint(lambda: HDF5(path).count(["x", "of/y"]))
    assert said == f"{path}: x: truncated: 2 entries, but of/y has 5"


def test_what_is_no_hdf5_is_one_line(path, tmp_path):
    whole = path.read_bytes()
    for raw, what in ((whole[:900], "truncated: "), (b"time,x\n" * 99, "not HDF5: ")):
        path.write_bytes(raw)
        assert complaint(lambda: HDF5(path).keys()).startswith(f"{path}: {what}")
    assert complaint(lambda: HDF5(tmp_path / "b").keys()) == f"{tmp_path / 'b'}: no such file"


OUTSIDE = {
    "external storage": lambda f: f.create_dataset("d/z", (8,), "f4", external=[("o", 0, 32)]),
    "external link": lambda f: f.__setitem__("z", h5py.ExternalLink("other.h5", "x")),
    "external link below": lambda f: f["of"].__setitem__("z", h5py.ExternalLink("other.h5", "x")),
    "virtual": lambda f: f.create_virtual_dataset("z", virtual("other.h5")),
    "virtual without end": lambda f: f.create_virtual_dataset("z", virtual("other.h5", None)),
}


def virtual(path, most=6):
    layout = h5py.VirtualLayout((6,), "f8", maxshape=(most,))
    source = h5py.VirtualSource(path, "x", shape=(6,), maxshape=(most,))
    layout[: 6 if most else h5py.h5s.UNLIMITED] = source[: 6 if most else h5py.h5s.UNLIMITED]
    return layout


@pytest.mark.parametrize("what", OUTSIDE)
def test_a_file_does_not_lead_out_of_itself(path, what, monkeypatch):
    monkeypatch.chdir(path.parent)
    change(path, OUTSIDE[what])
    os.mkfifo("other.h5")  # who opens it would wait for ever
    os.mkfifo("o")
    said = complaint(lambda: HDF5(path).keys())
    assert said.startswith(f"{path}: ")
    assert said.endswith("; only what is in the file itself is read")


def test_links_that_go_round_in_circles_are_one_line(path):
    def edit(file):
        file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")

    file = HDF5(change(path, edit))
    assert complaint(lambda: file.read("a")).startswith(f"{path}: a: cannot be read: ")
    assert file.read("x").shape == (2, 3)


def test_a_soft_link_within_a_file_is_followed(path):
    change(path, lambda file: file.__setitem__("z", h5py.SoftLink("/of/y")))
    assert HDF5(path).read("z").tolist() == [0, 1, 2, 3, 4]


LIES = {
    "nothing is written": {"chunks": (1024,)},
    "nothing is written in one piece": {},
    "a chunk as large": {"chunks": (LIAR,), "compression": "gzip"},
    "one chunk of many": {"chunks": (1024,), "compression": "gzip", "fillvalue": 1},
}


@pytest.mark.parametrize("what", LIES)
def test_a_size_that_the_file_does_not_hold_is_refused_before_memory_is_taken(path, what):
    def edit(file):
        shape = (8,) if "as large" in what else (LIAR,)
        made = file.create_dataset("z", shape, "f8", maxshape=(None,), **LIES[what])
        if "many" in what:
            made[:10] = 1.0

    options = LIES[what]
    if not options:
        change(path, lambda file: file.create_dataset("z", (LIAR,), "f8"))
    else:
        change(path, edit)
    said = complaint(lambda: HDF5(path).shape("z"))
    assert said.startswith(f"{path}: z: cannot be read: truncated, or its shape (")


@pytest.mark.parametrize("kind", ["V4", "c8", h5py.ref_dtype, h5py.vlen_dtype(np.int32)])
def test_what_is_neither_numbers_nor_text_is_refused(path, kind):
    change(path, lambda file: file.create_dataset("odd", (2,), kind))
    assert "odd: cannot be read: neither numbers nor text" in complaint(
        lambda: HDF5(path).read("odd")
    )


def test_there_are_no_more_entries_than_bytes(path):
    """Compressed zeros may be as many, but nobody has as many trajectories in so small a file."""
    change(path, lambda f: f.create_dataset("z", data=np.zeros((300_000, 2)), compression="gzip"))
    assert "its shape (300000, 2) is not true" in complaint(lambda: HDF5(path).shape("z"))


@pytest.mark.parametrize("compression", ["gzip", "lzf", "szip"])
def test_what_compresses_well_is_read(path, compression):
    zeros = np.zeros((10, 100_000), np.float32)
    options = {"chunks": (1, 100_000), "compression": compression, "shuffle": True}
    change(path, lambda file: file.create_dataset("z", data=zeros, **options))
    assert HDF5(path).read("z", (slice(3), -1)).tolist() == [0.0, 0.0, 0.0]


def test_a_small_array_that_was_never_written_is_zeros(path):
    change(path, lambda file: file.create_dataset("z", (30, 4), "i2"))
    assert not HDF5(path).read("z").any()


def test_an_array_without_entries_has_none(path):
    change(path, lambda file: file.create_dataset("z", (0, 7781), "f4"))
    assert HDF5(path).count(["z"]) == 0


def test_references_are_not_followed(path):
    change(path, lambda file: file["of"].attrs.__setitem__("r", file["x"].ref))
    said = complaint(lambda: HDF5(path).attribute("of", "r"))
    assert said == f"{path}: of: r: neither numbers nor text"


@pytest.mark.parametrize("value", [[1, 2], "2", 2.5])
def test_a_whole_number_is_one(path, value):
    change(path, lambda file: file.attrs.__setitem__("count", value))
    assert "is no whole number" in complaint(lambda: HDF5(path).whole_number("/", "count"))


@pytest.mark.process
def test_a_process_looks_at_each_file_once(path, monkeypatch):
    asked = []
    monkeypatch.setattr(hdf5, "_PROBE", Probe())
    monkeypatch.setattr(hdf5._PROBE, "ask", lambda path: asked.append(path) or "")
    for _ in range(3):
        HDF5(path).keys()
    assert asked == [path]
    change(path, lambda file: file.__setitem__("new", 1.0))
    assert HDF5(path).keys() == ["new", "of", "x"]
    assert asked == [path, path]


def test_a_file_travels_to_another_process(path):
    file = HDF5(path)
    file.read("x")
    again = pickle.loads(pickle.dumps(file))
    assert len(again.files) == 0
    assert again.read("x", (1, 2)) == 5.0
