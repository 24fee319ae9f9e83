from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from matplotlib import rcParams
from sample_report import line_figure

from sciformer import figures
from sciformer.figures import BLUE, DARK, INK, PAPER, draw, figure


def test_a_figure_follows_the_page_into_the_dark_and_keeps_its_own_colors():
    light, dark = draw(line_figure())
    for svg in (light, dark):
        ElementTree.fromstring(svg)
        assert BLUE in svg
    assert INK in light
    assert PAPER in light
    assert not any(color in dark for color in DARK)
    style = (Path(figures.__file__).parent / "page.css").read_text()
    assert all(color in style for color in (INK, PAPER, DARK[INK], DARK[PAPER]))


def test_many_marks_are_kept_as_pixels_and_few_as_shapes():
    for marks, pixels in ((100, False), (5000, True)):
        with figure() as drawing:
            drawing.subplots().scatter(np.arange(marks), np.arange(marks) % 7)
        assert ("<image" in draw(drawing)[0]) == pixels


def test_a_figure_leaves_no_setting_of_matplotlib_behind():
    before = dict(rcParams)
    draw(line_figure())
    assert dict(rcParams) == before
