"""Windows of a weather station's table as the paper's texts, the next value to be predicted."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path

from sciformer.arguments import check_least
from xval.data.csv_json import Rows, Table, number, read_table
from xval.data.dates import moment
from xval.simulate.text import Texts


def read_station(
    path: Path,
    target: str,
    columns: Sequence[str] = (),
    known: Sequence[str] = (),
    history: int = 7,
    date: str = "date",
    station: str | None = None,
) -> Rows:
    """Read a table with a row for each day, hour or other step of one station.

    Args:
        path: Of a CSV or TSV file.
        target: Column to be predicted.
        columns: Further columns of the rows before.
        known: Columns of the predicted row itself that are known before, as normals of the season.
        history: Rows before the one that is predicted.
        date: Column of the time: ``2014-7-1``, ``2014-07-01 06:00`` or the like.
        station: What to call the station; None takes the name of the file.

    Returns:
        ``{'description':{'known':[...],'start':[sin day,cos day,sin hour,cos hour]},'data':[[...],
        ...,[...]]}`` for each stretch without gaps and missing values, numbers as they are written.
        A row of data is the target and the further columns, the last row the target alone;
        ``known`` is only there if there are such columns. Labels ``id``, ``station`` and ``date``,
        that of the predicted row.

    Raises:
        ValueError: Naming file, row, column and value of what cannot be read.
    """
    check_least(history=(history, 1))
    table = read_table(path)
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
    return Rows(Texts(texts, {"id": ids, "station": [name] * len(ids), "date": days}), lines)


def _text(season: Sequence[str], start: datetime, data: Sequence[Sequence[str]]) -> str:
    head = f"'known':[{','.join(season)}]," if season else ""
    angles = ",".join(f"{x:.4f}" for x in _angles(start))
    rows = ",".join("[" + ",".join(row) + "]" for row in data)
    return f"{{'description':{{{head}'start':[{angles}]}},'data':[{rows}]}}"


def _times(table: Table, date: str) -> tuple[list[datetime], list[int]]:
    """The times of the rows, and the order of time."""
    column, times = table.column(date), []
    for index, row in enumerate(table.rows):
        try:
            times.append(moment(row[column]))
        except ValueError as error:
            raise ValueError(f"{table.place(index)}: column {date!r}: {error}") from error
    order = sorted(range(len(times)), key=times.__getitem__)
    for a, b in pairwise(order):
        if times[a] == times[b]:
            value = table.rows[b][column]
            raise ValueError(f"{table.place(b)}: column {date!r}: {value!r} is there twice")
    return times, order


def _numbers(table: Table, name: str) -> list[str]:
    """A column of numbers; what is missing is empty."""
    column = table.column(name)
    return [
        number(row[column], table.place(index), name) if row[column].strip() else ""
        for index, row in enumerate(table.rows)
    ]


def _angles(time: datetime) -> tuple[float, ...]:
    """The season and the hour: sine and cosine of each, as the simulated texts have them."""
    season = 2 * math.pi * (time.timetuple().tm_yday - 1) / 365
    clock = 2 * math.pi * (time.hour + time.minute / 60) / 24
    return math.sin(season), math.cos(season), math.sin(clock), math.cos(clock)
