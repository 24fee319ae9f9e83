"""Readers of AstroCLIP: galaxies of six surveys' layouts, labels, embeddings, networks."""

import gzip

import formats
import galaxy_files as galaxies
import hdf5_edits
import numpy as np
import plain_astroclip
import pyarrow as pa
import pyarrow.parquet as pq
import small_astroclip
import weight_edits
from astropy.io import fits
from mutations import change_cells, to
from safetensors.torch import save_file
from target import Target

from astroclip.convert import convert
from astroclip.data.batch import Features
from astroclip.data.feature_cache import HALF, CachedFeatures
from astroclip.data.readers.fits import is_fits, open_fits
from astroclip.data.readers.open import open_source
from astroclip.data.shards import GENERATOR, Shards
from astroclip.inference import embedding_files
from astroclip.module import AstroCLIPModule
from astroclip.simulate.galaxies import LABELS, VERSION
from sciformer.data.hdf5 import HDF5
from sciformer.data.npy import names_of
from sciformer.data.parquet import open_parquet
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import write_shards
from sciformer.evaluation.run import open_run

HEADS = {"heads": 3, "image_heads": 2, "pooling_heads": 4}
FOOTPRINT = 60  # pixels along a side of an exposure


def opened(path):
    """Pass the first check of a file: it is of its format."""
    if path.suffix in (".h5", ".hdf5"):
        HDF5(path).keys()
    elif is_fits(path):
        open_fits(path).close()
    elif path.suffix == ".parquet":
        open_parquet(path).close()
    elif path.suffix == ".npz":
        names_of(path)


