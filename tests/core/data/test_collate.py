"""Batches that are gathered, not collated."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from sciformer.data.collate import Gathered
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import write_shards

DTYPES = ["?", "i1", "u1", "i2", "i4", "i8", "f2", "f4", "f8", "c8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_that_torch_has_comes_in_batches(tmp_path, dtype):
    rows = (np.random.default_rng(0).random((6, 2, 3)) * 9).astype(dtype)
    write_shards(tmp_path, lambda i: {"x": rows[i], "y": rows[i, 0, 0]}, Recipe("g", "1", 0, 6, 2))
    batch = ShardedDataset(tmp_path).__getitems__([5, 0, 3])
    assert isinstance(batch, Gathered)
    for fields in (batch.whole, default_collate(list(batch))):
        assert torch.equal(fields["x"], torch.from_numpy(rows[[5, 0, 3]]))
        assert torch.equal(fields["y"], torch.from_numpy(rows[[5, 0, 3], 0, 0]))


@pytest.mark.parametrize(
    "make",
    [
        lambda i: {"x": np.zeros(i % 3)},  # of other shapes
        lambda i: {"x": {"a": i}},  # no array
        lambda i: {"x": np.array("abc")},  # no numbers
        lambda i: {"x": np.zeros(2, ">f4")},  # of other machines
        lambda i: {"x": np.zeros((0, 2))},
    ],
)
def test_what_torch_has_no_room_for_comes_one_by_one(tmp_path, make):
    write_shards(tmp_path, make, Recipe("g", "1", 0, 6, 2))
    batch = ShardedDataset(tmp_path).__getitems__([4, 1])
    assert isinstance(batch, list)
    assert all(np.array_equal(batch[k]["x"], make(i)["x"]) for k, i in enumerate([4, 1]))
