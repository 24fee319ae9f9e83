"""Small files of galaxies as the surveys write them, for the tests of the readers."""

import h5py
import numpy as np
from astropy.io import fits

from astroclip.data.batch import Galaxy
from astroclip.data.source import Source
from astroclip.survey import wavelengths

PIXELS = 7781
ARMS = {"B": (0, 2751), "R": (2700, 2326), "Z": (4900, 2881)}  # first pixel, and how many


def image(seed=0, bands=3, size=12):
    """Nanomaggies, no two alike."""
    return np.random.default_rng(seed).normal(1, 0.3, (bands, size, size)).astype(np.float32)


def flux(seed=0, pixels=PIXELS):
    return np.random.default_rng(seed).normal(2, 0.5, pixels).astype(np.float32)


def ivar(seed=0, pixels=PIXELS):
    return np.random.default_rng(seed + 1000).uniform(0.5, 4, pixels).astype(np.float32)


def write_hdf5(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def write_fits(path, *parts):
    """Write HDUs; pairs are arrays with a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus = [fits.ImageHDU(each[1], name=each[0]) if isinstance(each, tuple) else each
            for each in parts]  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def table(name=None, **columns):
    """A table of FITS."""
    return fits.BinTableHDU(np.rec.fromarrays(columns.values(), names=list(columns)), name=name)


def arm(letter, fibres=2, seed=0):
    """Flux, ivar and mask of an arm."""
    _, count = ARMS[letter]
    random = np.random.default_rng(seed + ord(letter))
    shape = (fibres, count)
    values = random.normal(2, 0.5, shape), random.uniform(0.5, 4, shape), random.random(shape) < 0.1
    return values[0].astype("f4"), values[1].astype("f4"), values[2].astype("i4")


def coadd_parts(fibres=2, kinds=None, masks=True):
    """The HDUs of a coadd file of DESI."""
    kinds = kinds or ["TGT"] * fibres
    numbers = np.arange(fibres)
    parts = [table("FIBERMAP", TARGETID=100 + numbers, OBJTYPE=np.array(kinds),
                   TARGET_RA=10.0 + numbers, TARGET_DEC=-5.0 + numbers)]  # fmt: skip
    for letter, (first, count) in ARMS.items():
        values = arm(letter, fibres)
        parts.append((f"{letter}_WAVELENGTH", wavelengths()[first : first + count]))
        names = ("FLUX", "IVAR", "MASK") if masks else ("FLUX", "IVAR")
        parts += [(f"{letter}_{name}", x) for name, x in zip(names, values, strict=False)]
    return parts


def write_coadd(path, fibres=2, kinds=None, masks=True):
    return write_fits(path, *coadd_parts(fibres, kinds, masks))


def universe_spectra(count=3, **more):
    """The arrays of spectra of a file of the Multimodal Universe."""
    numbers = np.arange(count)
    return {
        "object_id": numbers + 500,
        "spectrum_flux": np.stack([flux(n) for n in numbers]),
        "spectrum_ivar": np.stack([ivar(n) for n in numbers]),
        "spectrum_lambda": np.tile(wavelengths().astype("f4"), (count, 1)),
        "spectrum_mask": np.zeros((count, PIXELS), bool),
        "Z": 0.1 + 0.1 * numbers,
        "ZWARN": np.array([0, 4, 0][:count]),
        "ra": 10.0 + numbers,
        "dec": -5.0 + numbers,
        **more,
    }


def universe_images(count=3, names=(b"des-g", b"des-r", b"des-i", b"des-z"), **more):
    """The arrays of images of a file of the Multimodal Universe."""
    numbers = np.arange(count)
    return {
        "object_id": numbers + 900,
        "image_array": np.stack([image(n, len(names)) for n in numbers]),
        "image_band": np.tile(np.array(names), (count, 1)),
        "image_scale": np.full((count, len(names)), 0.262, "f4"),
        "ra": 10.0 + numbers,
        "dec": -5.0 + numbers,
        **more,
    }


def original_groups(counts=(2, 1)):
    """The arrays of the original AstroCLIP file."""
    arrays = {}
    for group, count in enumerate(counts):
        seeds = range(10 * group, 10 * group + count)
        arrays[f"{group}/images"] = np.stack([image(n).T for n in seeds])
        arrays[f"{group}/spectra"] = np.stack([flux(n)[:, None] for n in seeds])
        arrays[f"{group}/redshifts"] = np.array([0.01 * n for n in seeds])
        arrays[f"{group}/targetids"] = np.array([7000 + n for n in seeds])
    return arrays


def cutout_header(bands="grz", scale=0.262):
    """The header of a cutout of the Legacy Surveys."""
    header = fits.Header()
    header["BANDS"] = bands
    for number, one in enumerate(bands):
        header[f"BAND{number}"] = one
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = 10.0, -5.0
    header["CRPIX1"] = header["CRPIX2"] = 6.5
    header["CD1_1"], header["CD2_2"] = -scale / 3600, scale / 3600
    header["CD1_2"] = header["CD2_1"] = 0.0
    return header


class Listed(Source):
    """Galaxies of a list."""

    def __init__(self, galaxies, where="here", spectra=True):
        super().__init__(where, images=True, spectra=spectra, labels=["redshift"])
        self.galaxies = galaxies

    def __len__(self):
        return len(self.galaxies)

    def id(self, number):
        return self.galaxies[number].id

    def read(self, number):
        return self.galaxies[number]


def galaxy(name="a", **changes):
    return Galaxy(name, image(), flux(), ivar(), {"redshift": 0.1})._replace(**changes)


def dead():
    return galaxy("dead", flux=np.zeros(7781, "f4"), ivar=np.zeros(7781, "f4"))
