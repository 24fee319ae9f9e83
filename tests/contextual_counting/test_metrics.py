import pytest
import torch

from contextual_counting.metrics import RegionScores, ranking
from contextual_counting.simulate.sequences import NO_REGION


def test_scores_are_per_region_and_ignore_regions_that_are_not_there():
    scores = RegionScores(3)
    ranked = torch.tensor([[[4, 3, 2, 1, 0], [7, 6, 5, 4, 3]], [[1, 2, 3, 4, 5], [9, 8, 7, 6, 5]]])
    scores.update(ranked, torch.tensor([[4, 3], [4, NO_REGION]]))
    found = {name: value.item() for name, value in scores.compute().items()}
    assert found == {
        "top1/region0": 0.5,
        "top1/region1": 0.0,
        "top5/region0": 1.0,
        "top5/region1": 1.0,
        "mae/region0": 1.5,
        "mae/region1": 4.0,
    }


def test_batches_add_up():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 2, 9, generator=generator)
    counts = torch.randint(0, 9, (40, 2), generator=generator)
    whole, parts = RegionScores(2), RegionScores(2)
    whole.update(ranking(logits), counts)
    for some in (slice(0, 7), slice(7, 40)):
        parts.update(ranking(logits[some]), counts[some])
    assert whole.compute() == parts.compute()


def test_ranking_puts_the_most_likely_count_first():
    assert ranking(torch.tensor([[[0.0, 3.0, 1.0, 2.0]]])).tolist() == [[[1, 3, 2, 0]]]


def test_a_count_beyond_the_head_is_an_error_and_not_left_out():
    scores = RegionScores(1)
    scores.update(torch.tensor([[[0, 1, 2, 3, 4]]]), torch.tensor([[700]]))
    assert scores.compute()["top1/region0"] == pytest.approx(0.0)
