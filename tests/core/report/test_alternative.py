"""What a figure shows, in words."""

import numpy as np

from sciformer.report.alternative import described
from sciformer.report.figures import figure


def test_a_description_names_axes_lines_and_their_ends():
    with figure() as drawn:
        axes = drawn.add_subplot()
        axes.plot([1, 2, 3], [0.1, np.nan, 0.4], label="model")
        axes.plot([1], [2], ".", label="points")
        axes.axhline(1)  # a line without a name
        axes.set(title="height", xlabel="step", ylabel="error (m)")
    assert described(drawn) == (
        "height; horizontal: step; vertical: error (m); model: 0.1 at 1, 0.4 at 3; points: 2."
    )


def test_bars_images_and_points_are_said_and_color_bars_are_not_panels():
    with figure() as drawn:
        bars, map_, points = drawn.subplots(1, 3)
        bars.bar([0, 1], [2, 5], label="region 1")
        bars.bar([3], [1], label="region 1")
        image = map_.imshow(np.eye(2))
        drawn.colorbar(image, ax=map_)
        points.scatter([0, 1, 2], [0, 1, 2])
    assert described(drawn) == "3 panels. region 1: 2, 5, 1. an image. 3 points."


def test_equal_panels_are_said_once_and_no_terminal_is_written_to():
    with figure() as drawn:
        for axes in drawn.subplots(9):
            axes.set_xlabel("\x1b[31mx")
    assert described(drawn) == r"9 panels. horizontal: \x1b[31mx."
