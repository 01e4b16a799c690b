"""Reading measurements: from tables of any source to points, with one line for what is wrong or was assumed."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.checks import short
from fitting.errors import MeasurementError
from fitting.layouts import Layout, layout_of, run_columns
from fitting.measurements import LARGEST, SMALLEST_STD, Y_COLUMN, Measurements
from fitting.numerals import decimal_of, is_blank, number
from fitting.sources import read_table
from fitting.tables import FILE, Dialect, Table, joined, melted

X_COLUMNS = ("residual_bpp", "model_packet_bits")
"""The columns that are taken for x when none is named; the first that the table has."""
SERIES = "series"
"""The column that holds the names of a wide table's columns."""
LEAST_PERCENT = 5.0
"""Accuracies all above 1, with one of at least this many, are taken for percentages."""
NAMED = 12


def read_measurements(
    source: Any,
    x: str | None = None,
    y: str | None = None,
    where: Mapping[str, str] | None = None,
    x_offset: float = 0.0,
    features: str | None = None,
    *,
    std: str | None = None,
    stderr: str | None = None,
    count: str | None = None,
    percent: bool | None = None,
    layout: str | None = None,
    wide: bool = False,
    sep: str | None = None,
    decimal: str | None = None,
    comment: str | None = None,
    encoding: str | None = None,
) -> Measurements:
    """Measurements of a table.

    Parameters
    ----------
    source
        A path (separated text, JSON records, lines or columns, Parquet, each also gzipped), an open file, a
        `pandas.DataFrame`, or a list of these, whose rows are put together with a column `file`; as x it is the last
        number in the name of each file.
    x, y
        Columns of size and accuracy; x defaults to `residual_bpp` or `model_packet_bits`, y to `map`, both to those of
        the layout, or to the two columns of a table without a header.
    where
        Keep the rows whose column has this text.
    x_offset
        Added to every x: the residual of a published bitrate is the bitrate less the features, −d^F/P. No x may fall
        below 0 by it.
    features
        Column of the feature rate, where f has two inputs.
    std, stderr, count
        Columns of the deviation of the runs, of the standard error, and of the number of runs behind y. By default
        those named after y, `map_std`, `map_stderr` and `map_n`, and `n` beside `map` or beside one of them. A
        deviation that is blank or 0 is replaced by the pooled one of the other points; counts alone weigh the points.
    percent
        Whether accuracies are percentages; by default they are where all are above 1, or where cells say `%`.
    layout
        A tool's layout, see `LAYOUTS`; some are known by their columns.
    wide
        One column a series: every column but x becomes rows with its name in `series` and its cells in `map`.
    sep, decimal, comment, encoding
        How a text is written; by default detected.

    Raises
    ------
    MeasurementError
        With one sentence that names row and column.
    JsonError
        When a file cannot be read.
    """
    if not math.isfinite(x_offset):
        raise MeasurementError(f"x_offset must be a finite number, got {x_offset}")
    if decimal not in (None, ".", ","):
        raise MeasurementError(f"the decimal mark must be . or , got {decimal!r}")
    sources = list(source) if isinstance(source, list | tuple) else [source]
    table = joined([read_table(one, Dialect(sep, comment, encoding)) for one in sources])
    columns = _Columns.choose(table, x, y, layout, wide)
    if wide:
        fixed = [columns.x, *(where or {}), *([features] if features else [])]
        table = melted(table, dict.fromkeys(name for name in fixed if name != SERIES), SERIES, Y_COLUMN)
        if SERIES not in (where or {}):
            offered = _named(dict.fromkeys(cells[SERIES] for _, cells in table.rows))
            raise MeasurementError(f"{table.name}: choose a column by --where {SERIES}=NAME; there are {offered}")
    notes = [*table.notes, *columns.notes]
    rows = _selected(table, where or {}, [columns.x, columns.y, *([features] if features else [])])
    spread = _spread_columns(table.header, columns.y, std, stderr, count, notes)
    cells = _Cells(table, rows, decimal, notes)
    main = cells.values((columns.x, columns.y, *([features] if features else [])), columns.missing)
    shares, was_percent = cells.accuracies(columns.y, main[columns.y], percent)
    xs = _shifted(cells, columns.x, main[columns.x], x_offset)
    deviations, runs = cells.spreads(spread, 100.0 if was_percent else 1.0)
    if features is None and len(set(xs)) < 2:
        places = cells.places[0] if len(xs) == 1 else f"{cells.places[0]} to {cells.places[-1]}"
        raise MeasurementError(
            f"{table.prefix}{places}, column {columns.x!r}: a curve needs two or more distinct x, got only {xs[0]:g}"
        )
    feature_rates = np.array(main[features]) if features else None
    return Measurements(
        np.array(xs), np.array(shares), deviations, runs, columns.x, columns.y, feature_rates, tuple(notes)
    )


