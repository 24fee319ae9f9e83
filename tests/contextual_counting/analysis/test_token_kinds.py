import torch

from contextual_counting.analysis.token_kinds import KINDS, kinds, one_hot, places


def ids(text):
    return torch.tensor([["01[]b".index(letter) for letter in text]])


def test_places_count_regions_inside_and_out():
    assert places(ids("b10[01][]1[1]0")).tolist() == [[0, 0, 0, 1, 1, 1, 1, 2, 2, -2, 3, 3, 3, -3]]


def test_every_token_is_of_one_kind_to_each_region():
    text = "b10[01]1[10]0[]"
    said = [[KINDS[kind] for kind in row] for row in kinds(ids(text), 3)[0].tolist()]
    assert said[0] == [
        "begin", "1s outside", "other 0s",
        "own [", "own 0s", "own 1s", "own ]",
        "1s outside",
        "next [", "1s of other regions", "other 0s", "next ]",
        "other 0s",
        "later [", "later ]",
    ]  # fmt: skip
    assert said[1][8:] == ["own [", "own 1s", "own 0s", "own ]", "other 0s", "next [", "next ]"]
    assert said[1][3:7] == ["earlier [", "other 0s", "1s of other regions", "earlier ]"]


def test_own_ones_are_the_counts(data):
    tokens, counts = data.evaluation("r3", samples=20)
    assert one_hot(kinds(tokens, 3)).sum(2)[..., 0].equal(counts)
