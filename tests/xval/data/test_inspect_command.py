from pathlib import Path

import pandas as pd
import pytest
import yaml

from xval.data.inspect_command import inspect
from xval.data.readers.open import open_table


def test_an_inspection_shows_types_ranges_and_the_line_to_change_them(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text(
        "day;t;w;n\n1.7.2014;1,5;1.234;-999\n31.12.2014;-2,5;5.678;-999\n1.1.2015;;7;3\n"
    )
    inspect("my.csv")
    shown = capsys.readouterr().out
    for part in (
        "3 rows, 4 columns",
        "separator ';', encoding utf-8",
        "2014-07-01 to 2015-01-01",
        "-2.5 to 1.5",
        "7 to 5678",
        "column 't': decimal commas",
        "column 'n': -999 is there 2 times: missing?",
    ):
        assert part in shown
    (line,) = [each for each in shown.splitlines() if each.startswith("to read it otherwise: ")]
    (entry,) = yaml.safe_load(line.partition(": ")[2])["data"]["files"]
    table = open_table(tmp_path / entry.pop("path"), entry.pop("types"), **entry)
    assert table.type("day").kind == "text"
    assert table.values("w")[0].text == "1234"


@pytest.mark.parametrize("name", ["my.parquet", "my.jsonl"])
def test_a_file_that_has_no_separator_is_not_said_to_have_one(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"t": [1 / 3, 2 / 3, 1.0, 2.0], "kind": ["a", "b", "a", "b"]})
    if name == "my.parquet":
        frame.to_parquet(name)
    else:
        frame.to_json(name, orient="records", lines=True)
    inspect(name)
    shown = capsys.readouterr().out
    assert "separator" not in shown
    assert "decimal" not in shown
    assert "0.3333333 to 2" in shown
    assert open_table(Path(name)).type("kind").kind == "category"


def test_a_column_of_two_meanings_is_asked_about_and_the_others_are_shown(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "my.csv").write_text("a;b\n1;1.234\n2;5.678\n")
    inspect(str(tmp_path / "my.csv"))
    shown = capsys.readouterr().out
    assert "'1.234' is 1.234 or 1234: say decimal: '.' or ','" in shown
    assert "1 to 2" in shown
