"""Tables of cells: what any source of measurements becomes before its numbers are read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fitting.checks import short
from fitting.errors import MeasurementError

MOST_COLUMNS = 10_000
FILE = "file"
"""The column that says of rows of several files where they are from."""


@dataclass(frozen=True)
class Dialect:
    """How a text table is written; None is detected.

    Parameters
    ----------
    sep
        What parts cells; a blank stands for any white space.
    comment
        What begins a comment; by default lines that begin with `#`. When told, it also ends a line.
    encoding
        Name of the text encoding.
    """

    sep: str | None = None
    comment: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Cells by row.

    Parameters
    ----------
    name
        What messages call the source.
    header
        Names of the columns.
    rows
        (place, cells by column) of each row; a cell is a text, a number or None.
    notes
        What was assumed, one sentence each.
    sep
        What parted the cells of a text, or an empty text.
    numbered
        Whether there was no header, so that columns are called 1, 2, ….
    """

    name: str
    header: list[str]
    rows: list[tuple[str, dict[str, Any]]]
    notes: list[str] = field(default_factory=list)
    sep: str = ""
    numbered: bool = False

    @property
    def prefix(self) -> str:
        """What precedes a row's place in a message; rows of several files name theirs."""
        return "" if FILE in self.header and self.name.endswith(" files") else f"{self.name}, "


def joined(tables: list[Table]) -> Table:
    """One table of several, with a column `file` where there is none."""
    if len(tables) == 1:
        return tables[0]
    header = list(dict.fromkeys(name for table in tables for name in table.header))
    rows = []
    for table in tables:
        stem = {} if FILE in table.header else {FILE: Path(table.name).name}
        rows += [(f"{table.name}, {place}", {**stem, **cells}) for place, cells in table.rows]
    header += [] if FILE in header else [FILE]
    notes = list(dict.fromkeys(note for table in tables for note in table.notes))
    seps = {table.sep for table in tables}
    sep = seps.pop() if len(seps) == 1 else ""
    return Table(f"{len(tables)} files", header, rows, notes, sep, any(table.numbered for table in tables))


def melted(table: Table, keep: Iterable[str], series: str, value: str) -> Table:
    """Long form of a table with one column a series: each other column's name in `series`, its cell in `value`."""
    keep = list(keep)
    names = [name for name in table.header if name not in keep]
    for name in (series, value):
        if name in table.header:
            raise MeasurementError(f"{table.name}: a wide table must not have a column {name!r}; is it long already?")
    rows = []
    for place, cells in table.rows:
        fixed = {name: cells.get(name) for name in keep}
        rows += [(f"{place}, column {name!r}", {**fixed, series: name, value: cells.get(name)}) for name in names]
    return Table(table.name, [*keep, series, value], rows, table.notes, table.sep)


def refuse_repeats(header: list[str], place: str) -> None:
    """Refuse a header in which a name stands twice."""
    seen: set[str] = set()
    for number, cell in enumerate(header, start=1):
        if cell in seen:
            raise MeasurementError(f"{place}, column {number}: the name {short(cell)} stands there twice")
        seen.add(cell)
