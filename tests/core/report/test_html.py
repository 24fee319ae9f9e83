import math
from urllib.parse import unquote

import pytest
from sample_report import RUN, parse

from sciformer.report import html


def test_a_browser_is_told_to_load_and_run_nothing():
    seen = parse(html.document("Title", "")).seen
    (policy,) = [a["content"] for _, a in seen if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def test_what_is_missing_is_said_and_numbers_stand_to_the_right():
    rows = [["short", 9.1e-4], ["long", math.nan]]
    shown = html.table(html.Table("By set", ["Set", "MSE (m2)"], rows))
    assert '<th scope="col" class="number">MSE (m2)</th>' in shown
    assert '<td class="number">0.0009100</td>' in shown
    assert '<td class="number missing">n/a</td>' in shown


def test_what_a_run_cost_is_said_with_units_and_what_is_unknown_is_not():
    assert html.costs(RUN) == {
        "Training time": "2 min 43 s",
        "Training, CPU time": "1 min 59 s",
        "Peak memory": "0.87 GiB",
        "Seed": "3",
    }
    assert html.costs({"wall_s": None}) == {}


def test_a_run_can_be_done_again_from_what_the_page_says():
    text = "".join(parse(html.provenance(RUN | {"machine": "a laptop"})).words)
    for said in (RUN["command"], RUN["config"], "dim: 64", "torch2.13.0", "machinea laptop"):
        assert said in text
    assert "quick.yaml" in html.provenance({"config": "quick.yaml"})
    assert html.provenance({}) == ""


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2.5, None], True),
        (["99.83 %", "n/a", "< 0.1", "-3.2"], True),
        (["0.31 (0.28 to 0.33)", "8 of 8", "2 min 43 s", "272,129", "1.2e-05"], True),
        (["0.5542 (linear)", "12.93 % (best constant)"], False),
        (["20 principal components"], False),
        (["1" * 200 + "x"], False),
        (["512 x 4", "none"], False),
        ([None, ""], False),
        ([-math.inf, 1.0], True),
    ],
)
def test_a_column_is_of_numbers_if_all_its_cells_are(cells, expected):
    assert html.numeric(cells) is expected


def test_all_numbers_of_a_table_have_four_digits():
    values = [0.145, 1.36, 12345.6, 500.0, 1234.0, 0.0, -0.0, 4.0, 3, 1e-7]
    shown = ["0.1450", "1.360", "1.235e+04", "500.0", "1234", "0", "0", "4.000", "3", "1.000e-07"]
    assert [html.number(value) for value in values] == shown


def test_all_metrics_are_saved_as_csv_with_all_digits():
    ((_, link),) = (
        each for each in parse(html.csv_link("A b!", {"id/x": 1 / 3})).seen if each[0] == "a"
    )
    assert link["download"] == "a_b.csv"
    kind, content = link["href"].split(",", 1)
    assert kind == "data:text/csv;charset=utf-8"
    assert unquote(content) == f"metric,value\nid/x,{1 / 3!r}\n"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.123, "0.12 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (83, "1 min 23 s"),
        (7201, "2 h 0 min"),
        (math.nan, "n/a"),
    ],
)
def test_a_duration_is_written_with_two_units(seconds, expected):
    assert html.duration(seconds) == expected


def test_a_percentage_is_written_as_it_is_read():
    assert [html.percent(0.9983), html.percent(0.25, 0), html.percent(math.nan)] == [
        "99.83 %",
        "25 %",
        "n/a",
    ]
