import io
import json
import pickle
import tarfile
import zlib
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sciformer.data.loader import seeded_loader
from sciformer.data.open_files import OPEN_FILES
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import DamagedError, Recipe, read_index, seal
from sciformer.data.shards.streaming import _decoded, stream
from sciformer.data.shards.verify import damage
from sciformer.data.shards.writer import write_shards

COUNT = 11


class Wave(NamedTuple):
    number: Tensor
    height: Tensor


def wave(i):
    height = np.random.default_rng([3, i]).random((4, 2))
    return {"height": height, "number": np.int64(i), "note": [f"wave {i}", i]}


@pytest.fixture
def folder(tmp_path):
    write_shards(tmp_path, wave, Recipe("waves", "1", seed=3, count=COUNT, shards=3))
    return tmp_path


def flip(path, offset):
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)


def edit(folder, change):
    path = folder / "index.json"
    record = json.loads(path.read_bytes())
    del record["checksum"]
    change(record)
    path.write_text(seal(record))


def forge(folder, member, data=b""):
    """Put another member in place of the second sample of shard 1, with a matching index."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    raw, path = stream.getvalue(), folder / "shard-00001.tar"

    def change(record):
        shard = record["files"][1]
        size, forged = shard["sizes"], 512 + -(-len(data) // 512) * 512
        whole = path.read_bytes()
        path.write_bytes(whole[:size] + raw[:1024].ljust(size, b"\0") + whole[2 * size :])
        shard["sizes"] = [size, forged, *[size] * (shard["count"] - 2)]
        checksums = [shard["crc32"][at : at + 8] for at in range(0, len(shard["crc32"]), 8)]
        checksums[1] = f"{zlib.crc32(raw[:forged]):08x}"
        shard["crc32"] = "".join(checksums)

    edit(folder, change)


def test_every_sample_comes_back_as_it_was_made(folder):
    data = ShardedDataset(folder)
    assert len(data) == COUNT
    for i, sample in enumerate(data):
        made = wave(i)
        assert sample.keys() == made.keys()
        assert np.array_equal(sample["height"], made["height"])
        assert (sample["number"], sample["note"]) == (i, made["note"])


def test_a_sample_can_be_a_named_tuple_of_some_of_the_fields(folder):
    sample = ShardedDataset(folder, Wave)[5]
    assert isinstance(sample, Wave)
    assert sample.number == 5
    loader = seeded_loader(ShardedDataset(folder, Wave), 4, seed=0, shuffle=False)
    first = next(iter(loader))
    assert isinstance(first, Wave)
    assert first.height.shape == (4, 4, 2)
    assert first.number.tolist() == [0, 1, 2, 3]


def test_a_field_that_is_not_there_is_named(folder):
    class Other(NamedTuple):
        mass: Tensor

    with pytest.raises(ValueError, match=r"index\.json: fields: no 'mass', only"):
        ShardedDataset(folder, Other)


def test_a_data_set_travels_to_another_process(folder):
    data = ShardedDataset(folder)
    data[0]
    again = pickle.loads(pickle.dumps(data))
    assert again[10]["number"] == 10


def test_only_so_many_files_stay_open(tmp_path):
    count = OPEN_FILES + 5
    write_shards(tmp_path, lambda i: {"x": np.int64(i)}, Recipe("g", "1", 0, count, count))
    data = ShardedDataset(tmp_path)
    assert [int(data[i]["x"]) for i in [*range(count), 0]] == [*range(count), 0]
    assert len(data.files) == OPEN_FILES


@pytest.mark.process
def test_forked_workers_read_the_same(folder):
    data = ShardedDataset(folder, Wave)
    data[0]  # a file is open when the workers start
    expected = torch.cat([batch.height for batch in DataLoader(data, 2)])
    loader = DataLoader(data, 2, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat([batch.height for batch in loader]), expected)


@pytest.mark.process
@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_has_every_sample_once(folder, world, workers):
    seen = Counter()
    for rank in range(world):
        loader = DataLoader(stream(folder, Wave, rank, world), None, num_workers=workers)
        seen.update(int(sample.number) for sample in loader)
    assert seen == Counter(range(COUNT))


def test_a_stream_gives_the_same_samples_as_access_by_number(folder):
    by_number = ShardedDataset(folder)
    for sample in stream(folder):
        twin = by_number[int(sample["number"])]
        assert np.array_equal(sample["height"], twin["height"])
        assert sample["note"] == twin["note"]


def test_a_whole_data_set_has_no_damage(folder):
    assert list(damage(folder)) == []


@pytest.mark.parametrize("where", [0, 130, 520, 700, 1023])
def test_a_flipped_byte_is_found_and_named(folder, where):
    path = folder / "shard-00001.tar"
    shard = read_index(folder).shards[1]
    flip(path, int(shard.offsets[2]) + where)
    (line,) = damage(folder)
    assert line.startswith(f"{path}: sample 00000005: damaged: crc32 ")
    data = ShardedDataset(folder)
    assert data[0]["number"] == 0
    for read in (lambda: data[5], lambda: data.__getitems__([4, 5])):
        with pytest.raises(DamagedError, match=f"{path}: sample 00000005: damaged"):
            read()


def test_a_flipped_byte_between_the_samples_is_found(folder):
    flip(folder / "shard-00002.tar", -1)
    (line,) = damage(folder)
    assert line.startswith(f"{folder / 'shard-00002.tar'}: damaged outside of its samples: sha256 ")


def test_a_missing_or_shortened_shard_is_named(folder):
    path = folder / "shard-00000.tar"
    path.write_bytes(path.read_bytes()[:-1])
    for read in (ShardedDataset, stream):
        with pytest.raises(ValueError, match=f"{path}: size: 10239 bytes, but index.json has"):
            read(folder)
    path.unlink()
    assert list(damage(folder)) == [f"{path}: no such file, but index.json has 10240 bytes"]


SYMLINK = tarfile.TarInfo("00000004.height.npy")
SYMLINK.type, SYMLINK.linkname = tarfile.SYMTYPE, "/etc/passwd"


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (SYMLINK, "type '2' is not a file"),
        (tarfile.TarInfo("../../../tmp/00000004.height.npy"), "not a name of the form"),
        (tarfile.TarInfo("00000009.height.npy"), "of another sample"),
        (tarfile.TarInfo("00000004.height.npy"), "not the mark of an npy file"),
    ],
)
def test_a_hostile_shard_with_a_forged_index_is_refused(folder, member, complaint):
    forge(folder, member)
    with pytest.raises(ValueError, match=f"shard-00001.tar: .*{complaint}"):
        ShardedDataset(folder)[4]
    assert any(complaint in line for line in damage(folder))


@pytest.mark.parametrize("member", [SYMLINK, tarfile.TarInfo("../00000004.height.npy")])
def test_a_hostile_shard_is_not_streamed(folder, member):
    forge(folder, member)
    with pytest.raises(ValueError, match=r"shard-00001\.tar: member"):
        list(stream(folder))


def test_a_pickle_in_a_shard_is_not_run(folder):
    data = io.BytesIO()
    np.save(data, np.array([print], object), allow_pickle=True)
    forge(folder, tarfile.TarInfo("00000004.height.npy"), data.getvalue())
    with pytest.raises(ValueError, match="dtype object would have to be unpickled"):
        ShardedDataset(folder)[4]
    whole = {"x.npy": data.getvalue(), "__url__": "u", "__key__": "k"}
    with pytest.raises(ValueError, match=r"u: sample k: member x\.npy: dtype object"):
        list(_decoded([whole], ("x",), dict, read_index(folder)))


def test_a_shard_that_ends_early_is_not_streamed_as_if_it_were_whole(folder):
    forge(folder, tarfile.TarInfo("00000004.note.json"))  # zeros follow: the end of an archive
    with pytest.raises(ValueError, match=r"shard-00001\.tar: holds 2 samples that are not"):
        list(stream(folder))


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", 2, "format: 2, but this version reads 1"),
        ("seed", "x", "seed: 'x' is not a int"),
        ("count", True, "count: True is not a int"),
        ("fields", [], r"fields: \[\] is not a dict"),
        ("files", [{"file": "../../etc/passwd"}], "does not name a shard"),
        ("files", [7], "7 does not name a shard"),
    ],
)
def test_an_index_that_cannot_be_is_refused(folder, key, value, complaint):
    edit(folder, lambda record: record.update({key: value}))
    with pytest.raises(ValueError, match=rf"index\.json: .*{complaint}") as refused:
        ShardedDataset(folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("sizes", 10**15, "not 3 sizes in bytes"),
        ("sizes", [512, -512, 512], "not 3 sizes in bytes"),
        ("sizes", [0.5, 512, 512], "not 3 sizes in bytes"),
        ("sizes", [512, 512], "not 3 sizes in bytes"),
        ("sizes", [10240, 512, 512], "beyond the file"),
        ("crc32", "0", "not 3 checksums"),
        ("crc32", "g" * 24, "not 3 checksums"),
        ("size", 1.5, "size: 1.5 is not a int"),
        ("file", "../shard-00000.tar", "does not name a shard"),
        ("file", "/etc/shard-00000.tar", "does not name a shard"),
        ("file", "shard-00003.tar", "not 3 shards in their order"),
    ],
)
def test_an_index_that_points_out_of_its_folder_or_a_file_is_refused(
    folder, column, value, complaint
):
    edit(folder, lambda record: record["files"][0].update({column: value}))
    for read in (ShardedDataset, stream, lambda folder: list(damage(folder))):
        with pytest.raises(ValueError, match=rf"index\.json: .*{complaint}"):
            read(folder)


@pytest.mark.parametrize("dtype", ["<f5", "<U9999999999", "O", "i4,f4", "V3", "x", ""])
def test_a_type_of_numbers_that_is_none_is_refused(folder, dtype):
    edit(folder, lambda record: record["fields"]["height"].update(dtype=dtype))
    for read in (ShardedDataset, stream):
        with pytest.raises(ValueError, match=r"index\.json: fields: height: dtype: "):
            read(folder)


def test_any_change_of_an_index_is_found(folder):
    path = folder / "index.json"
    path.write_bytes(path.read_bytes().replace(b'"seed":3', b'"seed":2'))
    with pytest.raises(ValueError, match=r"index\.json: damaged"):
        ShardedDataset(folder)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "3", "null"])
def test_an_index_that_is_none_is_refused(folder, text):
    (folder / "index.json").write_text(text)
    with pytest.raises(ValueError, match=r"index\.json: (not JSON|format)"):
        ShardedDataset(folder)
