import json
import math
import re
import stat
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rcParams
from rich.console import Console

from sciformer import page
from sciformer.figures import BLUE, DARK, INK, PAPER, draw, figure
from sciformer.files import write_atomically
from sciformer.joined import Done, Failed, join, tail
from sciformer.report import Report

VOID = {"meta", "img", "br", "hr", "input", "link"}
NASTY = "<script>alert(\"1\")</script> & 'more' <!-- report ends -->"
RUN = {
    "command": "xval fit --config configs/xval/quick.yaml",
    "config": "configs/xval/quick.yaml",
    "settings": {"model": {"dim": 64, "betas": (0.9, 0.98)}},
    "seed": 3,
    "versions": {"torch": "2.13.0"},
    "cpu_s": 118.7,
    "wall_s": 163.0,
    "peak_gib": 0.874,
}


class Tags(HTMLParser):
    """Sees that every tag that opens is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids, self.words, self.comments = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        assert len(attrs) == len(dict(attrs)), f"{tag} repeats an attribute"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def handle_comment(self, data):
        self.comments.append(data)


def parse(html):
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert not tags.open
    assert len(set(tags.ids)) == len(tags.ids)
    return tags


def line_figure():
    with figure(2.0) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [1, 0])
        axes.set_xlabel("time (s)")
    return drawing


def broken_figure():
    with figure() as drawing:
        drawing.subplots().set_title("$\\nonsense{$")  # fails only when it is drawn
    return drawing


def a_report(title="Numbers"):
    report = Report(title, RUN, "What it is.")
    report.add_result("top-1 accuracy", page.percent(0.9983), "25.00 % (guessing)")
    report.add_metrics({"id/top1/region0": 0.998, "id/mse": float("nan"), "id/samples": 4000})
    report.add_table(
        "By set", ["Set", "MSE (m2)"], [["short", 9.1e-4], ["long", math.nan]], "Note."
    )
    report.add_figure("Curve", line_figure(), "It falls.", "A falling line.")
    report.add_text("Reading it", "First.\n\nSecond.")
    return report


def test_the_page_is_well_formed(tmp_path):
    tags = parse(a_report().write(tmp_path).read_text())
    assert [tag for tag, _ in tags.seen].count("h1") == 1


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing(tmp_path):
    html = a_report().write(tmp_path).read_text()
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
    report.add_text(NASTY, NASTY)
    report.write(tmp_path / "one")
    parts = [Done(NASTY, tmp_path / "one"), Failed(NASTY, NASTY)]
    joined = join(NASTY, parts, tmp_path / "all", {NASTY: NASTY}, NASTY)
    for path in (tmp_path / "one" / "index.html", joined):
        html = path.read_text()
        tags = parse(html)
        assert all(tag != "script" for tag, _ in tags.seen)
        assert len(tags.comments) == (0 if path == joined else 2)
        images = [attributes for tag, attributes in tags.seen if tag == "img"]
        assert {image["alt"] for image in images} == {NASTY}
    assert "How this was made" in html  # the last part: the fragment was taken whole


def test_metrics_json_holds_the_numbers_and_the_run(tmp_path):
    a_report().write(tmp_path)
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
    report.write(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        **{"a/b": 0.5, "a/n": 3, "a/inf": None},
        "run": {"loss": None, "steps": 7, "ok": True, "results": []},
    }


@pytest.mark.parametrize("key", ["run", "mse", "a//b", "/a/b", "a/b/", "a b/c", ""])
def test_a_metric_of_another_form_is_refused(key):
    with pytest.raises(ValueError, match="not of the form"):
        Report("Numbers", {}).add_metrics({key: 1.0})


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
    a_report().write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def evaluate_again():
        later = Report("Later", {})
        later.add_metrics({"a/b": 1.0})
        later.add_figure("Broken", broken_figure(), "It cannot be drawn.")
        later.write(tmp_path)

    with pytest.raises(ValueError, match="nonsense"):
        evaluate_again()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_whose_writing_fails_is_as_it_was_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("before")

    def half(beside: Path) -> None:
        beside.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]


def test_others_may_read_a_report_as_any_other_file(tmp_path):
    (tmp_path / "plain").write_text("")
    mode = a_report().write(tmp_path / "out").stat().st_mode
    assert stat.S_IMODE(mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_the_same_report_gives_the_same_bytes(tmp_path):
    pages = [a_report().write(tmp_path / name).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_what_is_missing_is_said_and_numbers_stand_to_the_right(tmp_path):
    html = a_report().write(tmp_path).read_text()
    assert '<th scope="col" class="number">MSE (m2)</th>' in html
    assert '<td class="number missing">n/a</td>' in html
    assert "2 min 43 s" in html
    assert "0.87 GiB" in html


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
    assert page.numeric(cells) is expected


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
    assert page.duration(seconds) == expected


def test_a_percentage_is_written_as_it_is_read():
    assert [page.percent(0.9983), page.percent(0.25, 0), page.percent(math.nan)] == [
        "99.83 %",
        "25 %",
        "n/a",
    ]


def test_a_figure_follows_the_page_into_the_dark_and_keeps_its_own_colors():
    light, dark = draw(line_figure())
    for svg in (light, dark):
        ElementTree.fromstring(svg)
        assert BLUE in svg
    assert INK in light
    assert PAPER in light
    assert not any(color in dark for color in DARK)
    assert all(color in page_css() for color in (INK, PAPER, DARK[INK], DARK[PAPER]))


def page_css():
    return (Path(page.__file__).parent / "page.css").read_text()


def test_many_marks_are_kept_as_pixels_and_few_as_shapes():
    for marks, pixels in ((100, False), (5000, True)):
        with figure() as drawing:
            drawing.subplots().scatter(np.arange(marks), np.arange(marks) % 7)
        assert ("<image" in draw(drawing)[0]) == pixels


def test_a_figure_leaves_no_setting_of_matplotlib_behind():
    before = dict(rcParams)
    draw(line_figure())
    assert dict(rcParams) == before


def test_tables_are_printed_whole_where_there_is_no_terminal(capsys):
    report = a_report()
    wide = [f"column {i} [bold]" for i in range(8)]
    report.add_table("Wide", wide, [[*wide[:-1], 0.125]])
    report.print()
    printed = capsys.readouterr().out
    assert "99.83 %" in printed
    assert "column 7 [bold]" in printed
    assert "\x1b" not in printed


def test_tables_are_printed_on_a_terminal():
    stream = StringIO()
    a_report().print(Console(file=stream, force_terminal=True, width=60))
    assert "0.00091" in stream.getvalue()
    assert "\x1b" in stream.getvalue()


def test_a_joined_page_shows_all_projects_and_why_one_failed(tmp_path):
    a_report("One").write(tmp_path / "one")
    a_report("Two").write(tmp_path / "two")
    log = "line\n" * 100 + "step 1\rstep 2\n\x1b[31mthe <loss> is nan\x1b[0m\n"
    parts = [Done("xval", tmp_path / "one"), Failed("mpp", log), Done("tpp", tmp_path / "two")]
    html = join("All", parts, tmp_path / "all", {"Time": "1 s"}).read_text()
    tags = parse(html)
    text = " ".join("".join(tags.words).split())
    assert [tag for tag, _ in tags.seen].count("h1") == 1
    assert "mpp: failed" in text
    assert "step 2 the <loss> is nan" in text
    assert "step 1" not in text
    assert text.count("line line") < 20
    for title in ("One", "Two"):
        assert f"<h2>{title}</h2>" in html
    first = re.search(r"<tbody>.*?</tbody>", html, re.DOTALL)
    assert first is not None
    assert first[0].count("99.83 %") == first[0].count("25.00 % (guessing)") == 2
    assert first[0].count("2 min 43 s") == 2
    numbers = json.loads((tmp_path / "all" / "metrics.json").read_text())
    assert numbers["xval/id/top1/region0"] == numbers["tpp/id/top1/region0"] == 0.998
    assert numbers["run"]["mpp"] == {"failed": "the <loss> is nan"}


def test_joining_a_folder_without_a_report_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no report"):
        join("All", [Done("xval", tmp_path)], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_the_tail_of_a_log_is_what_a_terminal_shows():
    assert tail("a\r\nb\n\x1b[2K10 %\r100 %\r\n", 2) == "b\n100 %"
