"""Sources of texts: simulated sets, files, shards."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from glob import glob
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from sciformer.arguments import ArgumentError, check_least, inside
from sciformer.data.entry import Kinds, check_entry
from xval.data.rows import Rows, read_rows
from xval.data.shards import Shards
from xval.data.weather_stations import read_station
from xval.simulate.registry import text_set
from xval.simulate.text import Texts

SPLITS = ("train", "val", "test", "ood")
COMMON: Kinds = {"name": str, "split": str, "answers": list[str]}
OF_SET: Kinds = {**COMMON, "set": str, "count": int, "seed": int, "parameters": dict[str, float]}
OF_DIALECT: Kinds = {
    "separator": str,
    "decimal": str,
    "missing": list[str],
    "encoding": str,
    "names": list[str],
}
OF_ROWS: Kinds = {
    **COMMON,
    "path": Any,
    "columns": list[str],
    "text": list[str],
    "id": str,
    "labels": list[str],
    "types": dict[str, str],
    **OF_DIALECT,
}
OF_STATION: Kinds = {
    **COMMON,
    **OF_DIALECT,
    "path": str,
    "target": str,
    "columns": list[str],
    "known": list[str],
    "history": int,
    "date": str,
    "station": str,
}
COUNT = 10_000
FRAME = "DataFrame"  # the name of a table that is no file
NO_LAYOUT: Mapping[str, Any] = MappingProxyType({})


class Source(NamedTuple):
    """Texts of one source.

    Args:
        name: Name in results; sources with the same name are tested together.
        size: Number of texts.
        texts: Function that returns the texts from one index to another.
        place: Function that describes a text in an error.
        answers: Patterns of the target numbers.
        split: Split of all texts of the source; None splits them.
        layout: Options that read another table like this one.
    """

    name: str
    size: int
    texts: Callable[[int, int], Texts]
    place: Callable[[int], str]
    answers: list[str]
    split: str | None
    layout: Mapping[str, Any] = NO_LAYOUT


def open_set(entry: str | Mapping[str, Any], seed: int) -> Source:
    """Open a simulated set.

    Args:
        entry: Name of the set, or a table with ``set``, ``count``, ``seed``, ``parameters``,
            ``name``, ``split`` and ``answers``.
        seed: Default seed.

    Returns:
        The source.

    Raises:
        ValueError: If there is no such set, option or parameter.
    """
    given: dict[str, Any] = {"set": entry} if isinstance(entry, str) else dict(entry)
    check_entry(given, OF_SET, "set")
    found, parameters = text_set(given["set"]), given.get("parameters") or {}
    count, own = given.get("count", COUNT), given.get("seed", seed)
    check_least(count=(count, 1), seed=(own, 0))
    with inside("parameters", parameters):
        found.simulate(own, 1, parameters=parameters)  # complains now and not when it is needed

    def texts(first: int, stop: int) -> Texts:
        return found.simulate(own, stop - first, first, parameters)

    def place(number: int) -> str:
        return f"{found.name}: sample {number} of seed {own}"

    answers = list(given.get("answers") or found.asked(parameters))
    return Source(given.get("name", found.name), count, texts, place, answers, _split(given))


def open_files(entry: str | Mapping[str, Any], split_by: str) -> list[Source]:
    """Open files of texts, or of weather stations if the entry has a ``target``.

    Args:
        entry: Path or glob pattern, or a table with ``path`` (in Python also a DataFrame); the
            options of ``read_rows`` or ``read_station``; and ``name``, ``split`` and ``answers``.
        split_by: Label that decides the split: the column of this name, if there is one.

    Returns:
        One source per file.

    Raises:
        ValueError: If a file or option does not exist, or a file cannot be read.
    """
    given: dict[str, Any] = {"path": entry} if isinstance(entry, str) else dict(entry)
    station = "target" in given
    check_entry(given, OF_STATION if station else OF_ROWS, "path")
    options = {key: value for key, value in given.items() if key not in {*COMMON, "path"}}
    path = given["path"]
    if isinstance(path, pd.DataFrame):
        return [_file(Path(FRAME), read_rows(path, **options, by=split_by), given, [])]
    paths = [Path(each) for each in sorted(glob(str(path))) or [path]]  # noqa: PTH207  # also absolute
    if station:
        answers = [f"data.{given.get('history', 7)}.0"]
        return [_file(each, read_station(each, **options), given, answers) for each in paths]
    read = {each: read_rows(each, **options, by=split_by) for each in paths}
    mixed = dict.fromkeys(_mixed(list(read.values())), "text")
    if mixed:
        options["types"] = {**mixed, **options.get("types", {})}
        warnings.warn(f"{path}: text in some files, so in all: {', '.join(mixed)}", stacklevel=2)
        read = {each: read_rows(each, **options, by=split_by) for each in paths}
    return [_file(each, rows, given, []) for each, rows in read.items()]


def _mixed(files: Sequence[Rows]) -> list[str]:
    """Columns that are numbers in some of the files and none in others."""
    kinds: dict[str, set[bool]] = {}
    for rows in files:
        for name, kind in rows.layout["types"].items():
            kinds.setdefault(name, set()).add(kind == "number")
    return [name for name, found in kinds.items() if len(found) > 1]


def open_shards(folder: str) -> Source:
    """Open shards written by ``xval simulate``.

    Args:
        folder: Path, or address that fsspec supports.

    Returns:
        The source.

    Raises:
        ValueError: If the folder cannot be read or does not hold texts.
    """
    shards = Shards(folder)

    def place(number: int) -> str:
        return f"{shards.where}: sample {number}"

    return Source(
        shards.set.name, len(shards.data), shards.texts, place, shards.answers, split=None
    )


def _file(path: Path, rows: Rows, given: Mapping[str, Any], answers: Sequence[str]) -> Source:
    def place(number: int) -> str:
        return f"{path}: row {rows.lines[number]}"

    if rows.notes:
        warnings.warn(f"{path}: {'; '.join(rows.notes)}", stacklevel=2)
    asked = list(given.get("answers") or answers)
    name, split = given.get("name", path.stem), _split(given)
    return Source(name, len(rows.lines), rows.texts, place, asked, split, rows.layout)


def _split(given: Mapping[str, Any]) -> str | None:
    split = given.get("split")
    if split is not None and split not in SPLITS:
        raise ArgumentError("split", f"{split!r} is none of {', '.join(SPLITS)}")
    return split
