import pytest
import torch
from torch.nn.functional import normalize

from astroclip.inference.nearest import nearest, ranks, recalls


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
    whole = nearest(queries, bank, 3), ranks(queries, bank)
    monkeypatch.setattr("astroclip.inference.nearest.TOGETHER", 80)
    for ours, theirs in zip(nearest(queries, bank, 3), whole[0], strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(ranks(queries, bank), whole[1])


def test_an_embedding_finds_itself_first_and_noise_finds_its_partner_by_chance():
    bank = embeddings(500)
    assert recalls(ranks(bank, bank)) == {1: 1.0, 5: 1.0, 10: 1.0}
    by_chance = recalls(ranks(embeddings(500, seed=3), bank), ks=[50])[50]
    assert by_chance == pytest.approx(0.1, abs=0.04)  # three standard deviations


def test_equal_embeddings_of_all_are_no_better_than_chance():
    bank = torch.ones(101, 4) / 2
    assert set(ranks(bank, bank).tolist()) == {50}


def test_more_neighbors_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="k: 9 is not between 1 and 4, the size of the bank"):
        nearest(embeddings(2), embeddings(4), 9)
