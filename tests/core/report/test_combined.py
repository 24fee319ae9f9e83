import json
import re

import pytest
from sample_report import NASTY, parse, sample_report

from sciformer.report.combined import Done, Failed, join, tail


def test_a_joined_page_shows_all_projects_and_why_one_failed(tmp_path):
    sample_report("One").write(tmp_path / "one")
    sample_report("Two").write(tmp_path / "two")
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
    last = re.findall(r"<tbody>.*?</tbody>", html, re.DOTALL)[-1]
    assert last.count("99.83 %") == last.count("25.00 % (guessing)") == 2
    assert last.count("2 min 43 s") == 2
    folded = html.partition("<details>")[2]
    assert "A moving dot." in html.partition("<details>")[0]  # the first look
    assert "How this was made" in folded
    numbers = json.loads((tmp_path / "all" / "metrics.json").read_text())
    assert numbers["xval/id/top1/region0"] == numbers["tpp/id/top1/region0"] == 0.998
    assert numbers["run"]["mpp"] == {"failed": "the <loss> is nan"}


def test_whatever_is_given_is_escaped(tmp_path):
    sample_report(NASTY).write(tmp_path / "one")
    parts = [Done(NASTY, tmp_path / "one"), Failed(NASTY, NASTY)]
    html = join(NASTY, parts, tmp_path / "all", {NASTY: NASTY}, NASTY).read_text()
    tags = parse(html)
    assert all(tag != "script" for tag, _ in tags.seen)
    assert tags.comments == []
    assert "How this was made" in html  # the last part: the report was taken whole


def test_joining_a_folder_without_a_report_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no report"):
        join("All", [Done("xval", tmp_path)], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_the_tail_of_a_log_is_what_a_terminal_shows():
    assert tail("a\r\nb\n\x1b[2K10 %\r100 %\r\n", 2) == "b\n100 %"
