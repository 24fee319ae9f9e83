"""Galaxies of a file with many: one row each, in columns of any container and of known names."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from astroclip.data.batch import Galaxy, Image, Spectrum
from astroclip.data.readers.bands import planes_of
from astroclip.data.readers.catalogs import position_id
from astroclip.data.readers.column_names import NAMES, checked_ids, column, sure, text
from astroclip.data.readers.fits import stem
from astroclip.data.readers.measured import ROLES, Stored, facts, on_our_grid
from astroclip.data.readers.resample import rescaled
from astroclip.data.source import Facts, Positions, Source, named
from astroclip.survey import PIXEL_SCALE

USUAL: Mapping[int, Sequence[str]] = {3: "grz", 4: "griz"}  # planes without names
FEWEST = 100  # pixels of a flux without wavelengths and noise: fewer are photometry
UNIVERSE = ("image_", "spectrum_")  # beginnings of the Multimodal Universe's names in HDF5
UNIVERSAL = ("spectrum_flux", "spectrum_ivar")  # which its files have
SEEN = ("image", "bands", "scale")  # roles of images


@runtime_checkable
class Columns(Protocol):
    """Columns of a file, read row by row.

    Args:
        path: The file.
        air: Whether wavelengths are in air; None if the file does not say it.
    """

    path: Path
    air: bool | None

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a column, rows first."""
        ...

    def whole(self, name: str) -> np.ndarray:
        """Read all rows of a column."""
        ...

    def row(self, name: str, number: int) -> np.ndarray:
        """Read one row of a column."""
        ...

    def unit(self, name: str) -> str | None:
        """Unit of a column, as the file writes it; None if it does not."""
        ...


