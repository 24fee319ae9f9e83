from itertools import permutations, product

import numpy as np
import pytest
from physics_samples import described

from mpp.data.augment import Move, draw, generator, moved, noisy
from mpp.data.description import Component, by_name

N = 16
VECTOR = ("tracer", "velocity_x", "velocity_y")


def square(*names, boundary="periodic"):
    changed = {"shape": (N, N), "spacing": (1.0, 1.0), "flips": (0, 1), "turns": True}
    return described(*names, boundary=boundary, **changed)


def gradient(field):
    """Central differences along both axes, on a periodic grid."""
    return [(np.roll(field, -1, axis) - np.roll(field, 1, axis)) / 2 for axis in (-2, -1)]


def bumps(seed=0):
    """A smooth scalar without any symmetry, its gradient and its Hessian."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*(np.arange(N) * 2 * np.pi / N,) * 2, indexing="ij")
    terms = product((1, 2), (1, 2))
    field = sum(
        rng.normal() * np.cos(a * x + b * y + rng.random() * 6)
        + rng.normal() * np.cos(a * x - b * y)
        for a, b in terms
    )
    return field.astype(np.float32)


def with_derivatives(field):
    """(1, 7, N, N): the field, its gradient and its Hessian, of the field alone."""
    first = gradient(field)
    second = [gradient(part) for part in first]
    return np.stack([field, *first, *second[0], *second[1]])[None].astype(np.float32)


COMPONENTS = tuple(by_name(name) for name in ("f", "g_x", "g_y", "h_xx", "h_xy", "h_yx", "h_yy"))
MOVES = [
    Move(order, mirrored, shifts)
    for order in permutations(range(2))
    for mirrored in ((), (0,), (1,), (0, 1))
    for shifts in ((0, 0), (3, 5))
]


@pytest.mark.parametrize("move", MOVES)
def test_the_gradient_of_a_moved_field_is_the_moved_gradient(move):
    """Scalar, vector and tensor transform alike: derivatives of the moved scalar are the proof."""
    frames = with_derivatives(bumps())
    result = moved(frames, COMPONENTS, move)
    np.testing.assert_allclose(result, with_derivatives(result[0, 0]), atol=1e-5)  # fp32 sums
    assert result.flags.c_contiguous


@pytest.mark.parametrize("move", MOVES)
def test_vorticity_changes_sign_in_a_mirror_and_not_by_a_turn(move):
    components = (*map(by_name, VECTOR[1:]), by_name("vorticity"))

    def flow(u, v):
        return np.stack([u, v, gradient(v)[0] - gradient(u)[1]])[None].astype(np.float32)

    result = moved(flow(bumps(1), bumps(2)), components, move)
    np.testing.assert_allclose(result, flow(*result[0, :2]), atol=1e-5)


@pytest.mark.parametrize("move", MOVES)
def test_divergence_is_that_of_the_unmoved_flow_moved(move):
    u, v = bumps(1), bumps(2)
    divergence = gradient(u)[0] + gradient(v)[1]
    frames = np.stack([divergence, u, v])[None].astype(np.float32)
    result = moved(frames, tuple(map(by_name, VECTOR)), move)[0]
    again = gradient(result[1])[0] + gradient(result[2])[1]
    np.testing.assert_allclose(result[0], again, atol=1e-5)


def test_a_quarter_turn_takes_a_flow_along_x_to_one_along_y():
    frames = np.zeros((1, 3, N, N), np.float32)
    frames[0, 1] = 1.0
    turned = moved(frames, tuple(map(by_name, VECTOR)), Move((1, 0), (), (0, 0)))
    assert turned[0, 2].min() == 1.0
    assert not turned[0, :2].any()


def test_all_eight_symmetries_of_a_square_are_drawn_and_no_others():
    description = square("height")
    rng = np.random.default_rng(0)
    drawn = {draw(description, rng)[:2] for _ in range(200)}
    assert drawn == {move[:2] for move in MOVES}


def test_only_periodic_axes_are_rolled():
    description = described("height", boundaries=("periodic", "wall"))
    moves = [draw(description, np.random.default_rng(seed)) for seed in range(50)]
    assert {move.shifts[1] for move in moves} == {0}
    assert len({move.shifts[0] for move in moves}) == 6
    assert {move.order for move in moves} == {(0, 1)}
    assert {move.mirrored for move in moves} == {()}  # the description names no symmetry


def test_a_flow_of_which_a_component_is_missing_is_not_turned():
    rng = np.random.default_rng(0)
    assert {draw(square("velocity_x"), rng).order for _ in range(20)} == {(0, 1)}
    with pytest.raises(ValueError, match="velocity_x: the other components"):
        moved(np.zeros((1, 1, 4, 4), np.float32), [by_name("velocity_x")], Move((1, 0), (), (0, 0)))


def test_one_and_three_dimensional_frames_are_moved():
    line = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    mirrored = moved(line, [Component("v_x", "v", (0,))], Move((0,), (0,), (1,)))
    assert mirrored.ravel().tolist() == [0, -4, -3, -2, -1]
    block = np.random.default_rng(0).normal(size=(2, 1, 3, 3, 3)).astype("f4")
    turned = moved(block, [by_name("f")], Move((2, 0, 1), (), (0, 0, 0)))
    assert turned[1, 0, 2, 0, 1] == block[1, 0, 0, 1, 2]


def test_what_is_drawn_depends_on_the_seed_and_the_number_of_the_sample_alone():
    description = square("height")
    first, again = (draw(description, generator(3, 17)) for _ in range(2))
    assert first == again
    others = {draw(description, generator(3, number)) for number in range(20)}
    assert len(others) > 10
    assert first != draw(description, generator(4, 17))


def test_noise_is_in_units_of_each_fields_own_deviation():
    history = np.random.default_rng(0).normal(size=(4, 2, 64, 64)).astype("f4")
    history[:, 1] = 1000.0 + 50.0 * history[:, 1]
    clean = history.copy()
    noisy(history, 0.1, generator(0, 0, 1))
    deviation = (history - clean).std((0, 2, 3)) / clean.std((0, 2, 3))
    np.testing.assert_allclose(deviation, 0.1, rtol=0.02)  # 16 384 draws: 0.6 %
