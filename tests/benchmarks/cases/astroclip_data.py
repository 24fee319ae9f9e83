"""AstroCLIP's data: files of galaxies of every kind, batches, resampling, and what simulates."""

from itertools import islice
from pathlib import Path

import numpy as np
import survey_files as surveys
import torch
from case import Call, Case, Pass
from files import once, own
from parts import ASTROCLIP, CORE
from survey_files import SIZE, fluxes, images

FILES = {  # kind -> what writes files, and the file to open, if not the folder
    "AstroCLIP HDF5": (surveys.original, "pairs.hdf5"),
    "AstroCLIP parquet": (surveys.parquet, "pairs.parquet"),
    "MMU images": (surveys.universe, "images.hdf5"),
    "MMU spectra": (surveys.universe, "spectra.hdf5"),
    "DESI coadd": (surveys.coadd, "coadd.fits"),
    "exposures": (surveys.exposures, ""),
    "FITS images": (surveys.cutouts, ""),
    "FITS spectra": (surveys.fits_spectra, ""),
    "FITS stack": (surveys.stack, "stack.fits"),
}


def place(kind: str) -> str:
    write, file = FILES[kind]
    return str(once(f"astroclip-{write.__name__}", write) / file)


def reader(kind: str) -> Case:
    """Every galaxy of files that are open."""

    def make(_: Pass) -> Call:
        source = ASTROCLIP.open_source(place(kind))
        return lambda: sum(1 for _ in source)

    return Case(make)


def opening(kind: Pass) -> Call:
    """Find out what files hold, and what their galaxies are called."""
    places = [place(kind) for kind, (_, file) in FILES.items() if file]
    open_source = ASTROCLIP.open_source
    return lambda: [open_source(place) for place in places]


def paired(kind: Pass) -> Call:
    """Images and spectra of two folders, with labels: as numpy's arrays."""
    folder = once("astroclip-arrays", surveys.arrays)
    entry = {name: str(folder / name) for name in ("images", "spectra")}
    entry["labels"], open_source = str(folder / "labels.csv"), ASTROCLIP.open_source
    return lambda: sum(1 for _ in open_source(entry))


def bricks(kind: Pass) -> Call:
    """Galaxies cut from a coadded brick at the places of a catalog."""
    folder = once("astroclip-brick", surveys.brick)
    entry = {"path": str(folder), "catalog": str(folder / "positions.fits")}
    open_source = ASTROCLIP.open_source
    return lambda: sum(1 for _ in open_source(entry))


def checked(kind: Pass) -> Call:
    """Find the galaxies that can be used, as ``--on_error skip`` does before a training."""
    source, good = ASTROCLIP.open_source(place("AstroCLIP HDF5")), ASTROCLIP.good
    return lambda: good(source)


def batches(kind: Pass) -> Call:
    """Read, cut out, stack and rebin, as a training does."""
    shares = {"train": 1.0, "val": 0.0, "test": 0.0}
    files = place("AstroCLIP HDF5")
    source = ASTROCLIP.GalaxyData(files=files, batch_size=2, size=48, splits=shares)
    train = source.train_dataloader()
    return lambda: sum(len(batch.number) for batch in islice(train, 2))


def pool(kind: Pass) -> Call:
    """Batches of galaxies that were simulated before."""
    torch.manual_seed(0)
    shapes = (3, 48, 48), (2048,), (2048,)
    arrays = [torch.randn(256, *shape).half() for shape in shapes]
    data = ASTROCLIP.PoolDataset(ASTROCLIP.Pool(*arrays, torch.randn(256, 6)))
    numbers = [torch.randperm(256)[:64].tolist() for _ in range(4)]
    return lambda: [data.__getitems__(some) for some in numbers]


def shards(kind: Pass) -> Call:
    folder, units = own(), ASTROCLIP.UNITS
    arrays = {"image": images(1)[0], "flux": fluxes(1)[0], "ivar": fluxes(1)[0]}
    sample = arrays | {"labels": np.zeros(6, "f4")}
    made = ASTROCLIP.GENERATOR, ASTROCLIP.VERSION
    CORE.write_shards(folder, lambda _: sample, CORE.Recipe(*made, 0, 16, 2, units, {"size": SIZE}))
    source = ASTROCLIP.Shards(str(folder))
    return lambda: sum(1 for _ in source)


def resampling(kind: Pass) -> Call:
    grid, (flux, ivar) = np.geomspace(3500, 9900, 4000), fluxes(2, 4000)
    resampled, rescaled, image = ASTROCLIP.resampled, ASTROCLIP.rescaled, images(1)[0]

    def call() -> None:
        resampled(grid, flux, np.abs(ivar))
        rescaled(image, 0.4)

    return call


def embeddings(suffix: str) -> Case:
    """Write and read them again."""

    def make(kind: Pass) -> Call:
        path, count = own() / f"e{suffix}", 400
        vectors = {name: fluxes(count, 64) for name in ("image_z", "spectrum_z")}
        labels = {"redshift": np.zeros(count, "f4")}
        found = ASTROCLIP.Embeddings([f"g{n}" for n in range(count)], labels, None, vectors)
        write, read = ASTROCLIP.write, ASTROCLIP.read

        def call() -> None:
            write(path, [found], {})
            read(path)

        return call

    return Case(make)


def simulated(kind: Pass) -> Call:
    """Light, spectra and images of some galaxies, as they are observed."""
    rng = np.random.default_rng(0)
    galaxies, light, band_fluxes = ASTROCLIP.targets(rng, 4), ASTROCLIP.light, ASTROCLIP.band_fluxes
    shares, spectra = ASTROCLIP.fiber_shares(rng, galaxies), ASTROCLIP.spectra
    expose, observe = ASTROCLIP.expose, ASTROCLIP.observe

    def call() -> None:
        shining = light(galaxies)
        observe(rng, spectra(galaxies, shining, shares))
        expose(rng, galaxies, band_fluxes(galaxies, shining), np.zeros(4), 48)

    return call


def cached(kind: Pass) -> Call:
    """Read batches of what frozen encoders saw of galaxies."""

    def write(folder: Path) -> None:
        values = np.ones((512, 96), np.float16)
        for name in ("image", "spectrum", "wanted", "weight"):
            np.save(folder / f"{name}.npy", values)
        np.save(folder / "number.npy", np.arange(512))

    features = ASTROCLIP.CachedFeatures(once("astroclip-features", write))
    order = np.random.default_rng(0).permutation(512).reshape(8, 64)
    return lambda: [features.__getitems__(numbers.tolist()) for numbers in order]


CASES = {
    **{f"astroclip reader {kind}": reader(kind) for kind in FILES},
    "astroclip opening": Case(opening),
    "astroclip reader pairs of arrays": Case(paired),
    "astroclip reader bricks": Case(bricks),
    "astroclip reader shards": Case(shards),
    "astroclip reader on_error skip": Case(checked),
    "astroclip batches": Case(batches),
    "astroclip batches simulated": Case(pool),
    "astroclip batches of cached features": Case(cached),
    "astroclip resampling": Case(resampling),
    "astroclip simulator": Case(simulated),
    "astroclip embeddings parquet": embeddings(".parquet"),
    "astroclip embeddings npz": embeddings(".npz"),
}
