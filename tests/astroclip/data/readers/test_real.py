import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import median_filter

from astroclip.data.readers.open import open_source
from astroclip.survey import wavelengths

REAL = os.environ.get("SCIFORMER_REAL_DATA")
pytestmark = pytest.mark.skipif(REAL is None, reason="SCIFORMER_REAL_DATA names no folder")
FOLDER = Path(REAL or ".")

REDSHIFT = 0.36874
LINES = {  # Angstrom in vacuum (NIST); that of [O II] is the middle of its doublet
    "[O II]": 3728.48,
    "H-beta": 4862.68,
    "[O III]": 5008.24,
    "H-alpha": 6564.61,
}
LIGHT_SPEED = 299_792.458  # km / s


@pytest.fixture(scope="module")
def galaxy():
    return open_source(FOLDER / "desi")[0]


def test_the_galaxy_of_desi_becomes_one_spectrum(galaxy):
    assert galaxy.id == "39633345008634465"
    assert galaxy.labels == {"redshift": pytest.approx(REDSHIFT, abs=1e-5)}
    assert galaxy.flux.shape == galaxy.ivar.shape == (7781,)
    assert (galaxy.ivar > 0).mean() > 0.99
    assert np.isfinite(galaxy.flux).all()


@pytest.mark.parametrize("line", LINES)
def test_the_lines_of_the_galaxy_stand_where_its_redshift_puts_them(galaxy, line):
    """A Gaussian of 150 km/s that fits best within 600 km/s, and what it is worth."""
    grid = wavelengths()
    above = galaxy.flux - median_filter(galaxy.flux, 251)  # the continuum is smooth over 200 A
    there = LINES[line] * (1 + REDSHIFT)
    speeds = np.arange(-600, 601, 10)
    values, noises = [], []
    for speed in speeds:
        middle = there * (1 + speed / LIGHT_SPEED)
        shape = np.exp(-0.5 * ((grid - middle) / (middle * 150 / LIGHT_SPEED)) ** 2)
        weight = (galaxy.ivar * shape**2).sum()
        values.append((galaxy.ivar * shape * above).sum() / weight)
        noises.append(weight**-0.5)
    worth = np.array(values) / np.array(noises)
    assert worth.max() > 50  # sigma; they are 105 to 326
    assert abs(speeds[worth.argmax()]) <= 100  # a pixel is 30 to 50 km/s


@pytest.fixture(scope="module")
def cutout():
    return open_source(FOLDER / "legacysurvey")[0].image


def test_the_exposures_become_one_cutout_around_the_galaxy(cutout):
    assert cutout.shape == (3, 90, 90)
    rows, columns = np.indices(cutout.shape[1:])
    for plane in cutout:
        near = np.where(np.hypot(rows - 44.5, columns - 44.5) < 12, plane, 0)
        assert (near * rows).sum() / near.sum() == pytest.approx(44.5, abs=0.5)
        assert (near * columns).sum() / near.sum() == pytest.approx(44.5, abs=0.5)


def aperture(image, row, column, radius):
    """The flux within a circle, with pixels of its edge cut into 5 x 5."""
    fine = (np.arange(5) - 2) / 5
    rows, columns = np.indices(image.shape)
    share = np.zeros(image.shape)
    for down in fine:
        for right in fine:
            share += np.hypot(rows + down - row, columns + right - column) < radius
    return (image * share).sum() / fine.size**2


@pytest.mark.parametrize("radius", [2.0, 4.0, 8.0])  # arcsec
def test_photometry_of_the_cutout_is_that_of_the_single_exposures(cutout, radius):
    """The same circle on the sky, in counts of each exposure turned to nanomaggies by hand."""
    table = fits.getdata(next((FOLDER / "legacysurvey").glob("survey-ccds*")), 1)
    for row in table:
        path = FOLDER / "legacysurvey" / Path(row["image_filename"]).name
        counts = fits.getdata(path, 1).astype(float)
        rate = counts / row["exptime"] - row["ccdskycounts"]
        plane = rate / 10 ** ((row["ccdzpt"] - 22.5) / 2.5)
        x, y = WCS(fits.getheader(path, 1)).all_world2pix(*place_of(cutout), 0)
        expected = aperture(plane, float(y), float(x), radius / 0.262)
        found = aperture(cutout["grz".index(row["filter"])], 44.5, 44.5, radius / 0.262)
        # turned pixels are a little less sharp, which moves light out of the small circle
        assert found == pytest.approx(expected, rel=0.01 if radius < 3 else 0.003)


def place_of(cutout):
    """Where the middle of the cutout is on the sky, from the r exposure alone."""
    path = next((FOLDER / "legacysurvey").glob("*_r_*"))
    plane = fits.getdata(path, 1).astype(float)
    plane -= np.median(plane[:12])
    rows, columns = np.indices(plane.shape)
    row, column = np.unravel_index(plane.argmax(), plane.shape)
    for _ in range(5):
        near = np.where(np.hypot(rows - row, columns - column) < 12, plane, 0)
        row, column = (near * rows).sum() / near.sum(), (near * columns).sum() / near.sum()
    return WCS(fits.getheader(path, 1)).all_pix2world(column, row, 0)


def test_the_cutout_is_north_up_and_east_to_the_left(cutout):
    """The z exposure, looked up pixel by pixel, is the cutout and none of its mirror images."""
    path = next((FOLDER / "legacysurvey").glob("*_z_*"))
    ra, dec = place_of(cutout)
    north, west = (np.indices((90, 90)) - 44.5) * 0.262 / 3600
    x, y = WCS(fits.getheader(path, 1)).all_world2pix(
        ra - west / np.cos(np.radians(dec)), dec + north, 0
    )
    looked_up = fits.getdata(path, 1)[np.rint(y).astype(int), np.rint(x).astype(int)]
    z = cutout[2]
    alike = [
        np.corrcoef(looked_up.ravel(), each.ravel())[0, 1] for each in (z, z[::-1], z[:, ::-1])
    ]
    assert alike[0] > 0.99
    assert alike[0] > max(alike[1:]) + 0.03
