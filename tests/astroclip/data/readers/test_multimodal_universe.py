import h5py
import numpy as np
import pytest
from galaxy_files import flux, image, ivar, universe_images, universe_spectra, write_hdf5

from astroclip.data.readers.open import open_source
from astroclip.survey import FIRST, STEP


def test_spectra_come_as_they_are(tmp_path):
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **universe_spectra()))
    assert source.ids == ["500", "501", "502"]
    for number in range(3):
        found = source[number]
        assert found.image is None
        np.testing.assert_array_equal(found.flux, flux(number))
        np.testing.assert_array_equal(found.ivar, ivar(number))
    np.testing.assert_array_equal(source.positions(), [[10, -5], [11, -4], [12, -3]])


def test_positions_of_another_shape_name_the_file(tmp_path):
    path = write_hdf5(tmp_path / "a.hdf5", **universe_spectra(ra=np.ones((3, 2))))
    with pytest.raises(ValueError, match=r"a\.hdf5: ra, dec: "):
        open_source(path).positions()


def test_ids_may_be_bytes_that_are_no_text(tmp_path):
    arrays = universe_spectra(object_id=np.array([b"a\xff", b"b", b"c"]))
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **arrays))
    assert source.ids == [r"a\xff", "b", "c"]


def test_pixels_of_the_mask_weigh_nothing(tmp_path):
    mask = np.zeros((3, 7781), bool)
    mask[1, 30:40] = True
    path = write_hdf5(tmp_path / "a.hdf5", **universe_spectra(spectrum_mask=mask))
    found = open_source(path)[1]
    assert np.flatnonzero(found.ivar == 0).tolist() == list(range(30, 40))


def test_zwarn_is_0_where_the_redshift_is_good(tmp_path):
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **universe_spectra()))
    labels = [source[number].labels for number in range(3)]
    assert labels == [{"redshift": 0.1}, {}, {"redshift": pytest.approx(0.3)}]


def test_zwarn_is_true_where_the_redshift_is_good_in_what_the_view_wrote(tmp_path):
    arrays = universe_spectra(ZWARN=np.array([True, False, True]))
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **arrays))
    assert [bool(source[number].labels) for number in range(3)] == [True, False, True]


def test_images_are_g_r_z_of_four_bands(tmp_path):
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **universe_images()))
    np.testing.assert_array_equal(source[1].image, image(1, 4)[[0, 1, 3]])
    assert source[1].flux is None


def test_bands_come_in_our_order_whatever_that_of_the_file(tmp_path):
    arrays = universe_images(names=(b"DES-Z", b"DES-G", b"DES-R"))
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **arrays))
    np.testing.assert_array_equal(source[0].image, image(0, 3)[[1, 2, 0]])


def test_other_bands_are_named(tmp_path):
    arrays = universe_images(names=(b"des-g", b"des-r", b"des-i"))
    path = write_hdf5(tmp_path / "a.hdf5", **arrays)
    with pytest.raises(ValueError, match=r"a.hdf5: 900: bands: g, r, i; g, r and z are needed"):
        open_source(path)[0]


def test_another_scale_is_resampled_and_no_scale_is_an_error(tmp_path):
    arrays = universe_images(image_scale=np.array([[0.524] * 4, [np.nan] * 4, [0.2, 0.3] * 2]))
    source = open_source(write_hdf5(tmp_path / "a.hdf5", **arrays))
    found = source[0].image
    assert found.shape == (3, 24, 24)
    np.testing.assert_allclose(found.sum((1, 2)), image(0, 4)[[0, 1, 3]].sum((1, 2)), rtol=1e-5)
    for number, said in [
        (1, "901: .*scale: "),
        (2, "902: image_scale: .* differ; 0.262 is needed"),
    ]:
        with pytest.raises(ValueError, match=f"a.hdf5: {said}"):
            source[number]


def test_another_grid_of_wavelengths_is_resampled(tmp_path):
    grid = np.tile(np.arange(3700, 9700, 2.0).astype("f4"), (3, 1))
    ones = np.ones(grid.shape, "f4")
    arrays = universe_spectra(spectrum_lambda=grid, spectrum_flux=2 * ones, spectrum_ivar=ones,
                              spectrum_mask=ones == 0)  # fmt: skip
    found = open_source(write_hdf5(tmp_path / "a.hdf5", **arrays))[0]
    there = found.ivar > 0
    np.testing.assert_allclose(found.flux[there], 2)
    grid = FIRST + STEP * np.flatnonzero(there)
    assert abs(grid[0] - 3700) < 2
    assert abs(grid[-1] - 9698) < 2


