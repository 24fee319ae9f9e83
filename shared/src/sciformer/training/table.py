"""Logger of ``metrics.csv`` with complete rows after a crash, kept on resume."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger

from sciformer.files import write_atomically
from sciformer.training.lightning_private import TableWriter, writer_of

STEP = "step"  # the column that every row has
DIGITS = 19  # of a number of steps that is none


class MetricsTable(CSVLogger):
    """Lightning's CSV logger, but earlier rows are kept, and saved rows survive a crash.

    Args:
        root: Run folder.
    """

    def __init__(self, root: str | Path) -> None:
        super().__init__(root, name="", version="")

    @property
    @rank_zero_experiment
    def experiment(self) -> "Rows":
        """Writer of the file."""
        return writer_of(self, Rows)


class Rows(TableWriter):
    """Rows of one file.

    Args:
        log_dir: Folder of the file.
    """

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.path = Path(self.metrics_file_path)
        self.kept = 0  # rows in the file

    def __len__(self) -> int:
        return self.kept + len(self.metrics)

    def keep(self, step: int, first: int | None = None) -> None:
        """Keep the earlier rows of a resumed run.

        Args:
            step: Rows from this step on are dropped, as they will be logged again.
            first: Number of rows to consider; by default all.
        """
        columns, rows = read(self.path)
        rows = [row for row in rows[:first] if int(row[columns.index(STEP)]) < step]
        self.metrics_keys, self.kept = columns, len(rows)
        _write(self.path, columns, rows)

    def save(self) -> None:
        """Append the rows logged since the last call."""
        if not self.metrics:
            return
        if self.add_columns() or not self.path.is_file():
            columns, rows = read(self.path)
            known = [dict(zip(columns, row, strict=True)) for row in rows]
            _write(self.path, self.metrics_keys, [self._cells(row) for row in known])
        _append(self.path, [self._cells(row) for row in self.metrics])
        self.kept += len(self.metrics)
        self.metrics = []

    def _cells(self, row: dict) -> list[object]:
        return [row.get(key, "") for key in self.metrics_keys]


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read the complete rows of a table; a kill or a full disk may have truncated one.

    Args:
        path: Path of the file, which may not exist.

    Returns:
        Columns and rows; both empty if the header is incomplete.
    """
    content = path.read_bytes() if path.is_file() else b""
    whole = content.decode(errors="replace").split("\n")[:-1]  # what ends with a line's end
    lines = [row for line in whole if (row := _row(line))]
    if not lines or STEP not in lines[0]:
        return [], []
    columns, *rows = lines
    at = columns.index(STEP)
    return columns, [row for row in rows if len(row) == len(columns) and _is_step(row[at])]


def _row(line: str) -> list[str]:
    """Cells of a line; empty if it is damaged."""
    try:
        return [] if "\0" in line else next(csv.reader([line]), [])
    except csv.Error:
        return []


def _is_step(text: str) -> bool:
    return text.isdecimal() and len(text) < DIGITS


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if not columns:
        path.unlink(missing_ok=True)
        return
    text = _text([columns, *rows])
    write_atomically(path, lambda beside: beside.write_bytes(text))


def _append(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Append all rows and flush them to disk, or append none."""
    size = path.stat().st_size
    try:
        with path.open("ab") as file:
            file.write(_text(rows))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        os.truncate(path, size)
        raise


def _text(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
