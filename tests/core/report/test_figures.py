from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.text import Text
from sample_report import line_figure

from sciformer.report import figures
from sciformer.report.figures import BLUE, DARK, INK, PAPER, add_legend, draw, figure
from sciformer.text import printable


def test_a_figure_follows_the_page_into_the_dark_and_keeps_its_own_colors():
    svg = draw(line_figure())
    ElementTree.fromstring(svg)
    assert BLUE in svg
    rules, _, drawn = svg.partition("</style>")
    assert "@media screen and (prefers-color-scheme:dark)" in rules
    for color, dark in DARK.items():
        assert rules.count(color) == rules.count(dark) == 1
        assert color not in drawn
    style = (Path(figures.__file__).parent / "page.css").read_text()
    assert all(color in style for color in (INK, PAPER, DARK[INK], DARK[PAPER]))


def luminance(color):
    parts = np.array([int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", [PAPER, DARK[PAPER]])
@pytest.mark.parametrize("color", [*figures.PALETTE, figures.BASELINE])
def test_every_line_color_is_seen_on_a_light_and_on_a_dark_page(color, paper):
    assert contrast(color, paper) >= 3  # WCAG 2.2, 1.4.11
    assert contrast(INK, PAPER) >= 4.5
    assert contrast(DARK[INK], DARK[PAPER]) >= 4.5


def test_one_legend_names_what_any_panel_has_once():
    with figure() as drawn:
        first, second = drawn.subplots(2)
        first.plot([0, 1], label="a")
        second.plot([0, 1], label="a")
        second.bar([0, 1], [1, 2], label=["b", "c"], color=[BLUE, INK])
        add_legend(drawn, 3)
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]


def test_many_marks_are_kept_as_pixels_and_few_as_shapes():
    for marks, pixels in ((100, False), (5000, True)):
        with figure() as drawing:
            drawing.subplots().scatter(np.arange(marks), np.arange(marks) % 7)
        assert ("<image" in draw(drawing)) == pixels


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
    svg = draw(drawn)
    ElementTree.fromstring(svg)
    shown = {text.get_text() for text in drawn.findobj(Text) if text.get_text()}
    assert printable(name) in shown
    assert f"{printable(name)}2" in shown
    tick = axes.yaxis.get_major_formatter()(1e4)
    assert tick == "$\\mathdefault{10^{4}}$"  # powers of ten are still set as such


def test_a_setting_in_the_folder_of_somebody_else_has_no_say(tmp_path):
    with rc_context({"text.usetex": True, "svg.fonttype": "none", "font.size": 30}):
        assert draw(line_figure()) == draw(line_figure())
        hostile = draw(line_figure())
    assert hostile == draw(line_figure())
