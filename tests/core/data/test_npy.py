"""NumPy's files from anyone: nothing is unpickled, no size is believed, no text breaks Python."""

import pickle

import numpy as np
import pytest

from sciformer.data.npy import map_array, map_arrays, names_of, parse, read_arrays

ARRAYS = {
    "numbers": np.arange(12.0).reshape(3, 4),
    "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "texts": np.array(["", "M 31", "\U0001f30c"]),
    "swapped": np.array(["NGC", "é"]).astype(">U3"),
    "none": np.zeros((0, 3)),
    "empty": np.array(["", ""], "U0"),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_read_or_mapped(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    assert names_of(tmp_path / "a.npz") == list(ARRAYS)
    for found in (read_arrays(tmp_path / "a.npz"), map_arrays(tmp_path / "a.npz", list(ARRAYS))):
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("name", ["numbers", "turned", "texts", "swapped"])
def test_one_array_comes_back_read_or_mapped(tmp_path, name):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy")[""], ARRAYS[name])
    np.testing.assert_array_equal(map_array(tmp_path / "a.npy"), ARRAYS[name])


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    for read in (read_arrays, map_array):
        with pytest.raises(ValueError, match=r"a\.npy: .*unpickled, which is never done"):
            read(tmp_path / "a.npy")
    (tmp_path / "b.npy").write_bytes(pickle.dumps([1]))
    with pytest.raises(ValueError, match=r"b\.npy: "):
        read_arrays(tmp_path / "b.npy")


def test_a_shape_is_compared_with_the_bytes_that_are_there(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(8))
    raw = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(raw.replace(b"(8,), }     ", b"(80000000,),"[:11] + b"}"))
    for read in (read_arrays, map_array):
        with pytest.raises(ValueError, match=r"a\.npy: .*80000000.* in 192 bytes"):
            read(tmp_path / "a.npy")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("point", [0x110000, 0x20202020, 0xD800])
def test_a_text_that_is_no_unicode_is_refused(tmp_path, order, point):
    texts = np.array(["abc", "de"]).astype(f"{order}U3")
    broken = texts.view(f"{order}u4")
    broken[4] = point
    np.save(tmp_path / "a.npy", texts)
    np.savez(tmp_path / "a.npz", id=texts)
    reads = (
        lambda: read_arrays(tmp_path / "a.npy"),
        lambda: map_array(tmp_path / "a.npy"),
        lambda: read_arrays(tmp_path / "a.npz"),
        lambda: map_arrays(tmp_path / "a.npz", ["id"]),
    )
    for read in reads:
        with pytest.raises(ValueError, match=rf"a\.np.: .*{point:#x}, which Unicode lacks"):
            read()


def test_a_header_is_not_evaluated():
    with pytest.raises(ValueError, match="not that of an array"):
        parse(b"{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1,)}")
