"""Whole blocks: the same bytes, nothing leaked, and the survey's look."""

import numpy as np
import pytest

from astroclip.simulate.galaxies import (
    BLOCK,
    LABELS,
    MORPHOLOGIES,
    VERSION,
    fingerprint,
    simulate,
)
from astroclip.survey import PIXELS

REDSHIFT, KIND = LABELS.index("redshift"), LABELS.index("morphology")


@pytest.fixture(scope="module")
def block():
    return simulate(0, 0)


@pytest.fixture(scope="module")
def many():
    """Labels of four blocks, in order."""
    return np.concatenate([simulate(5, number, 8).labels for number in range(4)])


def test_a_block_has_the_shapes_that_it_says(block):
    assert block.image.shape == (BLOCK, 3, 48, 48)
    assert block.flux.shape == block.ivar.shape == block.mask.shape == (BLOCK, PIXELS)
    assert block.labels.shape == (BLOCK, len(LABELS))
    assert {x.dtype for x in (block.image, block.flux, block.ivar, block.labels)} == {
        np.dtype(np.float32)
    }
    assert all(np.isfinite(x).all() for x in block)


def test_the_same_seed_and_block_give_the_same_bytes(block):
    again = simulate(0, 0)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(block, again, strict=True))


def test_another_block_and_another_seed_give_other_galaxies(block):
    others = simulate(0, 1, 8), simulate(1, 0, 8)
    shown = [set(x.labels[:, REDSHIFT].tolist()) for x in (block, *others)]
    assert not shown[0] & shown[1]
    assert not shown[0] & shown[2]
    assert not shown[1] & shown[2]


def test_the_size_of_the_images_changes_nothing_else(block):
    small = simulate(0, 0, 8)
    for name in ("flux", "ivar", "mask", "labels"):
        assert getattr(small, name).tobytes() == getattr(block, name).tobytes()


def test_order_says_nothing_of_redshift_or_mass(many):
    order = np.arange(len(many))
    for column in (REDSHIFT, LABELS.index("log_mass")):
        assert abs(np.corrcoef(order, many[:, column])[0, 1]) < 3 / np.sqrt(len(many))
        ahead = np.corrcoef(many[1:, column], many[:-1, column])[0, 1]
        assert abs(ahead) < 3 / np.sqrt(len(many))


def test_noise_of_image_and_spectrum_is_independent(block):
    corner = block.image[:, 1, 0, :6].ravel()
    blue = (block.flux * np.sqrt(block.ivar))[:, :6].ravel()
    good = np.abs(corner) < 0.03
    assert abs(np.corrcoef(corner[good], blue[good])[0, 1]) < 3.5 / np.sqrt(good.sum())


def test_labels_are_within_what_galaxies_are(many):
    low = (0.02, 8.6, -14.0, 1.0, -0.71, 0)
    high = (0.65, 12.0, -8.0, 13.0, 0.51, len(MORPHOLOGIES) - 1)
    assert (many >= low).all()
    assert (many <= high).all()
    assert 0.23 < np.median(many[:, REDSHIFT]) < 0.29


def test_every_morphology_occurs(many):
    share = np.bincount(many[:, KIND].astype(int), minlength=len(MORPHOLOGIES)) / len(many)
    assert (share > 0.04).all()


def test_spectra_are_as_bright_over_their_noise_as_the_survey_s(block):
    snr = np.median(block.flux * np.sqrt(block.ivar), axis=1)
    low, middle, high = np.percentile(snr, [5, 50, 95])
    assert 1.5 < low < 4
    assert 6 < middle < 10
    assert 20 < high < 60


def test_a_version_is_frozen():
    # Whoever changes a number raises the version, and every table of results with it.
    assert (VERSION, fingerprint()) == ("1", "b105843f67be")
