import numpy as np
import pytest
from galaxy_files import Listed, dead, flux, galaxy, image, ivar

from astroclip.data.batch import collate, middle
from astroclip.data.source import Joined, checked


def test_pixels_that_are_no_number_weigh_nothing():
    values, weights = flux(), ivar()
    values[3], values[5], weights[7], weights[9] = np.nan, np.inf, np.nan, -1
    found = checked(galaxy(flux=values, ivar=weights), "here")
    assert np.flatnonzero(found.ivar == 0).tolist() == [3, 5, 7, 9]
    assert np.isfinite(found.flux).all()
    assert (found.flux[[3, 5, 7, 9]] == 0).all()


def test_pixels_of_an_image_that_are_no_number_are_0():
    pixels = image()
    pixels[1, 2, 3] = np.nan
    found = checked(galaxy(image=pixels), "here").image
    assert found[1, 2, 3] == 0
    assert np.isfinite(found).all()


def test_big_endian_numbers_become_those_of_this_machine():
    found = checked(galaxy(image=image().astype(">f4"), flux=flux().astype(">f8")), "here")
    assert found.image.dtype == found.flux.dtype == np.dtype(np.float32).newbyteorder("=")
    np.testing.assert_array_equal(found.flux, flux())
    collate([found], [0])  # torch reads this order alone


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"flux": flux(pixels=7780)}, r"flux: shape \(7780,\) is not \(7781,\) pixels"),
        ({"ivar": np.zeros(7781, "f4")}, "ivar: 0 in every pixel"),
        ({"flux": np.full(7781, np.nan, "f4")}, "ivar: 0 in every pixel"),
        ({"flux": np.zeros(7781, "f4")}, "flux: 0 in every pixel that was measured"),
        ({"image": image(bands=4)}, r"image: shape \(4, 12, 12\) is not \(3, height, width\)"),
        ({"image": image() * np.array([1, 0, 1], "f4")[:, None, None]}, "image: band r is 0"),
        ({"image": None, "flux": None, "ivar": None}, "neither an image nor a spectrum"),
    ],
)
def test_what_cannot_be_used_is_one_line_with_its_place(changes, said):
    with pytest.raises(ValueError, match=f"^here: {said}") as error:
        checked(galaxy(**changes), "here")
    assert "\n" not in str(error.value)


def test_what_is_not_known_of_a_galaxy_is_no_label():
    assert checked(galaxy(labels={"redshift": np.nan, "age": 3}), "here").labels == {"age": 3.0}


def test_joined_sources_count_on():
    parts = [Listed([galaxy("a"), galaxy("b")]), Listed([galaxy("c"), dead()], "there")]
    joined = Joined(parts)
    assert joined.ids == ["a", "b", "c", "dead"]
    assert [found.id for found in (joined[0], joined[1], joined[2])] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"^there: dead: ivar"):
        joined[3]
    with pytest.raises(IndexError, match=r"no galaxy 4; there are 4"):
        joined[4]


def test_sources_with_and_without_spectra_cannot_be_joined():
    with pytest.raises(ValueError, match=r"^there: no spectra, but here has some"):
        Joined([Listed([galaxy()]), Listed([galaxy()], "there", spectra=False)])


def test_a_batch_has_nan_where_a_label_is_not_known():
    batch = collate([galaxy("a"), galaxy("b", labels={})], [4, 7], ["redshift"])
    assert batch.image.shape == (2, 3, 12, 12)
    assert batch.flux.shape == batch.ivar.shape == (2, 7781)
    np.testing.assert_allclose(batch.labels, [[0.1], [np.nan]])
    assert batch.number.tolist() == [4, 7]


def test_a_batch_cuts_images_out_of_their_middle():
    galaxies = [galaxy("a"), galaxy("b", image=image(size=9))]
    with pytest.raises(ValueError, match=r"b: image: shape \(3, 9, 9\), but a has \(3, 12, 12\)"):
        collate(galaxies, [0, 1])
    batch = collate(galaxies, [0, 1], size=5)
    np.testing.assert_array_equal(batch.image[0], image()[:, 3:8, 3:8])
    np.testing.assert_array_equal(batch.image[1], image(size=9)[:, 2:7, 2:7])
    with pytest.raises(ValueError, match=r"b: image: 9 x 9 pixels; 10 x 10 are needed"):
        collate(galaxies, [0, 1], size=10)


def test_the_middle_of_a_view_is_a_view():
    pixels = image()
    assert np.shares_memory(middle(pixels, 4), pixels)
