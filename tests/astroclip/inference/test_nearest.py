import pytest
import torch
from torch.nn.functional import normalize

from astroclip.inference.nearest import nearest


def embeddings(count, dim=16, seed=0):
    return normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)))


def test_the_nearest_are_those_of_a_full_sort():
    queries, bank = embeddings(7), embeddings(300, seed=1)
    found = nearest(queries, bank, 12)
    whole = queries @ bank.mT
    assert torch.equal(found.number, whole.argsort(1, descending=True)[:, :12])
    assert torch.equal(found.cosine, whole.sort(1, descending=True).values[:, :12])


def test_a_bank_too_large_for_one_go_gives_the_same(monkeypatch):
    queries, bank = embeddings(40), embeddings(40, seed=1)
    whole = nearest(queries, bank, 3)
    monkeypatch.setattr("astroclip.inference.nearest.TOGETHER", 80)
    for ours, theirs in zip(nearest(queries, bank, 3), whole, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_more_neighbors_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="k: 9 is not between 1 and 4, the size of the bank"):
        nearest(embeddings(2), embeddings(4), 9)
