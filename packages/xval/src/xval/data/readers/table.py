"""A table as it is written, and the types of its columns, decided when they are asked for."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from sciformer.arguments import ArgumentError
from xval.data.name_lists import known
from xval.data.readers.column_types import KINDS, ColumnType, decimals_of, type_of
from xval.data.readers.dialect import Dialect
from xval.data.readers.number_notation import Decimal
from xval.simulate.text import written

NO_DIALECT = Dialect()


class Table:
    """Cells of a table as written, with names of the columns.

    Args:
        path: Path of the file, for messages.
        cells: Column -> cells as strings, missing ones empty; objects in nested columns.
        lines: Line of each row in the file, from 1.
        dialect: How the file is written.
        notes: What was decided in reading that a user may want to know.
        types: Types that the file itself gives, by column.
    """

    def __init__(
        self,
        path: str,
        cells: Mapping[str, pd.Series],
        lines: Int64[np.ndarray, " rows"],
        dialect: Dialect = NO_DIALECT,
        notes: Sequence[str] = (),
        types: Mapping[str, ColumnType] | None = None,
    ) -> None:
        self.path, self.cells, self.lines = path, dict(cells), lines
        self.dialect, self.notes = dialect, list(notes)
        self._types = dict(types or {})
        self._own = set(self._types)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.cells)

    def place(self, row: int) -> str:
        """Describe a row in an error."""
        return f"{self.path}: row {self.lines[row]}"

    @cached_property
    def decimals(self) -> set[Decimal]:
        """Decimal separators that the columns show."""
        own = (cells for name, cells in self.cells.items() if name not in self._own)
        return decimals_of(own, self.dialect)

    def check(self, names: Sequence[str]) -> None:
        """Check that there are columns of these names, or name the most similar ones."""
        for name in names:
            if name not in self.cells:
                raise ValueError(f"{self.path}: no column {name!r}; {known(name, self.columns)}")

    def add_missing(self, names: Sequence[str]) -> None:
        """Add columns that a file like this has, without a value."""
        for name in names:
            if name not in self.cells:
                self.cells[name] = pd.Series([""] * len(self.lines), dtype=object)

    def set_types(self, types: Mapping[str, str]) -> None:
        """Set the user's types.

        Args:
            types: Column -> ``number``, ``text``, ``category``, ``date``, ``prose``, or a format of
                dates such as ``%d/%m/%Y``.

        Raises:
            ArgumentError: If one is unknown.
        """
        for name, kind in types.items():
            if kind not in KINDS and "%" not in kind:
                raise ArgumentError("types", f"{name}: {kind!r} is none of {', '.join(KINDS)}")
            if name in self.cells and not self._keeps(name, kind):
                self.cells[name] = self.cells[name].map(plain)
                self._types[name] = self._found(name, kind)

    def _keeps(self, name: str, kind: str) -> bool:
        return name in self._own and self._types[name].kind == kind

    def type(self, name: str) -> ColumnType:
        """Type of a column; ``ValueError`` if its numbers can be read in two ways."""
        if name not in self._types:
            self._types[name] = self._found(name)
        return self._types[name]

    def _found(self, name: str, given: str | None = None) -> ColumnType:
        try:
            return type_of(self.cells[name], self.dialect, self.decimals, given)
        except ValueError as error:
            raise ValueError(f"{self.path}: column {name!r}: {error}") from error

    def values(self, name: str, first: int = 0, stop: int | None = None) -> list[Any]:
        """Values of a column: numbers in plain notation, texts; None where one is missing.

        Args:
            name: Name of the column.
            first: Index of the first row.
            stop: Index after the last row.

        Returns:
            The values.

        Raises:
            ValueError: Naming row, column and cell, if a cell is no number among numbers.
        """
        self.check([name])
        kind, cells = self.type(name), self.cells[name].iloc[first:stop].tolist()
        known: dict[str, Any] = {}
        for row, cell in enumerate(cells if kind.kind != "nested" else (), first):
            if cell not in known:
                try:
                    known[cell] = kind.read(cell)
                except ValueError as error:
                    place = self.place(row)
                    raise ValueError(f"{place}: column {name!r}: {error}") from error
        return [known[cell] for cell in cells] if known else cells


def plain(cell: Any) -> str:
    """A cell as a string; empty if it is missing."""
    return cell if isinstance(cell, str) else "" if cell is None else written(cell)
