import pytest

from xval.encodings.show import tokens


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_all_encodings_are_shown_with_what_a_number_costs(capsys):
    tokens("T=-60.2 K")
    rows = [
        line.split("\u2502")[1:-1]
        for line in capsys.readouterr().out.splitlines()
        if "E-1" in line or "[NUM]" in line
    ]
    shown = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert shown["p10"] == ["9", "5", "28", "T = - 6 0 2 E-1 <0x20> K"]
    assert shown["p1000"] == ["7", "3", "918", "T = - 602 E-1 <0x20> K"]
    assert shown["b1999"] == ["6", "2", "1816", "T = -602 E-1 <0x20> K"]
    assert shown["fp15"] == ["5", "1", "28800", "T = -602E-1 <0x20> K"]
    assert shown["xval"] == ["5", "1", "1", "T = [NUM]=-60.2 <0x20> K"]


def test_one_encoding_is_shown_alone(capsys):
    tokens("3-2", encoding="b1999")
    shown = capsys.readouterr().out
    assert "+300 E-2 - +200 E-2" in shown
    assert "xval" not in shown


def test_a_number_out_of_range_is_one_line():
    with pytest.raises(ValueError, match=r"^p10: 1e\+20 is out of range, 1e-07 to 9.99e\+08$"):
        tokens("1e20")
