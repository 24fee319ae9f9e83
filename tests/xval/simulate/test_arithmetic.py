"""Multiplication, trees and products: what is written is true."""

import re
from collections import Counter

import numpy as np
import pytest

from xval.simulate import text_set


@pytest.mark.parametrize("digits", [1, 3, 5, 9])
def test_products_of_whole_numbers_are_exact(digits):
    texts = text_set("multiplication").simulate(0, 200, parameters={"digits": digits}).texts
    for text in texts:
        a, b, c = map(int, re.split("[*=]", text))
        assert a * b == c
        assert len(str(a)) == len(str(b)) == digits


def test_a_pair_and_its_mirror_image_have_the_same_id():
    found = text_set("multiplication").simulate(0, 500, parameters={"digits": 1})
    pairs = {}
    for text, name in zip(found.texts, found.labels["id"], strict=True):
        a, b, _ = map(int, re.split("[*=]", text))
        pairs.setdefault((min(a, b), max(a, b)), set()).add(name)
    assert len(pairs) == 45
    assert all(len(names) == 1 for names in pairs.values())


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


def test_products_and_sums_stay_in_the_range_and_are_true():
    found = text_set("products").simulate(0, 4000)
    decades, sums, zeros = set(), 0, 0
    for text in found.texts:
        a, operator, b, c = re.fullmatch(
            r"(-?[0-9.e-]+?(?:e[-+][0-9]+)?)([*+])(.*)=(.*)", text
        ).groups()
        a, b, c = float(a), float(b), float(c)
        exact = a + b if operator == "+" else a * b
        assert c == pytest.approx(exact, rel=1e-6, abs=1e-8)
        sums, zeros = sums + (operator == "+"), zeros + (a == 0) + (b == 0)
        for number in (a, b, c):
            if number:
                assert 0.999e-8 <= abs(number) <= 1.001e8
                decades.add(int(np.floor(np.log10(abs(number)))))
    assert set(range(-8, 8)) <= decades
    assert 1850 < sums < 2150  # five deviations
    assert 300 < zeros < 500
    assert not any(re.search(r"-0(?![.0-9])", text) for text in found.texts)
