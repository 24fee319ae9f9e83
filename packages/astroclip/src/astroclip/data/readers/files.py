"""Files of galaxies by what they hold, and the source of each group of them."""

from collections.abc import Sequence
from pathlib import Path

from astroclip.data.batch import Galaxy
from astroclip.data.entry import OnError
from astroclip.data.on_error import FLAG
from astroclip.data.readers.arrow_rows import ARROW, PARQUET, ArrowRows, open_rows
from astroclip.data.readers.astroclip_hdf5 import OriginalHDF5, OriginalRows
from astroclip.data.readers.bricks import Bricks
from astroclip.data.readers.catalogs import Catalog
from astroclip.data.readers.cutout import field_question
from astroclip.data.readers.desi import Coadd, arms
from astroclip.data.readers.detect_format import (
    ARRAYS,
    HDF5_SUFFIXES,
    Kind,
    UnrelatedError,
    kinds_of,
)
from astroclip.data.readers.exposures import Exposures, product
from astroclip.data.readers.fits import FITSFile, is_fits, open_fits, stem
from astroclip.data.readers.fits_table import FITSColumns, images_of
from astroclip.data.readers.hdf5_table import HDF5Columns
from astroclip.data.readers.images import ImageFiles, by_galaxy, planes_in
from astroclip.data.readers.npz_table import NpzColumns
from astroclip.data.readers.spectra import SpectrumFiles
from astroclip.data.readers.tables import Columns, Table
from astroclip.data.source import Source, named
from sciformer.data.hdf5 import open_hdf5
from sciformer.data.open_files import OpenFiles


def files_of(entry: str | Path) -> list[Path]:
    """Find files.

    Args:
        entry: A file, a folder (searched recursively), or a glob pattern of files and folders.

    Returns:
        The files, sorted by name.

    Raises:
        ValueError: If there is none.
    """
    paths = [Path(entry)]
    if not paths[0].exists():
        root = Path(paths[0].anchor)
        paths = sorted(root.glob(str(paths[0].relative_to(root))))
    files: dict[Path, None] = {}
    for path in paths:
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        files |= dict.fromkeys(file for file in below if file.is_file())
    if not files:
        raise ValueError(f"{entry}: no such file, or none in this folder")
    return list(files)


class Broken(Source):
    """A file that cannot be opened, as one bad galaxy.

    Args:
        path: The file.
        reason: Error message.
        like: Source with the properties that its galaxies would have.
    """

    def __init__(self, path: Path, reason: str, like: Source) -> None:
        super().__init__(str(path), like.images, like.spectra)
        self.reason = reason

    def __len__(self) -> int:
        return 1

    def id(self, number: int) -> str:
        return stem(Path(self.where))

    def place(self, number: int) -> str:
        return self.where

    def read(self, number: int) -> Galaxy:
        raise ValueError(self.reason)


