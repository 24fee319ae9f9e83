import numpy as np
import pytest

from contextual_counting.simulate.sequences import CLOSE, NO_REGION, ONE, OPEN, ZERO, simulate


def counted(tokens):
    """The definition, token by token."""
    counts, inside = [], False
    for token in tokens:
        if token in (OPEN, CLOSE):
            assert inside == (token == CLOSE)
            inside = token == OPEN
            if inside:
                counts.append(0)
        elif inside:
            counts[-1] += int(token == ONE)
    assert not inside
    return counts


@pytest.mark.parametrize(
    ("length", "regions"), [(32, (1, 4)), (64, (2, 2)), (12, (6, 6)), (300, (1, 12))]
)
def test_counts_are_those_of_a_walk_along_the_sequence(length, regions):
    drawn = simulate(np.random.default_rng(0), 200, length, regions, (0.1, 0.9))
    assert drawn.tokens.shape == (200, length)
    assert drawn.counts.shape == (200, regions[1])
    for tokens, counts in zip(drawn.tokens, drawn.counts, strict=True):
        walked = counted(tokens)
        assert regions[0] <= len(walked) <= regions[1]
        assert list(counts) == walked + [NO_REGION] * (regions[1] - len(walked))


def test_counts_of_uneven_regions_are_those_of_the_walk_too():
    drawn = simulate(np.random.default_rng(0), 200, 40, (1, 6), (0.1, 0.9), uneven=0.8)
    for tokens, counts in zip(drawn.tokens, drawn.counts, strict=True):
        walked = counted(tokens)
        assert 1 <= len(walked) <= 6
        assert list(counts) == walked + [NO_REGION] * (6 - len(walked))


def test_an_uneven_sequence_counts_as_far_as_one_several_times_as_long():
    even, uneven = (
        simulate(np.random.default_rng(0), 2000, 512, (4, 4), uneven=share).counts
        for share in (0.0, 1.0)
    )
    assert even.max() < 200 < uneven.max()
    share = (uneven > 128).mean(0)  # each of the regions is the long one equally often
    assert share.min() > 0.15
    assert np.ptp(share) < 0.05


@pytest.mark.parametrize("uneven", [0.0, 1.0])
def test_a_sequence_can_consist_of_delimiters_only(uneven):
    drawn = simulate(np.random.default_rng(0), 10, 8, (4, 4), uneven=uneven)
    assert (drawn.counts == 0).all()
    assert (drawn.tokens == [OPEN, CLOSE] * 4).all()


def test_every_number_of_regions_is_equally_likely():
    drawn = simulate(np.random.default_rng(0), 8000, 32, (1, 4))
    frequency = np.bincount((drawn.counts >= 0).sum(1))[1:] / 8000
    assert abs(frequency - 0.25).max() < 0.02  # 4 standard deviations


def test_delimiters_are_uniform_over_positions():
    drawn = simulate(np.random.default_rng(0), 20_000, 16, (2, 2))
    frequency = (drawn.tokens >= OPEN).mean(0)
    assert abs(frequency - 4 / 16).max() < 0.015  # 5 standard deviations


def test_density_is_that_of_the_ones_between_delimiters():
    drawn = simulate(np.random.default_rng(0), 500, 512, (4, 4), (0.3, 0.3))
    bits = drawn.tokens[drawn.tokens <= ONE]
    assert abs((bits == ONE).mean() - 0.3) < 0.005
    assert ZERO in bits


def test_chance_level_and_mean_are_those_of_the_paper():
    # Dossier, section 1: modal class 3.08 % (paper's figures: 2.8-3.5), mean count 28.0.
    counts = simulate(np.random.default_rng(0), 20_000, 512, (4, 4)).counts
    modal = np.mean([np.bincount(column).max() / len(column) for column in counts.T])
    assert 0.028 < modal < 0.034
    assert abs(counts.mean() - 28.0) < 0.4


def test_the_same_seed_gives_the_same_sequences():
    first, second = (simulate(np.random.default_rng(5), 9, 40, (1, 3)) for _ in range(2))
    assert (first.tokens == second.tokens).all()
    assert (first.counts == second.counts).all()
