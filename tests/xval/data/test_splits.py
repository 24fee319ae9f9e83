import numpy as np
import pytest

from xval.data.datamodule import TextData
from xval.data.splits import TEST, TRAIN, VAL, split_by_label

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def test_by_date_the_first_days_train_and_the_last_ones_test():
    days = [f"2015-1-{day}" for day in (7, 3, 10, 1, 9, 2, 4, 8, 5, 6, 10, 7)]
    split = split_by_label(days, "date", SHARES)
    by_day = {int(day.rpartition("-")[2]): int(kind) for day, kind in zip(days, split, strict=True)}
    assert [by_day[day] for day in range(1, 11)] == [TRAIN] * 6 + [VAL] * 2 + [TEST] * 2
    with pytest.raises(ValueError, match="'soon' is no date"):
        split_by_label(["soon"], "date", SHARES)


def test_by_any_other_label_texts_of_one_label_stay_together():
    labels = [f"S{number % 40}" for number in range(400)]
    split = split_by_label(labels, "station", SHARES)
    assert all(len(set(split[number::40])) == 1 for number in range(40))
    assert set(split) == {TRAIN, VAL, TEST}
    order = np.random.default_rng(0).permutation(400)
    again = split_by_label([labels[n] for n in order], "station", SHARES)
    np.testing.assert_array_equal(again, split[order])


def test_a_column_split_of_a_table_is_used(tmp_path):
    rows = "".join(f"{n % 5},{('Training', 'valid', 'test')[n % 3]}\n" for n in range(9))
    (tmp_path / "a.csv").write_text("x,Split\n" + rows)
    data = TextData(files=[str(tmp_path / "a.csv")], batch_size=1)
    data.setup()
    assert list(data.fields) == ["", "x"]
    texts = {name: found["a"].tolist() for name, found in data.texts.items() if found}
    assert texts == {"train": [0, 3, 6], "val": [1, 4, 7], "test": [2, 5, 8]}


def test_a_column_split_of_other_words_is_a_column(tmp_path):
    (tmp_path / "a.csv").write_text("x,split\n" + "".join(f"{n},left\n" for n in range(30)))
    data = TextData(files=[str(tmp_path / "a.csv")], batch_size=1)
    data.setup()
    assert len(data.texts["train"]["a"]) == 24
