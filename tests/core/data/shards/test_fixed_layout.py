"""Whole batches of shards: the same as sample by sample, sound or not."""

import subprocess
import sys
import zlib
from typing import NamedTuple

import numpy as np
import pytest
from torch import Tensor
from torch.utils.data import DataLoader

from sciformer.data.loader import seeded_loader
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import DamagedError, Recipe
from sciformer.data.shards.writer import write_shards

COUNT = 23
pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")


class Part(NamedTuple):
    number: Tensor
    x: Tensor


def sample(i):
    x = np.random.default_rng(i).random((3, 5), np.float32)
    return {"x": x, "note": "as long", "flag": np.uint8(i % 2), "number": np.int64(i)}


@pytest.fixture
def folder(tmp_path):
    write_shards(tmp_path, sample, Recipe("samples", "1", 0, COUNT, 4))
    return tmp_path


def damage(folder, number, offset=900):
    """Flip a byte of a sample."""
    data = ShardedDataset(folder)
    file = int(np.searchsorted(data._starts, number, "right")) - 1
    path = data.folder.path(file)
    raw = bytearray(path.read_bytes())
    raw[int(data._offset[number]) + offset] ^= 16
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.process)])
def test_a_loader_gives_what_samples_one_by_one_give(folder, workers):
    data = ShardedDataset(folder, Part)
    loader = seeded_loader(data, 5, seed=1, workers=workers)
    for _ in range(2):  # the second time without checksums
        seen = 0
        for batch in loader:
            for row, number in enumerate(batch.number.tolist()):
                assert np.array_equal(batch.x[row].numpy(), sample(number)["x"])
            assert batch.x.is_contiguous()
            seen += len(batch.number)
        assert seen == 20


class Some(NamedTuple):
    large: Tensor
    small: Tensor


def mixed(i):
    rng = np.random.default_rng(i)
    large = rng.random((2, 40, 60), np.float32)
    return {"first": large[0], "large": large, "middle": large[1], "small": large[0, :3, 0]}


@pytest.mark.parametrize("kind", [dict, Some])
def test_large_and_small_arrays_come_to_their_place(tmp_path, kind):
    write_shards(tmp_path, mixed, Recipe("mixed", "1", 0, 6, 2))
    data = ShardedDataset(tmp_path, kind)
    for _ in range(2):  # the second time without checksums, and only what is wanted
        whole = data.__getitems__([5, 0, 3]).whole
        fields = whole if kind is dict else whole._asdict()
        for name, values in fields.items():
            assert np.array_equal(values.numpy(), np.stack([mixed(i)[name] for i in (5, 0, 3)]))
    for offset in range(700, 40_000, 5_000):
        damage(tmp_path, 4, offset)
        with pytest.raises(DamagedError, match="sample 00000004: damaged: crc32"):
            ShardedDataset(tmp_path, kind).__getitems__([3, 4])
        damage(tmp_path, 4, offset)  # back


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"00000009.x", b"00000008.x", "holds member 00000008.x.npy of another sample"),
        (b"'<f4'", b"'<i4'", r"x is <i4 \(3, 5\), but index.json has <f4"),
        (b"(3, 5)", b"(5, 3)", r"x is <f4 \(5, 3\), but index.json has <f4 \(3, 5\)"),
        (b"ustar", b"vstar", "is not the mark of a tar header"),
    ],
)
def test_other_headers_with_the_right_checksum_are_refused(folder, old, new, complaint):
    data = ShardedDataset(folder, Part)
    path, at = folder / "shard-00001.tar", int(data._offset[9])
    whole = path.read_bytes()
    sample = whole[at : at + int(data._size[9])]
    forged = sample.replace(old, new, 1)
    assert forged != sample
    path.write_bytes(whole.replace(sample, forged))
    data._crc32[9] = zlib.crc32(forged)
    with pytest.raises(DamagedError, match=f"^{path}: sample 00000009: .*{complaint}"):
        data.__getitems__([7, 9])