def groups(source: Any, column: str, options: Mapping[str, Any], where: Mapping[str, str]) -> list[str]:
    """Return the distinct cells of a column, in the order of the rows; with `wide`, the columns beside x.

    Parameters
    ----------
    source, options, where
        As of `read_measurements`.
    column
        The column.

    Raises
    ------
    MeasurementError
        When there is no such column.
    """
    dialect = Dialect(options.get("sep"), options.get("comment"), options.get("encoding"))
    sources = list(source) if isinstance(source, list | tuple) else [source]
    table = joined([read_table(one, dialect) for one in sources])
    if options.get("wide"):
        x = _Columns.choose(table, options.get("x"), None, options.get("layout"), True).x
        return [name for name in table.header if name != x and name not in where]
    if column not in table.header:
        raise MeasurementError(_no_column(table, column))
    kept = (cells for _, cells in table.rows if all(_same(cells.get(name), text) for name, text in where.items()))
    return list(dict.fromkeys(str(cells[column]) for cells in kept if not is_blank(cells.get(column))))


@dataclass(frozen=True)
class _Columns:
    """Columns of size and accuracy, accuracies that stand for no value, and what was assumed."""

    x: str
    y: str
    missing: tuple[float, ...]
    notes: tuple[str, ...]

    @classmethod
    def choose(cls, table: Table, x: str | None, y: str | None, layout: str | None, wide: bool) -> "_Columns":
        header = table.header
        name, known = layout_of(layout, header)
        notes = []
        if name is not None and layout is None and (x is None or y is None):
            notes.append(f"the columns are those of {name} (--layout)")
        if table.numbered and x is None and y is None and len(header) == 2:
            notes.append("there is no header: the first column is taken as x, the second as the accuracy")
            return cls("1", "2", (), tuple(notes))
        x = x or next(
            (column for column in (*X_COLUMNS, *(known.x if known else ())) if column in header), X_COLUMNS[0]
        )
        y = Y_COLUMN if wide else y or _accuracy(table, name, known)
        for column in (x,) if wide else (x, y):
            if column not in header:
                raise MeasurementError(_no_column(table, column))
        if notes:
            notes.append(f"x is {x!r}, the accuracy {y!r}")
        return cls(x, y, known.missing if known else (), tuple(notes))


def _accuracy(table: Table, name: str | None, layout: Layout | None) -> str:
    """Column of the accuracy where none is named."""
    if Y_COLUMN in table.header or layout is None:
        return Y_COLUMN
    if name == "wandb":
        runs = run_columns(table.header)
        runs = [column for column in runs if "map" in column.lower()] or runs
        if len(runs) > 1:
            raise MeasurementError(f"{table.name}: {len(runs)} runs: name one by --y: {_named(map(short, runs))}")
        return runs[0] if runs else Y_COLUMN
    return next((column for column in layout.y if column in table.header), (*layout.y, Y_COLUMN)[0])


def _no_column(table: Table, column: str) -> str:
    if table.numbered:
        return f"{table.name} has no header; name its columns by number, 1 to {len(table.header)}, got {column!r}"
    where = ", row 1" if table.sep else ""
    return (
        f"{table.name}{where}: there is no column {column!r} in the header, it has {_named(map(short, table.header))}"
    )


