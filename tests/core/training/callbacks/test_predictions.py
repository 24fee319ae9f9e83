import numpy as np
import pytest
import torch
from pyarrow import parquet

from sciformer.training.callbacks.predictions import PredictionFile, in_order, save

IDS = ["a", "b", "c", "d", "e"]


def parts():
    """Two batches of five samples, the second with more answers than the first."""
    first = {"answer": torch.tensor([[3.0], [1.0]]), "count": torch.tensor([3, 1])}
    second = {"answer": torch.tensor([[4.0, 9.0], [0.0, 9.0], [2.0, 9.0]])}
    return [([3, 1], first), ([4, 0, 2], second | {"count": torch.tensor([4, 0, 2])})]


def test_batches_come_into_the_order_of_the_samples():
    found = in_order(parts(), IDS)
    assert found["id"].tolist() == IDS
    assert found["count"].tolist() == [0, 1, 2, 3, 4]
    assert found["answer"][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert np.isnan(found["answer"][[1, 3], 1]).all()
    assert (found["answer"][[0, 2, 4], 1] == 9).all()


def test_a_sample_that_is_missing_or_twice_there_is_a_fault_of_ours():
    (numbers, values), last = parts()
    with pytest.raises(AssertionError, match="once"):
        in_order([last], IDS)
    with pytest.raises(AssertionError, match="once"):
        in_order([(numbers, values), last, last], IDS)


def test_half_precision_is_written_as_float32():
    found = in_order([([0], {"x": torch.ones(1, 2, dtype=torch.bfloat16)})], ["a"])
    assert found["x"].dtype == np.float32


def test_an_npz_holds_every_set(tmp_path):
    found = in_order(parts(), IDS)
    save({"one": found, "other": found}, tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz", allow_pickle=False) as file:
        assert set(file) == {f"{s}/{key}" for s in ("one", "other") for key in found}
        np.testing.assert_array_equal(file["other/answer"], found["answer"])
        assert file["one/id"].tolist() == IDS


def test_a_parquet_has_a_row_for_each_sample(tmp_path):
    found = in_order(parts(), IDS)
    more = {"id": np.array(["z"]), "own": np.array([1.5], np.float32)}
    save({"one": found, "other": more}, tmp_path / "p.parquet")
    table = parquet.read_table(tmp_path / "p.parquet").to_pydict()
    assert table["set"] == ["one"] * 5 + ["other"]
    assert table["id"] == [*IDS, "z"]
    assert table["count"] == [0, 1, 2, 3, 4, None]
    assert table["own"] == [None] * 5 + [1.5]
    assert table["answer"][0] == [0.0, 9.0]


def test_frames_do_not_fit_into_a_table(tmp_path):
    columns = {"id": np.array(["a"]), "frames": np.zeros((1, 2, 3))}
    with pytest.raises(ValueError, match=r"swe/frames has 2 axes for each sample; write an \.npz"):
        save({"swe": columns}, tmp_path / "p.parquet")
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused():
    with pytest.raises(ValueError, match=r"out: p\.csv ends neither in \.npz nor in \.parquet"):
        PredictionFile("p.csv")
