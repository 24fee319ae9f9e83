"""Columns of a FITS file with many spectra: a table with vectors, or images FLUX, IVAR and WAVE."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from astroclip.data.readers.column_names import column
from astroclip.data.readers.fits import FITSFile, OpenFITS
from astroclip.data.readers.measured import grid_of, in_air

# HDUs without a name of SDSS's spPlate files, by their number.
PLATE = ("flux", "ivar", "and_mask")
GRID = "wavelength"


class FITSColumns:
    """Rows of a table with a vector of fluxes, or of two-dimensional HDUs, with all scalar columns.

    Args:
        path: The file.
        files: Opens FITS files; may be shared between readers.

    Raises:
        ValueError: If neither is there.
    """

    def __init__(self, path: str | Path, files: OpenFITS | None = None) -> None:
        self.path = Path(path)
        self.file = FITSFile(path, files)
        self.parts = images_of(self.file)  # name -> number of an HDU
        table = self.file.table("flux")
        self.table = None if table is None else self.file.parts.index(table)
        flux = table if "flux" not in self.parts else self.file.parts[self.parts["flux"]]
        if flux is None:
            raise ValueError(f"{path}: FLUX: no such HDU, and no such column of a table")
        self.count: int = flux.shape[0] if "flux" in self.parts else len(flux.data)
        self.columns = self._columns()
        self.air = in_air(flux.header, self.file.parts[0].header)
        self.names: Sequence[str] = [
            *self.parts,
            *(name for name in self.columns if name not in self.parts),
        ]
        self.grid = None if column(self.names, "wavelength") else self._grid(flux)
        self.names = [*self.names, *([GRID] if self.grid is not None else [])]

    def _columns(self) -> dict[str, int]:
        """Name -> number of the table, of columns with as many rows as there are spectra."""
        found: dict[str, int] = {}
        for number, part in enumerate(self.file.parts):
            if self.file.is_table(part) and len(part.data) == self.count:
                for name in part.columns.names:
                    found.setdefault(str(name), number)
        return found

    def _grid(self, flux: Any) -> np.ndarray | None:
        pixels = (
            flux.shape[-1]
            if "flux" in self.parts
            else self.shape(str(column(self.columns, "flux")))[1]
        )
        found = (grid_of(each.header, pixels) for each in (flux, self.file.parts[0]))
        return next((grid for grid in found if grid is not None), None)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of all axes, that of rows first."""
        if name == GRID and self.grid is not None:
            return self.grid.shape
        if name in self.parts:
            return self.file.parts[self.parts[name]].shape
        with self.file.reading(name):
            return (self.count, *np.shape(self._data(name)[0])) if self.count else (0,)

    def whole(self, name: str) -> np.ndarray:
        """Values of all rows."""
        if name == GRID and self.grid is not None:
            return self.grid
        if name in self.parts:
            with self.file.reading(name):
                values = np.asarray(self.file.parts[self.parts[name]].data)
            return values.astype(values.dtype.newbyteorder("="))
        return self.file.column(self.file.parts[self.columns[name]], name)

    def row(self, name: str, number: int) -> np.ndarray:
        """Values of one row."""
        with self.file.reading(name):
            if name in self.parts:
                values = np.asarray(self.file.parts[self.parts[name]].section[number])
            else:
                values = np.asarray(self._data(name)[number])
        return values.astype(values.dtype.newbyteorder("="))

    def unit(self, name: str) -> str | None:
        """Unit that the file says, or None."""
        if name in self.parts:
            return self.file.parts[self.parts[name]].header.get("BUNIT")
        if name not in self.columns:
            return None
        return self.file.parts[self.columns[name]].columns[name].unit

    def _data(self, name: str) -> Any:
        return self.file.parts[self.columns[name]].data[name]


def images_of(file: FITSFile) -> Mapping[str, int]:
    """Numbers of the HDUs that are spectra, one a row, with their noise, mask and wavelengths.

    Args:
        file: The file.

    Returns:
        Name -> number; empty if this is no such file: a two-dimensional flux must have wavelengths,
        or noise of its shape, beside it, or in its header (spPlate).
    """
    found: dict[str, int] = {}
    parts = file.parts
    for number, part in enumerate(parts):
        if not part.is_image or not part.shape:
            continue
        name = part.name.lower().replace("primary", "")
        if not name and "COEFF0" in parts[0].header and number < len(PLATE):
            name = PLATE[number]
        found.setdefault(name, number)
    flux = column(found, "flux")
    if flux is None or len(parts[found[flux]].shape) != 2:
        return {}
    roles = {role: column(found, role) for role in ("ivar", "sigma", "mask", "wavelength")}
    there = {name: found[name] for name in roles.values() if name is not None}
    shape = parts[found[flux]].shape
    noise = [name for name in (roles["ivar"], roles["sigma"]) if name is not None]
    if not any(parts[found[name]].shape == shape for name in noise) and not roles["wavelength"]:
        return {}
    return {"flux": found[flux], **there}
