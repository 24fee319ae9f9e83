"""Expressions are worked out right and drawn evenly."""

import re
from collections import Counter

import pytest

from xval.simulate import text_set


def test_expressions_are_worked_out_right():
    for text in text_set("trees").simulate(1, 500).texts:
        left, right = text.split("=")
        assert float(right) == pytest.approx(eval(left), rel=1e-9)  # ten digits


def test_every_tree_of_a_size_is_equally_likely():
    texts = text_set("trees").simulate(0, 6000).texts
    shapes = Counter()
    for text in texts:
        shape = re.sub(r"(?<=[(*+-])-?[0-9.]+(e-?[0-9]+)?", "o", text.split("=")[0])
        shapes[re.sub(r"[-+*]", "", shape)] += 1
    sizes = {shape: shape.count("o") for shape in shapes}
    assert Counter(sizes.values()) == {2: 1, 3: 2, 4: 5}
    for shape, count in shapes.items():
        expected = 2000 / {2: 1, 3: 2, 4: 5}[sizes[shape]]
        assert abs(count - expected) < 5 * expected**0.5


def test_operands_have_three_digits_and_a_size_in_the_range():
    texts = text_set("trees").simulate(2, 300, parameters={"fewest": 4}).texts
    for text in texts:
        operands = re.findall(r"(?<=[(*+-])-?([0-9.]+)", text.split("=")[0])
        assert len(operands) == 4
        assert all(
            0.01 <= float(o) <= 100 and len(o.replace(".", "").lstrip("0")) <= 3 for o in operands
        )
