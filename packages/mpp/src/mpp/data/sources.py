"""Open the trajectories that a configuration names: files, or a built-in system."""

import glob
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mpp.data.description import renamed
from mpp.data.joined import Joined
from mpp.data.mask import MASKS, find_mask
from mpp.data.physics import PHYSICS, settle
from mpp.data.readers.open import open_file
from mpp.data.readers.table import TABLE, table_of
from mpp.data.readers.zarr_store import is_zarr
from mpp.data.shards import Shards
from mpp.data.simulated import OPTIONS, Simulated
from mpp.data.thinned import THINNED, thinned
from mpp.data.trajectories import Trajectories
from mpp.nn.field_vocabulary import Vocabulary
from sciformer.arguments import ArgumentError, check_least, inside
from sciformer.data.entry import Kinds, check_entry
from sciformer.data.hdf5 import open_hdf5
from sciformer.data.open_files import OpenFiles
from sciformer.data.shards.index import INDEX
from sciformer.data.splits import WORDS, given_splits

FILE: Kinds = {
    "path": str,
    "name": str,
    "rename": dict[str, str],
    "split": str,
    **TABLE,
    **PHYSICS,
    **THINNED,
    **MASKS,
}
SYSTEM: Kinds = {"system": str, "name": str, "count": int, "seed": int, **OPTIONS}
COUNT = 64  # trajectories of a simulated system
SUFFIXES = (  # of a folder, the files of the first kind that is there
    ("*.h5", "*.hdf5"),
    ("*.nc", "*.nc4", "*.cdf"),
    ("*.zarr",),
    ("*.npz",),
    ("*.npy",),
)

Entry = str | dict[str, Any]  # what a list of a configuration holds


def open_files(entry: Entry) -> tuple[str, Trajectories]:
    """Open the trajectories of one system on disk, with all their physics known.

    Args:
        entry: Path or table, see :func:`read_files`.

    Returns:
        The system's name and its trajectories.

    Raises:
        ValueError: If a file is missing or cannot be read, the files are inconsistent, or do not
            say what the table does not say either.
    """
    name, found = read_files(entry)
    said = {} if isinstance(entry, str) else entry
    settle(found, said)
    return name, thinned(found, said)


def read_files(entry: Entry) -> tuple[str, Trajectories]:
    """Read what files say of the trajectories of one system.

    Args:
        entry: Path of a file of PDEBench, The Well or one's own arrays, a glob pattern, a folder of
            such files, or a folder or address of shards. Or a table with ``path`` and optionally
            ``name`` (of the system), ``rename`` (field -> new name); for what the file does not say
            ``boundaries``, ``dt``, ``spacing``, ``conserved``; for one's own arrays ``fields``,
            ``axes``, ``constants``, ``parameters``; ``fields`` (new names, in order) for PDEBench,
            ``constants: true`` for The Well; ``mask`` or ``valid`` (constant field that is nonzero
            outside or inside of the domain); ``stride`` (every how many frames), ``coarsen`` (means
            over blocks of so many points along each axis); ``split`` (of all its trajectories, or a
            file with the split of each id). A folder may hold folders ``train``, ``valid`` and
            ``test``.

    Returns:
        The system's name and its trajectories.

    Raises:
        ValueError: If a file is missing or cannot be read, or the files are inconsistent.
    """
    said: dict[str, Any] = {"path": entry} if isinstance(entry, str) else dict(entry)
    check_entry(said, FILE, "path")
    table, path = table_of(said), said["path"]
    if "://" in path or (Path(path) / INDEX).is_file():
        if said.get("fields") is not None:
            reason = f"{path}: {said['fields']}: a folder of shards names its own; use rename"
            raise ArgumentError("fields", reason)
        found: Trajectories = Shards(path)
        path = found.where  # the address without its secrets
    else:
        files = OpenFiles(open_hdf5)  # of which only so many stay open
        paths = _paths(path)
        parts = [open_file(one, said, table, files) for one in paths]
        for part in parts:
            find_mask(part, said)
        files.close()  # they are opened again when they are read
        found = parts[0] if len(parts) == 1 else Joined(parts)
        if said.get("split") is None:
            _take_splits(found, parts, paths)
    _rename(found, said.get("rename") or {})
    if said.get("split") is not None:
        with inside("split", {}):
            found.given = given_splits(said["split"], found.ids)
    stem = Path(path).stem.strip("*?-_.") or Path(path).parent.name
    return said.get("name") or stem, found


