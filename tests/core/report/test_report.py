import json
import math
import stat
from base64 import b64decode
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from sample_report import GIF, NASTY, RUN, line_figure, parse, sample_report

from sciformer.report.figures import figure
from sciformer.report.html import Film
from sciformer.report.report import Report


def broken_figure():
    with figure() as drawing:
        drawing.subplots().yaxis.set_major_formatter(nonsense)  # fails only when it is drawn
    return drawing


def nonsense(value, place):
    raise ValueError("nonsense")


def test_the_page_is_well_formed(tmp_path):
    tags = parse(sample_report().write(tmp_path).read_text())
    assert [tag for tag, _ in tags.seen].count("h1") == 1


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing(tmp_path):
    html = sample_report().write(tmp_path).read_text()
    assert "http://" not in html
    assert "https://" not in html
    for tag, attributes in parse(html).seen:
        assert tag not in ("script", "link", "iframe")
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:")


def test_whatever_is_given_is_escaped(tmp_path):
    run = dict.fromkeys(("command", "config", "seed", "note"), NASTY)
    run |= {"settings": {NASTY: NASTY}, "versions": {NASTY: NASTY}}
    report = Report(NASTY, run, NASTY)
    report.add_result(NASTY, NASTY, NASTY)
    report.add_metrics({"a/b": 1.0})
    report.add_table(NASTY, [NASTY, NASTY], [[NASTY, NASTY]], NASTY)
    report.add_figure(NASTY, line_figure(), NASTY, NASTY)
    report.add_film(NASTY, Film(GIF), 2.0, NASTY, NASTY)
    tags = parse(report.write(tmp_path).read_text())
    assert all(tag != "script" for tag, _ in tags.seen)
    assert len(tags.comments) == 3
    assert {attributes["alt"] for tag, attributes in tags.seen if tag == "img"} == {NASTY}


def test_a_film_is_held_by_the_page_byte_for_byte(tmp_path):
    tags = parse(sample_report().write(tmp_path).read_text())
    (film,) = (a for tag, a in tags.seen if tag == "img" and a["class"] == "film")
    assert b64decode(film["src"].removeprefix("data:image/gif;base64,")) == GIF
    assert film["alt"] == "A moving dot."
    assert film["style"] == "--width: 2in"


def test_metrics_json_holds_the_numbers_and_the_run(tmp_path):
    sample_report().write(tmp_path)
    written = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=pytest.fail)
    run = written.pop("run")
    assert written == {"id/top1/region0": 0.998, "id/mse": None, "id/samples": 4000}
    assert {key: run[key] for key in RUN if key != "settings"} == {
        key: value for key, value in RUN.items() if key != "settings"
    }
    assert run["results"][0]["value"] == "99.83 %"


def test_numbers_of_numpy_and_infinities_become_json(tmp_path):
    report = Report("Numbers", {"loss": np.float32("inf"), "steps": np.int64(7), "ok": True})
    report.add_metrics({"a/b": np.float32(0.5), "a/n": np.int64(3), "a/inf": -math.inf})
    assert isinstance(report.metrics["a/n"], int)
    report.write(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        **{"a/b": 0.5, "a/n": 3, "a/inf": None},
        "run": {"loss": None, "steps": 7, "ok": True, "results": []},
    }


@pytest.mark.parametrize("key", ["run", "mse", ""])
def test_a_metric_of_another_form_is_refused(key):
    with pytest.raises(ValueError, match="not of the form"):
        Report("Numbers", {}).add_metrics({key: 1.0})


def test_names_of_any_kind_make_keys_that_every_reader_takes():
    report = Report("Numbers", {})
    names = ["a$b_{/mse", "a%b_{/mse", "<script>/mse/[bold]x", "//", "\x1b[31m/\u00e4 b"]
    report.add_metrics(dict.fromkeys(names, 1.0))
    keys = ["a_b__/mse", "a_b__/mse.2", "_script_/mse/_bold_x", "_/_/_", "_31m/_b"]
    assert list(report.metrics) == keys


def test_a_metric_is_added_once_and_a_refused_batch_leaves_none():
    report = Report("Numbers", {})
    report.add_metrics({"a/b": 1.0})
    with pytest.raises(ValueError, match="'a/b' was added before"):
        report.add_metrics({"a/c": 2.0, "a/b": 3.0})
    assert report.metrics == {"a/b": 1.0}


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="By set"):
        Report("Numbers", {}).add_table("By set", ["Set", "MSE"], [["short", 1.0, 2.0]])


def test_a_figure_that_cannot_be_drawn_leaves_the_earlier_report(tmp_path):
    sample_report().write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def evaluate_again():
        later = Report("Later", {})
        later.add_metrics({"a/b": 1.0})
        later.add_figure("Broken", broken_figure(), "It cannot be drawn.")
        later.write(tmp_path)

    with pytest.raises(ValueError, match="nonsense"):
        evaluate_again()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_others_may_read_a_report_as_any_other_file(tmp_path):
    (tmp_path / "plain").write_text("")
    mode = sample_report().write(tmp_path / "out").stat().st_mode
    assert stat.S_IMODE(mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_the_same_report_gives_the_same_bytes(tmp_path):
    pages = [sample_report().write(tmp_path / name).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_tables_are_printed_whole_where_there_is_no_terminal(capsys):
    report = sample_report()
    wide = [f"column {i} [bold]" for i in range(8)]
    report.add_table("Wide", wide, [[*wide[:-1], 0.125]])
    report.print()
    printed = capsys.readouterr().out
    assert "99.83 %" in printed
    assert "column 7 [bold]" in printed
    assert "\x1b" not in printed


def test_tables_are_printed_on_a_terminal():
    stream = StringIO()
    sample_report().print(Console(file=stream, force_terminal=True, width=60))
    assert "0.0009100" in stream.getvalue()
    assert "\x1b" in stream.getvalue()


def test_a_terminal_shows_names_of_any_kind_as_they_are():
    report = Report("[bold]x", {})
    report.add_table("a$b_{", ("[red]name", "y"), [["[link=http://x]z", "\x1b[31mred\x1b]0;t\x07"]])
    stream = StringIO()
    report.print(Console(file=stream, width=120, force_terminal=True, color_system="standard"))
    shown = stream.getvalue()
    for name in ("[bold]x", "a$b_{", "[red]name", "[link=http://x]z", r"\x1b[31mred\x1b]0;t\x07"):
        assert name in shown
    assert "\x1b]0;" not in shown
