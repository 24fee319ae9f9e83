import numpy as np
import pytest
from astropy.io import fits
from galaxy_files import cutout_header, image, write_fits

from astroclip.data.readers.open import open_source


def cutout(path, pixels, header):
    fits.PrimaryHDU(pixels, header).writeto(path)
    return path


def test_a_cutout_of_the_legacy_surveys_is_read_as_it_is(tmp_path):
    source = open_source(cutout(tmp_path / "ngc1.fits", image(), cutout_header()))
    assert source.ids == ["ngc1"]
    np.testing.assert_array_equal(source[0].image, image())


@pytest.mark.parametrize(
    ("bands", "order"), [("zrg", [2, 1, 0]), ("griz", [0, 1, 3]), ("rgz", [1, 0, 2])]
)
def test_bands_come_in_our_order(tmp_path, bands, order):
    pixels = image(bands=len(bands))
    source = open_source(cutout(tmp_path / "a.fits", pixels, cutout_header(bands)))
    np.testing.assert_array_equal(source[0].image, pixels[order])


@pytest.mark.parametrize("bands", ["gri", "grr", "ugriy"])
def test_other_bands_say_what_they_need(tmp_path, bands):
    path = cutout(tmp_path / "a.fits", image(bands=len(bands)), cutout_header(bands))
    said = f"a.fits: bands: {', '.join(bands)}; g, r and z are needed"
    with pytest.raises(ValueError, match=said) as error:
        open_source(path)[0]
    assert "\n" not in str(error.value)


def test_four_planes_without_names_say_what_they_need(tmp_path):
    path = cutout(tmp_path / "a.fits", image(bands=4), fits.Header())
    with pytest.raises(ValueError, match=r"a.fits: bands: 4 images, but none"):
        open_source(path)[0]


def test_another_scale_is_resampled(tmp_path):
    path = cutout(tmp_path / "a.fits", image(), cutout_header(scale=0.524))
    found = open_source(path)[0].image
    assert found.shape == (3, 24, 24)
    np.testing.assert_allclose(found.sum((1, 2)), image().sum((1, 2)), rtol=1e-5)


def test_another_unit_says_what_it_needs(tmp_path):
    header = cutout_header()
    header["BUNIT"] = "electron/s"
    with pytest.raises(ValueError, match=r"a.fits: BUNIT: 'electron/s'; nanomaggies are needed"):
        open_source(cutout(tmp_path / "a.fits", image(), header))[0]
    header["BUNIT"] = "nanomaggy"
    np.testing.assert_array_equal(
        open_source(cutout(tmp_path / "b.fits", image(), header))[0].image, image()
    )


@pytest.mark.parametrize("how", ["gz", "rice", "int16", "double", "extension"])
def test_other_ways_to_write_a_cutout_are_read_as_well(tmp_path, how):
    path, pixels, header = tmp_path / "a.fits", image(), cutout_header()
    if how == "gz":
        path = cutout(tmp_path / "a.fits.gz", pixels, header)
    elif how == "rice":
        packed = fits.CompImageHDU(pixels, header, compression_type="GZIP_1", quantize_level=0)
        path = write_fits(tmp_path / "a.fits.fz", packed)
    elif how == "int16":
        part = fits.PrimaryHDU(np.round(pixels * 1e4).astype("i2"), header)
        part.header["BSCALE"] = 1e-4
        part.writeto(path)
    elif how == "double":
        cutout(path, pixels.astype("f8"), header)
    else:
        write_fits(path, fits.ImageHDU(pixels, header), ("IVAR", pixels))
    source = open_source(path)
    assert source.ids == ["a"]
    np.testing.assert_allclose(source[0].image, pixels, atol=1e-4 if how == "int16" else 0)


def test_a_file_for_each_band_is_one_galaxy(tmp_path):
    for number, band in enumerate("grz"):
        for seed in (0, 1):
            cutout(tmp_path / f"m{seed}-{band}.fits", image(seed)[number], fits.Header())
    source = open_source(tmp_path)
    assert source.ids == ["m0", "m1"]
    np.testing.assert_array_equal(source[1].image, image(1))


def test_a_galaxy_without_one_of_its_bands_is_named(tmp_path):
    for number, band in enumerate("gz"):
        cutout(tmp_path / f"m1-{band}.fits", image()[number], fits.Header())
    with pytest.raises(ValueError, match=r"m1: files: bands: g, z; g, r and z are needed"):
        open_source(tmp_path)


def test_images_of_single_bands_in_one_file_are_one_galaxy(tmp_path):
    parts = []
    for number, band in enumerate("zgr"):
        part = fits.ImageHDU(image()[number], name=f"SCI{number}")
        part.header["FILTER"] = f"{band} DECam SDSS c0001 4720.0 1520.0"
        parts.append(part)
    found = open_source(write_fits(tmp_path / "a.fits", *parts))[0]
    np.testing.assert_array_equal(found.image, image()[[1, 2, 0]])


def test_arrays_are_images_too(tmp_path):
    np.save(tmp_path / "a.npy", image(1).astype(">f8"))
    np.savez(tmp_path / "b.npz", image=image(2)[::-1], bands=np.array(["z", "r", "g"]), scale=0.262)
    source = open_source(tmp_path)
    assert source.ids == ["a", "b"]
    for number in range(2):
        np.testing.assert_array_equal(source[number].image, image(number + 1))


def test_an_array_of_python_objects_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([print, None], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a.npy: truncated or no array: ") as error:
        open_source(tmp_path / "a.npy")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.npy", "a.npz"])
def test_a_file_that_was_cut_off_is_one_line(tmp_path, name, share):
    path = tmp_path / name
    if ".fits" in name:
        cutout(path, image(size=60), cutout_header())
    elif name == "a.npy":
        np.save(path, image())
    else:
        np.savez(path, image=image())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=f"{name}: .*truncated") as error:
        open_source(path)[0]
    assert "\n" not in str(error.value)


def test_two_galaxies_of_one_name_are_an_error(tmp_path):
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        cutout(tmp_path / folder / "a.fits", image(), cutout_header())
    with pytest.raises(ValueError, match=r"q/a.fits: id a is that of .*p/a.fits as well"):
        open_source(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("BYTEPIX", -1), ("BYTEPIX", 2**31), ("BLOCKSIZE", 0)])
def test_a_compression_by_numbers_that_cannot_be_is_named(tmp_path, name, said):
    packed = fits.CompImageHDU(image(), cutout_header(), compression_type="RICE_1")
    path = write_fits(tmp_path / "a.fits", packed)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"= '" + name.encode()) + 80 - 8  # the card behind that of its name
    assert raw[at : at + 4] == b"ZVAL"
    raw[at + 8 : at + 80] = f"= {said:20}".ljust(72).encode()
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=rf"a\.fits: .*{name}: {said}$"):
        open_source(path)[0]
