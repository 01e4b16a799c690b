"""JSON to a table of cells: records, records by line, columns, what pandas writes, nested evaluation results."""

import json
from collections.abc import Mapping
from typing import Any

from fitting.checks import short
from fitting.errors import MeasurementError
from fitting.jsonfile import require_values
from fitting.tables import MOST_COLUMNS, Table

COCO_STATS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""What the twelve numbers of pycocotools' `COCOeval.stats` are."""


def json_table(text: str, name: str, notes: list[str]) -> Table:
    """Read a JSON document: records, records by line, columns, pandas' `split`, or one nested record.

    Raises
    ------
    MeasurementError
        With one sentence that names the record or row.
    """
    require_values(text, ",[{", name)
    try:
        document = json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise MeasurementError(f"{name}: not JSON that can be read: nested too deeply") from None
    except ValueError as error:
        return _json_lines(text, name, notes, error)
    if isinstance(document, Mapping):
        lists = {key: value for key, value in document.items() if isinstance(value, list)}
        if {"columns", "data"} <= lists.keys():
            records = [dict(zip(map(str, lists["columns"]), row, strict=False)) for row in lists["data"]]
        elif lists and len({len(value) for value in lists.values()}) == 1:
            records = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        elif document and all(isinstance(value, Mapping) for value in document.values()) and _by_index(document):
            places = list(dict.fromkeys(place for column in document.values() for place in column))
            records = [{key: column.get(place) for key, column in document.items()} for place in places]
        else:
            records = [dict(document)]
    elif len(document) == len(COCO_STATS) and all(isinstance(value, int | float) for value in document):
        records = [dict(zip(COCO_STATS, document, strict=True))]
    else:
        records = document
    return _records(records, name, "record", notes)


def _by_index(document: Mapping[str, Any]) -> bool:
    """Tell whether a document holds columns by index, as pandas writes them."""
    return all(place.isdigit() for column in document.values() for place in column)


def _json_lines(text: str, name: str, notes: list[str], error: ValueError) -> Table:
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line, parse_constant=lambda _: None))
        except (ValueError, RecursionError) as reason:
            first = reason if records else error
            place = f"row {number}: " if records else ""
            raise MeasurementError(f"{name}, {place}not JSON ({first})") from None
    return _records(records, name, "row", notes)


def _records(records: list[Any], name: str, unit: str, notes: list[str]) -> Table:
    rows = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise MeasurementError(f"{name}, {unit} {number}: must be an object of columns, got {short(record)}")
        rows.append((f"{unit} {number}", _flat(record)))
    header = list(dict.fromkeys(key for _, cells in rows for key in cells))
    if len(header) > MOST_COLUMNS:
        raise MeasurementError(f"{name}: {len(header)} columns, at most {MOST_COLUMNS} are read")
    return Table(name, header, [(place, {key: cells.get(key) for key in header}) for place, cells in rows], notes)


def _flat(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Cells of a nested record, named by their path."""
    cells: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping) and depth < 8:
            cells |= _flat(value, f"{prefix}{key}/", depth + 1)
        else:
            cells[f"{prefix}{key}"] = value
    return cells
