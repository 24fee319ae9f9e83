"""A flipped bit of a file of weights is noticed, or changes nothing."""

import random
import struct
import zipfile

import pytest
import torch
from minimal import MinimalModule

from sciformer.training.checkpoints.checkpoint import read, stamp
from sciformer.training.checkpoints.export import export
from sciformer.training.checkpoints.intact import check_records, checksum


@pytest.fixture(scope="module", params=[".ckpt", ".safetensors"])
def written(request, tmp_path_factory):
    """A checkpoint, or what export makes of it."""
    folder = tmp_path_factory.mktemp("written")
    module = MinimalModule()
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    stamp(content, module, {"seed": 7})
    torch.save(content, folder / "x.ckpt")
    export(str(folder / "x.ckpt"), str(folder / "y.safetensors"))
    return folder / ("x.ckpt" if request.param == ".ckpt" else "y.safetensors")


def same(ours, theirs):
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    return torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs


def flipped(path, bit, tmp_path):
    """A copy of a file with one bit turned over."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    copy = tmp_path / path.name
    copy.write_bytes(data)
    return copy


def test_a_flipped_bit_is_noticed_or_harmless(written, tmp_path):
    source, bits = random.Random(0), 8 * written.stat().st_size
    lines = []
    for _ in range(150):
        copy = flipped(written, source.randrange(bits), tmp_path)
        try:
            assert same(read(copy), read(written))
        except ValueError as error:
            lines.append(str(error))
    assert len(lines) > 50
    assert all(line.startswith(f"{copy}: ") and "\n" not in line for line in lines)


def test_a_flipped_bit_of_a_weight_is_noticed(written, tmp_path):
    weight = read(written)["state_dict"]["model.head.weight"]
    place = written.read_bytes().find(weight.numpy().tobytes())
    assert place > 0
    with pytest.raises(ValueError, match=r"damaged.* checksum"):
        read(flipped(written, 8 * place + 3, tmp_path))


def test_what_is_no_zip_file_is_left_to_others(tmp_path):
    (tmp_path / "x").write_bytes(b"hello")
    check_records(tmp_path / "x")


def test_records_that_lie_in_each_other_are_refused_unread(tmp_path):
    """A list that names one record a million times would take hours to compare."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", bytes(10_000))
        archive.filelist *= 5
    with pytest.raises(ValueError, match="records are larger than the file"):
        check_records(path)


def test_a_record_beyond_the_end_of_the_file_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"content")
    data = bytearray(path.read_bytes())
    listed = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, listed + 42, len(data) - 10)  # where the record begins
    path.write_bytes(data)
    with pytest.raises(ValueError, match="checksum of 'a' differs"):
        check_records(path)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.bfloat16, torch.complex64])
def test_a_checksum_sees_values_types_shapes_names_and_notes(dtype):
    tensor = torch.tensor([[0, 1], [1, 1]]).to(dtype)
    known = checksum({"a": tensor, "b": tensor[0, 0]}, {"n": "1"})
    assert known == checksum({"b": tensor[0, 0], "a": tensor}, {"n": "1"})
    others = [
        ({"a": tensor.T.contiguous().flip(0), "b": tensor[0, 0]}, {"n": "1"}),
        ({"a": tensor.reshape(4), "b": tensor[0, 0]}, {"n": "1"}),
        ({"a": tensor, "c": tensor[0, 0]}, {"n": "1"}),
        ({"a": tensor, "b": tensor[0, 0]}, {"n": "2"}),
    ]
    assert known not in [checksum(state, notes) for state, notes in others]
