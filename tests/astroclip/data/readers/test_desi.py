import numpy as np
import pytest
from astropy.io import fits
from galaxy_files import ARMS, arm, coadd_parts, flux, ivar, table, write_coadd, write_fits

from astroclip.data.readers.open import open_source
from astroclip.inference.inspect_files import inspect
from astroclip.survey import wavelengths


def expected(fibre, masks=True):
    """The ivar-weighted mean of the arms, pixel by pixel."""
    weighted, weight = np.zeros(7781), np.zeros(7781)
    for letter, (first, count) in ARMS.items():
        values, weights, mask = (each[fibre].astype(np.float64) for each in arm(letter))
        weights = weights * (mask == 0) if masks else weights
        weighted[first : first + count] += values * weights
        weight[first : first + count] += weights
    return np.divide(weighted, weight, out=np.zeros(7781), where=weight > 0), weight


@pytest.mark.parametrize("masks", [True, False])
def test_three_arms_become_one_spectrum_weighted_by_ivar(tmp_path, masks):
    source = open_source(write_coadd(tmp_path / "coadd-a.fits", masks=masks))
    assert source.ids == ["100", "101"]
    for number in range(2):
        found = source[number]
        values, weights = expected(number, masks)
        np.testing.assert_allclose(found.flux, values, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.ivar, weights, rtol=1e-6)


def test_names_of_parts_may_be_small_and_wavelengths_have_an_axis_more(tmp_path):
    plain = open_source(write_coadd(tmp_path / "a.fits"))[1]
    parts = [fits.ImageHDU(part[1][None] if part[1].ndim == 1 else part[1])
             if isinstance(part, tuple) else part for part in coadd_parts()]  # fmt: skip
    for part, name in zip(parts[1:], coadd_parts()[1:], strict=True):
        part.header["EXTNAME"] = name[0].lower()
    found = open_source(write_fits(tmp_path / "b.fits", *parts))[1]
    np.testing.assert_array_equal(found.flux, plain.flux)


def test_the_order_of_the_parts_does_not_matter(tmp_path):
    straight = open_source(write_coadd(tmp_path / "a.fits"))[1]
    turned = open_source(write_fits(tmp_path / "b.fits", *coadd_parts()[::-1]))[1]
    np.testing.assert_array_equal(straight.flux, turned.flux)
    np.testing.assert_array_equal(straight.ivar, turned.ivar)


def packed(part):
    """A part with its array compressed in tiles."""
    if not isinstance(part, tuple) or part[1].ndim != 2:
        return part
    return fits.CompImageHDU(part[1], name=part[0], compression_type="GZIP_1", quantize_level=0)


@pytest.mark.parametrize("how", ["gz", "fz"])
def test_compressed_files_are_read_as_well(tmp_path, how):
    plain = open_source(write_coadd(tmp_path / "a.fits"))
    parts = coadd_parts()
    if how == "gz":
        path = write_fits(tmp_path / "b.fits.gz", *parts)
    else:
        path = write_fits(tmp_path / "b.fits.fz", *map(packed, parts))
    source = open_source(path)
    for number in range(2):
        np.testing.assert_allclose(source[number].flux, plain[number].flux, rtol=1e-6)
        np.testing.assert_allclose(source[number].ivar, plain[number].ivar, rtol=1e-6)


