from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.text import Text
from sample_report import line_figure

from sciformer.report import figures
from sciformer.report.figures import BLUE, DARK, INK, PAPER, draw, figure
from sciformer.text import printable


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


STRANGE = ["a$b_{", "$$", "[bold]x", "<script>", "x\x1b[31m", "\\frac$"]


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_is_drawn_as_it_is_wherever_it_stands(name):
    with figure() as drawn:
        axes, other = drawn.subplots(2)
        axes.plot([1, 1000], [1, 1e5], label=name)
        axes.set(title=name, xlabel=name, ylabel=name, yscale="log")
        axes.text(1, 1, name)
        axes.legend(title=name)
        other.set_xticks([0, 1], [name, f"{name}2"])
        other.yaxis.set_major_formatter(lambda value, place: name)
        drawn.suptitle(name)
    light, _ = draw(drawn)
    ElementTree.fromstring(light)
    shown = {text.get_text() for text in drawn.findobj(Text) if text.get_text()}
    assert printable(name) in shown
    assert f"{printable(name)}2" in shown
    assert "mathdefault{10^{4}}" in light  # powers of ten are still set as such


def test_a_setting_in_the_folder_of_somebody_else_has_no_say(tmp_path):
    with rc_context({"text.usetex": True, "svg.fonttype": "none", "font.size": 30}):
        assert draw(line_figure()) == draw(line_figure())
        hostile = draw(line_figure())
    assert hostile == draw(line_figure())
