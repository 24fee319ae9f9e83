"""Pointers: numbers are repeated in full precision, and changed by all numbers of the text."""

import csv

import numpy as np
import pytest
import torch
from xval_small import NETWORK, batch, built, data, module, taught

from sciformer.arguments import ArgumentError
from xval.encodings.normalization import Transforms
from xval.nn.pointer import Pointer
from xval.nn.source import Source

POINTER = {"pointer": True, "transform": "asinh", "number_error": "absolute"}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Rows of four numbers over sixteen decades, and the second of them again."""
    draws = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("copies") / "copies.csv"
    with path.open("w", newline="", encoding="ascii") as file:
        table = csv.writer(file)
        table.writerow(["a", "b", "c", "d", "answer"])
        for _ in range(600):
            row = draws.choice([-1, 1], 4) * 10 ** draws.uniform(-8, 8, 4)
            table.writerow([f"{x:.7g}" for x in (*row, row[1])])
    return data(sets=None, gaps=None, files=[str(path)], answers=["answer"], ask=1.0)


def test_a_number_is_repeated_to_one_part_in_a_million_over_sixteen_decades(copies):
    own = taught(copies, steps=150, **POINTER)
    for one in copies.test_dataloader()[0]:
        answers = own.answer(one)
        assert ((answers - one.truth) / one.truth).abs().max() < 1e-6


def test_before_training_an_answer_is_a_number_of_the_text_or_the_heads(copies):
    own, one = module(copies, **POINTER).eval(), batch(copies)
    answers = own.answer(one, only_numbers=True)
    own.model.pointer = None
    plain = own.answer(one, only_numbers=True)
    for row, (given, said) in enumerate(zip(answers, plain, strict=True)):
        assert given == said or (one.numbers[row] == given).any()


def test_an_answer_does_not_depend_on_what_it_should_be(copies):
    own, one = module(copies, **POINTER).eval(), batch(copies)
    rows, places = torch.arange(len(one.tokens)), one.answers[:, 0]
    numbers = one.numbers.clone()
    numbers[rows, places] = 7.0
    answers = own.answer(one, only_numbers=True)
    told = own.answer(one._replace(numbers=numbers), only_numbers=True)
    assert torch.equal(told, answers)
    assert answers.isfinite().all()


def test_the_change_is_a_linear_regression_where_its_gains_are_constant():
    torch.manual_seed(0)
    pointer, values = Pointer(8, 6).eval(), torch.randn(1, 5)
    values[0, 4] = torch.nan  # the answer
    units = Transforms({"": {"kind": "standard", "unit": 1.0, "offset": 0.0, "scale": 1.0}})
    source = Source(values, torch.zeros(1, 5, dtype=torch.int64), units)
    torch.nn.init.normal_(pointer.gains[-1].bias)
    torch.nn.init.constant_(pointer.none, -1e3)
    torch.nn.init.constant_(pointer.repeat.bias, -1e3)
    x, at = torch.randn(1, 5, 8), torch.tensor([4])
    (answer,) = pointer(torch.zeros(1, 1), x, torch.randn(5, 8), at, source)[0]
    slopes = pointer.places[:5] @ pointer.gains[-1].bias / 32**0.5
    changed = [z + ((values[0, :4] - z) @ slopes[:4] + slopes[4]) for z in values[0, :4]]
    assert min(abs(answer - each) for each in changed) < 1e-5  # sums in another order


def test_a_causal_network_has_no_pointer_and_text_encodings_do_without():
    with pytest.raises(ArgumentError, match=r"pointer"):
        built(encoding={"name": "xval"}, **NETWORK, pointer=True, causal=True)
    digits = built(encoding={"name": "p1000"}, **NETWORK, pointer=True)
    assert digits.model.pointer is None