def test_fibres_on_the_sky_are_no_galaxies(tmp_path):
    source = open_source(write_coadd(tmp_path / "coadd.fits", 2, ["SKY", "TGT"]))
    assert source.ids == ["101"]
    np.testing.assert_allclose(source[0].flux, expected(1)[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(source.positions(), [[11, -4]])


def test_positions_of_another_shape_name_the_file(tmp_path):
    path = write_coadd(tmp_path / "b.fits")
    with fits.open(path, "update") as file:
        columns = [c for c in file["FIBERMAP"].columns if c.name != "TARGET_RA"]
        columns.append(fits.Column("TARGET_RA", "2D", array=np.ones((2, 2))))
        file["FIBERMAP"] = fits.BinTableHDU.from_columns(columns, name="FIBERMAP")
    with pytest.raises(ValueError, match=r"b\.fits: TARGET_RA, TARGET_DEC: "):
        open_source(path).positions()


def test_redshifts_are_those_redrock_is_sure_of(tmp_path):
    path = write_coadd(tmp_path / "coadd-main-1.fits")
    redshifts = table("REDSHIFTS", TARGETID=[101, 100], Z=[0.2, 0.1], ZWARN=[4, 0])
    write_fits(tmp_path / "redrock-main-1.fits", redshifts)
    source = open_source(tmp_path)
    assert source[0].labels == {"redshift": 0.1}
    assert source[1].labels == {}
    assert open_source(path)[0].labels == {"redshift": 0.1}


def test_a_dead_fibre_and_one_of_nan_are_named(tmp_path):
    parts = coadd_parts()
    for name, values in (part for part in parts if isinstance(part, tuple)):
        if name.endswith("FLUX"):
            values[0], values[1, 50:60] = np.nan, np.nan
    source = open_source(write_fits(tmp_path / "a.fits", *parts))
    with pytest.raises(ValueError, match=r"a.fits: 100: ivar: 0 in every pixel"):
        source[0]
    assert not source[1].ivar[50:60].any()
    assert np.isfinite(source[1].flux).all()


def test_an_arm_on_another_grid_is_resampled(tmp_path):
    grid = 10 ** np.arange(3.6, 3.95, 1e-4)
    ones = np.ones((1, len(grid)), "f4")
    parts = [table("FIBERMAP", TARGETID=[5]), ("BRZ_WAVELENGTH", grid),
             ("BRZ_FLUX", 3 * ones), ("BRZ_IVAR", ones)]  # fmt: skip
    found = open_source(write_fits(tmp_path / "a.fits", *parts))[0]
    inside = (wavelengths() > 4000) & (wavelengths() < 8900)
    np.testing.assert_allclose(found.flux[inside], 3, rtol=1e-6)


@pytest.mark.parametrize("name", ["FIBERMAP", "R_FLUX", "Z_IVAR", "B_WAVELENGTH"])
def test_a_missing_part_is_one_line(tmp_path, name):
    parts = [p for p in coadd_parts() if (p[0] if isinstance(p, tuple) else p.name) != name]
    path = write_fits(tmp_path / "a.fits", *parts)
    with pytest.raises(ValueError, match=f"a.fits: {name}: no such HDU; there are ") as error:
        open_source(path)
    assert "\n" not in str(error.value)


def test_a_part_of_another_shape_is_one_line(tmp_path):
    parts = [(p[0], p[1][:, 1:]) if isinstance(p, tuple) and p[0] == "B_IVAR" else p
             for p in coadd_parts()]  # fmt: skip
    with pytest.raises(ValueError, match=r"B_IVAR: shape \(2, 2750\), but FIBERMAP and B_WAVE"):
        open_source(write_fits(tmp_path / "a.fits", *parts))


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_file_that_was_cut_off_is_one_line(tmp_path, suffix, share):
    path = write_coadd(tmp_path / f"a{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=f"a{suffix}: truncated") as error:
        open_source(path)
    assert "\n" not in str(error.value)


def test_scaled_integers_are_read_as_what_they_mean(tmp_path):
    parts = {p[0]: p[1] for p in coadd_parts(1) if isinstance(p, tuple)}
    for name in ("B_FLUX", "B_IVAR"):
        parts[name] = fits.ImageHDU(np.round(parts[name] * 100).astype("i4"), name=name)
        parts[name].header["BSCALE"] = 0.01
    hdus = [part if name in ("B_FLUX", "B_IVAR") else (name, part) for name, part in parts.items()]
    found = open_source(write_fits(tmp_path / "a.fits", coadd_parts(1)[0], *hdus))[0]
    plain = open_source(write_coadd(tmp_path / "b.fits", 1))[0]
    np.testing.assert_allclose(found.flux[:2700], plain.flux[:2700], atol=0.006)
    assert (found.ivar[:2700] > 0).sum() == (plain.ivar[:2700] > 0).sum()
    assert flux().dtype == ivar().dtype == found.flux.dtype


def test_an_inspection_does_not_repeat_what_files_have_in_common(tmp_path, capsys):
    for name in "abc":
        write_coadd(tmp_path / f"coadd-{name}.fits")
    inspect(str(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert sum("arms weighted by IVAR" in line for line in lines) == 1
    rest = [line for line in lines if line.split()[:2] == ["all", "else"]]
    assert len(rest) == 2
    assert all(line.endswith(f"as of {tmp_path / 'coadd-a.fits'}") for line in rest)
