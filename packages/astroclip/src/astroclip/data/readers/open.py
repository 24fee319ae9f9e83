"""Open files of galaxies in any supported format as one source."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

from astroclip.data.entry import Entry, Files, OnError
from astroclip.data.readers.catalogs import read_catalog
from astroclip.data.readers.crossmatch import Paired, read_pairs
from astroclip.data.readers.detect_format import SUFFIXES, Kind
from astroclip.data.readers.files import Broken, SortedFiles, files_of
from astroclip.data.readers.labels import labelled
from astroclip.data.shards import Shards
from astroclip.data.source import Joined, Source, named
from sciformer.arguments import ArgumentError, check_positive, inside
from sciformer.data.entry import Kinds, check_entry

MATCH: Kinds = {"labels": str, "pairs": str, "radius": float}  # keys of every entry
ONE: Kinds = {"path": str, "kind": str, "catalog": str, **MATCH}
PAIR: Kinds = {"images": str, "spectra": str, **MATCH}  # of one with both apart
KNOWN = "HDF5, parquet or Arrow tables, FITS, .npy or .npz"
SHOWN = 5  # files in a warning


class Opened(NamedTuple):
    """What an entry holds.

    Args:
        source: Its galaxies.
        parts: Sources of its files, before they are joined, paired and labelled.
        left_out: Files without galaxies -> what they are.
        broken: Files that cannot be used -> why.
    """

    source: Source
    parts: Sequence[Source]
    left_out: Mapping[Path, str]
    broken: Mapping[Path, str]


class _Match(NamedTuple):
    """How images and spectra, galaxies and labels, find each other."""

    radius: float | None = None
    pairs: str | None = None


DEFAULT = _Match()


def open_source(
    entry: str | Path | Mapping[str, Any], kind: str | None = None, on_error: OnError = "stop"
) -> Source:
    """Open files of galaxies; what they hold is detected, or given by ``kind``.

    Files with images only and files with spectra only are cross-matched (``Paired``). In a folder,
    files without galaxies, such as catalogs, are left out, with a warning that lists them.

    Args:
        entry: A file, a folder or a glob pattern; or a table with ``path``, or ``images`` and
            ``spectra``, and optionally ``kind``, ``labels`` (a catalog), ``catalog`` (of galaxies
            to cut out of images of fields), ``pairs`` (a table of image and spectrum) and
            ``radius`` (arcsec, to match by position and not by id).
        kind: ``table`` (of many galaxies), ``original`` (AstroCLIP's own pairs), ``desi`` (coadded
            spectra), ``exposures`` (a folder of them with a CCD table), ``brick`` (a field, with a
            ``catalog``), ``images`` or ``spectra``; None detects what every file holds.
        on_error: ``stop`` with an error for a file that cannot be opened or a galaxy without a
            partner, or ``skip`` to count it as one bad galaxy (see ``sound``).

    Returns:
        The galaxies.

    Raises:
        ValueError: Naming the file that cannot be read or has an unknown format, or labels that
            match no galaxy.
    """
    opened = open_entry(entry, kind, on_error)
    where = entry if isinstance(entry, str | Path) else dict(entry)
    listed = {path: why for path, why in opened.left_out.items() if path.suffix in SUFFIXES}
    if listed:
        some = ", ".join(f"{path.name} ({why})" for path, why in [*listed.items()][:SHOWN])
        more = f", and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        warnings.warn(f"{where}: left out: {some}{more}", stacklevel=2)
    for part in opened.parts:
        assumed = _assumed(part)
        if assumed:
            warnings.warn(f"{part.where}: assumed: {assumed}", stacklevel=2)
    return opened.source


def open_entry(
    entry: str | Path | Mapping[str, Any], kind: str | None = None, on_error: OnError = "stop"
) -> Opened:
    """Open files as ``open_source`` does, and tell what was understood of them."""
    if isinstance(entry, Mapping):
        return _described(entry, on_error)
    if kind is not None and kind not in get_args(Kind):
        raise ArgumentError("kind", f"{kind!r} is not one of {', '.join(get_args(Kind))}")
    with named(str(entry)):
        return _opened(entry, kind, on_error)


def open_all(files: Files | None, shards: str | None, on_error: OnError) -> list[Source]:
    """Open all entries of ``--files``, then ``--shards``.

    Args:
        files: An entry, or a list of them.
        shards: Folder written by ``astroclip simulate``.
        on_error: ``skip`` counts an entry that cannot be opened as one bad galaxy, if others can.

    Returns:
        A source for each entry, and one for the shards.

    Raises:
        ArgumentError: Naming the entry that cannot be opened.
    """
    found: list[Source] = []
    failed: list[tuple[Any, ArgumentError]] = []
    for index, entry in enumerate(entries(files)):
        try:
            with inside(f"files[{index}]" if isinstance(files, list) else "files", entry):
                found.append(open_source(entry, on_error=on_error))
        except ArgumentError as error:
            asked = isinstance(error.__cause__, ArgumentError)  # a wrong key is no bad galaxy
            if on_error != "skip" or asked or not isinstance(files, list):
                raise
            failed.append((entry, error))
    if failed and not found:
        raise failed[0][1]
    found += [Broken(Path(str(entry)), error.reason, found[0]) for entry, error in failed]
    if shards is not None:
        with inside("shards", shards):
            found.append(Shards(shards))
    return found


def entries(files: Files | None) -> list[Entry]:
    """Entries of ``--files``, one by one; empty for None."""
    return files if isinstance(files, list) else [] if files is None else [files]


def _opened(
    entry: str | Path,
    kind: str | None,
    on_error: OnError,
    catalog: str | None = None,
    match: _Match = DEFAULT,
) -> Opened:
    paths = [Path(entry)] if kind == "exposures" else files_of(entry)
    single = paths == [Path(entry)]
    found = SortedFiles(cast("Kind | None", kind), "stop" if single else on_error)
    found.alone = single
    found.catalog = None if catalog is None else read_catalog(Path(catalog))
    found.add([path for path in paths if str(path) != catalog])
    sources = found.sources(str(entry))
    if not sources:
        raise ValueError(_nothing(str(entry), single, found))
    source = _whole(sources, on_error, match)
    if found.broken:
        broken = (Broken(path, reason, source) for path, reason in found.broken.items())
        source = Joined([source, *broken])
    used = {path for part in sources for path in part.beside}
    left_out = {path: why for path, why in found.left_out.items() if path not in used}
    return Opened(_some(source), sources, left_out, found.broken)


def _nothing(entry: str, single: bool, found: SortedFiles) -> str:
    """What to say where there is no galaxy."""
    if found.broken:
        return next(iter(found.broken.values()))
    known = {path: why for path, why in found.left_out.items() if path.suffix in SUFFIXES}
    if single and known:
        return f"{entry}: {next(iter(known.values()))}"
    what = "holds no" if single else f"{len(found.left_out)} files hold no"
    reasons = [f"{path.name}: {why}" for path, why in [*known.items()][:1]]
    return "; ".join([f"{entry}: {what} galaxies that can be read: {KNOWN}", *reasons])


def _described(entry: Mapping[str, Any], on_error: OnError) -> Opened:
    """What an entry that is a table of paths holds."""
    pair = "images" in entry or "spectra" in entry
    said = {key: _number(value) if key == "radius" else value for key, value in entry.items()}
    for needed in ("images", "spectra") if pair else ("path",):
        check_entry(said, PAIR if pair else ONE, needed)
    match = _Match(said.get("radius"), said.get("pairs"))
    if match.radius is not None:
        check_positive(radius=match.radius)
    if not pair:
        kind = said.get("kind")
        if kind is not None and kind not in get_args(Kind):
            raise ArgumentError("kind", f"{kind!r} is not one of {', '.join(get_args(Kind))}")
        with named(said["path"]):
            opened = _opened(said["path"], kind, on_error, said.get("catalog"), match)
    else:
        both = [open_entry(said[key], None, on_error) for key in ("images", "spectra")]
        source = _pair(both[0].source, both[1].source, on_error, match)
        parts = [*both[0].parts, *both[1].parts]
        left_out = {**both[0].left_out, **both[1].left_out}
        opened = Opened(source, parts, left_out, {**both[0].broken, **both[1].broken})
    if "labels" not in said:
        return opened
    labels = said["labels"]
    source = labelled(opened.source, files_of(labels), labels, match.radius)
    left_out = {path: why for path, why in opened.left_out.items() if path not in files_of(labels)}
    return opened._replace(source=source, left_out=left_out)


def _number(value: Any) -> Any:
    """A number that the command line gave as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _whole(sources: Sequence[Source], on_error: OnError, match: _Match) -> Source:
    """Cross-match sources of images only with sources of spectra only; join the others."""
    images = [source for source in sources if not source.spectra]
    spectra = [source for source in sources if not source.images]
    if images and spectra:
        pair = _pair(_joined(images), _joined(spectra), on_error, match)
        sources = [pair, *(source for source in sources if source.images and source.spectra)]
    return _joined(sources)


def _joined(sources: Sequence[Source]) -> Source:
    return sources[0] if len(sources) == 1 else Joined(sources)


def _pair(images: Source, spectra: Source, on_error: OnError, match: _Match) -> Source:
    for name, source in (("images", images), ("spectra", spectra)):
        if not getattr(source, name):
            raise ValueError(f"{source.where}: no {name}")
    pairs = None if match.pairs is None else read_pairs(Path(match.pairs))
    return Paired(images, spectra, on_error, match.radius, pairs)


def _some(source: Source) -> Source:
    if not len(source):
        raise ValueError(f"{source.where}: no galaxies")
    return source


def _assumed(part: Source) -> str:
    try:
        with named(part.where):
            return part.facts().get("assumed", "") if len(part) else ""
    except ValueError:
        return ""  # its first galaxy is bad, which is told elsewhere
