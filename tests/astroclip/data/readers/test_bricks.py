import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from galaxy_files import cutout_header, image, table, write_fits

from astroclip.data.readers.open import open_source

SIZE = 200
PLACES = {"7": (60, 70), "8": (120, 100), "9": (195, 100)}  # column and row; the last at the edge


def header(turn=0.0):
    cards = cutout_header("g")
    for card in ("BANDS", "BAND0"):
        cards.remove(card)
    cards["CRPIX1"] = cards["CRPIX2"] = SIZE / 2
    angle = np.radians(turn)
    step = 0.262 / 3600
    cards["CD1_1"], cards["CD1_2"] = -step * np.cos(angle), step * np.sin(angle)
    cards["CD2_1"], cards["CD2_2"] = step * np.sin(angle), step * np.cos(angle)
    return cards


def brick(folder, turn=0.0, suffix=".fits"):
    """A brick with a point of 5, 6 and 7 nanomaggies at each place, and its catalog."""
    folder.mkdir()
    cards = header(turn)
    for number, band in enumerate("grz"):
        plane = np.zeros((SIZE, SIZE), "f4")
        for column, row in PLACES.values():
            plane[row, column] = 5 + number
        part = (
            fits.CompImageHDU(plane, cards, compression_type="GZIP_1", quantize_level=0)
            if suffix.endswith("fz")
            else fits.ImageHDU(plane, cards)
        )
        part.header["FILTER"] = band
        write_fits(folder / f"legacysurvey-1p2-image-{band}{suffix}", part)
        noise = fits.ImageHDU(plane, cards)
        noise.header["IMTYPE"] = "invvar"
        write_fits(folder / f"legacysurvey-1p2-invvar-{band}.fits", noise)
    places = WCS(cards).pixel_to_world_values(*np.array([*PLACES.values()]).T)
    columns = {"ID": np.array([int(id) for id in PLACES]), "RA": places[0], "DEC": places[1]}
    write_fits(folder / "positions.fits", table(**columns))
    return folder


def test_a_brick_is_no_galaxy_but_a_question(tmp_path):
    folder = brick(tmp_path / "brick")
    said = r"200 x 200 pixels are a field.*catalog: positions.fits\} cuts out those of a catalog"
    with pytest.raises(ValueError, match=said):
        open_source(folder)
    with pytest.raises(ValueError, match=said):
        open_source(folder / "legacysurvey-1p2-image-g.fits")


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz"])
def test_a_brick_is_cut_by_a_catalog(tmp_path, suffix):
    folder = brick(tmp_path / "brick", suffix=suffix)
    source = open_source({"path": str(folder), "catalog": str(folder / "positions.fits")})
    assert source.ids == ["7", "8", "9"]
    for number in (0, 1):
        planes = source[number].image
        middle = planes.shape[1] // 2
        np.testing.assert_allclose(planes[:, middle, middle], [5, 6, 7], rtol=1e-4)
    assert source[0].image.shape == (3, 120, 120)
    with pytest.raises(ValueError, match=r"image-g.*: 9: 5 pixels from the edge; 8 are needed"):
        source[2]


def test_a_turned_field_is_resampled_north_up(tmp_path):
    folder = brick(tmp_path / "brick", turn=90)
    source = open_source({"path": str(folder), "catalog": str(folder / "positions.fits")})
    planes = source[1].image
    near = planes[:, planes.shape[1] // 2 - 3 : planes.shape[1] // 2 + 3].sum((1, 2))
    np.testing.assert_allclose(near, [5, 6, 7], rtol=0.01)  # the flux of a point is kept


def test_positions_elsewhere_are_a_question(tmp_path):
    folder = brick(tmp_path / "brick")
    (tmp_path / "far.csv").write_text("name,ra,dec\na,200,40\n")
    with pytest.raises(ValueError, match=r"catalog: none of its 1 positions is in the image"):
        open_source({"path": str(folder), "catalog": str(tmp_path / "far.csv")})


def test_other_files_of_a_folder_are_listed_and_left_out(tmp_path):
    fits.PrimaryHDU(image(), cutout_header()).writeto(tmp_path / "ngc1.fits")
    write_fits(tmp_path / "tractor.fits", table(RA=[1.0], FLUX_G=[1.0]))
    write_fits(tmp_path / "dark.fits", fits.ImageHDU(np.ones((9, 9))))
    with pytest.warns(UserWarning, match=r"left out: dark.fits \(.*\), tractor.fits \(a catalog"):
        assert open_source(tmp_path).ids == ["ngc1"]


@pytest.mark.parametrize(
    ("cards", "factor"), [({"BUNIT": "nJy"}, 1 / 3631), ({"MAGZERO": 27.5}, 0.01),
                          ({"BUNIT": "adu", "MAGZPT": 25.0}, 0.1)]
)  # fmt: skip
def test_units_and_zero_points_become_nanomaggies(tmp_path, cards, factor):
    own = cutout_header()
    own.update(cards)
    fits.PrimaryHDU(image(), own).writeto(tmp_path / "a.fits")
    found = open_source(tmp_path / "a.fits")[0].image
    np.testing.assert_allclose(found, image() * factor, rtol=1e-5)
