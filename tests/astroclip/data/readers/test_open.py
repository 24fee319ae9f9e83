import multiprocessing
import pickle
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from galaxy_files import (
    cutout_header,
    flux,
    image,
    original_groups,
    universe_spectra,
    write_coadd,
    write_hdf5,
)

from astroclip.data.on_error import good, sound
from astroclip.data.readers.open import open_source


def test_a_wrong_kind_is_one_line(tmp_path):
    coadd = write_coadd(tmp_path / "coadd.fits")
    universe = write_hdf5(tmp_path / "universe.hdf5", **universe_spectra())
    original = write_hdf5(tmp_path / "original.h5", **original_groups())
    for path, kind, said in [
        (coadd, "images", "coadd.fits: bands: 3 images, but none"),
        (universe, "original", "universe.hdf5: no group with images, spectra, redshifts"),
        (original, "desi", "original.h5: truncated or not FITS"),
        (original, "pictures", "kind: 'pictures' is not one of original, table, universe"),
    ]:
        with pytest.raises(ValueError, match=said) as error:
            open_source(path, kind)[0]
        assert "\n" not in str(error.value)


def test_the_kind_may_be_said(tmp_path):
    write_coadd(tmp_path / "coadd.fits")
    assert open_source(tmp_path, "desi").ids == ["100", "101"]
    assert open_source({"path": str(tmp_path), "kind": "desi"}).ids == ["100", "101"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"file": "a"}, "file: no such key; there are catalog, kind, labels, pairs, path, radius"),
        (
            {"path": "a", "images": "b"},
            "path: no such key; there are images, labels, pairs, radius, spectra",
        ),
        ({"images": "a"}, "spectra: missing"),
        ({"kind": "desi"}, "path: missing"),
        ({"path": 3}, "path: 3 is no str"),
    ],
)
def test_a_table_of_other_keys_says_which_are_needed(entry, said):
    with pytest.raises(ValueError, match=said):
        open_source(entry)


def test_what_is_not_there_or_nothing_we_know_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere: no such file"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no galaxy")
    with pytest.raises(ValueError, match=r"notes.txt: holds no galaxies that can be read: HDF5"):
        open_source(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match=r"1 files hold no galaxies that can be read: HDF5"):
        open_source(tmp_path)
    (tmp_path / "a.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"a.h5: not HDF5: "):
        open_source(tmp_path / "a.h5")
    (tmp_path / "a.fits").write_text("no FITS")
    with pytest.raises(ValueError, match=r"a.fits: truncated or not FITS: "):
        open_source(tmp_path / "a.fits")


def test_a_file_without_galaxies_is_one_line(tmp_path):
    arrays = {key: array[:0] for key, array in universe_spectra().items()}
    path = write_hdf5(tmp_path / "a.hdf5", **arrays)
    with pytest.raises(ValueError, match=r"a.hdf5: no galaxies"):
        open_source(path)


def test_a_file_that_cannot_be_opened_is_listed_and_left_out_when_asked(tmp_path):
    for name in ("a", "b", "c"):
        fits.PrimaryHDU(image(), cutout_header()).writeto(tmp_path / f"{name}.fits")
    path = tmp_path / "b.fits"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"b.fits: truncated"):
        open_source(tmp_path)
    source = open_source(tmp_path, on_error="skip")
    numbers, bad = good(source)
    assert [source.id(number) for number in numbers] == ["a", "c"]
    assert [one.id for one in bad] == ["b"]
    assert bad[0].reason.startswith(f"{path}: truncated: ")


def test_one_array_file_may_hold_image_and_spectrum(tmp_path):
    for seed in (1, 2):
        np.savez(tmp_path / f"g{seed}.npz", image=image(seed), flux=flux(seed))
    source = open_source(tmp_path)
    assert source.ids == ["g1", "g2"]
    found = source[1]
    np.testing.assert_array_equal(found.image, image(2))
    np.testing.assert_array_equal(found.flux, flux(2))


@pytest.mark.process
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_read_files_that_were_open_before(tmp_path, start):
    write_coadd(tmp_path / "coadd.fits")
    write_hdf5(tmp_path / "universe.hdf5", **universe_spectra())
    source = open_source(tmp_path)
    expected = [galaxy.flux.sum() for galaxy in source]
    with multiprocessing.get_context(start).Pool(2) as pool:
        found = pool.map(source.__getitem__, range(5))
    assert [galaxy.flux.sum() for galaxy in found] == expected
    assert [galaxy.flux.sum() for galaxy in source] == expected


def test_a_source_can_be_pickled_while_its_files_are_open(tmp_path):
    write_hdf5(tmp_path / "universe.hdf5", **universe_spectra())
    source = open_source(tmp_path)
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(source[1].flux, again[1].flux)


def test_more_files_than_may_be_open_are_read(tmp_path):
    for number in range(70):
        arrays = universe_spectra(1, object_id=[number])
        write_hdf5(tmp_path / f"healpix={number:03}/001.hdf5", **arrays)
    source = open_source(tmp_path)
    assert [found.id for _, found in sound(source)] == [str(number) for number in range(70)]


@pytest.mark.parametrize("kind", ["universe", "files"])
def test_reading_keeps_nothing(tmp_path, kind):
    if kind == "universe":
        write_hdf5(tmp_path / "a.hdf5", **universe_spectra(2), more=0)
    for number in range(2):
        if kind == "files":
            np.save(tmp_path / f"{number}.npy", flux(number))
    source = open_source(tmp_path)
    list(sound(source))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(20):
        for _ in sound(source):
            pass
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 300_000  # the last galaxy, 60 kB; all that were read are 2.5 MB