def _named(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _selected(table: Table, where: Mapping[str, str], needed: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    for name in (*needed, *where):
        if name not in table.header:
            raise MeasurementError(_no_column(table, name))
    kept = [row for row in table.rows if all(_same(row[1].get(name), text) for name, text in where.items())]
    if kept:
        return kept
    asked = " where " + ", ".join(f"{k}={v}" for k, v in where.items()) if where else " below the header in row 1"
    offered = ""
    for name in where:
        found = list(dict.fromkeys(str(cells.get(name)) for _, cells in table.rows))
        offered += f"; {name} has {_named(found)}" if found else ""
    raise MeasurementError(f"{table.name} has no row of measurements{asked}{offered}")


def _same(cell: Any, text: str) -> bool:
    """Tell whether a cell is what a condition asks for."""
    if isinstance(cell, str) or cell is None:
        return (cell or "") == text
    value = number(text, ".")
    return str(cell) == text or (value is not None and number(cell, ".") == value)


def _spread_columns(
    header: Sequence[str], y: str, std: str | None, stderr: str | None, count: str | None, notes: list[str]
) -> dict[str, str]:
    """Columns of deviation, standard error and number of runs that belong to y."""
    for option, column in (("--std", std), ("--stderr", stderr), ("--count", count)):
        if column is not None and column not in header:
            raise MeasurementError(
                f"there is no column {column!r} for {option}, the header has {_named(map(short, header))}"
            )
    if std and stderr:
        raise MeasurementError("a standard deviation or a standard error is needed, not both (--std, --stderr)")
    found = {"std": std, "stderr": stderr, "count": count}
    if not (std or stderr):
        name = next((f"{y}{end}" for end in ("_std", "_stderr") if f"{y}{end}" in header), None)
        if name:
            found["std" if name.endswith("_std") else "stderr"] = name
    if not count:
        counted = f"{y}_n"
        beside = y == Y_COLUMN or found["std"] is not None
        found["count"] = counted if counted in header else "n" if beside and "n" in header else None
    if found["stderr"]:
        found["count"] = count
        if count:
            raise MeasurementError("a standard error has the number of runs in it (--stderr without --count)")
    used = {key: column for key, column in found.items() if column}
    if used and (std, stderr, count) == (None, None, None):
        notes.append("weights from " + " and ".join(repr(column) for column in used.values()))
    return used


def _shifted(cells: "_Cells", name: str, values: list[float], offset: float) -> list[float]:
    """Sizes with the offset; none that was a size may fall below 0."""
    for index, value in enumerate(values):
        if offset < 0 <= value and value + offset < 0:
            raise MeasurementError(
                f"{cells.at(index, name)}: {value:g} with the offset {offset:g} is {value + offset:.6g}, a size "
                "below 0; the features take more than this rate"
            )
    return [value + offset for value in values]


class _Cells:
    """Numbers of the chosen rows; those without a value are left out and named."""

    def __init__(
        self, table: Table, rows: list[tuple[str, dict[str, Any]]], decimal: str | None, notes: list[str]
    ) -> None:
        self.table, self.rows, self.decimal, self.notes = table, rows, decimal, notes

    @property
    def places(self) -> list[str]:
        return [place for place, _ in self.rows]

    def at(self, index: int, column: str) -> str:
        """Place of a cell as a message calls it."""
        place = self.rows[index][0]
        return f"{self.table.prefix}{place}, column {column!r}"

    def values(self, columns: Sequence[str], missing: tuple[float, ...]) -> dict[str, list[float]]:
        """Numbers of x, y and the features in the rows that have all of them."""
        columns = list(dict.fromkeys(columns))
        if self.decimal is None:
            cells = [cells.get(column) for _, cells in self.rows for column in columns]
            self.decimal = decimal_of(cells, self.table.sep, self.table.name)
            if self.decimal == ",":
                self.notes.append("decimals have a comma (--decimal says otherwise)")
        blank = [
            any(is_blank(cells.get(column)) for column in columns)
            or (bool(missing) and number(cells.get(columns[1]), self.decimal) in missing)
            for _, cells in self.rows
        ]
        left_out = [row[0] for row, empty in zip(self.rows, blank, strict=True) if empty]
        self.rows = [row for row, empty in zip(self.rows, blank, strict=True) if not empty]
        if FILE in columns:
            self.notes.append("x is the last number in the name of each file")
        if left_out:
            self.notes.append(f"{len(left_out)} without a value left out: {_named(left_out)}")
        if not self.rows:
            raise MeasurementError(f"{self.table.name}: no row has a value in both {' and '.join(map(repr, columns))}")
        return {column: [self._number(i, column) for i in range(len(self.rows))] for column in columns}

    def _number(self, index: int, column: str) -> float:
        cell = self.rows[index][1].get(column)
        value = number(cell, self.decimal or ".")
        if value is None and column == FILE and (found := re.findall(r"\d+(?:\.\d+)?", Path(str(cell)).stem)):
            value = float(found[-1])
        if value is None or not math.isfinite(value):
            other = number(cell, "," if self.decimal == "." else ".")
            hint = (
                f"; with --decimal {',' if self.decimal == '.' else '.'} it is {other:g}" if other is not None else ""
            )
            raise MeasurementError(f"{self.at(index, column)}: a finite number is needed, got {short(cell)}{hint}")
        if abs(value) > LARGEST:
            raise MeasurementError(f"{self.at(index, column)}: a number within ±{LARGEST:g} is needed, got {value:g}")
        return value

    def accuracies(self, column: str, values: list[float], percent: bool | None) -> tuple[list[float], bool]:
        """Accuracies as shares, and whether they were percentages without a sign."""
        signs = [isinstance(cells.get(column), str) and "%" in cells[column] for _, cells in self.rows]
        if any(signs) != all(signs):
            index = signs.index(not signs[0])
            raise MeasurementError(f"{self.at(index, column)}: all accuracies or none may have a % sign")
        if percent is None and not any(signs) and min(values) > 1 and LEAST_PERCENT <= max(values) <= 100:
            percent = True
            self.notes.append("all accuracies are above 1: taken as percentages (--no-percent refuses them)")
        divided = bool(percent) and not any(signs)
        shares = [value / 100 for value in values] if divided else values
        for index, share in enumerate(shares):
            if not 0 <= share <= 1:
                value = values[index]
                some = 1 < value <= 100 and not divided and min(values) <= 1
                hint = f", and {min(values):g} elsewhere; with --percent they count as percentages" if some else ""
                raise MeasurementError(
                    f"{self.at(index, column)}: an accuracy from 0 to {'100 %' if divided else '1'} is needed, "
                    f"got {value:g}{hint}"
                )
        return shares, divided or any(signs)

    def spreads(
        self, columns: Mapping[str, str], divisor: float
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Deviations (nan where there is none) and numbers of runs."""
        runs = None
        if "count" in columns:
            runs = np.array([self._count(i, columns["count"]) for i in range(len(self.rows))])
        column = columns.get("std") or columns.get("stderr")
        if column is None:
            if runs is not None:
                self.notes.append(
                    f"points weigh by {columns['count']!r} alone; the error is estimated from the residuals"
                )
            return None, runs
        signed = any(isinstance(cells.get(column), str) and "%" in cells[column] for _, cells in self.rows)
        deviations = np.array([self._deviation(i, column, 1.0 if signed else divisor) for i in range(len(self.rows))])
        none = [place for place, value in zip(self.places, deviations, strict=True) if not value > 0]
        if len(none) == len(deviations):
            self.notes.append(f"column {column!r} has no deviation above 0: it is not used")
        elif none:
            pooled = Measurements(
                np.arange(0.0, len(deviations)), np.zeros(len(deviations)), deviations, runs
            ).pooled_std
            assert pooled is not None, "one is above 0"
            value = pooled[~(deviations > 0)][0]
            self.notes.append(
                f"column {column!r}: the pooled deviation {value:.3g} of the other points stands for "
                f"{'a' if len(none) == 1 else len(none)} blank or 0: {_named(none)}"
            )
        return deviations, runs

    def _deviation(self, index: int, column: str, divisor: float) -> float:
        if is_blank(self.rows[index][1].get(column)):
            return math.nan
        value = self._number(index, column) / divisor
        if value != 0 and not SMALLEST_STD <= value <= 1:
            raise MeasurementError(
                f"{self.at(index, column)}: a deviation of 0 or from {SMALLEST_STD:g} to 1 is needed, got {value:g}"
            )
        return value

    def _count(self, index: int, column: str) -> float:
        if is_blank(self.rows[index][1].get(column)):
            raise MeasurementError(f"{self.at(index, column)}: a whole number of runs is needed, the cell is blank")
        value = self._number(index, column)
        if value < 1 or value != int(value):
            raise MeasurementError(
                f"{self.at(index, column)}: a whole number of runs of at least 1 is needed, got {value:g}"
            )
        return value