class Table(Source):
    """Galaxies of one file, a row each: spectra, images in nanomaggies, or both.

    Columns are known by their names, in any case (``column_names.NAMES``): those of the Multimodal
    Universe (HDF5, and the nested ones of its parquet files), SPARCL, Stein et al.'s images, DESI's
    and SDSS's. Wavelengths may be the same for all. Three planes without names are g, r and z.

    Args:
        columns: The file.
        images: Whether to read images, if there are any.
        spectra: Whether to read spectra, if there are any.

    Raises:
        ValueError: If it has neither, a column is missing, or is shorter than others.
    """

    def __init__(self, columns: Columns, images: bool = True, spectra: bool = True) -> None:
        self.columns, self.path = columns, columns.path
        of = {role: column(columns.names, role) for role in NAMES}
        if not (images and is_image(columns)):
            of["image"] = None
        if not (spectra and is_spectrum(columns)):
            of["flux"] = None
        if of["image"] is None and of["flux"] is None:
            there = ", ".join(columns.names) or "none"
            raise ValueError(f"{self.path}: image or flux: no such column; there are {there}")
        unused = {*(ROLES if of["flux"] is None else ()), *(SEEN if of["image"] is None else ())}
        self.of = {role: name for role, name in of.items() if name and role not in unused}
        self.main = of["flux"] or str(of["image"])
        self.count = columns.shape(self.main)[0]
        super().__init__(
            str(self.path), of["image"] is not None, of["flux"] is not None,
            ["redshift"] if of["redshift"] else [],
        )  # fmt: skip
        self._check()
        self.names = self._ids()

    def _check(self) -> None:
        there = ", ".join(self.columns.names)
        if self.main.startswith(UNIVERSE):
            for name in ("object_id", *(UNIVERSAL if self.spectra else ())):
                if name not in (each.lower() for each in self.columns.names):
                    raise ValueError(f"{self.path}: {name}: no such key; there are {there}")
        counts = {
            name: (self.columns.shape(name) or (0,))[0]
            for role, name in self.of.items()
            if not self._shared(role)
        }
        most = max(counts, key=lambda name: counts[name])
        for name, count in counts.items():
            if count != counts[most]:
                said = f"truncated: {count} entries, but {most} has {counts[most]}"
                raise ValueError(f"{self.path}: {name}: {said}")

    def _shared(self, role: str) -> bool:
        """Whether all galaxies have the same wavelengths, names of bands or scale."""
        if role not in ("wavelength", "bands", "scale"):
            return False
        shape = self.columns.shape(self.of[role])
        return shape[:1] != (self.count,) or (role == "wavelength" and len(shape) == 1)

    def _ids(self) -> list[str]:
        if "id" in self.of:
            place = f"{self.path}: {self.of['id']}"
            return [
                text(id) for id in checked_ids(self.columns.whole(self.of["id"]), place).tolist()
            ]
        positions = self.positions()
        if positions is not None:
            return [position_id(*row) for row in positions.tolist()]
        return [f"{stem(self.path)}-{row}" for row in range(self.count)]

    def __len__(self) -> int:
        return self.count

    def id(self, number: int) -> str:
        return self.names[number]

    def positions(self) -> Positions | None:
        if "ra" not in self.of or "dec" not in self.of:
            return None
        names = [self.of[role] for role in ("ra", "dec")]
        with named(f"{self.where}: {', '.join(names)}"):
            both = (self.columns.whole(name).astype(np.float64) for name in names)
            return np.stack([values.reshape(self.count) for values in both], 1)

    @cached_property
    def redshifts(self) -> np.ndarray:
        """Reliable redshifts; NaN elsewhere."""
        name, warned = self.of["redshift"], self.of.get("warning")
        with named(f"{self.where}: {name}"):
            warning = None if warned is None else self.columns.whole(warned)
            return sure(self.columns.whole(name), name, warning, warned or "")

    def read(self, number: int) -> Galaxy:
        image = self._image(number) if self.images else None
        flux, ivar = self._spectrum(number) if self.spectra else (None, None)
        labels = {"redshift": float(self.redshifts[number])} if self.labels else {}
        return Galaxy(self.id(number), image, flux, ivar, labels)

    def _value(self, role: str, number: int) -> np.ndarray:
        name = self.of[role]
        shared = self._shared(role)
        return self.columns.whole(name) if shared else self.columns.row(name, number)

    def _stored(self, number: int) -> Stored:
        roles = [role for role in ROLES if role in self.of]
        arrays = {role: np.squeeze(self._value(role, number)) for role in roles}
        units = {role: self.columns.unit(self.of[role]) for role in roles}
        return Stored(arrays, {role: self.of[role] for role in roles}, units, self.columns.air)

    def _spectrum(self, number: int) -> tuple[Spectrum, Spectrum]:
        return on_our_grid(self.place(number), self._stored(number))

    def _image(self, number: int) -> Image:
        place, name = self.place(number), self.of["image"]
        found = self._value("image", number)
        bands = USUAL.get(len(found) if found.ndim else 0, ())
        if "bands" in self.of:
            bands = [text(one) for one in self._value("bands", number).reshape(-1).tolist()]
            bands = list(bands[0]) if len(bands) == 1 < len(found) else bands
        if found.ndim != 3 or len(found) != len(bands):
            raise ValueError(
                f"{place}: {name}: shape {found.shape} is not (band, height, width) of "
                f"{', '.join(bands) or 'g, r, z'}"
            )
        if found.dtype == np.uint8:
            raise ValueError(f"{place}: {name}: numbers of 0 to 255 are a picture, not nanomaggies")
        image = found[planes_of(bands, place)].astype(np.float32)
        if "scale" not in self.of:
            return image
        scales = self._value("scale", number).reshape(-1)
        if len(set(scales.tolist())) != 1:
            raise ValueError(
                f"{place}: {self.of['scale']}: {scales} differ; {PIXEL_SCALE} is needed"
            )
        try:
            return rescaled(image, float(scales[0]))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error

    def facts(self) -> Facts:
        told = {"kind": f"a table of {self.count}"}
        told["ids"] = self.of.get("id", "none: made of positions, or of the file and the row")
        if self.spectra:
            told |= facts(self._stored(0))
        if self.images:
            told["image"] = f"{self.of['image']}: nanomaggies"
            told["bands"] = self.of.get("bands", "no names: g, r, z (of four planes: g, r, i, z)")
            told["pixel"] = self.of.get("scale", f"no scale: {PIXEL_SCALE} arcsec")
        if "redshift" in self.of:
            warned = self.of.get("warning")
            told["redshift"] = self.of["redshift"] + (f", where {warned} is good" if warned else "")
        if self.positions() is not None:
            told["position"] = f"{self.of['ra']}, {self.of['dec']}"
        return told


def is_image(columns: Columns) -> bool:
    """Whether a file has a column of images: (row, band, height, width)."""
    name = column(columns.names, "image")
    return name is not None and len(columns.shape(name)) == 4


def is_spectrum(columns: Columns) -> bool:
    """Whether a file has a column of spectra, and not of fluxes in a few bands."""
    name = column(columns.names, "flux")
    if name is None:
        return False
    shape = columns.shape(name)
    if len(shape) != 2 and shape[2:] != (1,):
        return False
    others = any(column(columns.names, role) for role in ("wavelength", "ivar", "sigma"))
    return bool(others) or (shape[1] or FEWEST) >= FEWEST
