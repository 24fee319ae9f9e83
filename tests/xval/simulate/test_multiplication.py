"""Products of whole numbers are true, and pairs are told apart."""

import re

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