def test_batches_belong_to_whoever_asked(folder):
    data = ShardedDataset(folder, Part)
    for _ in range(2):
        first = data.__getitems__([2, 3])
        first.whole.x.fill_(7)
        assert np.array_equal(data.__getitems__([2])[0].x, sample(2)["x"])
        assert (first[1].x == 7).all()


@pytest.mark.parametrize("offset", [0, 3, 150, 520, 700, 2000])
def test_a_damaged_sample_of_a_batch_is_named(folder, offset):
    path = damage(folder, 9, offset)
    data = ShardedDataset(folder, Part)
    for loader in (DataLoader(data, 4), seeded_loader(data, 4, 0, shuffle=False)):
        with pytest.raises(DamagedError, match=f"^{path}: sample 00000009: damaged"):
            list(loader)


def test_a_skipped_sample_is_replaced_by_the_next_sound_one_with_one_warning(folder):
    for number in (9, 10, 22):
        damage(folder, number)
    data = ShardedDataset(folder, Part, damaged="skip")
    with pytest.warns(UserWarning, match="sample 0000.*skipped") as warned:
        batches = [data.__getitems__(list(range(23))) for _ in range(2)]
    assert len(warned) == 3
    assert [str(w.message).split(": ")[1] for w in warned] == [
        f"sample {number:08d}" for number in (9, 10, 22)
    ]
    for batch in batches:
        assert batch.whole.number.tolist() == [*range(9), 11, 11, *range(11, 22), 0]
    assert [int(data[i].number) for i in (9, 10, 22)] == [11, 11, 0]


def test_where_no_sample_is_sound_skipping_ends(tmp_path):
    write_shards(tmp_path, sample, Recipe("samples", "1", 0, 2, 1))
    damage(tmp_path, 0)
    damage(tmp_path, 1)
    data = ShardedDataset(tmp_path, Part, damaged="skip")
    with (
        pytest.warns(UserWarning, match="skipped"),
        pytest.raises(DamagedError, match="no sample is sound"),
    ):
        data.__getitems__([0, 1])


def test_a_file_that_shrinks_while_it_is_read_is_named(folder):
    data = ShardedDataset(folder, Part)
    data.__getitems__(list(range(COUNT)))
    path = folder / "shard-00001.tar"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DamagedError, match=f"^{path}: sample 000000.*bytes are missing"):
        data.__getitems__(list(range(COUNT)))


@pytest.mark.process
@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_has_each_sample_once_over_ranks_and_workers(folder, world, workers):
    loaders = [
        seeded_loader(ShardedDataset(folder, Part), 4, 0, rank=r, world=world, workers=workers)
        for r in range(world)
    ]
    for _ in range(2):
        numbers = [number for loader in loaders for b in loader for number in b.number.tolist()]
        assert len(numbers) == len(set(numbers)) == 20
    whole = [
        seeded_loader(
            ShardedDataset(folder, Part), 4, 0, rank=r, world=world, workers=workers, shuffle=False
        )
        for r in range(world)
    ]
    seen = [number for loader in whole for b in loader for number in b.number.tolist()]
    assert sorted(seen) == list(range(COUNT))


@pytest.mark.process
def test_ten_times_the_shards_take_no_more_memory(tmp_path):
    script = (
        "import resource, sys\n"
        "from sciformer.data.loader import seeded_loader\n"
        "from sciformer.data.shards.dataset import ShardedDataset\n"
        "n = sum(len(b['x']) for b in seeded_loader(ShardedDataset(sys.argv[1]), 8, 0))\n"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    peaks = []
    for shards in (4, 40):
        folder = tmp_path / str(shards)
        recipe = Recipe("g", "1", 0, 16 * shards, shards)  # of 2 MiB each
        write_shards(folder, lambda i: {"x": np.full(2**15, i, np.float32)}, recipe)
        command = [sys.executable, "-c", script, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        count, peak = map(int, done.stdout.split())
        assert count == 16 * shards
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 20  # MiB; the data grew by 72
