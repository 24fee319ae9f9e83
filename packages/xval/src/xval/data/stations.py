"""Windows of a weather station's table as the paper's texts, the next value to be predicted."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from xval.data.dates import moment
from xval.data.tables import Rows, Table, number, read_table
from xval.simulate.texts import Texts


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
    if history < 1:
        raise ValueError(f"{path}: history: {history} is less than 1")
    table = read_table(path)
    times, order = _times(table, date)
    before = [_numbers(table, name) for name in (target, *columns)]
    ahead = [_numbers(table, name) for name in known]
    step = np.diff(times[order]).min(initial=np.timedelta64(2**62, "s"))
    name = path.stem if station is None else station
    texts, days, lines = [], [], []
    for stop in range(history, len(order)):
        *rows, last = order[stop - history : stop + 1].tolist()
        data = [[column[row] for column in before] for row in rows] + [[before[0][last]]]
        season = [column[last] for column in ahead]
        whole = times[last] - times[rows[0]] == history * step
        if whole and "" not in chain(season, *data):
            texts.append(_text(season, times[rows[0]], data))
            days.append(str(times[last]))
            lines.append(table.lines[last])
    if not texts:
        raise ValueError(f"{path}: no {history + 1} rows follow each other without a gap")
    ids = [f"{name}/{day}" for day in days]
    return Rows(Texts(texts, {"id": ids, "station": [name] * len(ids), "date": days}), lines)


def _text(season: Sequence[str], start: np.datetime64, data: Sequence[Sequence[str]]) -> str:
    head = f"'known':[{','.join(season)}]," if season else ""
    angles = ",".join(f"{x:.4f}" for x in _angles(start))
    rows = ",".join("[" + ",".join(row) + "]" for row in data)
    return f"{{'description':{{{head}'start':[{angles}]}},'data':[{rows}]}}"


def _times(table: Table, date: str) -> tuple[np.ndarray, np.ndarray]:
    """The times of the rows, and the order of time."""
    column, times = table.column(date), []
    for index, row in enumerate(table.rows):
        try:
            times.append(moment(row[column]))
        except ValueError as error:
            raise ValueError(f"{table.place(index)}: column {date!r}: {error}") from error
    found = np.array(times)
    order = np.argsort(found, kind="stable")
    for row in order[1:][np.diff(found[order]) == np.timedelta64(0, "s")]:
        value = table.rows[row][column]
        raise ValueError(f"{table.place(row)}: column {date!r}: {value!r} is there twice")
    return found, order


def _numbers(table: Table, name: str) -> list[str]:
    """A column of numbers; what is missing is empty."""
    column = table.column(name)
    return [
        number(row[column], table.place(index), name) if row[column].strip() else ""
        for index, row in enumerate(table.rows)
    ]


def _angles(time: np.datetime64) -> tuple[float, ...]:
    """The season and the hour: sine and cosine of each, as the simulated texts have them."""
    year = time.astype("datetime64[Y]")
    day = (time.astype("datetime64[D]") - year) / np.timedelta64(1, "D")
    hour = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "h")
    season, clock = 2 * np.pi * day / 365, 2 * np.pi * hour / 24
    return float(np.sin(season)), float(np.cos(season)), float(np.sin(clock)), float(np.cos(clock))
