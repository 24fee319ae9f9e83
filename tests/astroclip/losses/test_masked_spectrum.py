import math

import pytest
import torch

from astroclip.losses.masked_spectrum import hide, masked_loss, without


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def runs(row):
    """Lengths of the hidden pieces of a row that is closed to a ring."""
    start = int((~row).nonzero()[0])
    row = row.roll(-start).tolist()
    lengths, current = [], 0
    for hidden in [*row, False]:
        if not hidden and current:
            lengths.append(current)
        current = current + 1 if hidden else 0
    return lengths


@pytest.mark.parametrize("share", [0.0, 0.01, 0.386, 0.5, 1.0])
@pytest.mark.parametrize(("positions", "length"), [(778, 50), (512, 32), (10, 3)])
def test_the_hidden_share_is_exact_in_every_row(positions, length, share):
    hidden = hide(20, positions, share, length, seeded())
    assert (hidden.sum(1) == round(share * positions)).all()


def test_every_position_is_hidden_equally_often():
    """The original hides some of 778 tokens in 1 % and some in 64 % of its draws."""
    draws = 20_000
    often = hide(draws, 97, 0.4, 12, seeded()).float().mean(0)
    expected = round(0.4 * 97) / 97
    sigma = math.sqrt(expected * (1 - expected) / draws)
    assert (often - expected).abs().max() < 4.5 * sigma  # of 97 draws


def test_neighbors_are_hidden_together_equally_often_too():
    draws = 20_000
    hidden = hide(draws, 60, 0.5, 10, seeded())
    both = (hidden & hidden.roll(1, 1)).float().mean(0)
    sigma = math.sqrt(0.25 / draws)
    assert (both - both.mean()).abs().max() < 4.5 * sigma


def test_pieces_have_the_length_asked_for_but_one():
    for row in hide(50, 200, 0.25, 20, seeded()):  # 50 positions: 20, 20 and 10
        assert sum(length % 20 for length in runs(row)) == 10
        assert max(runs(row)) <= 50
        assert min(runs(row)) >= 10


def test_the_generator_decides():
    first, second = (hide(4, 100, 0.3, 7, seeded(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, hide(4, 100, 0.3, 7, seeded(4)))


@pytest.mark.parametrize(("share", "length", "name"), [(1.1, 5, "share"), (0.5, 0, "length")])
def test_what_cannot_be_drawn_is_refused(share, length, name):
    with pytest.raises(ValueError, match=name):
        hide(2, 10, share, length, seeded())


def test_hidden_pixels_show_in_no_overlapping_window():
    """The original's tokens of 20 pixels overlap by 10 and show 10 at each end of a piece."""
    pixels = torch.arange(1.0, 7782)
    hidden = hide(1, 7781, 0.386, 500, seeded())[0]
    windows = pixels.masked_fill(hidden, 0).unfold(0, 20, 10)
    assert not torch.isin(windows, pixels[hidden]).any()


def test_hidden_groups_hide_all_their_bins():
    hidden = torch.tensor([[True, False, False], [False, False, True]])
    ivar = without(torch.ones(2, 12), hidden)
    assert ivar.tolist() == [[0.0] * 4 + [1.0] * 8, [1.0] * 8 + [0.0] * 4]


def test_groups_must_be_equal():
    with pytest.raises(ValueError, match="7781 pixels do not make 512 equal groups"):
        without(torch.ones(1, 7781), torch.zeros(1, 512, dtype=torch.bool))


def test_the_loss_is_the_weighted_mean_over_what_is_hidden():
    prediction = torch.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    weight = torch.tensor([[1.0, 3.0, 5.0, 0.0]])
    hidden = torch.tensor([[True, True, False, True]])
    loss = masked_loss(prediction, torch.tensor([[0.0, 0.0, 0.0, math.nan]]), weight, hidden)
    assert loss.item() == pytest.approx((1 * 1 + 3 * 4) / 4)
    (gradient,) = torch.autograd.grad(loss, [prediction])
    torch.testing.assert_close(gradient, torch.tensor([[0.5, 3.0, 0.0, 0.0]]))


@pytest.mark.parametrize(("weight", "hidden"), [(1.0, False), (0.0, True)])
def test_nothing_hidden_or_nothing_measured_gives_zero(weight, hidden):
    """0 / 0 in the original (dossier 3.1, 9)."""
    prediction = torch.ones(1, 6, requires_grad=True)
    target = torch.full((1, 6), math.nan if hidden else 0.0)
    loss = masked_loss(prediction, target, torch.full((1, 6), weight), torch.full((1, 6), hidden))
    (gradient,) = torch.autograd.grad(loss, [prediction])
    assert loss.item() == 0
    assert not gradient.any()


def test_a_target_of_zero_counts_as_any_other():
    """The original leaves out hidden values that are 0."""
    ones = torch.ones(1, 4)
    loss = masked_loss(ones, torch.tensor([[0.0, 0.0, 1.0, 1.0]]), ones, ones.bool())
    assert loss.item() == 0.5
