"""Read a weather station's table as texts like the paper's; the next value is to be predicted."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sciformer.arguments import check_least
from xval.data.dates import DATE, moment, read_dates
from xval.data.readers.open import open_table
from xval.data.readers.table import Table
from xval.data.rows import Rows
from xval.simulate.text import Texts


def read_station(
    path: Path,
    target: str,
    columns: Sequence[str] = (),
    known: Sequence[str] = (),
    history: int = 7,
    date: str = "date",
    station: str | None = None,
    **dialect: Any,
) -> Rows:
    """Read a table of one station with one row per time step, for example a day or an hour.

    Args:
        path: Path of the file, see ``open_table``.
        target: Column to predict.
        columns: Additional columns of the past rows.
        known: Columns of the predicted row that are known in advance, such as climatological
            normals.
        history: Number of past rows.
        date: Column with the time: ``2014-7-1``, ``2014-07-01 06:00`` or similar.
        station: Name of the station; None takes the file name.
        **dialect: ``separator``, ``decimal``, ``missing``, ``encoding``, ``names``.

    Returns:
        ``{'description':{'known':[...],'start':[sin day,cos day,sin hour,cos hour]},'data':[[...],
        ...,[...]]}`` for each window without gaps or missing values, with numbers as written. A row
        of data is the target and the additional columns; the last row is the target alone;
        ``known`` is only present if there are such columns. Labels are ``id``, ``station`` and
        ``date`` (of the predicted row).

    Raises:
        ValueError: Naming file, row, column and value that cannot be read.
    """
    check_least(history=(history, 1))
    table = open_table(path, dict.fromkeys((target, *columns, *known), "number"), **dialect)
    times, order = _times(table, date)
    before = [_numbers(table, name) for name in (target, *columns)]
    ahead = [_numbers(table, name) for name in known]
    step = min((times[b] - times[a] for a, b in pairwise(order)), default=timedelta(1))
    name = path.stem if station is None else station
    texts, days, lines = [], [], []
    for stop in range(history, len(order)):
        *rows, last = order[stop - history : stop + 1]
        data = [[column[row] for column in before] for row in rows] + [[before[0][last]]]
        season = [column[last] for column in ahead]
        whole = times[last] - times[rows[0]] == history * step
        if whole and "" not in chain(season, *data):
            texts.append(_text(season, times[rows[0]], data))
            days.append(times[last].isoformat())
            lines.append(table.lines[last])
    if not texts:
        raise ValueError(f"{path}: no {history + 1} rows follow each other without a gap")
    ids = [f"{name}/{day}" for day in days]

    def some(first: int, stop: int) -> Texts:
        own = {"id": ids[first:stop], "date": days[first:stop]}
        return Texts(texts[first:stop], {**own, "station": [name] * len(own["id"])})

    return Rows(some, np.array(lines), {}, table.notes)


def _text(season: Sequence[str], start: datetime, data: Sequence[Sequence[str]]) -> str:
    head = f"'known':[{','.join(season)}]," if season else ""
    angles = ",".join(f"{x:.4f}" for x in _angles(start))
    rows = ",".join("[" + ",".join(row) + "]" for row in data)
    return f"{{'description':{{{head}'start':[{angles}]}},'data':[{rows}]}}"


def _times(table: Table, date: str) -> tuple[list[datetime], list[int]]:
    """Times of the rows, and the row indices in chronological order."""
    table.check([date])
    cells, form = table.cells[date].tolist(), table.type(date).form
    known = read_dates(cells, form) if form and not any(map(DATE.fullmatch, cells)) else None
    times: list[datetime] = [] if known is None else known.astype("datetime64[us]").tolist()
    for index, cell in enumerate(cells if known is None else ()):
        try:
            times.append(moment(cell))
        except ValueError as error:
            raise ValueError(f"{table.place(index)}: column {date!r}: {error}") from error
    order = sorted(range(len(times)), key=times.__getitem__)
    for a, b in pairwise(order):
        if times[a] == times[b]:
            raise ValueError(f"{table.place(b)}: column {date!r}: {cells[b]!r} is there twice")
    return times, order


def _numbers(table: Table, name: str) -> list[str]:
    """Values of a numeric column; a missing value is an empty string."""
    return ["" if value is None else value.text for value in table.values(name)]


def _angles(time: datetime) -> tuple[float, ...]:
    """Season and hour, as sine and cosine of each, as in the simulated texts."""
    season = 2 * math.pi * (time.timetuple().tm_yday - 1) / 365
    clock = 2 * math.pi * (time.hour + time.minute / 60) / 24
    return math.sin(season), math.cos(season), math.sin(clock), math.cos(clock)