def open_system(entry: Entry, seed: int = 0) -> tuple[str, Trajectories]:
    """Open the trajectories of a built-in system.

    Args:
        entry: Name of the system, or a table with ``system`` and optionally ``name`` (in tables and
            weights), ``count`` (number of trajectories), ``seed``, ``frames``, ``shape``, ``dt``,
            ``parameters``.
        seed: Default seed.

    Returns:
        The system's name, and its trajectories, not yet simulated.

    Raises:
        ValueError: If there is no such system or option.
    """
    said: dict[str, Any] = {"system": entry} if isinstance(entry, str) else dict(entry)
    check_entry(said, SYSTEM, "system")
    given = {key: value for key, value in said.items() if value is not None}
    options = {key: value for key, value in given.items() if key in OPTIONS}
    count, seed = given.get("count", COUNT), given.get("seed", seed)
    check_least(count=(count, 1), seed=(seed, 0))
    system = said["system"]
    return given.get("name", system), Simulated(system, count, seed, options)


def tell_rows(known: Vocabulary, source: Trajectories, extend: bool = False) -> None:
    """Warn of fields that have a row under another name, or a new one though one is like it.

    Args:
        known: Vocabulary of a network.
        source: Trajectories of one system.
        extend: Whether fields without a row get a new one.
    """
    names = source.description.names
    renamed = known.published(names)
    if renamed:
        said = ", ".join(f"{field} is {row}" for field, row in renamed.items())
        warnings.warn(f"{source.where}: rows of the published weights: {said}", stacklevel=2)
    for name in names if extend else ():
        near = None if name in renamed or name in known.names else known.alike(name)
        if near:
            line = f"{name}: a new row, though {near} is like it; see rename in data.files, or"
            line = f"{source.where}: {line} --model.like '{{{name}: {near}}}'"
            warnings.warn(line, stacklevel=2)


def _paths(path: str) -> Sequence[str]:
    if Path(path).is_dir() and not is_zarr(Path(path)):
        found = _inside([Path(path)])
        if not found:
            folders = [one for one in Path(path).glob("*") if one.name.lower() in WORDS]
            folders += [one for one in Path(path, "data").glob("*") if one.name.lower() in WORDS]
            found = _inside(folders)
        if not found:
            kinds = ", ".join(suffix for suffixes in SUFFIXES for suffix in suffixes)
            raise ArgumentError("path", f"{path}: none of {kinds}, {INDEX} in this folder")
        return found
    if Path(path).exists():
        return [path]
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207  # takes absolute patterns
    if not found:
        raise ArgumentError("path", f"{path}: no such file")
    return found


def _inside(folders: Sequence[Path]) -> list[str]:
    """Files of the first kind that is in some folders."""
    for suffixes in SUFFIXES:
        found = [one for folder in folders for suffix in suffixes for one in folder.glob(suffix)]
        if found:
            return sorted(map(str, found))
    return []


def _take_splits(whole: Trajectories, parts: Sequence[Trajectories], paths: Sequence[str]) -> None:
    """Take the splits from names of files and folders, if they name at least two.

    PDEBench has ``*_Train.hdf5`` and ``Train/``, The Well ``train/``, ``valid/`` and ``test/``,
    with files of the same names in them.
    """
    names = [_split_in(Path(path)) for path in paths]
    if len(set(names) - {None}) < 2:
        return
    if None in names:
        path = paths[names.index(None)]
        raise ArgumentError("path", f"{path}: in no split, but others are; say which with split")
    owners = [str(name) for name, part in zip(names, parts, strict=True) for _ in range(len(part))]
    whole.given = owners
    whole.ids = [f"{name}/{each}" for name, each in zip(owners, whole.ids, strict=True)]


def _split_in(path: Path) -> str | None:
    """The split that the words of a file's name say, or else those of its folder's."""
    for text in (path.stem, path.parent.name):
        found = {WORDS[word] for word in re.split(r"[\W_]+", text.lower()) if word in WORDS}
        if len(found) == 1:
            return found.pop()
    return None


def _rename(found: Trajectories, names: Mapping[str, str]) -> None:
    known = found.description
    for name in names:
        if name not in known.names:
            reason = f"{found.where}: no field {name!r}; there are {', '.join(known.names)}"
            raise ArgumentError("rename", reason)
    parts = [
        renamed(part, names[part.name]) if part.name in names else part for part in known.components
    ]
    twice = {part.name for part in parts if [one.name for one in parts].count(part.name) > 1}
    if twice:
        reason = f"{found.where}: {', '.join(sorted(twice))} is there twice"
        raise ArgumentError("rename", reason)
    conserved = tuple(names.get(name, name) for name in known.conserved)
    found.description = known._replace(components=tuple(parts), conserved=conserved)
