import torch

from sciformer.evaluation.metrics import PartMeans


def test_means_are_kept_apart_by_part():
    means = PartMeans(("error", "hit"), "field", 2)
    there = torch.tensor([[True, True], [True, False]])
    figures = {
        "error": torch.tensor([[1.0, 5.0], [2.0, float("nan")]]),
        "hit": torch.tensor([[1, 0], [0, 1]]),
    }
    means.update(figures, there)
    found = {name: value.item() for name, value in means.compute().items()}
    assert found == {"error/field0": 1.5, "error/field1": 5.0, "hit/field0": 0.5, "hit/field1": 0}


def test_batches_add_up_and_may_hold_the_first_parts_only():
    means = PartMeans(("x",), "step", 3)
    means.update({"x": torch.ones(2, 3)}, torch.ones(2, 3, dtype=torch.bool))
    means.update({"x": torch.full((2, 1), 4.0)}, torch.ones(2, 1, dtype=torch.bool))
    found = {name: value.item() for name, value in means.compute().items()}
    assert found == {"x/step0": 2.5, "x/step1": 1, "x/step2": 1}


def test_a_part_that_was_never_seen_has_no_mean():
    means = PartMeans(("x",), "step", 2)
    means.update({"x": torch.ones(2, 2)}, torch.tensor([[True, False], [True, False]]))
    assert list(means.compute()) == ["x/step0"]