def read(folder, entry=None):
    """Open what is there, see who is in it, read all."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        opened(path)
    yield
    source = open_source(str(folder) if entry is None else entry)
    yield
    assert len(source.ids) == len(source) < 10**6
    source.positions()
    yield
    for number in range(min(len(source), 6)):
        source[number]
    yield


def read_labelled(folder):
    (labels,) = (path for path in folder.iterdir() if path.stem == "labels")
    yield from read(folder, {"path": str(folder / "own"), "labels": str(labels)})


def hdf5(name, arrays):
    return lambda folder: galaxies.write_hdf5(folder / name, **arrays())


def with_labels(folder):
    galaxies.write_hdf5(folder / "own/a.hdf5", **galaxies.universe_spectra(2))


def labels_csv(folder):
    with_labels(folder)
    (folder / "labels.csv").write_text("id,redshift,log_mass\n500,0.1,10.5\n501,,9\n")


def labels_fits(folder):
    with_labels(folder)
    columns = galaxies.table(TARGETID=np.array([500, 501]), MASS=np.array([9.0, 10.0]))
    galaxies.write_fits(folder / "labels.fits", columns)


def vectors():
    return {"flux": [galaxies.flux(n).tolist() for n in range(3)], "targetid": [1, 2, 3]}


def rows(folder):
    nested = [{"flux": one, "ivar": one} for one in vectors()["flux"]]
    pq.write_table(
        pa.table({"object_id": ["a", "b", "c"], "spectrum": nested}), folder / "a.parquet"
    )


def arrow(folder):
    made = pa.table(vectors())
    with pa.ipc.new_stream(folder / "data-00000.arrow", made.schema) as writer:
        writer.write_table(made, max_chunksize=2)


def many(folder):
    flux = np.stack([galaxies.flux(n) for n in range(3)])
    np.savez(folder / "many.npz", flux=flux, ivar=np.ones_like(flux), image=np.ones((3, 3, 9, 9)))


def stack(folder):
    flux = np.stack([galaxies.flux(n, 900) for n in range(3)])
    parts = ("FLUX", flux), ("IVAR", np.ones_like(flux)), ("WAVE", np.arange(3600.0, 8100.0, 5.0))
    galaxies.write_fits(folder / "s.fits", *parts, galaxies.table("F", TARGETID=np.arange(3)))


def brick(folder):
    header = galaxies.cutout_header()
    header["CRPIX1"] = header["CRPIX2"] = 40
    part = fits.ImageHDU(galaxies.image(0, 3, 80), header)
    galaxies.write_fits(folder / "legacysurvey-1p2-image-grz.fits", part)
    positions = galaxies.table(
        ID=np.arange(2), RA=np.array([10.0, 10.0]), DEC=np.array([-5.0, -5.0])
    )
    galaxies.write_fits(folder / "positions.fits", positions)


def read_brick(folder):
    yield from read(folder, {"path": str(folder), "catalog": str(folder / "positions.fits")})


def provabgs(folder):
    with_labels(folder)
    names = ("LOG_MSTAR", "AVG_SFR", "Z_MW", "TAGE_MW", "Z_HP")
    columns = {name: np.array([1.0, 2.0]) for name in names}
    galaxies.write_hdf5(folder / "labels.hdf5", object_id=np.array([500, 501]), **columns)


def parquet(folder):
    rows = range(3)
    table = pa.table(
        {
            "image": [galaxies.image(n).T.tolist() for n in rows],
            "spectrum": [galaxies.flux(n).tolist() for n in rows],
            "redshift": [0.1 * n for n in rows],
            "targetid": [7000 + n for n in rows],
        }
    )
    pq.write_table(table, folder / "a.parquet", row_group_size=2)


def npz(folder):
    np.savez_compressed(folder / "g1.npz", image=galaxies.image(), scale=0.262, bands="grz")
    np.savez(folder / "g2.npz", flux=galaxies.flux(), ivar=galaxies.ivar(), air=False)
    np.save(folder / "g2.npy", galaxies.image(2))
    np.savez(folder / "g1.npz", image=galaxies.image(), flux=galaxies.flux(), ivar=galaxies.ivar())


def cutouts(folder):
    header = galaxies.cutout_header()
    fits.PrimaryHDU(galaxies.image(), header).writeto(folder / "a.fits")
    packed = fits.CompImageHDU(galaxies.image(1, size=20), header, quantize_level=16)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(folder / "b.fits")


def packed(folder):
    for compression in ("GZIP_1", "RICE_1", "HCOMPRESS_1", "PLIO_1"):
        kind = "i2" if compression == "PLIO_1" else "f4"
        data = (100 * galaxies.image(1, size=20)).clip(0).astype(kind)
        planes = [
            fits.CompImageHDU(plane, name=band, compression_type=compression, quantize_level=16)
            for band, plane in zip("grz", data, strict=True)
        ]
        for band, plane in zip("grz", planes, strict=True):
            plane.header["BAND"] = band
        fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(folder / f"{compression}.fits.fz")


def spectra(folder):
    grid = np.arange(3600.0, 9900.0, 8.0)
    columns = galaxies.table(flux=np.sin(grid), wavelength=grid, ivar=np.ones(len(grid)))
    galaxies.write_fits(folder / "a.fits", columns)
    header = fits.Header()
    header["CRVAL1"], header["CRPIX1"], header["CDELT1"] = 3600.0, 1, 8.0
    fits.PrimaryHDU(np.cos(grid), header).writeto(folder / "b.fits")


def zipped(folder):
    cutouts(folder)
    (folder / "b.fits").unlink()
    (folder / "a.fits.gz").write_bytes(gzip.compress((folder / "a.fits").read_bytes()))
    (folder / "a.fits").unlink()


def exposures(folder):
    rows = {
        name: [] for name in ("expnum", "ccdname", "filter", "exptime", "ccdzpt", "ccdskycounts")
    }
    for number, band in enumerate("grz"):
        cards = galaxies.cutout_header(band)
        cards["CRPIX1"] = cards["CRPIX2"] = FOOTPRINT / 2
        pixels = np.ones((FOOTPRINT, FOOTPRINT), "f4") + galaxies.image(number, 1, FOOTPRINT)[0]
        pixels[FOOTPRINT // 2, FOOTPRINT // 2] = 50
        primary = fits.PrimaryHDU()
        primary.header["EXPNUM"] = number
        for kind, data in (("ooi", pixels), ("ood", np.zeros(pixels.shape, "i2"))):
            hdus = fits.HDUList([primary, fits.ImageHDU(data, cards, name="N4")])
            hdus.writeto(folder / f"c4d_{kind}_{band}.fits")
        values = (number, "N4", band, 90.0, 24.9, 1.0)
        for column, value in zip(rows.values(), values, strict=True):
            column.append(value)
    columns = {name: np.array(values) for name, values in rows.items()}
    galaxies.write_fits(folder / "ccds.fits", galaxies.table(**columns))


def coadd(folder):
    galaxies.write_coadd(folder / "coadd-a.fits")
    columns = {"TARGETID": [100, 101], "Z": [0.1, 0.2], "ZWARN": [0, 4]}
    table = galaxies.table("REDSHIFTS", **{name: np.array(v) for name, v in columns.items()})
    galaxies.write_fits(folder / "redrock-a.fits", table)


def read_coadd(folder):
    yield from read(folder, folder / "coadd-a.fits")


def shards(folder):
    def make(number):
        labels = np.zeros(len(LABELS), "f4")
        flux, ivar = galaxies.flux(number)[:7781], galaxies.ivar(number)
        return {"image": galaxies.image(number), "flux": flux, "ivar": ivar, "labels": labels}

    write_shards(folder, make, Recipe(GENERATOR, VERSION, 0, 3, 2, {}, {"size": 12}))


def read_shards(folder):
    source = Shards(str(folder))
    yield
    for number in range(min(len(source), 3)):
        source[number]
    yield


def features(folder):
    for name in Features._fields[:-1]:
        np.save(folder / f"{name}.npy", np.ones((4, 3), HALF))
    np.save(folder / "number.npy", np.arange(4))


def read_features(folder):
    found = CachedFeatures(folder)
    yield
    found.__getitems__([0, len(found) - 1])
    yield


def embedded(suffix):
    def write(folder):
        random = np.random.default_rng(0)
        vectors = {name: random.random((4, 3), np.float32) for name in embedding_files.VECTORS}
        labels = {"redshift": np.arange(4, dtype=np.float32)}
        part = embedding_files.Embeddings(list("abcd"), labels, random.random((4, 2)), vectors)
        embedding_files.write(folder / f"e{suffix}", [part], {"weights": "x"})

    return write


def read_embedded(folder):
    (path,) = (path for path in folder.iterdir() if path.suffix in embedding_files.SUFFIXES)
    opened(path)
    yield
    found = embedding_files.read(path)
    yield
    found.rows([0, len(found.ids) - 1])
    embedding_files.read_about(path)
    yield


def read_trained(folder):
    open_run(folder, AstroCLIPModule, "cpu")
    yield


def original(folder):
    model = plain_astroclip.random_weights(plain_astroclip.AstroCLIP())
    save_file(model.state_dict(), folder / "a.safetensors")


def read_original(folder):
    convert.convert(str(folder / "a.safetensors"), str(folder / "out.safetensors"), **HEADS)
    yield
    convert.load(folder / "out.safetensors")
    yield


def converted(folder):
    original(folder)
    convert.convert(str(folder / "a.safetensors"), str(folder / "b.safetensors"), **HEADS)
    (folder / "a.safetensors").unlink()


def read_converted(folder):
    convert.load(folder / "b.safetensors")
    yield
    open_run(folder / "b.safetensors", AstroCLIPModule, "cpu")
    yield


HDF5_EDITS = (hdf5_edits.hdf5,)
SEALED = (formats.index, formats.members)
FITS = (formats.card, formats.card, formats.hdu)
TARGETS = [
    Target("astroclip hdf5", hdf5("a.h5", galaxies.original_groups), read, HDF5_EDITS),
    Target("astroclip parquet", parquet, read, (formats.parquet,)),
    Target("astroclip spectra hdf5", hdf5("a.hdf5", galaxies.universe_spectra), read, HDF5_EDITS),
    Target("astroclip images hdf5", hdf5("a.hdf5", galaxies.universe_images), read, HDF5_EDITS),
    Target("astroclip npz", npz, read, (formats.npz, formats.npz, formats.npy)),
    Target("astroclip cutouts", cutouts, read, FITS),
    Target("astroclip tiles", packed, read, FITS),
    Target("astroclip spectra", spectra, read, FITS),
    Target("astroclip gzip", zipped, read, (formats.gzipped,)),
    Target("astroclip exposures", exposures, read, FITS),
    Target("astroclip coadd", coadd, read_coadd, FITS),
    Target("astroclip labels csv", labels_csv, read_labelled, to("labels.csv", change_cells)),
    Target("astroclip labels fits", labels_fits, read_labelled, FITS),
    Target("astroclip nested parquet", rows, read, (formats.parquet,)),
    Target("astroclip arrow", arrow, read, ()),
    Target("astroclip many npz", many, read, (formats.npz, formats.npy)),
    Target("astroclip stack", stack, read, FITS),
    Target("astroclip brick", brick, read_brick, FITS),
    Target("astroclip provabgs", provabgs, read_labelled, HDF5_EDITS),
    Target("astroclip shards", shards, read_shards, SEALED, formats.resealed),
    Target("astroclip cache", features, read_features, (formats.npy,)),
    Target("astroclip embeddings parquet", embedded(".parquet"), read_embedded, (formats.parquet,)),
    Target("astroclip embeddings npz", embedded(".npz"), read_embedded, (formats.npz,)),
    Target("astroclip checkpoint", small_astroclip.save, read_trained,
           weight_edits.TORCH),
    Target("astroclip original", original, read_original, weight_edits.PLAIN),
    Target("astroclip converted", converted, read_converted, weight_edits.PLAIN),
]  # fmt: skip
