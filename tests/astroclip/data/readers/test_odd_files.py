"""Files that hold what nobody foresaw: one line, which names file and object, and others go on."""

import numpy as np
import pytest
from astropy.io import fits
from galaxy_files import (
    coadd_parts,
    flux,
    image,
    ivar,
    original_groups,
    table,
    universe_images,
    universe_spectra,
    write_fits,
    write_hdf5,
)

from astroclip.data.on_error import good
from astroclip.data.readers.open import open_source


def text(size):
    return np.array([b"x"] * size)


def odd_arm(name, data):
    return [part if not isinstance(part, tuple) or part[0] != name else data
            for part in coadd_parts()]  # fmt: skip


def header(**cards):
    made = fits.Header()
    for key, value in cards.items():
        made[key] = value
    return made


ODD = {
    "a band of text per galaxy": lambda at: write_hdf5(
        at / "o.hdf5", **universe_images(image_band=text(3))
    ),
    "a scale of text": lambda at: write_hdf5(
        at / "o.hdf5", **universe_images(image_scale=text(3))
    ),
    "a flux of text": lambda at: write_hdf5(
        at / "o.hdf5", **universe_spectra(spectrum_flux=text(3))
    ),
    "a mask of another shape": lambda at: write_hdf5(
        at / "o.hdf5", **universe_spectra(spectrum_mask=np.zeros((3, 5), bool))
    ),
    "a redshift of text": lambda at: write_hdf5(at / "o.hdf5", **universe_spectra(Z=text(3))),
    "texts for all of a group": lambda at: write_hdf5(
        at / "o.hdf5", **{f"0/{key}": value for key, value in {
            "images": text(2), "spectra": text(2), "redshifts": text(2), "targetids": text(2),
        }.items()}
    ),
    "ids with a fraction": lambda at: write_hdf5(
        at / "o.hdf5", **universe_spectra(object_id=np.array([1.5, 1.7, 3.0]))
    ),
    "ids in two columns": lambda at: write_hdf5(
        at / "o.hdf5", **universe_spectra(object_id=np.ones((3, 2), int))
    ),
    "wavelengths in a table": lambda at: write_fits(
        at / "o.fits", *odd_arm("B_WAVELENGTH", table("B_WAVELENGTH", a=np.arange(3.0)))
    ),
    "a scale of two numbers": lambda at: np.savez(at / "o.npz", image=image(), scale=[0.2, 0.3]),
    "a scale of text, one galaxy": lambda at: np.savez(at / "o.npz", image=image(), scale="x"),
    "a scale of a degree": lambda at: np.savez(at / "o.npz", image=image(), scale=3600.0),
    "an image that would be enormous": lambda at: np.savez(
        at / "o.npz", image=np.ones((3, 3000, 3000), "f4"), scale=10.0
    ),
    "a wavelength of text": lambda at: fits.PrimaryHDU(
        flux(), header(CRVAL1="x", CRPIX1=1, CDELT1=0.8)
    ).writeto(at / "o.fits"),
    "arrays of other names": lambda at: np.savez(at / "o.npz", fluxx=flux(), ivar=ivar()),
    "images without pixels": lambda at: write_hdf5(
        at / "o.hdf5", **{k: v for k, v in universe_images().items() if k != "image_array"}
    ),
    "spectra without flux and ivar": lambda at: write_hdf5(
        at / "o.hdf5",
        **{k: v for k, v in universe_spectra().items()
           if k not in ("spectrum_flux", "spectrum_ivar")},
    ),
    "a table without flux": lambda at: write_fits(
        at / "o.fits", table(wavelength=np.arange(5.0), ivar=np.ones(5))
    ),
    "an empty group": lambda at: write_hdf5(
        at / "o.hdf5", **original_groups((2,)), **{"1/other": np.ones(2)}
    ),
    "a version of zip from the future": lambda at: future_zip(at / "o.npz"),
}  # fmt: skip


def future_zip(path):
    np.savez(path, image=image())
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 139
    content[4] = 139
    path.write_bytes(content)


@pytest.mark.parametrize("what", ODD)
def test_an_odd_file_is_one_line_with_its_name(what, tmp_path):
    ODD[what](tmp_path)
    with pytest.raises(ValueError, match=r"o\.(hdf5|fits|npz)") as caught:
        list(open_source(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ODD)
def test_an_odd_file_is_left_out_when_asked_and_the_others_stay(what, tmp_path):
    ODD[what](tmp_path)
    (odd,) = tmp_path.glob("o.*")
    spectral = any(word in what for word in ("flux", "mask", "redshift", "ids", "wavelength"))
    if "o.hdf5" in str(odd) and "group" not in what:
        arrays = universe_spectra() if spectral else universe_images()
        write_hdf5(tmp_path / "sound.hdf5", **arrays)
    elif "group" in what:
        write_hdf5(tmp_path / "sound.hdf5", **original_groups((3,)))
    elif spectral or "arrays" in what:
        for number in range(3):
            np.savez(tmp_path / f"sound{number}.npz", flux=flux(number), ivar=ivar(number))
    else:
        for number in range(3):
            np.savez(tmp_path / f"sound{number}.npz", image=image(number))
    source = open_source(tmp_path, on_error="skip")
    numbers, bad = good(source)
    assert len(numbers) == 3
    assert bad
    assert all(odd.name in one.reason and "\n" not in one.reason for one in bad)


def test_ids_of_bytes_are_texts(tmp_path):
    groups = original_groups((2,)) | {"0/targetids": np.array([b"a", b"b"])}
    assert open_source(write_hdf5(tmp_path / "a.h5", **groups)).ids == ["a", "b"]


def test_a_pair_is_named_by_both_files(tmp_path):
    np.save(tmp_path / "g1.npy", image())
    np.savez(tmp_path / "g1.npz", flux=flux(), ivar=ivar())
    source = open_source(tmp_path)
    assert {"g1.npy", "g1.npz"} == {part.split("/")[-1] for part in source.place(0).split(", ")}


def test_how_many_have_no_partner_on_the_sky_is_said(tmp_path):
    write_hdf5(tmp_path / "images.hdf5", **universe_images(3))
    write_hdf5(tmp_path / "spectra.hdf5", **universe_spectra(2))
    with pytest.warns(UserWarning, match=r"images.hdf5: 1 of 3 have no partner within 1.0 arcsec"):
        assert len(open_source(tmp_path)) == 2
