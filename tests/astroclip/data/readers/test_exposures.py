import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from galaxy_files import table

from astroclip.data.on_error import good
from astroclip.data.readers.cutout import north_up, regridded
from astroclip.data.readers.open import open_source

SIZE = 80
RA, DEC = 30.0, 10.0
TURNED = {"g": 0.0, "r": 90.0, "z": 20.0}  # degrees; DECam's are near 90
EXPTIME, ZERO_POINT, SKY = 90.0, 24.9, 4.0  # seconds, magnitudes, counts per second
TO_COUNTS = EXPTIME * 10 ** ((ZERO_POINT - 22.5) / 2.5)
FLUX = {"g": 50.0, "r": 100.0, "z": 150.0}  # nanomaggies of the galaxy


def header(degrees, shift=(0.0, 0.0), scale=0.262):
    """World coordinates of an exposure that is turned and shifted."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [RA, DEC]
    wcs.wcs.crpix = [(SIZE + 1) / 2 + shift[0], (SIZE + 1) / 2 + shift[1]]
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    wcs.wcs.cd = rotation * [-scale / 3600, scale / 3600]
    return wcs.to_header(), wcs


def blob(wcs, flux, ra=RA, dec=DEC, sigma=2.5):
    """A round galaxy, longer to the north-west where another, fainter one is."""
    rows, columns = np.indices((SIZE, SIZE))
    image = np.zeros((SIZE, SIZE))
    for share, west, north in [(0.8, 0.0, 0.0), (0.2, 2.0, 3.0)]:  # arcsec
        x, y = wcs.wcs_world2pix(ra - west / 3600 / np.cos(np.radians(dec)), dec + north / 3600, 0)
        square = (rows - y) ** 2 + (columns - x) ** 2
        image += share * flux * np.exp(-0.5 * square / sigma**2) / (2 * np.pi * sigma**2)
    return image


def write_exposures(folder, bands="grz", skip=(), bad=(), ra=RA):
    """Exposures of one galaxy, and their table."""
    folder.mkdir(exist_ok=True)
    rows = []
    for number, band in enumerate(bands):
        cards, wcs = header(TURNED[band], (1.3 * number, -0.7))
        counts = blob(wcs, FLUX[band]) * TO_COUNTS + SKY * EXPTIME
        cards["CRVAL1"] = ra
        mask = np.zeros((SIZE, SIZE), "i2")
        for row, column in bad:
            counts[row, column], mask[row, column] = 1e6, 4
        for name, pixels in (
            [("ooi", counts.astype("f4")), ("ood", mask)] if bad else [("ooi", counts.astype("f4"))]
        ):
            primary = fits.PrimaryHDU()
            primary.header["EXPNUM"] = 1000 + number
            primary.header["PRODTYPE"] = "image" if name == "ooi" else "dqmask"
            hdus = fits.HDUList([primary, fits.ImageHDU(pixels, cards, name="N4")])
            hdus.writeto(folder / f"c4d_{name}_{band}.fits")
        if band not in skip:
            rows.append((1000 + number, "N4 ", band, EXPTIME, ZERO_POINT, SKY, 0.01))
    names = ["expnum", "ccdname", "filter", "exptime", "ccdzpt", "ccdskycounts", "sig1"]
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    fits.HDUList([fits.PrimaryHDU(), table(**columns)]).writeto(folder / "survey-ccds.fits")
    return folder


def moments(plane):
    rows, columns = np.indices(plane.shape)
    return (plane * rows).sum() / plane.sum(), (plane * columns).sum() / plane.sum()


def test_exposures_become_one_cutout_in_nanomaggies(tmp_path):
    source = open_source(write_exposures(tmp_path / "night"))
    assert len(source) == 1
    found = source[0]
    assert found.image.shape[1] == found.image.shape[2] > 40
    for plane, flux in zip(found.image, FLUX.values(), strict=True):
        assert plane.sum() == pytest.approx(flux, rel=1e-3)  # of a blob of FWHM 6 pixels


def test_the_bands_lie_on_each_other_with_north_up_and_east_to_the_left(tmp_path):
    planes = open_source(write_exposures(tmp_path / "night"))[0].image
    middle = (planes.shape[1] - 1) / 2
    for plane in planes:
        # 0.2 of the light is 2 arcsec west and 3 north of the rest: the mean is 0.2 of that away
        np.testing.assert_allclose(moments(plane), moments(planes[0]), atol=0.02)
        brightest = np.unravel_index(plane.argmax(), plane.shape)
        away = np.array(moments(plane)) - brightest
        assert away[0] > 0.5
        assert away[1] > 0.2
        assert np.abs(np.array(brightest) - middle).max() <= 3


def test_positions_are_those_of_the_sky(tmp_path):
    source = open_source(write_exposures(tmp_path / "night"))
    np.testing.assert_allclose(source.positions(), [[RA, DEC]], atol=2 / 3600)
    assert source.ids == [f"{source.positions()[0, 0]:.4f}+{source.positions()[0, 1]:.4f}"]


def test_exposures_elsewhere_on_the_sky_are_another_galaxy(tmp_path):
    write_exposures(tmp_path / "one")
    write_exposures(tmp_path / "two", ra=359.999)
    source = open_source(tmp_path)
    assert len(source) == 2
    assert {round(ra) for ra in source.positions()[:, 0]} == {30, 360}


def test_pixels_of_the_mask_are_left_out(tmp_path):
    bad = [(20, 30), (21, 30), (50, 45)]
    clean = open_source(write_exposures(tmp_path / "clean"))[0].image
    found = open_source(write_exposures(tmp_path / "bad", bad=bad))[0].image
    assert found.max() < 1.05 * clean.max()
    assert found.shape == clean.shape


@pytest.mark.parametrize("degrees", [0, 37, 90, 181])
def test_turning_an_image_conserves_its_flux(degrees):
    wcs = header(degrees, (0.4, -0.3))[1]
    old = blob(wcs, 10.0)
    new, inside = regridded(old, wcs, north_up((RA, DEC)), 152)
    assert np.nansum(new) == pytest.approx(10.0, rel=1e-4)
    assert inside.sum() == pytest.approx(SIZE**2, rel=0.01)


def test_turning_by_a_right_angle_and_half_a_pixel_is_a_mean_of_neighbors():
    pixels = np.random.default_rng(0).normal(size=(SIZE, SIZE))
    new, _ = regridded(pixels, header(0, (0.5, 0.0))[1], north_up((RA, DEC)), 152)
    means = (pixels[:, 1:] + pixels[:, :-1]) / 2
    start = (152 - SIZE) // 2
    inner = new[start : start + SIZE, start : start + SIZE - 1]
    np.testing.assert_allclose(inner[5:-5, 5:-5], means[5:-5, 5:-5], atol=1e-3)


def test_a_galaxy_without_a_band_is_named(tmp_path):
    folder = write_exposures(tmp_path / "night", bands="gz")
    said = r"night: [\d.]+\+[\d.]+: bands: g, z; g, r and z are needed"
    with pytest.raises(ValueError, match=said):
        open_source(folder)[0]


def test_an_exposure_that_is_not_in_the_table_is_named(tmp_path):
    folder = write_exposures(tmp_path / "night", skip="r")
    with pytest.raises(ValueError, match=r"ooi_r.fits: EXPNUM and EXTNAME \(1001, 'N4'\): not in"):
        open_source(folder)


def test_an_exposure_that_was_cut_off_is_listed_and_left_out_when_asked(tmp_path):
    write_exposures(tmp_path / "one")
    write_exposures(tmp_path / "two", ra=31.0)
    path = tmp_path / "two/c4d_ooi_r.fits"
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ValueError, match=r"ooi_r.fits: truncated"):
        open_source(tmp_path)
    numbers, bad = good(open_source(tmp_path, on_error="skip"))
    assert len(numbers) == 1
    assert "bands: g, z; g, r and z are needed" in bad[0].reason
    assert bad[1].reason.startswith(f"{path}: truncated")


def test_a_table_without_a_column_is_named(tmp_path):
    folder = write_exposures(tmp_path / "night")
    path = folder / "survey-ccds.fits"
    columns = table(expnum=[1000], ccdname=["N4"], filter=["g"], ccdzpt=[25.0])
    fits.HDUList([fits.PrimaryHDU(), columns]).writeto(path, overwrite=True)
    with pytest.raises(ValueError, match=r"survey-ccds.fits: table: no column 'exptime'"):
        open_source(folder)


def test_a_folder_of_exposures_without_a_table_says_so(tmp_path):
    folder = write_exposures(tmp_path / "night")
    (folder / "survey-ccds.fits").unlink()
    with pytest.raises(ValueError, match=r"night: no CCD table, a FITS table with expnum"):
        open_source(folder, "exposures")


def test_an_exposure_without_world_coordinates_is_named(tmp_path):
    folder = write_exposures(tmp_path / "night")
    with fits.open(folder / "c4d_ooi_g.fits", mode="update") as hdus:
        for card in ("CTYPE1", "CTYPE2"):
            hdus[1].header.remove(card)
    with pytest.raises(ValueError, match=r"ooi_g.fits: CTYPE1: no world coordinates"):
        open_source(folder)


CAMERAS = [("c4d", 90.0, "ooi"), ("ksb", 1.0, "ooi"), ("k4m", 1.0, "oki"), ("", 90.0, "")]


def write_products(folder, camera, times, name):
    """Image, mask and weights of one galaxy, all of PRODTYPE image; ``times`` seconds of counts."""
    folder.mkdir()
    rows, noise = [], np.random.default_rng(0)
    for number, band in enumerate("grz"):
        cards, wcs = header(0.0)
        counts = (blob(wcs, FLUX[band]) * 10 ** ((ZERO_POINT - 22.5) / 2.5) + SKY) * times
        counts += noise.normal(0, 0.01 * times, counts.shape)
        mask = np.zeros((SIZE, SIZE), "i2")
        mask[10:12, 10:12], counts[10:12, 10:12] = 4, 1e6
        weights = np.full((SIZE, SIZE), 0.04, "f4")
        weights[60:62, 60:62], counts[60:62, 60:62] = 0, -1e6
        parts = {"i": counts.astype("f4"), "d": mask, "w": weights}
        for kind, pixels in parts.items():
            said = f"_{name.replace('i', kind) if kind == 'i' else 'oo' + kind}_" if name else kind
            file = f"{camera}_14010{number}_000000{said}{band}_v1.fits"
            primary = fits.PrimaryHDU()
            primary.header["PRODTYPE"] = "image"
            if camera != "ksb":
                primary.header["EXPNUM"] = 1000 + number
            part = fits.ImageHDU(pixels, cards, name="ccd1")
            part.header["BUNIT"] = "ADU"
            fits.HDUList([primary, part]).writeto(folder / file)
            if kind == "i":
                rows.append((f"survey/CP/{file}.fz", 1000 + number, "CCD1", band, EXPTIME,
                             ZERO_POINT, SKY))  # fmt: skip
    names = ["image_filename", "expnum", "ccdname", "filter", "exptime", "ccdzpt", "ccdskycounts"]
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    if camera == "ksb":
        del columns["expnum"]
    if not camera:
        del columns["image_filename"]
    fits.HDUList([fits.PrimaryHDU(), table(**columns)]).writeto(folder / "survey-ccds.fits")
    return folder


@pytest.mark.parametrize(("camera", "times", "name"), CAMERAS)
def test_masks_and_weights_of_all_cameras_are_no_exposures(tmp_path, camera, times, name):
    source = open_source(write_products(tmp_path / "night", camera, times, name))
    assert len(source) == 1
    planes = source[0].image
    for plane, flux in zip(planes, FLUX.values(), strict=True):
        assert plane.sum() == pytest.approx(flux, rel=0.01)
        assert np.median(plane) == pytest.approx(0, abs=1e-3)
    assert np.abs(planes).max() < 10  # the bad pixels are 1e6
    assert "3 masks and 3 weight images" in source.facts()["masks"]


def test_two_images_of_one_exposure_are_a_question(tmp_path):
    folder = write_exposures(tmp_path / "night")
    (folder / "copy_g.fits").write_bytes((folder / "c4d_ooi_g.fits").read_bytes())
    with pytest.raises(ValueError, match=r"copy_g.fits: the same exposure as .*; which is the ima"):
        open_source(folder)


def test_a_subtracted_sky_is_a_question(tmp_path):
    folder = write_exposures(tmp_path / "night")
    with fits.open(folder / "c4d_ooi_g.fits", mode="update") as hdus:
        hdus[1].data -= SKY * EXPTIME
    with pytest.raises(ValueError, match=r"ooi_g.fits: ccdskycounts: 4 per second, so 360 in the"):
        open_source(folder)[0]