def test_padding_of_wavelengths_is_no_pixel(tmp_path):
    arrays = universe_spectra()
    for key, fill in [("spectrum_lambda", -1), ("spectrum_flux", 0), ("spectrum_ivar", 0)]:
        arrays[key] = np.pad(arrays[key], ((0, 0), (0, 50)), constant_values=fill)
    arrays["spectrum_mask"] = np.zeros((3, 7831), bool)
    found = open_source(write_hdf5(tmp_path / "a.hdf5", **arrays))[0]
    np.testing.assert_array_equal(found.flux, flux(0))


@pytest.mark.parametrize("key", ["object_id", "spectrum_flux", "spectrum_ivar"])
def test_a_missing_key_is_one_line(tmp_path, key):
    arrays = universe_spectra()
    del arrays[key]
    path = write_hdf5(tmp_path / "a.hdf5", **arrays)
    with pytest.raises(ValueError, match=f"a.hdf5: {key}: no such key; there are ") as error:
        open_source(path)
    assert "\n" not in str(error.value)


def test_the_wrong_number_of_pixels_names_file_and_galaxy(tmp_path):
    arrays = universe_spectra()
    arrays["spectrum_flux"] = arrays["spectrum_flux"][:, 1:]
    path = write_hdf5(tmp_path / "a.hdf5", **arrays)
    with pytest.raises(ValueError, match=r"a.hdf5: 500: .*\(7780,\)"):
        open_source(path)[0]


def test_files_of_the_cells_of_the_sky_are_one_source(tmp_path):
    for cell in (7, 12):
        arrays = universe_spectra(object_id=np.arange(3) + cell * 100)
        write_hdf5(tmp_path / f"dr1_main/healpix={cell}/001-of-001.hdf5", **arrays)
    source = open_source(tmp_path / "dr1_main")
    assert sorted(source.ids) == ["1200", "1201", "1202", "700", "701", "702"]
    assert len(open_source(f"{tmp_path}/dr1_main/healpix=7/*.hdf5")) == 3
    assert len(open_source(f"{tmp_path}/dr1_main/healpix=*")) == 6


def test_images_and_spectra_of_one_galaxy_find_each_other_on_the_sky(tmp_path):
    images = universe_images(dec=np.arange(3) - 5 + np.array([0.5, 20, 0.9]) / 3600)
    write_hdf5(tmp_path / "legacysurvey/healpix=1/001-of-001.hdf5", **images)
    write_hdf5(tmp_path / "desi/healpix=1/001-of-001.hdf5", **universe_spectra())
    source = open_source(tmp_path)
    assert source.ids == ["500", "502"]  # 901 is 20 arcsec off
    np.testing.assert_array_equal(source[1].image, image(2, 4)[[0, 1, 3]])
    np.testing.assert_array_equal(source[1].flux, flux(2))
    said = {"images": f"{tmp_path}/legacysurvey", "spectra": f"{tmp_path}/desi"}
    assert open_source(said).ids == source.ids


def test_a_catalog_beside_is_passed_over_and_gives_labels_when_asked(tmp_path):
    catalog = {
        "object_id": [500, 502, 9],
        "LOG_MSTAR": [10.0, 11.0, 9.0],
        "AVG_SFR": [1.0, 0.0, 1.0],
        "Z_MW": [0.01, 0.02, 0.01],
        "TAGE_MW": [5.0, 8.0, 1.0],
        "Z_HP": [0.1, 0.3, 0.2],
    }
    write_hdf5(tmp_path / "desi/a.hdf5", **universe_spectra())
    path = write_hdf5(tmp_path / "desi/provabgs.hdf5", **catalog)
    assert open_source(tmp_path / "desi").ids == ["500", "501", "502"]
    source = open_source({"path": f"{tmp_path}/desi", "labels": str(path)})
    expected = {"redshift": 0.1, "log_mass": 10, "log_ssfr": -10, "age": 5, "log_metallicity": -2}
    assert source[0].labels == pytest.approx(expected)
    assert set(source[2].labels) == set(expected) - {"log_ssfr"}  # it forms no stars
    assert source[1].labels == {}


def test_a_damaged_chunk_names_file_and_key(tmp_path):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        for name, array in universe_spectra().items():
            packed = {"chunks": (1, 7781), "compression": "gzip"} if name == "spectrum_flux" else {}
            file.create_dataset(name, data=array, **packed)
        place = file["spectrum_flux"].id.get_chunk_info(1).byte_offset
    whole = bytearray(path.read_bytes())
    whole[place + 10 : place + 200] = bytes(190)
    path.write_bytes(whole)
    source = open_source(path)
    with pytest.raises(ValueError, match=r"a.hdf5: spectrum_flux: cannot be read: "):
        source[1]
    assert source[0].id == "500"
