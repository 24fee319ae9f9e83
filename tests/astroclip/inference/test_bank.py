"""A bank of embeddings: parts that fit together, ids that are found, blocks of any size."""

import numpy as np
import pytest
from astroclip_small import sky

from astroclip.inference import blockwise
from astroclip.inference.bank import Bank
from astroclip.inference.embedding_files import write
from astroclip.inference.query import unit

pytestmark = pytest.mark.usefixtures("here")


def test_parts_of_a_folder_may_number_classes_differently(here):
    one, two = sky(3), sky(3, seed=1)
    two = two._replace(ids=["t0", "t1", "t2"])
    write("f/part-1.parquet", [one], {"weights": "w", "classes": '{"type": ["a", "b"]}'})
    write("f/part-2.parquet", [two], {"weights": "w", "classes": '{"type": ["b", "c"]}'})
    opened = Bank("f")
    assert opened.classes == {"type": ["a", "b", "c"]}
    assert opened.take(["type"], range(6))["type"].tolist() == [0, 1, 0, 1, 2, 1]
    assert opened.whole().labels["type"].tolist() == [0, 1, 0, 1, 2, 1]


def test_parts_of_two_networks_are_no_bank(here):
    write("f/a.parquet", [sky(3)], {"weights": "w"})
    write("f/b.parquet", [sky(3)], {"weights": "other"})
    with pytest.raises(ValueError, match=r"b\.parquet: made by weights other"):
        Bank("f")
    write("f/b.parquet", [sky(3, dim=4)], {"weights": "w"})
    with pytest.raises(ValueError, match=r"b\.parquet: vectors"):
        Bank("f")


def test_ids_are_found_whatever_their_letters_and_lengths(here):
    made = sky(5)._replace(ids=["a", "\u00e4\U0001f30c", "a" * 40, "7", "a"])
    for name in ("i.npz", "i.parquet"):
        write(name, [made.rows([0, 1]), made.rows([2, 3, 4])], {})
        found = Bank(name).rows_of(["\u00e4\U0001f30c", "a" * 40, "a", "a" * 90, "b", ""])
        assert found == {"a": 0, "\u00e4\U0001f30c": 1, "a" * 40: 2}


def test_equal_vectors_come_in_order_and_blocks_of_any_size_give_the_same(monkeypatch):
    random = np.random.default_rng(0)
    vectors = np.repeat(random.normal(size=(300, 6)), 3, 0).astype("f4")
    queries = unit(random.normal(size=(11, 6)).astype("f4"))
    expected = np.argsort(-(queries @ unit(vectors).T).round(5), 1, kind="stable")[:, :30]
    for rows, some in ((7, 3), (4096, 256)):
        monkeypatch.setattr(blockwise, "ROWS", rows)
        monkeypatch.setattr(blockwise, "QUERIES", some)
        found = blockwise.search_blocks(queries, np.split(vectors, [5, 500]), 30)
        np.testing.assert_array_equal(found.number, expected)


def test_ids_in_the_order_of_another_machine_are_found_and_damaged_ones_refused_at_once():
    write("a.npz", [sky(5)], {})
    with np.load("a.npz") as found:
        columns = dict(found)
    columns["id"] = columns["id"].astype(">U2")
    np.savez("b.npz", **columns)
    assert Bank("b.npz").rows_of(["s3", "s9"]) == {"s3": 3}
    assert Bank("b.npz").ids([4, 0]) == ["s4", "s0"]
    columns["id"].view(">u4")[7] = 0x110000
    np.savez("c.npz", **columns)
    with pytest.raises(ValueError, match=r"c\.npz: .*which Unicode lacks"):
        Bank("c.npz")
