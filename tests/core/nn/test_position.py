import math

import pytest
import torch

from sciformer.nn.position import Alibi, LearnedPositions, Rotary, alibi_slopes


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_learned_positions_are_added_from_the_first_on():
    positions, x = LearnedPositions(5, 8).double(), normal(2, 3, 8)
    expected = torch.stack([sample + positions.weight[:3] for sample in x])
    assert torch.equal(positions(x), expected)


def test_learned_positions_refuse_a_longer_sequence_and_name_both_lengths():
    with pytest.raises(ValueError, match=r"\b6\b.*\b5\b"):
        LearnedPositions(5, 8)(torch.zeros(1, 6, 8))


def test_learned_positions_take_the_longest_sequence():
    assert LearnedPositions(5, 8)(torch.zeros(1, 5, 8)).shape == (1, 5, 8)


def test_only_the_positions_of_a_sequence_learn_from_it():
    positions = LearnedPositions(5, 8)
    positions(torch.zeros(4, 3, 8)).sum().backward()
    assert positions.weight.grad.tolist() == [[4.0] * 8] * 3 + [[0.0] * 8] * 2


def test_learned_positions_start_small_beside_tokens_of_unit_size():
    torch.manual_seed(0)
    # The standard deviation of 100,000 samples is known to 0.02 / sqrt(200,000) = 4.5e-5.
    assert abs(LearnedPositions(1000, 100).weight.std() - 0.02) < 2e-4


def test_learned_positions_are_saved_as_weight():
    assert list(LearnedPositions(5, 8).state_dict()) == ["weight"]


def test_rotary_multiplies_complex_channels_by_phases():
    x = normal(2, 3, 7, 8)
    frequency = torch.tensor([100.0 ** (-2 * c / 8) for c in range(4)], dtype=torch.float64)
    phase = torch.exp(1j * torch.arange(7)[:, None] * frequency)
    z = torch.complex(x[..., :4], x[..., 4:]) * phase
    # Angles up to 6 in float64 are off by 1e-15.
    assert (Rotary(8, base=100.0)(x) - torch.cat([z.real, z.imag], -1)).abs().max() < 1e-13


@pytest.mark.parametrize("offset", [1, 1000])
def test_rotary_scores_depend_on_the_distance_only(offset):
    rotary, q, k = Rotary(8), normal(1, 2, 6, 8), normal(1, 2, 6, 8, seed=1)
    here = rotary(q) @ rotary(k).mT
    there = rotary(q, offset) @ rotary(k, offset).mT
    # An angle of 1000 is off by 1e-13 in float64; a score is a sum of 8 products of size 1.
    assert (here - there).abs().max() < 1e-11


def test_rotary_scores_do_depend_on_the_distance():
    rotary, q, k = Rotary(8), normal(1, 1, 1, 8), normal(1, 1, 1, 8, seed=1)
    scores = [float((rotary(q, 1) * rotary(k, 1 + far)).sum()) for far in range(3)]
    assert min(abs(scores[0] - scores[1]), abs(scores[1] - scores[2])) > 0.1


def test_rotary_starts_at_its_offset():
    x = normal(1, 2, 9, 8)
    assert torch.equal(Rotary(8)(x)[:, :, 4:], Rotary(8)(x[:, :, 4:], offset=4))


def test_rotary_keeps_the_norm():
    x = normal(2, 3, 50, 8)
    assert (Rotary(8)(x).norm(dim=-1) - x.norm(dim=-1)).abs().max() < 1e-13  # float64 rounding


def test_rotary_leaves_position_zero_as_it_is():
    x = normal(2, 3, 5, 8)
    assert torch.equal(Rotary(8)(x)[:, :, 0], x[:, :, 0])


@pytest.mark.parametrize("position", [257, 4095])
def test_rotary_in_bf16_knows_positions_that_bf16_does_not(position):
    x = torch.ones(1, 1, 1, 8)
    turned, exact = Rotary(8)(x.bfloat16(), position), Rotary(8)(x.double(), position)
    assert turned.dtype == torch.bfloat16
    # Values up to sqrt(2) are rounded to 8 bits, by at most 2^-8; one position is an angle of 1.
    assert (turned - exact).abs().max() <= 2**-8


def test_rotary_refuses_an_odd_head_dim():
    with pytest.raises(ValueError, match="head_dim=7"):
        Rotary(7)


@pytest.mark.parametrize("head_dim", [2, 4])  # 2 would broadcast
def test_rotary_refuses_heads_of_another_width_and_names_both(head_dim):
    with pytest.raises(ValueError, match=f"8.*head_dim={head_dim}"):
        Rotary(head_dim)(torch.zeros(1, 2, 3, 8))


def test_rotary_and_alibi_have_nothing_to_save():
    assert not Rotary(8).state_dict()
    assert not Alibi([0.5, 0.25]).state_dict()


def test_alibi_of_two_heads_in_numbers():
    assert Alibi([0.5, 0.25])(3, 3).tolist() == [
        [[0.0, -0.5, -1.0], [-0.5, 0.0, -0.5], [-1.0, -0.5, 0.0]],
        [[0.0, -0.25, -0.5], [-0.25, 0.0, -0.25], [-0.5, -0.25, 0.0]],
    ]


def test_alibi_is_symmetric_in_the_distance():
    bias = Alibi(alibi_slopes(4))(9, 9)
    assert torch.equal(bias, bias.mT)


def test_alibi_puts_few_queries_at_the_end_of_the_keys():
    alibi = Alibi([0.5, 0.25])
    assert torch.equal(alibi(2, 5), alibi(5, 5)[:, 3:])


def test_integer_slopes_give_a_bias_in_floats_too():
    # Only floats can be filled with -inf where a causal block hides the future.
    assert torch.equal(Alibi([1, 2])(3, 3), Alibi([1.0, 2.0])(3, 3))
    assert Alibi([1, 2])(3, 3).is_floating_point()


def test_alibi_follows_its_module_to_double_precision():
    assert Alibi([0.5]).double()(2, 2).dtype == torch.float64


def test_slopes_of_8_heads_are_the_powers_of_one_half():
    assert alibi_slopes(8) == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]


def test_slopes_of_12_heads_take_every_other_one_of_16_heads_for_the_rest():
    rest = [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]
    assert alibi_slopes(12) == pytest.approx([*alibi_slopes(8), *rest], rel=1e-15)
    assert rest == pytest.approx(alibi_slopes(16)[::2][:4], rel=1e-15)  # their published code


@pytest.mark.parametrize("heads", [1, 2, 3, 7, 16])
def test_there_is_one_slope_per_head(heads):
    slopes = alibi_slopes(heads)
    assert len(set(slopes)) == heads
    assert all(0 < slope < 1 and math.isfinite(slope) for slope in slopes)
