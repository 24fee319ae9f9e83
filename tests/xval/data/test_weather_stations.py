import ast
import math
import os
import re
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from xval.data.readers.open import open_table
from xval.data.weather_stations import read_station

REAL = os.environ.get("SCIFORMER_REAL_DATA")
Read = namedtuple("Read", "texts lines")
real = pytest.mark.skipif(REAL is None, reason="SCIFORMER_REAL_DATA names no folder")


def table(folder, days, name="KXYZ.csv"):
    path = folder / name
    path.write_text("date,mean,low,normal\n" + "".join(f"{','.join(day)}\n" for day in days))
    return path


def station_of(*args, **options):
    """All texts of a station, and their lines."""
    rows = read_station(*args, **options)
    return Read(rows.texts(0, len(rows.lines)), rows.lines.tolist())


def june(*days):
    return [(f"2015-6-{day}", f"{day}.0", f"{day - 5}", f"{50 + day}") for day in days]


def test_a_window_has_rows_before_and_the_value_to_be_predicted(tmp_path):
    path = table(tmp_path, june(1, 2, 3, 4))
    found = station_of(path, "mean", ["low"], ["normal"], history=2)
    assert len(found.texts.texts) == 2
    said = ast.literal_eval(found.texts.texts[0])
    assert said["data"] == [[1.0, -4], [2.0, -3], [3.0]]
    assert said["description"]["known"] == [53]
    day = 2 * math.pi * 151 / 365  # June 1
    np.testing.assert_allclose(
        said["description"]["start"], [math.sin(day), math.cos(day), 0, 1], atol=5e-5
    )
    assert found.texts.labels == {
        "id": ["KXYZ/2015-06-03T00:00:00", "KXYZ/2015-06-04T00:00:00"],
        "station": ["KXYZ", "KXYZ"],
        "date": ["2015-06-03T00:00:00", "2015-06-04T00:00:00"],
    }
    assert found.lines == [4, 5]


def test_no_window_has_a_gap_or_a_missing_value_and_rows_need_not_be_in_order(tmp_path):
    days = june(9, 8, 7, 6, 4, 3, 2, 1)
    days[1] = ("2015-6-8", "8.0", "", "58")
    path = table(tmp_path, days)
    plain = station_of(path, "mean", history=2, station="here")
    assert plain.texts.labels["id"] == [f"here/2015-06-0{day}T00:00:00" for day in (3, 4, 8, 9)]
    low = station_of(path, "mean", ["low"], history=2)
    assert [ast.literal_eval(text)["data"][-1] for text in low.texts.texts] == [[3], [4], [8]]
    assert "known" not in low.texts.texts[0]


def test_hours_are_steps_as_well(tmp_path):
    days = [(f"2015-06-01T{hour:02d}:00", str(hour), "0", "0") for hour in range(0, 24, 6)]
    found = station_of(table(tmp_path, days), "mean", history=3)
    assert len(found.texts.texts) == 1
    later = station_of(table(tmp_path, days[1:]), "mean", history=2)
    start = ast.literal_eval(later.texts.texts[0])["description"]["start"]
    np.testing.assert_allclose(start[2:], [1, 0], atol=1e-4)  # six o'clock


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("2015-6-31", "1", "1", "1"), "column 'date': '2015-6-31' is no date: day "),
        (("yesterday", "1", "1", "1"), "column 'date': 'yesterday' is no date"),
        (("2015-6-1", "1", "1", "1"), "column 'date': '2015-6-1' is there twice"),
        (("2015-6-9", "M", "1", "1"), "column 'mean': 'M' is no number"),
        (("2015-6-9", "1", "T", "1"), "column 'low': 'T' is no number"),
    ],
)
def test_a_bad_value_is_named_with_its_row(row, message, tmp_path):
    path = table(tmp_path, [*june(1, 2, 3), row])
    with pytest.raises(ValueError, match="^" + re.escape(f"{path}: row 5: {message}")):
        station_of(path, "mean", ["low"], history=1)


def test_windows_that_cannot_be_are_refused(tmp_path):
    path = table(tmp_path, june(1, 2, 5, 6))
    with pytest.raises(ValueError, match="no 3 rows follow each other without a gap"):
        station_of(path, "mean", history=2)
    with pytest.raises(ValueError, match="history: 0 is less than 1"):
        station_of(path, "mean", history=0)
    with pytest.raises(ValueError, match="no column 'max'; it has date, mean, low, normal"):
        station_of(path, "max")


@real
def test_a_real_station_is_read_whole():
    path = Path(REAL) / "weather" / "KCLT.csv"
    known = ["average_min_temp", "average_max_temp"]
    found = station_of(path, "actual_mean_temp", ["actual_min_temp"], known, history=7)
    mean = open_table(path).cells["actual_mean_temp"].tolist()
    assert len(found.texts.texts) == len(mean) - 7
    for start, text in enumerate(found.texts.texts):
        said = [row[0] for row in ast.literal_eval(text)["data"]]
        assert said == [int(value) for value in mean[start : start + 8]]
    assert found.texts.labels["date"][0] == "2014-07-08T00:00:00"
