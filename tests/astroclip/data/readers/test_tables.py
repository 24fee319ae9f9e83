"""Many galaxies in one file: columns of any container, and of the surveys' names."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from galaxy_files import flux, image, ivar, table, write_fits, write_hdf5

from astroclip.data.readers.open import open_source
from astroclip.data.readers.resample import to_vacuum
from astroclip.survey import wavelengths

IDS = [39633345000000001, 39633345000000002]
FLUX, IVAR = np.stack([flux(0), flux(1)]), np.stack([ivar(0), ivar(1)])
IMAGES = np.stack([image(0), image(1)])
GRID = wavelengths().astype("f4")


def sparcl(path):
    columns = {"targetid": IDS, "redshift": [0.1, 0.2], "redshift_warning": [0, 4],
               "ra": [10.0, 11.0], "dec": [0.0, 1.0]}  # fmt: skip
    vectors = {"flux": list(FLUX), "ivar": list(IVAR), "wavelength": [GRID, GRID]}
    pq.write_table(pa.table({**columns, **vectors}), path / "s.parquet")


def nested(path, listed=False):
    rows = [{"flux": f, "ivar": i, "lambda": GRID, "mask": np.zeros(7781, bool)}
            for f, i in zip(FLUX, IVAR, strict=True)]  # fmt: skip
    shown = [{"band": list("grz"), "flux": each.tolist(), "scale": [0.262] * 3} for each in IMAGES]
    if listed:
        shown = [[{"band": b, "flux": plane.tolist(), "scale": 0.262} for b, plane in
                  zip("grz", each, strict=True)] for each in IMAGES]  # fmt: skip
    columns = {"object_id": [str(id) for id in IDS], "Z": [0.1, 0.2], "ZWARN": [True, False]}
    made = pa.table({**columns, "spectrum": rows, "image": shown})
    pq.write_table(made, path / "h.parquet", row_group_size=1)


def npz(path):
    np.savez(path / "n.npz", flux=FLUX, ivar=IVAR, wavelength=GRID, id=IDS, image=IMAGES)


def stein(path):
    write_hdf5(path / "s.h5", images=IMAGES, RA=[10.0, 11.0], DEC=[0.0, 1.0], inds=IDS,
               flux=np.ones((2, 3)))  # fmt: skip


def stack(path):
    part = table("FIBERMAP", TARGETID=np.array(IDS), TARGET_RA=[10.0, 11.0], TARGET_DEC=[0.0, 1.0])
    write_fits(path / "cframe-b0.fits", ("FLUX", FLUX), ("IVAR", IVAR), ("WAVELENGTH", GRID), part)


def vectors(path):
    columns = [fits.Column("TARGETID", "K", array=IDS),
               fits.Column("Flux", "7781E", "1e-17 erg/s/cm2/Angstrom", array=FLUX),
               fits.Column("IVAR", "7781E", array=IVAR)]  # fmt: skip
    write_fits(path / "v.fits", fits.BinTableHDU.from_columns(columns))


def arrow(path, stream=True):
    made = pa.table({"targetid": IDS, "flux": list(FLUX), "ivar": list(IVAR)})
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(path / "data-00000-of-00001.arrow", made.schema) as writer:
        writer.write_table(made, max_chunksize=1)
    (path / "state.json").write_text("{}")


LAYOUTS = {
    "SPARCL": (sparcl, "s"), "the Hub, structures of lists": (nested, "si"), "npz": (npz, "si"),
    "the Hub, lists of structures": (lambda path: nested(path, listed=True), "si"),
    "Stein": (stein, "i"), "cframe": (stack, "s"), "FITS vectors": (vectors, "s"),
    "save_to_disk": (arrow, "s"), "an Arrow file": (lambda path: arrow(path, stream=False), "s"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_table_of_many_is_read_as_it_is(tmp_path, layout):
    write, holds = LAYOUTS[layout]
    write(tmp_path)
    source = open_source(tmp_path)
    assert source.ids == [str(id) for id in IDS]
    assert (source.spectra, source.images) == ("s" in holds, "i" in holds)
    for number, galaxy in enumerate(source):
        if source.spectra:
            np.testing.assert_array_equal(galaxy.flux, FLUX[number])
            np.testing.assert_array_equal(galaxy.ivar, IVAR[number])
        if source.images:
            np.testing.assert_array_equal(galaxy.image, IMAGES[number])


def test_positions_and_sure_redshifts_come_with_a_table(tmp_path):
    sparcl(tmp_path)
    source = open_source(tmp_path)
    np.testing.assert_array_equal(source.positions(), [[10, 0], [11, 1]])
    assert [galaxy.labels for galaxy in source] == [{"redshift": 0.1}, {}]


@pytest.mark.parametrize("named", [True, False])
def test_a_plate_of_sdss_has_its_wavelengths_in_the_header(tmp_path, named):
    pixels = 3800
    values = np.ones((5, pixels), "f4") * np.arange(1, 6)[:, None]
    mask = np.zeros((5, pixels), "i4")
    mask[:, 1000:1500], values[:, 1000:1500] = 4, 1e3
    primary = fits.PrimaryHDU(values)
    primary.header.update(COEFF0=3.58, COEFF1=1e-4)
    names = ("IVAR", "ANDMASK") if named else (None, None)
    parts = [fits.ImageHDU(np.ones_like(values), name=names[0]), fits.ImageHDU(mask, name=names[1])]
    fits.HDUList([primary, *parts]).writeto(tmp_path / "spPlate-0285-51930.fits")
    source = open_source(tmp_path)
    assert source.ids == [f"spPlate-0285-51930-{row}" for row in range(5)]
    found = source[2]
    np.testing.assert_allclose(found.flux[found.ivar > 0], 3, rtol=1e-5)
    assert open_source(tmp_path / "spPlate-0285-51930.fits", "spectra").ids == source.ids


@pytest.mark.parametrize("card", [{"VACUUM": 0}, {"VACUUM": False}, {"AIRORVAC": "air"}])
def test_wavelengths_in_air_are_converted(tmp_path, card):
    grid = np.arange(3700.0, 9700.0, 2.0)
    line = 5 * np.exp(-0.5 * ((grid - 6562.8) / 10) ** 2) + 1  # H-alpha in air
    part = table("COADD", flux=line, wavelength=grid, ivar=np.ones(len(grid)))
    part.header.update(card)
    found = open_source(write_fits(tmp_path / "s.fits", part))
    peak = wavelengths()[found[0].flux.argmax()]
    assert peak == pytest.approx(to_vacuum(np.array([6562.8]))[0], abs=0.8)
    assert "air, converted" in found.facts()["wavelength"]


def test_a_flux_in_cgs_without_unit_is_said_to_be_so(tmp_path):
    np.savez(tmp_path / "a.npz", flux=flux() * 1e-17, ivar=ivar() * 1e34)
    with pytest.warns(UserWarning, match=r"assumed: the flux has no unit.* erg / s / cm2 / A"):
        found = open_source(tmp_path / "a.npz")
    np.testing.assert_allclose(found[0].flux, flux(), rtol=1e-5)


def test_sdss_redshift_and_position_are_those_of_its_own_table(tmp_path):
    grid = np.arange(3.58, 3.96, 1e-4)
    for number, warning in enumerate((0, 4)):
        own = table("SPECOBJ", Z=np.array([0.3]), ZWARNING=np.array([warning]),
                    PLUG_RA=np.array([10.0 + number]), PLUG_DEC=np.array([5.0]))  # fmt: skip
        part = table("COADD", flux=np.ones(len(grid)), loglam=grid, ivar=np.ones(len(grid)))
        write_fits(tmp_path / f"spec-{number}.fits", part, own)
    source = open_source(tmp_path)
    assert [galaxy.labels for galaxy in source] == [{"redshift": pytest.approx(0.3)}, {}]
    np.testing.assert_array_equal(source.positions(), [[10, 5], [11, 5]])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": np.zeros((2, 9, 9, 3), "u1")}, r"shape \(9, 9, 3\)"),
        ({"images": np.ones((2, 3, 9, 9), "u1")}, "are a picture, not"),
        ({"pictures": np.zeros((2, 3, 9, 9))}, "there are pictures"),
    ],
)
def test_what_is_no_nanomaggies_is_a_question(tmp_path, arrays, said):
    write_hdf5(tmp_path / "a.h5", **arrays)
    with pytest.raises(ValueError, match=rf"a\.h5.*{said}"):
        open_source(tmp_path / "a.h5")[0]
