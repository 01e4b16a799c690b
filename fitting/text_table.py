"""Separated text to a table of cells: the separator, comments, the header and an index column are detected."""

import csv
import re
from collections.abc import Iterable
from typing import Any, cast

from fitting.errors import MeasurementError
from fitting.jsonfile import require_values
from fitting.tables import MOST_COLUMNS, Dialect, Table, refuse_repeats

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", " ": "white space"}
"""What may part cells, in the order in which they are tried; a blank stands for any white space."""
SNIFFED_LINES = 100


def text_table(text: str, name: str, dialect: Dialect, notes: list[str]) -> Table:
    """Read a table of separated text.

    Raises
    ------
    MeasurementError
        With one sentence that names the row.
    """
    require_values(text, "\n,;\t|", name)
    lines, comments = _lines(text, dialect)
    if not lines:
        raise MeasurementError(f"{name} is empty but for comments; needed are a header and rows of measurements")
    sep = dialect.sep
    if (named := re.fullmatch(r'"?sep=(.)"?', lines[0][1].strip("\r\n"))) and len(lines) > 1:  # as Excel writes it
        sep, lines = sep or named[1], lines[1:]
    elif re.fullmatch(r'"?sep="?\s*', lines[0][1]) and len(lines) > 1:  # the tab is white space
        sep, lines = sep or "\t", lines[1:]
    if sep is None:
        sep = _sniffed([line for _, line in lines[:SNIFFED_LINES]])
        if sep != ",":
            notes.append(f"the cells are parted by {SEPARATORS[sep]} (--sep says otherwise)")
    elif len(sep) != 1 or sep in '"\r\n.':
        raise MeasurementError(f"the separator must be one character that is no point or quote, got {sep!r}")
    cells = _cells(lines, sep, name)
    return _with_header(cells, comments, sep, name, notes)


def _lines(text: str, dialect: Dialect) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Numbered lines with content, and the comments before the first of them."""
    lines: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    mark = dialect.comment or "#"
    quoted = False  # a quoted cell may go on over several lines, in which a mark begins no comment
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not quoted and line.lstrip().startswith(mark):
            if not lines:
                comments.append((number, line.strip().removeprefix(mark).strip()))
            continue
        if not quoted and dialect.comment and mark in line:
            line = line[: line.index(mark)] + "\n"
        quoted ^= line.count('"') % 2 == 1
        if line.strip() or quoted:
            lines.append((number, line))
    return lines, comments


def _sniffed(lines: list[str]) -> str:
    """Separator under which the lines have the same number of cells, two or more; else that of the first line."""
    best, most = ",", 0.0
    for sep in SEPARATORS:
        try:
            counts = [len(cells) for cells in _split(lines, sep)]
        except csv.Error:  # a cell of more than 128 KiB: not parted by this
            continue
        if not counts or max(counts) < 2:
            continue
        share = sum(count == counts[-1] >= 2 for count in counts) / len(counts)
        share -= 0.5 * (counts[0] < 2)  # a header that the separator does not part speaks against it
        if share > most:
            best, most = sep, share
    return best


def _split(lines: Iterable[str], sep: str) -> Iterable[list[str]]:
    if sep == " ":
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=sep, skipinitialspace=True)


def _cells(lines: list[tuple[int, str]], sep: str, name: str) -> list[tuple[int, list[str]]]:
    """Return the stripped cells of each row with the number of its first line."""
    if sep == " ":
        return [(number, line.split()) for number, line in lines]
    reader = csv.reader((line for _, line in lines), delimiter=sep, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        while True:
            before = reader.line_num
            cells = next(reader, None)
            if cells is None:
                return rows
            if any(cell.strip() for cell in cells):
                rows.append((lines[before][0], [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise MeasurementError(
            f"{name}, row {lines[max(reader.line_num - 1, 0)][0]}: not valid CSV ({error})"
        ) from None


def _with_header(
    cells: list[tuple[int, list[str]]], comments: list[tuple[int, str]], sep: str, name: str, notes: list[str]
) -> Table:
    """Find the header, drop an empty last column, name an index, and match every row to the header."""
    number, header = cells[0]
    rows, numbered = cells[1:], False
    widths = {len(row) for _, row in rows}
    if len(header) > MOST_COLUMNS:
        raise MeasurementError(f"{name}, row {number}: {len(header)} columns, at most {MOST_COLUMNS} are read")
    if all(is_number(cell) for cell in header if cell):
        above = next(iter(_split([comments[-1][1]], sep))) if comments and comments[-1][1] else []
        above = [cell.strip() for cell in above]
        rows = cells
        if len(above) == len(header) and not any(is_number(cell) for cell in above):
            header = above
            notes.append(f"the comment in row {comments[-1][0]} is taken as the header")
        else:
            numbered, header = True, [str(i) for i in range(1, len(header) + 1)]
    elif rows and widths == {len(header) + 1}:
        if all(not row[-1] for _, row in rows):
            rows = [(place, row[:-1]) for place, row in rows]
        elif sep != "," or all(row[0].isdigit() or not is_number(row[0]) for _, row in rows):
            header = ["index", *header]
            notes.append("the first column has no name in the header: taken as an index")
    if len(header) > 1 and not header[-1] and all(len(row) < len(header) or not row[-1] for _, row in rows):
        header = header[:-1]
        rows = [(place, row[: len(header)]) for place, row in rows]
    header = [cell or ("index" if i == 0 else f"column {i + 1}") for i, cell in enumerate(header)]
    refuse_repeats(header, f"{name}, row {number}")
    found = []
    for place, row in rows:
        if len(row) != len(header):
            raise MeasurementError(
                f"{name}, row {place}: {len(header)} cells are needed, one for each column "
                f"from {header[0]!r} to {header[-1]!r}, got {len(row)}"
                + ("; decimal commas need another separator" if sep == "," and len(row) == 2 * len(header) else "")
            )
        found.append((f"row {place}", cast("dict[str, Any]", dict(zip(header, row, strict=True)))))
    return Table(name, header, found, notes, sep, numbered)


def is_number(text: str) -> bool:
    """Tell whether a text is a plain number with a decimal point or comma."""
    return (
        re.fullmatch(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?\s*%?|[-+]?(nan|inf|infinity)", text, re.A | re.I)
        is not None
    )
