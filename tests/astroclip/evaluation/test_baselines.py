"""Baselines on arrays whose answers are known."""

import numpy as np
import pytest
import torch

from astroclip.evaluation.baselines import (
    boosted,
    canonical_correlation,
    neighbors,
    principal_components,
    shapes,
)
from astroclip.evaluation.comparison import ranks_by_distance
from astroclip.metrics import recalls


def recall(u, v, k):
    rank = ranks_by_distance(torch.from_numpy(u), torch.from_numpy(v))
    return recalls(rank, (k,))[k]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_shapes_are_weighted_means_in_bins():
    flux, ivar = normal(3, 45), normal(3, 45, seed=1) ** 2
    found = shapes(flux, ivar, width=10)
    for row in range(3):
        f, w = flux[row, :40].reshape(4, 10), ivar[row, :40].reshape(4, 10)
        bins = (f * w).sum(1) / w.sum(1)
        mean = (bins * w.sum(1)).sum() / w.sum()
        spread = max(np.sqrt(((bins - mean) ** 2 * w.sum(1)).sum() / w.sum()), 0.2)
        np.testing.assert_allclose(found.flux[row], (bins - mean) / spread)
        expected = [np.arcsinh(mean), np.arcsinh(spread), mean / (spread + abs(mean))]
        np.testing.assert_allclose(found.stats[row], expected)
        np.testing.assert_allclose(found.softened()[row], np.arcsinh(bins / 0.3))


def test_what_was_not_measured_has_no_shape_and_changes_none():
    flux, ivar = normal(2, 40), np.ones((2, 40))
    ivar[0, 10:20] = 0
    spoiled = flux.copy()
    spoiled[0, 10:20] = 1e6
    one, other = (shapes(x, ivar, 10) for x in (flux, spoiled))
    np.testing.assert_array_equal(one.flux, other.flux)
    assert one.flux[0, 1] == 0
    blank = shapes(flux, 0 * ivar, 10)
    assert np.isfinite(blank.flux).all()
    assert np.isfinite(blank.stats).all()


def test_principal_components_hold_what_lies_in_a_plane():
    plane = normal(3, 30)
    train, test = normal(200, 3, seed=1) @ plane, normal(5, 3, seed=2) @ plane
    a, b = principal_components(train, test, 3)
    # Distances in the plane are those of the components.
    expected = np.linalg.norm(train[:5] - test, axis=1)
    np.testing.assert_allclose(np.linalg.norm(a[:5] - b, axis=1), expected, rtol=1e-6)


def test_boosting_learns_a_step():
    x, seen = normal(2000, 2), normal(100, 2, seed=1)
    found = boosted(x, (x[:, 0] > 0).astype(float), seen)
    assert np.abs(found - (seen[:, 0] > 0)).mean() < 0.02


def test_neighbors_are_the_mean_of_the_nearest():
    train, values, test = normal(50, 3), normal(50, seed=1), normal(4, 3, seed=2)
    found = neighbors(train, values, test, k=5)
    distance = np.linalg.norm(test[:, None] - train[None], axis=2)
    expected = values[np.argsort(distance, axis=1)[:, :5]].mean(1)
    np.testing.assert_allclose(found, expected)


def test_by_cosine_only_directions_count():
    train, values, test = normal(50, 3), normal(50, seed=1), normal(4, 3, seed=2)
    scale = np.exp(normal(50, 1, seed=3))
    np.testing.assert_allclose(
        neighbors(train * scale, values, 7 * test, "cosine"),
        neighbors(train, values, test, "cosine"),
    )


def test_correlation_finds_what_two_sides_share():
    shared, noise = normal(4000, 2), normal(4000, 6, seed=1)
    first = np.c_[shared, noise[:, :3]] @ normal(5, 5, seed=2)
    second = np.c_[shared, noise[:, 3:]] @ normal(5, 5, seed=3)
    maps = canonical_correlation(first, second)
    u, v = maps.embed(0, first), maps.embed(1, second)
    for direction in range(2):
        assert abs(np.corrcoef(u[:, direction], v[:, direction])[0, 1]) > 0.97
    assert (u[:, :2].std(0) > 10 * u[:, 2:].std(0).max()).all()
    assert recall(u[:500], v[:500], 10) > 0.9


@pytest.mark.parametrize("r", [0.5, 0.9])
def test_directions_are_scaled_by_their_correlation(r):
    shared = normal(50_000, 1)
    other = r * shared + np.sqrt(1 - r**2) * normal(50_000, 1, seed=1)
    maps = canonical_correlation(3 * shared + 1, other)
    u = maps.embed(0, 3 * shared + 1)
    np.testing.assert_allclose(u.mean(), 0, atol=1e-9)
    np.testing.assert_allclose(u.std(), np.sqrt(r / (1 - r**2)), rtol=0.03)


def test_features_that_repeat_one_another_are_no_harm():
    shared = normal(1000, 2)
    maps = canonical_correlation(np.c_[shared, shared[:, 0], np.ones(1000)], shared)
    assert np.isfinite(maps.projection[0]).all()
    u, v = maps.embed(0, np.c_[shared, shared[:, 0], np.ones(1000)]), maps.embed(1, shared)
    assert recall(u, v, 1) > 0.9
