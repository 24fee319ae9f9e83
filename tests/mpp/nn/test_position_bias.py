"""Distances along an axis."""

import pytest
import torch

from mpp.nn.position_bias import ContinuousBias, RelativeBias, buckets
from mpp.simulate.boundary import name_boundaries

CPU = torch.device("cpu")


def test_buckets_are_exact_up_to_eight_then_logarithmic():
    row = buckets(40, False, False, CPU).view(40, 40)[0].tolist()  # keys after the query
    assert row[:9] == [0, *range(17, 25)]
    assert row[15] == 27
    assert row[16] == 28
    assert row[32:] == [31] * 8
    column = buckets(40, False, False, CPU).view(40, 40)[:, 0].tolist()
    assert column[:9] == list(range(9))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 33])
@pytest.mark.parametrize("kind", [RelativeBias, ContinuousBias])
def test_the_bias_of_a_periodic_axis_is_circulant(kind, length):
    bias = kind(2)(length, "periodic")
    assert torch.equal(bias.roll((1, 1), (1, 2)), bias)
    assert bias.isfinite().all()


@pytest.mark.parametrize(
    ("length", "distances"), [(5, [0, 1, 2, -2, -1]), (6, [0, 1, 2, 3, -2, -1])]
)
def test_circular_distances_are_the_shorter_way(length, distances):
    row = buckets(length, True, False, CPU).view(length, length)[0].tolist()
    assert row == [16 + d if d > 0 else -d for d in distances]


def test_the_originals_distances_are_kept_with_their_errors():
    """Dossier 1.2: of 7 tokens, distance 6 is none at all; of 8, the antipode is on two sides."""
    seven = buckets(7, True, True, CPU).view(7, 7)
    assert seven[0, 6] == 0
    assert seven[4, 0] == 18
    eight = buckets(8, True, True, CPU).view(8, 8)
    assert (eight[0, 4], eight[4, 0]) == (20, 4)
    exact = buckets(8, True, False, CPU).view(8, 8)
    assert exact[0, 4] == exact[4, 0]


def test_an_open_axis_and_a_wall_have_plain_distances():
    bias = RelativeBias(2)
    assert torch.equal(bias(6, "open"), bias(6, "wall"))
    assert not torch.equal(bias(6, "open"), bias(6, "periodic"))


def test_boundaries_are_names_or_whether_it_is_periodic():
    assert name_boundaries((True, "wall", 0), 3) == ("periodic", "wall", "open")
