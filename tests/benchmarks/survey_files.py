"""Small files of galaxies as surveys and their users write them, by plain libraries."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.wcs import WCS

PIXELS, FIRST, STEP = 7781, 3600.0, 0.8  # the survey's grid in Angstrom
ARMS = {"B": (0, 2751), "R": (2700, 2326), "Z": (4900, 2881)}  # first pixel, and how many
SIZE, SCALE = 96, 0.262  # of images: pixels, and arcsec of one
RA, DEC = 30.0, 10.0
GALAXIES = 4
BANDS = "grz"
GRID = FIRST + STEP * np.arange(PIXELS)
REDSHIFTS = np.linspace(0.05, 0.5, GALAXIES)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def images(count: int = GALAXIES, bands: int = 3) -> np.ndarray:
    return 1 + 0.3 * noise(count, bands, SIZE, SIZE)


def fluxes(count: int = GALAXIES, pixels: int = PIXELS) -> np.ndarray:
    return 2 + 0.5 * noise(count, pixels)


def write_hdf5(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key] = array


def write_fits(path: Path, parts: Sequence[fits.ImageHDU | fits.BinTableHDU]) -> None:
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path)


def table(name: str | None = None, **columns) -> fits.BinTableHDU:
    arrays = [np.asarray(column) for column in columns.values()]
    return fits.BinTableHDU(np.rec.fromarrays(arrays, names=list(columns)), name=name)


def sky(turn: float = 0.0) -> fits.Header:
    """World coordinates of an image that is turned by some degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [RA, DEC]
    wcs.wcs.crpix = [(SIZE + 1) / 2] * 2
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = rotation * [-SCALE / 3600, SCALE / 3600]
    return wcs.to_header()


def original(folder: Path) -> None:
    groups = {
        "images": images().transpose(0, 3, 2, 1),
        "spectra": fluxes()[..., None],
        "redshifts": REDSHIFTS,
        "targetids": np.arange(GALAXIES),
    }
    write_hdf5(folder / "pairs.hdf5", {f"0/{key}": array for key, array in groups.items()})


def parquet(folder: Path) -> None:
    columns = {
        "image": images().transpose(0, 3, 2, 1).tolist(),
        "spectrum": fluxes().tolist(),
        "redshift": REDSHIFTS,
        "targetid": np.arange(GALAXIES),
    }
    pq.write_table(pa.table(columns), folder / "pairs.parquet", row_group_size=2)


def universe(folder: Path) -> None:
    ids = {"object_id": np.arange(GALAXIES), "ra": RA + np.arange(GALAXIES)}
    ids["dec"] = np.full(GALAXIES, DEC)
    seen = {"image_array": images(bands=4), "image_scale": np.full((GALAXIES, 4), SCALE, "f4")}
    seen["image_band"] = np.tile(np.array([b"des-g", b"des-r", b"des-i", b"des-z"]), (GALAXIES, 1))
    write_hdf5(folder / "images.hdf5", ids | seen)
    found = {"spectrum_flux": fluxes(), "spectrum_ivar": np.abs(fluxes())}
    found["spectrum_lambda"] = np.tile(GRID.astype("f4"), (GALAXIES, 1))
    found["spectrum_mask"] = np.zeros((GALAXIES, PIXELS), bool)
    found |= {"Z": REDSHIFTS, "ZWARN": np.zeros(GALAXIES, int)}
    write_hdf5(folder / "spectra.hdf5", ids | found)


def coadd(folder: Path) -> None:
    kinds = np.array(["TGT"] * GALAXIES)
    parts = [table("FIBERMAP", TARGETID=np.arange(GALAXIES), OBJTYPE=kinds)]
    for arm, (first, count) in ARMS.items():
        arrays = {
            "WAVELENGTH": GRID[first : first + count],
            "FLUX": fluxes(pixels=count),
            "IVAR": np.abs(fluxes(pixels=count)),
            "MASK": np.zeros((GALAXIES, count), "i4"),
        }
        parts += [fits.ImageHDU(array, name=f"{arm}_{name}") for name, array in arrays.items()]
    write_fits(folder / "coadd.fits", parts)


def exposures(folder: Path) -> None:
    place = np.arange(SIZE) - (SIZE - 1) / 2
    light = 1e4 * np.exp(-(place[:, None] ** 2 + place**2) / 50)
    for number, band in enumerate(BANDS):
        counts = (light + 10 * noise(SIZE, SIZE) + 360).astype("f4")
        primary = fits.PrimaryHDU(header=fits.Header({"EXPNUM": number, "PRODTYPE": "image"}))
        parts = [primary, fits.ImageHDU(counts, sky(30.0 * number), name="N4")]
        fits.HDUList(parts).writeto(folder / f"c4d_ooi_{band}.fits")
    numbers = {"expnum": range(3), "ccdname": ["N4"] * 3, "filter": list(BANDS)}
    known = {"exptime": 90.0, "ccdzpt": 24.9, "ccdskycounts": 4.0, "sig1": 0.01}
    columns = numbers | {name: np.full(3, value) for name, value in known.items()}
    write_fits(folder / "survey-ccds.fits", [table(**columns)])


def cutouts(folder: Path) -> None:
    for number, image in enumerate(images()):
        header = sky()
        header["BANDS"] = BANDS
        write_fits(folder / f"g{number}.fits", [fits.ImageHDU(image, header)])


def fits_spectra(folder: Path) -> None:
    """On a grid of one's own: pixels that double in width."""
    grid = np.geomspace(3500, 9900, 4000)
    for number, flux in enumerate(fluxes(4, 4000)):
        one = table(wavelength=grid, flux=flux, ivar=np.abs(flux))
        write_fits(folder / f"g{number}.fits", [one])


def stack(folder: Path) -> None:
    arrays = {"FLUX": fluxes(), "IVAR": np.abs(fluxes()), "WAVE": GRID.astype("f4")}
    parts = [fits.ImageHDU(array, name=name) for name, array in arrays.items()]
    write_fits(folder / "stack.fits", parts)


def brick(folder: Path) -> None:
    """A coadd from which galaxies are cut, and the catalog that says where."""
    for band in BANDS:
        header = sky()
        header["FILTER"] = band
        part = fits.ImageHDU(noise(4 * SIZE, 4 * SIZE), header)
        write_fits(folder / f"legacysurvey-1p2-image-{band}.fits", [part])
    places = {"ID": np.arange(GALAXIES), "RA": np.full(GALAXIES, RA), "DEC": np.full(GALAXIES, DEC)}
    write_fits(folder / "positions.fits", [table(**places)])


def arrays(folder: Path) -> None:
    for name in ("images", "spectra"):
        (folder / name).mkdir()
    for number in range(GALAXIES):
        np.save(folder / "images" / f"g{number}.npy", images(1)[0])
        flux, ivar = fluxes(2)
        np.savez(folder / "spectra" / f"g{number}.npz", flux=flux, ivar=np.abs(ivar))
    rows = [f"g{number},{0.1 * number},10.5" for number in range(GALAXIES)]
    (folder / "labels.csv").write_text("\n".join(["id,redshift,log_mass", *rows]) + "\n")