class SortedFiles:
    """Files by what they hold.

    Args:
        kind: What all files hold; None detects it.
        on_error: ``stop`` for a file that cannot be opened, or ``skip`` to put it into ``broken``.
    """

    def __init__(self, kind: Kind | None, on_error: OnError) -> None:
        self.kind: Kind | None = kind
        self.on_error: OnError = on_error
        self.alone = False  # whether there is one file only, which cannot be left out
        self.catalog: Catalog | None = None  # of galaxies to cut out of fields
        self.images: list[Path] = []
        self.spectra: list[Path] = []
        self.fields: list[Path] = []
        self.folders: list[Path] = []
        self.others: list[Source] = []
        self.left_out: dict[Path, str] = {}
        self.broken: dict[Path, str] = {}
        self.fits, self.hdf5 = OpenFiles(open_fits), OpenFiles(open_hdf5)
        self.rows = OpenFiles(open_rows)

    def add(self, paths: Sequence[Path]) -> None:
        """Find out what each file holds, unless ``kind`` says it."""
        for path in paths:
            try:
                with named(str(path)):
                    kinds: list[Kind] = [self.kind] if self.kind else self._detected(path)
                    for kind in kinds:
                        self._add(path, kind)
            except ValueError as error:
                self._fail(path, str(error), error)

    def _detected(self, path: Path) -> list[Kind]:
        try:
            return kinds_of(path, self.fits, self.hdf5)
        except UnrelatedError as error:
            self.left_out[path] = str(error)
            return []

    def _fail(self, path: Path, reason: str, error: ValueError | None = None) -> None:
        if self.on_error != "skip":
            flag = "" if self.alone or FLAG in reason else f" ({FLAG})"
            raise ValueError(f"{reason}{flag}") from error
        self.broken[path] = reason

    def _add(self, path: Path, kind: Kind) -> None:
        if kind == "exposures":
            folder = path if path.is_dir() else path.parent
            self.folders += [folder] * (folder not in self.folders)
        elif kind == "brick":
            self.fields.append(path)
        elif kind == "desi":
            self.others.append(Coadd(path, self.fits))
        elif kind == "original":
            rows = path.suffix in (PARQUET, ARROW)
            own = OriginalRows(path, self.rows) if rows else OriginalHDF5(path, self.hdf5)
            self.others.append(own)
        elif kind in ("table", "universe"):
            self.others.append(Table(self._columns(path)))
        else:
            self._add_modality(path, kind)

    def _add_modality(self, path: Path, kind: str) -> None:
        """Add a file of images, or of spectra, of one galaxy or of many."""
        if kind == "spectra" and is_fits(path) and arms(FITSFile(path, self.fits)):
            self.others.append(Coadd(path, self.fits))
        elif self.kind and self._many(path):
            columns = self._columns(path)
            self.others.append(Table(columns, kind == "images", kind == "spectra"))
        else:
            (self.images if kind == "images" else self.spectra).append(path)

    def _many(self, path: Path) -> bool:
        """Whether a file has many galaxies."""
        if path.suffix in (*HDF5_SUFFIXES, PARQUET, ARROW):
            return True
        if is_fits(path) and self.kind == "spectra" and images_of(FITSFile(path, self.fits)):
            return True
        if not is_fits(path) and path.suffix not in ARRAYS:
            return False
        try:
            return "table" in kinds_of(path, self.fits, self.hdf5)
        except ValueError:
            return False

    def _columns(self, path: Path) -> Columns:
        if is_fits(path):
            return FITSColumns(path, self.fits)
        if path.suffix in ARRAYS:
            return NpzColumns(path)
        if path.suffix in (PARQUET, ARROW):
            return ArrowRows(path, self.rows)
        return HDF5Columns(path, self.hdf5)

    def sources(self, where: str) -> list[Source]:
        """Sources of all files; images next to a CCD table are read as exposures.

        Args:
            where: Name of the files in errors.

        Returns:
            The sources.

        Raises:
            ValueError: If images of fields have no catalog, or a file cannot be used.
        """
        found = [*self.others, *self._exposures()]
        fields = [*self.fields, *(self.images if self.catalog is not None else ())]
        if fields:
            found += self._bricks(fields, where)
        if self.images and self.catalog is None:
            files, broken = by_galaxy(self.images)
            for path, reason in broken.items():
                self._fail(path, reason)
            found += [ImageFiles(files)] if files else []
        paths = self._of_other_names(self.spectra)
        return [*found, SpectrumFiles(paths)] if paths else found

    def _exposures(self) -> list[Source]:
        """Exposures of each folder with a CCD table, which are no other images then."""
        found: list[Source] = []
        for folder in self.folders:
            own = Exposures(folder, {*self.broken, *self.fields}, self.on_error, self.catalog)
            self.broken |= own.broken
            if len(own) or not self.images:
                found.append(own)
            used = {path for ccd in own.ccds for path in (ccd.path, ccd.mask, ccd.weight) if path}
            self.images = [path for path in self.images if path not in {*used, *own.broken}]
            self.left_out = {p: why for p, why in self.left_out.items() if p not in used}
        for path in [path for path in self.images if product(path) == "image"]:
            self.images.remove(path)
            self._fail(path, f"{path}: an exposure; its folder needs survey-ccds-*.fits")
        return found

    def _bricks(self, paths: Sequence[Path], where: str) -> list[Source]:
        if self.catalog is None:
            file = FITSFile(paths[0], self.fits)
            shape = file.parts[planes_in(file)[0].number].shape
            self._fail(paths[0], field_question(paths[0], shape, where))
            return []
        files, broken = by_galaxy(paths)
        for path, reason in broken.items():
            self._fail(path, reason)
        return [Bricks(files, self.catalog, where)]

    def _of_other_names(self, paths: Sequence[Path]) -> list[Path]:
        """Files without those whose name, which is the id, is that of another one."""
        seen: dict[str, Path] = {}
        for path in paths:
            first = seen.setdefault(stem(path), path)
            if first != path:
                self._fail(path, f"{path}: id {stem(path)} is that of {first} as well")
        return list(seen.values())
