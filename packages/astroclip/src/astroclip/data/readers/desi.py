"""Reader of DESI coadded spectra: many fibers per file, separate arms of the spectrographs."""

from pathlib import Path

import numpy as np

from astroclip.data.batch import Galaxy, Spectrum
from astroclip.data.readers.fits import SUFFIXES, FITSFile, OpenFITS, stem
from astroclip.data.readers.resample import resampled
from astroclip.data.source import Facts, Positions, Source, named
from astroclip.survey import FLUX_UNIT, PIXELS

GRID, FLUX = "_WAVELENGTH", "_FLUX"  # suffixes of the HDU names of an arm
PREFIXES = ("coadd", "spectra")  # of names of files, for which the others have
REDSHIFTS = {"redrock": "REDSHIFTS", "zbest": "ZBEST"}  # -> HDU of their table


class Coadd(Source):
    """Spectra of a coadd file on one grid of 7781 pixels, ivar-weighted where arms overlap.

    Masked pixels (mask not 0, if there is a mask) are ignored, and so are sky fibers (OBJTYPE is
    SKY). Redshifts come from the redrock (or zbest) file in the same folder, where ZWARN is 0.

    Args:
        path: The file.
        files: Opens FITS files; may be shared between readers.

    Raises:
        ValueError: If a file cannot be read, or a part of it is missing or has another shape.
    """

    def __init__(self, path: str | Path, files: OpenFITS | None = None) -> None:
        super().__init__(str(path), images=False, spectra=True, labels=["redshift"])
        self.file = FITSFile(path, files)
        self.beside: dict[Path, str] = {}
        targets = self.file.column("FIBERMAP", "TARGETID")
        self.fibers = len(targets)
        self.rows = np.arange(len(targets))
        if self.file.has("FIBERMAP", "OBJTYPE"):
            kind = self.file.column("FIBERMAP", "OBJTYPE").astype(str)
            self.rows = np.flatnonzero(np.char.strip(kind) != "SKY")
        self.targets = targets[self.rows]
        self.arms = arms(self.file)
        if not self.arms:
            raise ValueError(f"{path}: B{GRID}: no such HDU, nor of another arm")
        for arm in self.arms:
            self._check(arm, len(targets))
        self.redshifts = self._redshifts()

    def _check(self, arm: str, fibres: int) -> None:
        pixels = self.file.part(arm + GRID).shape[-1]
        for name in (arm + FLUX, f"{arm}_IVAR", *self._mask(arm)):
            shape = self.file.part(name).shape
            if shape != (fibres, pixels):
                raise ValueError(
                    f"{self.where}: {name}: shape {shape}, but FIBERMAP and {arm + GRID} say "
                    f"{(fibres, pixels)}"
                )

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, number: int) -> str:
        return str(self.targets[number])

    def positions(self) -> Positions | None:
        if not self.file.has("FIBERMAP", "TARGET_RA"):
            return None
        both = [self.file.column("FIBERMAP", f"TARGET_{name}") for name in ("RA", "DEC")]
        with named(f"{self.where}: TARGET_RA, TARGET_DEC"):
            found = [column[self.rows].astype(np.float64).reshape(len(self)) for column in both]
            return np.stack(found, 1)

    def read(self, number: int) -> Galaxy:
        flux, ivar = self._spectrum(number)
        redshift = self.redshifts.get(int(self.targets[number]))
        labels = {} if redshift is None else {"redshift": redshift}
        return Galaxy(self.id(number), None, flux, ivar, labels)

    def _spectrum(self, number: int) -> tuple[Spectrum, Spectrum]:
        weighted, weight = np.zeros(PIXELS), np.zeros(PIXELS)
        for arm in self.arms:
            wavelength, flux, ivar = self._arm(arm, int(self.rows[number]))
            try:
                own, own_ivar = resampled(wavelength, flux, ivar)
            except ValueError as error:
                raise ValueError(f"{self.place(number)}: {arm}: {error}") from error
            weighted += own.astype(np.float64) * own_ivar
            weight += own_ivar
        flux = np.divide(weighted, weight, out=np.zeros(PIXELS), where=weight > 0)
        return flux.astype(np.float32), weight.astype(np.float32)

    def _mask(self, arm: str) -> list[str]:
        """Name of an arm's mask HDU, if it exists."""
        name = f"{arm}_MASK"
        return [name] if any(part.name.upper() == name for part in self.file.parts) else []

    def _arm(self, arm: str, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wavelength, flux and ivar of a fiber in one arm."""
        with self.file.reading(arm):
            wavelength = np.asarray(self.file.part(arm + GRID).data, np.float64).reshape(-1)
            flux, ivar, *masks = (
                np.asarray(self.file.part(name).section[row])
                for name in (arm + FLUX, f"{arm}_IVAR", *self._mask(arm))
            )
        for mask in masks:
            ivar = np.where(mask == 0, ivar, 0)
        return wavelength, flux, ivar

    def _redshifts(self) -> dict[int, float]:
        """Reliable redshifts of redrock (ZWARN is 0), by target."""
        for path, table in companions(self.file.path):
            file = FITSFile(path, self.file.files)
            self.beside[path] = f"redshifts of {self.file.path.name}"
            columns = [file.column(table, key) for key in ("TARGETID", "Z", "ZWARN")]
            rows = zip(*(column.tolist() for column in columns), strict=True)
            return {target: redshift for target, redshift, warning in rows if warning == 0}
        return {}

    def facts(self) -> Facts:
        told = {"kind": f"coadded spectra of DESI: {len(self)} of {self.fibers} fibers"}
        told["arms"] = ", ".join(self.arms)
        grids = [self.file.part(arm + GRID).data for arm in self.arms]
        low, high = min(grid.min() for grid in grids), max(grid.max() for grid in grids)
        told["wavelength"] = f"{low:.6g} to {high:.6g} Angstrom, vacuum"
        told["flux"] = f"{FLUX_UNIT}, arms weighted by IVAR on one grid of {PIXELS} pixels"
        masks = [name for arm in self.arms for name in self._mask(arm)]
        told["mask"] = ", ".join(masks) or "none"
        found = [f"{path.name}, where ZWARN is 0" for path in self.beside]
        told["redshift"] = found[0] if found else "unknown: no redrock or zbest file beside it"
        if self.positions() is not None:
            told["position"] = "TARGET_RA, TARGET_DEC"
        return told


def companions(path: Path) -> list[tuple[Path, str]]:
    """Files of redshifts beside a coadd, compressed or not, and the HDU of their table."""
    found = []
    for name, table in REDSHIFTS.items():
        for first in PREFIXES:
            if path.name.startswith(first):
                other = stem(path).replace(first, name, 1)
                paths = [path.with_name(other + suffix) for suffix in SUFFIXES]
                found += [(each, table) for each in paths if each.is_file()]
    return found


def arms(file: FITSFile) -> list[str]:
    """Names of a file's arms: B, R and Z, or BRZ if joined; empty for other files."""
    names = [part.name.upper() for part in file.parts]
    if not any(name.endswith(GRID) for name in names):
        return []
    found = [name.partition("_")[0] for name in names if name.endswith((GRID, FLUX))]
    return list(dict.fromkeys(found))
