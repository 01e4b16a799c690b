"""CSV files of rows that are dataclasses: whole at every moment, also while rows are still being added."""

import csv
import io
import time
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Self

from fitting.whole_file import write_text

PERIOD_S = 1.0
"""Time between two versions of a growing table, at least."""
PATIENCE = 20
"""The same in units of the time that a version takes to write."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_rows(path: Path, kind: type[Any], rows: Iterable[Any]) -> None:
    """Write rows of a dataclass under a header of its fields; a value that does not exist is an empty cell.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, which shows it as the text it is.
    """
    text = io.StringIO(newline="")
    writer: Any = csv.DictWriter(text, [field.name for field in fields(kind)])
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in asdict(row).items()} for row in rows)
    write_text(path, text.getvalue())


def _cell(value: Any) -> Any:
    """Return a value as its cell holds it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


class GrowingTable:
    """A CSV file that is written anew about every second while rows are added, and at the end of the context.

    An interrupted run keeps all rows; one that is killed, all but those of the last second or so.

    Parameters
    ----------
    path
        The file; what it held stays until there is a row, or the end.
    kind
        Dataclass of the rows.
    """

    def __init__(self, path: Path, kind: type[Any]) -> None:
        self.path, self._kind = path, kind
        self._rows: list[Any] = []
        self._due = -float("inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._rows or error is None:
            self._write()

    def add(self, rows: Iterable[Any]) -> None:
        """Add rows, and write all if it is time."""
        self._rows += rows
        if self._rows and time.monotonic() >= self._due:
            self._write()

    def _write(self) -> None:
        start = time.monotonic()
        write_rows(self.path, self._kind, self._rows)
        end = time.monotonic()
        self._due = end + max(PERIOD_S, PATIENCE * (end - start))
