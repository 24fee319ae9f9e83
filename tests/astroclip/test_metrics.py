import pytest
import torch
from torch.nn.functional import normalize

from astroclip.metrics import ranks, recalls


def embeddings(count, dim=16, seed=0):
    return normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)))


def test_ranks_of_a_bank_too_large_for_one_go_are_the_same(monkeypatch):
    queries, bank = embeddings(40), embeddings(40, seed=1)
    whole = ranks(queries, bank)
    monkeypatch.setattr("astroclip.metrics.TOGETHER", 80)
    assert torch.equal(ranks(queries, bank), whole)


def test_an_embedding_finds_itself_first_and_noise_finds_its_partner_by_chance():
    bank = embeddings(500)
    assert recalls(ranks(bank, bank)) == {1: 1.0, 5: 1.0, 10: 1.0}
    by_chance = recalls(ranks(embeddings(500, seed=3), bank), ks=[50])[50]
    assert by_chance == pytest.approx(0.1, abs=0.04)  # three standard deviations


def test_equal_embeddings_of_all_are_no_better_than_chance():
    bank = torch.ones(101, 4) / 2
    assert set(ranks(bank, bank).tolist()) == {50}
