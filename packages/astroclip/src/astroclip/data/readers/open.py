"""Open files of galaxies in any supported format as one source."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from astroclip.data.batch import Galaxy
from astroclip.data.readers.astroclip_hdf5 import OriginalHDF5, OriginalParquet
from astroclip.data.readers.crossmatch import Paired
from astroclip.data.readers.decam import Exposures
from astroclip.data.readers.desi import Coadd
from astroclip.data.readers.detect_format import PARQUET, Kind, kinds_of
from astroclip.data.readers.fits import open_fits, stem
from astroclip.data.readers.images import ImageFiles
from astroclip.data.readers.labels import Labelled, read_labels
from astroclip.data.readers.multimodal_universe import Universe
from astroclip.data.readers.spectra import SpectrumFiles
from astroclip.data.source import Joined, OnError, Source, named
from sciformer.arguments import ArgumentError
from sciformer.data.entry import Kinds, check_entry
from sciformer.data.hdf5 import open_hdf5
from sciformer.data.open_files import OpenFiles
from sciformer.data.parquet import open_parquet

# As on the command line: a string, a list of entries, or a table.
Files = list[dict[str, str] | str] | dict[str, str] | str
ONE: Kinds = {"path": str, "kind": str, "labels": str}  # keys of an entry
PAIR: Kinds = {"images": str, "spectra": str, "labels": str}  # of one with both apart
KNOWN = "HDF5 or parquet of AstroCLIP, HDF5 of the Multimodal Universe, FITS, .npy or .npz"


def open_source(
    entry: str | Path | Mapping[str, Any], kind: str | None = None, on_error: OnError = "raise"
) -> Source:
    """Open files of galaxies; the format is detected, or given by ``kind``.

    Files with images only and files with spectra only are cross-matched (``Paired``). In a folder,
    files of unknown format, such as catalogs, are ignored.

    Args:
        entry: A file, a folder or a glob pattern; or a table with ``path``, or ``images`` and
            ``spectra``, and optionally ``labels`` (``read_labels``) and ``kind``.
        kind: ``original`` (AstroCLIP's own pairs), ``universe`` (the Multimodal Universe),
            ``desi`` (coadded spectra), ``exposures`` (a folder of them with a CCD table),
            ``images`` or ``spectra`` (one file per galaxy); None detects the format of every file.
        on_error: ``raise`` for a file that cannot be opened or a galaxy without a partner, or
            ``skip`` to count it as one bad galaxy (see ``sound``).

    Returns:
        The galaxies.

    Raises:
        ValueError: Naming the file that cannot be read or has an unknown format, or labels that
            match no galaxy.
    """
    if isinstance(entry, Mapping):
        return _described(entry, on_error)
    if kind is not None and kind not in get_args(Kind):
        raise ArgumentError("kind", f"{kind!r} is not one of {', '.join(get_args(Kind))}")
    with named(str(entry)):
        return _opened(entry, kind, on_error)


def _opened(entry: str | Path, kind: str | None, on_error: OnError) -> Source:
    if kind == "exposures":
        return _some(Exposures(entry))
    paths = files_of(entry)
    single = paths == [Path(entry)]
    found = _Files(cast("Kind | None", kind), raises=single or on_error == "raise")
    found.add(paths)
    sources = found.sources()
    if not sources:
        what = "holds no" if single else f"{len(paths)} files hold no"
        unknown = f"{entry}: {what} galaxies that can be read: {KNOWN}"
        raise ValueError(next(iter(found.broken.values()), unknown))
    source = _whole(sources, on_error)
    if found.broken:
        broken = (Broken(path, reason, source) for path, reason in found.broken.items())
        source = Joined([source, *broken])
    return _some(source)


def entries(files: Files | None) -> list[dict[str, str] | str]:
    """Entries of ``--files``, one by one; empty for None."""
    return files if isinstance(files, list) else [] if files is None else [files]


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


class _Files:
    """Files by format.

    Args:
        kind: Format of all files; None detects it.
        raises: Whether a file that cannot be opened is an error.
    """

    def __init__(self, kind: Kind | None, raises: bool) -> None:
        self.kind: Kind | None = kind
        self.raises = raises
        self.images: list[Path] = []
        self.spectra: list[Path] = []
        self.folders: list[Path] = []
        self.others: list[Source] = []
        self.broken: dict[Path, str] = {}
        self.fits, self.hdf5 = OpenFiles(open_fits), OpenFiles(open_hdf5)
        self.parquet = OpenFiles(open_parquet)

    def add(self, paths: Sequence[Path]) -> None:
        """Detect the format of each file, or check the first one's if ``kind`` is given."""
        for path in paths:
            try:
                with named(str(path)):
                    for kind in self._kinds(path, look=self.kind is None or path == paths[0]):
                        self._add(path, kind)
            except ValueError as error:
                if self.raises:
                    raise
                self.broken[path] = str(error)

    def _kinds(self, path: Path, look: bool) -> list[Kind]:
        found = kinds_of(path, self.fits, self.hdf5) if look else []
        if self.kind is None:
            return found
        if found and self.kind not in found:
            raise ValueError(f"{path}: kind: {self.kind!r}, but what it holds is {found[0]!r}")
        return [self.kind]

    def _add(self, path: Path, kind: Kind) -> None:
        if kind == "images":
            self.images.append(path)
        elif kind == "spectra":
            self.spectra.append(path)
        elif kind == "exposures":
            self.folders += [path.parent] * (path.parent not in self.folders)
        elif kind == "desi":
            self.others.append(Coadd(path, self.fits))
        elif kind == "universe":
            self.others.append(Universe(path, self.hdf5))
        elif path.suffix == PARQUET:
            self.others.append(OriginalParquet(path, self.parquet))
        else:
            self.others.append(OriginalHDF5(path, self.hdf5))

    def sources(self) -> list[Source]:
        """Sources of all files; images next to a CCD table are read as exposures."""
        within = set(self.folders)
        images = [path for path in self.images if not within & set(path.parents)]
        found = [*self.others, *(Exposures(folder, self.broken) for folder in self.folders)]
        found += [ImageFiles(images)] if images else []
        found += [SpectrumFiles(self.spectra)] if self.spectra else []
        return found


def _described(entry: Mapping[str, Any], on_error: OnError) -> Source:
    """Source of an entry that is a table of paths."""
    pair = "images" in entry or "spectra" in entry
    for needed in ("images", "spectra") if pair else ("path",):
        check_entry(entry, PAIR if pair else ONE, needed)
    if not pair:
        source = open_source(entry["path"], entry.get("kind"), on_error)
    else:
        images, spectra = (open_source(entry[key], None, on_error) for key in ("images", "spectra"))
        source = _pair(images, spectra, on_error)
    return _labelled(source, entry["labels"]) if "labels" in entry else source


def _labelled(source: Source, labels: str) -> Source:
    """Source with labels from a table, which must match at least one galaxy."""
    table: dict[str, Mapping[str, float]] = {}
    for path in files_of(labels):
        with named(str(path)):
            table |= read_labels(path)
    if not any(source.id(number) in table for number in range(len(_some(source)))):
        ids = f"such as {next(iter(table))!r}" if table else "there is no row"
        known = f"{source.where}, such as {source.id(0)!r}"
        raise ValueError(f"{labels}: id: none is that of a galaxy in {known}: {ids}")
    return Labelled(source, table)


def _whole(sources: Sequence[Source], on_error: OnError) -> Source:
    """Cross-match sources of images only with sources of spectra only; join the others."""
    images = [source for source in sources if not source.spectra]
    spectra = [source for source in sources if not source.images]
    if images and spectra:
        pair = _pair(_joined(images), _joined(spectra), on_error)
        sources = [pair, *(source for source in sources if source.images and source.spectra)]
    return _joined(sources)


def _joined(sources: Sequence[Source]) -> Source:
    return sources[0] if len(sources) == 1 else Joined(sources)


def _pair(images: Source, spectra: Source, on_error: OnError) -> Source:
    for name, source in (("images", images), ("spectra", spectra)):
        if not getattr(source, name):
            raise ValueError(f"{source.where}: no {name}")
    return Paired(images, spectra, on_error)


def _some(source: Source) -> Source:
    if not len(source):
        raise ValueError(f"{source.where}: no galaxies")
    return source
