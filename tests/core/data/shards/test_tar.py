import io
import pickle
import tarfile

import numpy as np
import pytest

from sciformer.data.shards.tar import decode, encode, header, members, scan

DTYPES = ["?", "i1", "u2", "i4", "<i8", ">f4", "f2", "f8", "c8", "c16", "S5", "U3"]


def npy(array, allow_pickle=True):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return bytearray(stream.getvalue())


def tar(name="a.x.npy", data=b"", **info):
    """A tar with one member, made by Python's own writer."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        for key, value in info.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (4,), (2, 3, 4)])
def test_arrays_of_every_plain_dtype_come_back_as_they_were(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    back = decode("x.npy", bytearray(encode({"x": array}, "here")["x.npy"]), "here")
    assert (back.dtype, back.shape) == (array.dtype, shape)
    assert np.array_equal(back, array)
    assert back.flags.writeable  # torch warns about memory that is not


def test_the_bytes_do_not_depend_on_how_an_array_lies_in_memory():
    array = np.arange(12.0).reshape(3, 4)
    assert encode({"x": np.asfortranarray(array)}, "") == encode({"x": array}, "")
    assert encode({"x": array.T}, "") == encode({"x": array.T.copy()}, "")


@pytest.mark.parametrize("value", [None, True, 3, 0.1, "ä", [1, [2.5]], {"b": 1, "a": [None]}])
def test_plain_values_come_back_as_they_were(value):
    (text,) = encode({"x": value}, "here").values()
    back = decode("x.json", bytearray(text), "here")
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (np.array([{}, None]), "here: x: dtype object"),
        (np.zeros(2, [("a", "i4")]), "here: x: dtype"),
        (float("nan"), "here: x: Out of range float"),
        (object(), "here: x: .* not JSON serializable"),
    ],
)
def test_what_is_not_plain_is_not_written(value, complaint):
    with pytest.raises(ValueError, match=complaint):
        encode({"x": value}, "here")


@pytest.mark.parametrize("name", ["X", "a.b", "../x", "", "1x", "a b"])
def test_a_field_has_a_plain_name(name):
    with pytest.raises(ValueError, match="is not a lower-case name"):
        encode({name: 1}, "here")


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.npy", npy(np.array([Trap()], object))),
        ("x.npy", bytearray(pickle.dumps(Trap()))),
        ("x.npy", npy(np.zeros(4))[:-1]),
        ("x.npy", npy(np.zeros(4)) + b"more"),
        ("x.npy", npy(np.zeros(4)).replace(b"(4,)", b"(9,)")),
        ("x.npy", npy(np.zeros(4)).replace(b"(4,)", b"(-1)")),
        ("x.npy", npy(np.zeros(4)).replace(b"<f8", b"|O8")),
        ("x.npy", bytearray(b"")),
        ("x.json", bytearray(b"{")),
        ("x.json", bytearray(b"\xff")),
        ("x.json", bytearray(b"[" * 100_000)),
    ],
)
def test_what_is_not_plain_is_not_read(name, data):
    with pytest.raises(ValueError, match=f"^here: member {name}: ") as refused:
        decode(name, data, "here")
    assert "\n" not in str(refused.value)


def test_the_members_of_a_sample_are_found():
    raw = tar("s1.pos.npy", b"12345")
    assert header(raw[:512], "here") == ("s1", "pos.npy", 5)
    assert [(k, rest, bytes(d)) for k, rest, d in members(bytearray(raw[:1024]), "here")] == [
        ("s1", "pos.npy", b"12345")
    ]


HOSTILE = {
    "traversal": (tar("../../etc/x.npy"), r"member '\.\./\.\./etc/x\.npy': not a name"),
    "absolute": (tar("/etc/a.x.npy"), "member '/etc/a.x.npy': not a name"),
    "symlink": (tar(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "type '2' is not a file"),
    "hard link": (tar(type=tarfile.LNKTYPE, linkname="a"), "type '1' is not a file"),
    "device": (tar(type=tarfile.CHRTYPE), "type '3' is not a file"),
    "folder": (tar(type=tarfile.DIRTYPE), "type '5' is not a file"),
    "other kind": (tar("a.x.pickle"), "member 'a.x.pickle': not a name"),
    "long path": (tar("d" * 90 + "/" + "a" * 90 + ".x.npy"), "not a name"),
    "no tar": (b"\x1f\x8b" + b"z" * 1022, "is not the mark of a tar header"),
    "cut short": (tar()[:100], "cut short: a header of 100 bytes"),
}


@pytest.mark.parametrize(("raw", "complaint"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_tar_is_refused_in_one_line(raw, complaint, tmp_path):
    path = tmp_path / "shard-00000.tar"
    path.write_bytes(raw)
    for read in (lambda: list(scan(path)), lambda: list(members(bytearray(raw), str(path)))):
        with pytest.raises(ValueError, match=complaint) as refused:
            read()
        assert str(refused.value).startswith(f"{path}: ")
        assert "\n" not in str(refused.value)


def test_a_flipped_byte_in_a_header_is_found(tmp_path):
    path = tmp_path / "shard-00000.tar"
    path.write_bytes(tar().replace(b"a.x.npy", b"b.x.npy", 1))
    with pytest.raises(ValueError, match=r"member b\.x\.npy: checksum of the header is wrong"):
        list(scan(path))


@pytest.mark.parametrize("size", [1000, 8 * 1024**3 - 1, 2**60])
def test_a_declared_size_beyond_the_file_is_refused_before_anything_is_read(size, tmp_path):
    raw = tarfile.TarInfo("a.x.npy")
    raw.size = size
    block = bytearray(raw.tobuf(tarfile.GNU_FORMAT))
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"        "
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    path = tmp_path / "shard-00000.tar"
    path.write_bytes(block)
    with pytest.raises(ValueError, match=r"member '?a\.x\.npy'?: size"):
        list(scan(path))
    with pytest.raises(ValueError, match=r"member '?a\.x\.npy'?: size"):
        list(members(block, "here"))
