"""A report with one of everything, and a parser that sees whether a page is well-formed."""

import math
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

from PIL import Image

from sciformer.report import html
from sciformer.report.figures import figure
from sciformer.report.report import Report

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
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"  # one point


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


def demanding_report():
    """A page with what was cut, too long or unreadable before."""
    report = sample_report("Demanding")
    for number in range(8):
        words = "0.967 (20 principal components of the spectrum, k-NN)"
        report.add_result(f"log M*, R2, image among spectra, aligned (z) {number}", 0.5, words)
    columns = [f"steps 1 to 5: {name}" for name in ("model", "persistence", "linear", "drift")]
    for number in range(6):
        rows = [[f"velocity {axis}, NRMSE", 1e-5, 0.5, -366.4, "not conserved"] for axis in "xyz"]
        report.add_table(f"Errors {number}", ["Field", *columns], rows, "Means over 1 window.")
        report.add_figure(f"Curve {number}", line_figure(), "It falls.")
    report.add_metrics({f"long/{number}": number / 7 for number in range(2000)})
    poster = BytesIO()
    Image.new("RGB", (32, 32), "white").save(poster, "PNG")
    film = html.Film((Path(__file__).parent / "dot.mp4").read_bytes(), poster.getvalue())
    report.add_film("Film", film, 2.0, "It stays.", "A blue square.")
    return report


def sample_report(title="Numbers"):
    report = Report(title, RUN, "What it is.")
    report.add_result("top-1 accuracy", html.percent(0.9983), "25.00 % (guessing)")
    report.add_metrics({"id/top1/region0": 0.998, "id/mse": float("nan"), "id/samples": 4000})
    report.add_table(
        "By set", ["Set", "MSE (m2)"], [["short", 9.1e-4], ["long", math.nan]], "Note."
    )
    report.add_figure("Curve", line_figure(), "It falls.", "A falling line.")
    report.add_film("Moving", html.Film(GIF), 2.0, "It moves.", "A moving dot.", first=True)
    return report
