import numpy as np
import pytest
from astropy.io import fits
from galaxy_files import PIXELS, flux, ivar, table, write_fits

from astroclip.data.readers.open import open_source
from astroclip.survey import wavelengths

GRID = np.arange(3700.0, 9700.0, 1.5)


def hump(grid=GRID):
    return 5 * np.exp(-0.5 * ((grid - 6000) / 300) ** 2)


def close_to_the_hump(found):
    there = found.ivar > 0
    assert there.sum() > 7000
    # within an old pixel the mean does not follow the slope: 0.01 per Angstrom at most
    np.testing.assert_allclose(found.flux[there], hump(wavelengths())[there], atol=6e-3)


def test_a_table_on_another_grid_is_resampled(tmp_path):
    columns = table(FLUX=hump(), Wavelength=GRID, ivar=np.full(len(GRID), 4.0))
    found = open_source(write_fits(tmp_path / "s1.fits", columns))[0]
    assert found.id == "s1"
    close_to_the_hump(found)
    # a new pixel is little more than half an old one: it has the old one's noise, or less
    assert 4 <= np.median(found.ivar[found.ivar > 0]) < 8


def test_log_wavelengths_and_masks_of_sdss_are_understood(tmp_path):
    loglam = np.arange(3.57, 3.98, 1e-4)
    values = hump(10**loglam)
    values[100:103] = 1e9
    mask = (values > 1e8).astype("i4")
    columns = table("COADD", flux=values, loglam=loglam, ivar=np.ones(len(loglam)), mask=mask)
    found = open_source(write_fits(tmp_path / "s.fits", columns))[0]
    close_to_the_hump(found)


def test_errors_become_inverse_variances(tmp_path):
    sigma = np.full(PIXELS, 0.5)
    sigma[10] = 0
    columns = table(flux=flux(), wave=wavelengths(), error=sigma)
    found = open_source(write_fits(tmp_path / "s.fits", columns))[0]
    assert found.ivar[10] == 0
    np.testing.assert_allclose(np.delete(found.ivar, 10), 4)


def test_units_that_a_table_names_are_converted(tmp_path):
    names = [("wavelength", GRID / 10, "nm"), ("flux", hump() * 1e-17, "erg/s/cm2/Angstrom"),
             ("ivar", np.full(len(GRID), 1e34), "")]  # fmt: skip
    columns = [fits.Column(name, "D", unit, array=array) for name, array, unit in names]
    path = write_fits(tmp_path / "s.fits", fits.BinTableHDU.from_columns(columns))
    close_to_the_hump(open_source(path)[0])


def test_a_unit_of_something_else_is_one_line(tmp_path):
    columns = [
        fits.Column("wavelength", "D", "s", array=GRID),
        fits.Column("flux", "D", array=GRID),
    ]
    path = write_fits(tmp_path / "s.fits", fits.BinTableHDU.from_columns(columns))
    with pytest.raises(ValueError, match=r"s.fits: wavelength: unit 's' is not one of Angstrom"):
        open_source(path)[0]


def test_an_image_of_one_axis_has_its_wavelengths_in_the_header(tmp_path):
    part = fits.PrimaryHDU(hump())
    part.header.update(CRVAL1=3700.0, CDELT1=1.5, CRPIX1=1.0)
    part.writeto(tmp_path / "s.fits")
    close_to_the_hump(open_source(tmp_path / "s.fits")[0])


def test_arrays_are_spectra_too(tmp_path):
    np.savez(tmp_path / "a.npz", flux=flux(1), ivar=ivar(1))
    np.save(tmp_path / "b.npy", np.stack([flux(2), ivar(2)]).astype(">f4"))
    np.savez(tmp_path / "c.npz", flux=hump(), ivar=np.ones(len(GRID)), wavelength=GRID)
    source = open_source(tmp_path)
    assert source.ids == ["a", "b", "c"]
    for number in range(2):
        np.testing.assert_array_equal(source[number].flux, flux(number + 1))
        np.testing.assert_array_equal(source[number].ivar, ivar(number + 1))
    close_to_the_hump(source[2])


def test_the_noise_is_estimated_where_it_is_not_given(tmp_path):
    np.save(tmp_path / "a.npy", flux())
    found = open_source(tmp_path / "a.npy")[0]
    assert np.median(found.ivar) == pytest.approx(1 / 0.5**2, rel=0.1)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"flux": flux(pixels=7000)}, r"flux: \(7000,\) pixels and no wavelength; \(7781,\) or"),
        ({"flux": flux(), "ivar": ivar(pixels=9)}, r"\(7781,\), \(7781,\) and \(9,\)"),
        ({"flux": flux(), "ivar": ivar() * 0}, "ivar: 0 in every pixel whose flux is a number"),
        (
            {"flux": flux() * np.nan, "ivar": ivar()},
            "ivar: 0 in every pixel whose flux is a number",
        ),
        ({"flux": np.float32(1)}, r"flux: shape \(\) is not that of one spectrum"),
        ({"flux": np.array(["a"] * 7781)}, "flux: dtype <U1 is no number"),
        ({"flux": flux(), "mask": np.zeros(3)}, r"mask: shape \(3,\), but flux has \(7781,\)"),
    ],
)
def test_what_cannot_be_used_is_one_line_with_its_file(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=f"a.npz: .*{said}") as error:
        open_source(tmp_path / "a.npz")[0]
    assert "\n" not in str(error.value)


def test_two_spectra_of_one_name_are_an_error(tmp_path):
    np.save(tmp_path / "a.npy", flux())
    np.savez(tmp_path / "a.npz", flux=flux())
    with pytest.raises(ValueError, match=r"a.npz: id a is that of .*a.npy as well"):
        open_source(tmp_path)
