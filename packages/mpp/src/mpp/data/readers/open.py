"""Open a file of trajectories: the user's table wins, else its layout is detected."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpp.data.readers.arrays import Arrays, ArraysOfHDF5, open_arrays
from mpp.data.readers.own_arrays import TIMES, OwnArrays
from mpp.data.readers.pdebench import PDEBench
from mpp.data.readers.pdebench_sets import is_pdebench
from mpp.data.readers.table import COMPONENT, RUN, Table
from mpp.data.readers.well import Well
from mpp.data.trajectories import Trajectories
from sciformer.arguments import ArgumentError
from sciformer.data.hdf5 import HDF5, OpenHDF5

WELL = {"dimensions", "t0_fields", "t1_fields"}  # groups of a file of The Well
AXES = {  # what the axes of an array may be, by their number; only a suggestion
    2: ["time", "x"],
    3: ["time", "x", "y"],
    4: ["run", "time", "x", "y"],
    5: ["run", "time", "x", "y", "z"],
}
MOST = 12  # arrays in an error
COMPONENTS = 4  # of a field at most, in a suggestion


class UnknownLayoutError(ArgumentError):
    """A file of unknown layout; the message lists what it holds, and a table to fill in.

    Args:
        arrays: Arrays of the file.
    """

    def __init__(self, arrays: Arrays) -> None:
        super().__init__("path", question(arrays))
        self.arrays = arrays


def open_file(
    path: str | Path, said: Mapping[str, Any], table: Table, files: OpenHDF5
) -> Trajectories:
    """Open a file of The Well, of PDEBench, or of one's own arrays.

    Args:
        path: The file, or the folder of a zarr store.
        said: Entry of ``data.files``.
        table: What it says of one's own arrays.
        files: Opens HDF5 files.

    Returns:
        Its trajectories.

    Raises:
        ValueError: If it cannot be read; if its layout is unknown, with what it holds and a table
            to fill in.
    """
    if table.axes or table.fields:
        return _own(path, said, table, files)
    arrays = open_arrays(path, files)
    if isinstance(arrays, ArraysOfHDF5):
        with HDF5(path, files) as source:
            if WELL & set(source.keys()):
                _without(path, said, "fields", "a file of The Well names its own; use rename")
                return Well(path, _flag(path, said), files)
            if is_pdebench(source):
                _without(path, said, "constants", "a file of PDEBench has none")
                return PDEBench(path, table.names or None, files)
    if any(len(arrays.dimensions(name)) > 1 for name in arrays.names()):
        return _own(path, said, table, files)
    raise UnknownLayoutError(arrays)


def _own(path: str | Path, said: Mapping[str, Any], table: Table, files: OpenHDF5) -> OwnArrays:
    if said.get("constants") is True:
        reason = f"{path}: true is for files of The Well; here {{NAME: ARRAY}}"
        raise ArgumentError("constants", reason)
    return OwnArrays(path, table, files)


def _flag(path: str | Path, said: Mapping[str, Any]) -> bool:
    """Whether to read the constant fields of a file of The Well."""
    constants = said.get("constants")
    if not isinstance(constants, bool | None):
        raise ArgumentError("constants", f"{path}: {constants!r} is no bool")
    return bool(constants)


def _without(path: str | Path, said: Mapping[str, Any], key: str, why: str) -> None:
    if said.get(key):
        raise ArgumentError(key, f"{path}: {said[key]}: {why}")


def question(arrays: Arrays) -> str:
    """One line: a file of unknown layout, what it holds, and a table to fill in."""
    names = arrays.names()
    there = ", ".join(f"{name} {arrays.shape(name)} {arrays.dtype(name)}" for name in names[:MOST])
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return (
        f"{arrays.path}: of unknown layout; it holds {there or 'no array of numbers'}{more}; "
        f"describe it: {blank_table(arrays)}"
    )


def blank_table(arrays: Arrays) -> str:
    """A table to fill in, in YAML."""
    names = arrays.names()
    most = max((len(arrays.shape(name)) for name in names), default=0)
    fields = [name for name in names if len(arrays.shape(name)) == most][:MOST]
    shape = arrays.shape(fields[0]) if fields else ()
    axes = _axes(shape if len(fields) == 1 else (), most)
    pairs = ", ".join(f"{name.rpartition('/')[2]}: {name}" for name in fields) or "NAME: ARRAY"
    said = f"{{{pairs}}}"
    if COMPONENT in axes:
        said = f"[{', '.join(['NAME'] * shape[axes.index(COMPONENT)])}]"
    space = sum(axis in "xyz" for axis in axes)
    sides = ", ".join(["periodic|open|wall"] * space)
    runs = [n for n in names if RUN in axes and arrays.shape(n) == shape[:1] and n not in TIMES]
    more = "" if set(TIMES) & set(names) else ", dt: TIME_BETWEEN_FRAMES"
    more += f", parameters: {{{', '.join(f'{n}: {n}' for n in runs)}}}" if runs else ""
    return (
        f"{{path: {arrays.path}, fields: {said}, axes: [{', '.join(axes)}], "
        f"boundaries: [{sides}]{more}}}"
    )


def _axes(shape: tuple[int, ...], most: int) -> list[str]:
    """What the axes of an array may be: one that is far shorter than all others has components."""
    short = [place for place, size in enumerate(shape) if size <= COMPONENTS]
    if len(short) != 1 or most - 1 not in AXES:
        return AXES.get(most, AXES[4])
    axes = [*AXES[most - 1]]
    axes.insert(short[0], COMPONENT)
    return axes
