"""Files of one's own as the data of a training."""

import os
import re
from datetime import date
from itertools import chain
from pathlib import Path

import pytest
from xval_small import texts_of

from xval.data.datamodule import TextData

REAL = os.environ.get("SCIFORMER_REAL_DATA")


def test_words_around_numbers_and_zeros_survive(tmp_path):
    """Dossier 4.1, bugs 3, 4, 6 and 11, for a file of one's own."""
    lines = ["The temperature is 21.5 C", "3-2 is 1", "from 2023-10-04 on", "x12y 0x1F", "zero 0!"]
    path = tmp_path / "own.jsonl"
    path.write_text("".join(f'"{line}"\n' for line in lines))
    data = TextData(files=[{"path": str(path), "split": "test"}])
    assert sorted(texts_of(data, chain(*data.test_dataloader()))) == sorted(lines)
    batches = chain(*data.test_dataloader())
    zeros = [int((batch.numbers == 0).sum()) for batch in batches]
    assert sum(zeros) == 1


def test_a_files_texts_are_named_by_row_and_column_when_they_do_not_fit(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("a,b\n1,2\n3,1e39\n4,5\n")
    for options, message in (
        ({}, f"{path}: row 3: column 'b': 1e39: xval: 1e+39 is out of range, 1.17549e-38 to "),
        ({"encoding": "fp15"}, f"{path}: row 3: column 'b': 1e39: fp15: 1e+39 is out of range, "),
        ({"context": 3}, f"{path}: row 2: \"{{'a':1,'b':2}}\"...: "),
    ):
        data = TextData(files=[str(path)], **options)
        with pytest.raises(ValueError, match="^" + re.escape(message)) as caught:
            data.setup()
        assert "\n" not in str(caught.value)
    path.write_text("a\n1e-50\n")
    with pytest.raises(ValueError, match="row 2: column 'a': 1e-50: xval: 1e-50 is out of range"):
        TextData(files=[str(path)]).setup()


def test_stations_are_split_by_date_and_one_is_never_trained_on(tmp_path):
    days = "".join(f"{date.fromordinal(735_000 + day)},{day % 7}\n" for day in range(56))
    for name in ("A", "B", "C"):
        (tmp_path / f"{name}.csv").write_text("date,t\n" + days)
    files = [
        {"path": str(tmp_path / "[AB].csv"), "target": "t", "history": 3, "name": "known"},
        {"path": str(tmp_path / "C.csv"), "target": "t", "history": 3, "split": "test"},
    ]
    data = TextData(files=files, split_by="date", batch_size=4)
    data.setup()
    assert data.names == ["known", "C"]
    assert data.texts["train"].keys() == data.texts["val"].keys() == {"known"}
    sizes = [len(data.texts[split]["known"]) for split in ("train", "val", "test")]
    assert sizes == [2 * 43, 2 * 5, 2 * 5]  # 53 windows of each station
    assert len(data.texts["test"]["C"]) == 53
    assert data.patterns == ["data.3.0"]


@pytest.mark.skipif(REAL is None, reason="SCIFORMER_REAL_DATA names no folder")
def test_real_stations_train_on_some_and_test_on_another():
    folder = Path(REAL) / "weather"
    station = {
        "target": "actual_mean_temp",
        "columns": ["actual_min_temp", "actual_max_temp"],
        "known": ["average_min_temp", "average_max_temp"],
    }
    data = TextData(
        files=[
            {"path": str(folder / "K[CH]*.csv"), "name": "known", **station},
            {"path": str(folder / "KJAX.csv"), "split": "test", **station},
        ],
        split_by="date",
    )
    data.setup()
    assert data.names == ["known", "KJAX"]
    assert len(data.texts["train"]["known"]) > 800
    assert len(data.texts["test"]["KJAX"]) == 365 - 7
    (batch, *_) = data.train_dataloader()
    assert set(batch.lengths.tolist()) == {57}
