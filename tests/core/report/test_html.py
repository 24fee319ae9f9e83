import math

import pytest
from sample_report import RUN, parse

from sciformer.report import html


def test_a_browser_is_told_to_load_and_run_nothing():
    seen = parse(html.document("Title", "")).seen
    (policy,) = [a["content"] for _, a in seen if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_what_is_missing_is_said_and_numbers_stand_to_the_right():
    rows = [["short", 9.1e-4], ["long", math.nan]]
    shown = html.table(html.Table("By set", ["Set", "MSE (m2)"], rows))
    assert '<th scope="col" class="number">MSE (m2)</th>' in shown
    assert '<td class="number">0.00091</td>' in shown
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
        (["512 x 4", "none"], False),
        ([None, ""], False),
        ([-math.inf, 1.0], True),
    ],
)
def test_a_column_is_of_numbers_if_all_its_cells_are(cells, expected):
    assert html.numeric(cells) is expected


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
