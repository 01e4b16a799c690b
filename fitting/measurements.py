"""Measured accuracies from CSV files: strict reading, one-line errors that name row and column."""

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitting.checks import short
from fitting.errors import MeasurementError
from fitting.jsonfile import read_bytes

X_COLUMNS = ("residual_bpp", "model_packet_bits")
"""The columns that are taken for x when none is named; the first that the file has."""
LARGEST = 1e18
"""Beyond every size in bits; squares and sums of what is read stay far from overflow."""
SMALLEST_STD = 1e-12


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measured points, sorted by x.

    Parameters
    ----------
    x
        Where the accuracy was measured, shape (n,): residual bit/pixel, model packet bits, or another size.
    y
        Measured mAP in [0, 1], shape (n,).
    std
        Standard deviation of the runs behind each y, shape (n,), or None.
    runs
        Number of runs behind each y, shape (n,), or None.
    x_name, y_name
        Names of the columns.
    features
        Feature bit/pixel of each point, shape (n,), where f has two inputs, or None.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    std: NDArray[np.float64] | None = None
    runs: NDArray[np.float64] | None = None
    x_name: str = "x"
    y_name: str = "map"
    features: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        order = np.argsort(np.asarray(self.x, dtype=float), kind="stable")
        for name in ("x", "y", "std", "runs", "features"):
            values = getattr(self, name)
            if values is None:
                continue
            values = np.asarray(values, dtype=float)
            if values.shape != order.shape or order.ndim != 1 or not np.all(np.isfinite(values)):
                raise MeasurementError(f"measurements need {len(order)} finite {name}, got the shape {values.shape}")
            object.__setattr__(self, name, values[order])

    @property
    def sigma(self) -> NDArray[np.float64] | None:
        """Standard error of each y, std/√runs, shape (n,); None without a deviation or where one of them is 0."""
        if self.std is None or np.any(self.std <= 0):
            return None
        return self.std if self.runs is None else self.std / np.sqrt(self.runs)


def read_measurements(
    path: str | Path,
    x: str | None = None,
    y: str = "map",
    where: Mapping[str, str] | None = None,
    x_offset: float = 0.0,
    features: str | None = None,
) -> Measurements:
    """Measurements of a CSV file with a header, comma-separated, UTF-8.

    Parameters
    ----------
    path
        The file.
    x, y
        Columns of size and accuracy; x defaults to `residual_bpp` or `model_packet_bits`. The columns `map_std` and
        `n` are read when the file has them.
    where
        Keep the rows whose column has this text.
    x_offset
        Added to every x: the residual of a published bitrate is the bitrate less the features, −d^F/P.

    features
        Column of the feature rate, where f has two inputs.

    Raises
    ------
    MeasurementError
        With one sentence that names row (the header is row 1) and column.
    OSError
        When the file cannot be read.
    """
    if not math.isfinite(x_offset):
        raise MeasurementError(f"x_offset must be a finite number, got {x_offset}")
    header, rows = _read_rows(Path(path))
    x = x or next((name for name in X_COLUMNS if name in header), X_COLUMNS[0])
    rate = [features] if features else []
    for name in (x, y, *rate, *(where or {})):
        if name not in header:
            raise MeasurementError(
                f"{path}, row 1: there is no column {name!r} in the header, it has {short(header)[1:-1]}"
            )
    kept = [(n, row) for n, row in rows if all(row[column] == text for column, text in (where or {}).items())]
    if not kept:
        asked = " where " + ", ".join(f"{k}={v}" for k, v in where.items()) if where else " below the header in row 1"
        raise MeasurementError(f"{path} has no row of measurements{asked}")
    columns: dict[str, list[float]] = {}
    for name in dict.fromkeys((x, y, *rate, *(extra for extra in ("map_std", "n") if extra in header))):
        columns[name] = [_number(row[name], f"{path}, row {n}, column {name!r}", name, y) for n, row in kept]
    if features is None and len(set(columns[x])) < 2:
        where_found = f"row {kept[0][0]}" if len(kept) == 1 else f"rows {kept[0][0]} to {kept[-1][0]}"
        raise MeasurementError(
            f"{path}, {where_found}, column {x!r}: a curve needs two or more distinct x, got only {columns[x][0]:g}"
        )
    return Measurements(
        np.array(columns[x]) + x_offset,
        np.array(columns[y]),
        np.array(columns["map_std"]) if "map_std" in columns else None,
        np.array(columns["n"]) if "n" in columns else None,
        x_name=x,
        y_name=y,
        features=np.array(columns[features]) if features else None,
    )


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header and (row number, cells by column) of a CSV file."""
    try:
        text = read_bytes(path).decode("utf-8-sig")  # a byte order mark, as Excel writes it, is no part of the header
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        raise MeasurementError(
            f"{path}, row {row}: must be UTF-8 text, got the byte {error.object[error.start]:#04x}"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    header: list[str] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not header:
                header = _checked_header(cells, f"{path}, row {reader.line_num}")
            elif len(cells) != len(header):
                raise MeasurementError(
                    f"{path}, row {reader.line_num}: {len(header)} cells are needed, one for each column "
                    f"from {header[0]!r} to {header[-1]!r}, got {len(cells)}"
                    + ("; a decimal comma must be a point" if len(cells) == 2 * len(header) else "")
                )
            else:
                rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise MeasurementError(f"{path}, row {reader.line_num}: not valid CSV ({error})") from None
    if not header:
        raise MeasurementError(f"{path} is empty; needed are a header in row 1 and rows of measurements")
    return header, rows


def _checked_header(cells: list[str], place: str) -> list[str]:
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(cells) == 1 and mark in cells[0]:
            raise MeasurementError(
                f"{place}, column {cells[0].split(mark)[0]!r}: the cells are separated by {name}; commas are needed"
            )
    for number, cell in enumerate(cells, start=1):
        if not cell or _is_number(cell):
            raise MeasurementError(
                f"{place}, column {number}: a header with the columns' names is needed, got {cell!r}"
            )
        if cell in cells[: number - 1]:
            raise MeasurementError(f"{place}, column {number}: the name {cell!r} stands there twice")
    return cells


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)", text, re.A | re.I) is not None


def _number(text: str, place: str, name: str, y: str) -> float:
    """Read the number of a cell, within what its column allows."""
    if not _is_number(text) or not math.isfinite(float(text)):
        hint = "; semicolons are not allowed" if ";" in text else ""
        if "," in text and _is_number(text.replace(",", ".")):
            hint = f"; a decimal comma must be a point, {text.replace(',', '.')}"
        raise MeasurementError(f"{place}: a finite number is needed, got {text!r}{hint}")
    if abs(float(text)) > LARGEST:
        raise MeasurementError(f"{place}: a number within ±{LARGEST:g} is needed, got {text}")
    value = float(text)
    if name == y and not 0 <= value <= 1:
        hint = f"; if it is a percentage, write {value / 100:g}" if 1 < value <= 100 else ""
        raise MeasurementError(f"{place}: an accuracy from 0 to 1 is needed, got {text}{hint}")
    if name == "map_std" and value != 0 and not SMALLEST_STD <= value <= 1:
        raise MeasurementError(
            f"{place}: a standard deviation of 0 or from {SMALLEST_STD:g} to 1 is needed, got {text}"
        )
    if name == "n" and (value < 1 or value != int(value)):
        raise MeasurementError(f"{place}: a whole number of runs of at least 1 is needed, got {text}")
    return value
