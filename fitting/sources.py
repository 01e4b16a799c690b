"""Measurements from paths, buffers and data frames to tables of cells: text of any encoding, JSON, Parquet, gzip."""

import gzip
import io
import zlib
from typing import Any

from fitting.errors import MeasurementError
from fitting.json_table import json_table
from fitting.jsonfile import MAX_FILE_BYTES, read_bytes
from fitting.tables import Dialect, Table, refuse_repeats
from fitting.text_table import text_table

BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_table(source: Any, dialect: Dialect) -> Table:
    """Read a path, a buffer (text or bytes), or a data frame.

    Raises
    ------
    MeasurementError
        With one sentence that names the row.
    JsonError
        When a file cannot be read.
    """
    if hasattr(source, "columns") and hasattr(source, "reset_index"):
        return _frame(source, "the data frame")
    if hasattr(source, "read"):
        name, content = str(getattr(source, "name", "the buffer")), source.read()
        if isinstance(content, str):
            return _text(content, name, dialect, [])
    else:
        name, content = str(source), read_bytes(source)
    if content[:2] == b"\x1f\x8b":
        content = _unzipped(content, name)
    if content[:4] == b"PAR1":
        return _parquet(content, name)
    notes: list[str] = []
    return _text(_decoded(content, name, dialect.encoding, notes), name, dialect, notes)


def _decoded(content: bytes, name: str, encoding: str | None, notes: list[str]) -> str:
    for mark, named in BYTE_ORDER_MARKS.items():
        if content.startswith(mark) and (encoding is None or encoding.lower().startswith("utf")):
            encoding = named
    try:
        text = content.decode(encoding or "utf-8")
    except LookupError:
        raise MeasurementError(f"{name}: there is no encoding {encoding!r}; such as utf-8, utf-16, cp1252") from None
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        if encoding is not None:
            raise MeasurementError(f"{name}, row {row}: must be {encoding} text, got {_at(error)}") from None
        text = content.decode("cp1252", errors="replace")
        notes.append(f"row {row} is not UTF-8: read as Windows-1252 (--encoding says otherwise)")
    if "\0" in text:
        raise MeasurementError(f"{name}: no text, it has null bytes; UTF-16 without a mark needs its encoding named")
    return text


def _at(error: UnicodeDecodeError) -> str:
    byte = error.object[error.start : error.start + 1]
    return f"the byte {byte[0]:#04x}" if byte else "an incomplete end"


def _unzipped(content: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unzipped = file.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise MeasurementError(f"{name}: not a whole gzip file ({error})") from None
    if len(unzipped) > MAX_FILE_BYTES:
        raise MeasurementError(f"{name}: more than {MAX_FILE_BYTES} bytes unpacked, at most these are read")
    return unzipped


def _parquet(content: bytes, name: str) -> Table:
    try:
        import pandas as pd
        import pyarrow

        return _frame(pd.read_parquet(io.BytesIO(content), engine="pyarrow"), name)
    except ImportError:
        raise MeasurementError(f"{name}: Parquet needs pyarrow: pip install 'leosplit[parquet]'") from None
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise MeasurementError(f"{name}: not a Parquet file that can be read ({str(error).splitlines()[0]})") from None


def _frame(frame: Any, name: str) -> Table:
    """Table of a data frame; an index with a name is a column."""
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    header = ["/".join(map(str, column)) if isinstance(column, tuple) else str(column) for column in frame.columns]
    refuse_repeats(header, name)
    records = zip(*(frame.iloc[:, i].tolist() for i in range(len(header))), strict=True)
    rows = [(f"row {i}", dict(zip(header, record, strict=True))) for i, record in enumerate(records)]
    return Table(name, header, rows)


def _text(text: str, name: str, dialect: Dialect, notes: list[str]) -> Table:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise MeasurementError(f"{name} is empty; needed are a header in row 1 and rows of measurements")
    if text.lstrip()[0] in "[{" and dialect.sep is None:
        return json_table(text, name, notes)
    return text_table(text, name, dialect, notes)
