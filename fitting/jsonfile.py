"""Strict JSON in and out: what every leosplit file passes through."""

import json
import math
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fitting.checks import repeated, short
from fitting.errors import LeosplitError
from fitting.whole_file import write_text

MAX_FILE_BYTES = 256 * 2**20
MAX_WIDE_BYTES = 64 * 2**20
"""Largest file that holds characters beyond ASCII: Python may keep four bytes for each of its characters."""
MAX_VALUES = 4_000_000
"""Most values, brackets or elements of a file: 100 000 satellites with their links, within 1 GiB of memory."""


class JsonError(LeosplitError):
    """A file that is missing, too large, or not strict JSON."""


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON allows")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number {text[:40]} is too large")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError(f"key {short(repeated(name for name, _ in pairs))} stands twice in one object")
    return mapping


def parse_json(text: str, where: str) -> Any:
    """Parse strict JSON (RFC 8259): no NaN, no infinity, no duplicate keys.

    Parameters
    ----------
    text
        The document.
    where
        What to call the document in an error message.

    Raises
    ------
    JsonError
        One sentence with position and reason.
    """
    require_values(text, ",[{", where)
    try:
        read = json.loads(text, parse_constant=_reject_constant, parse_float=_finite, object_pairs_hook=_unique_keys)
        if "\\u" in text:
            json.dumps(
                read, ensure_ascii=False
            ).encode()  # fails on half of a surrogate pair, which no output could hold
        return read
    except RecursionError:
        raise JsonError(f"{where}: not JSON that can be read: nested too deeply") from None
    except UnicodeEncodeError as error:
        raise JsonError(f"{where}: not JSON: half of a surrogate pair, \\u{ord(error.object[error.start]):x}") from None
    except ValueError as error:
        reason = f"{error.msg} at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else digits(error)
        raise JsonError(f"{where}: not JSON: {reason}") from None


def digits(error: ValueError) -> str:
    """Return what a parser says, without Python's advice to users on whole numbers of thousands of digits."""
    return "a number has thousands of digits" if "set_int_max_str_digits" in str(error) else str(error)


def require_values(text: str, marks: str, where: str) -> None:
    """Refuse a text with so many values that reading it would take more than about 1 GiB of memory.

    Parameters
    ----------
    text
        The document.
    marks
        Characters that begin or part its values.
    where
        What to call the document in an error message.
    """
    if len(text) > MAX_VALUES and (count := sum(text.count(mark) for mark in marks)) > MAX_VALUES:
        raise JsonError(f"{where}: {count} values, at most {MAX_VALUES} are read")


def require_plain_xml(text: str, where: str) -> None:
    """Refuse XML with too many elements, or with entities of its own, which can stand for gigabytes."""
    require_values(text, "<", where)
    if "<!ENTITY" in text:
        raise JsonError(f"{where}: XML with entities of its own is not read")


def read_bytes(path: str | Path, most: int = MAX_FILE_BYTES) -> bytes:
    """Read a regular file; a device or a pipe, which may have no end, is refused.

    Parameters
    ----------
    path
        The file.
    most
        Bytes that it may have.

    Raises
    ------
    JsonError
        If the file is missing, unreadable, no file or too large.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise JsonError(f"{path}: must be a regular file, this is a device or a pipe")
            data = file.read(most + 1) if status.st_size <= most else b""
    except OSError as error:
        raise JsonError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # a null character in the name
        raise JsonError(f"{short(str(path))}: {error}") from None
    if len(data) > most or status.st_size > most:
        raise JsonError(f"{path}: {max(status.st_size, len(data))} bytes, at most {most} are read")
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(path: str | Path, most: int = MAX_FILE_BYTES) -> str:
    """Read a UTF-8 text file of at most 256 MiB, refusing an empty one.

    Parameters
    ----------
    path, most
        As in `read_bytes`.

    Raises
    ------
    JsonError
        If the file is missing, unreadable, no file, empty, too large or not UTF-8.
    """
    data = read_bytes(path, most)
    if len(data) > MAX_WIDE_BYTES and not data.isascii():
        raise JsonError(f"{path}: {len(data)} bytes, at most {MAX_WIDE_BYTES} are read of a text that is not ASCII")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError(f"{path}: not UTF-8 text (byte {error.start})") from None
    if not text or text.isspace():
        raise JsonError(f"{path}: the file is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_json(path: str | Path) -> Any:
    """Read one strict JSON document from a file."""
    return parse_json(read_text(path), str(path))


def dump_json(document: Any) -> str:
    """Render a document as deterministic JSON: one space of indent, floats by `repr`, a final newline."""
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_json(document: Any, path: str | Path) -> None:
    """Write a document as a JSON file, whole or not at all; see `dump_json`."""
    write_text(path, dump_json(document))


def require_keys(document: Any, where: str, required: Iterable[str], optional: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return `document` if it is an object with just these keys.

    Raises
    ------
    JsonError
        Naming the first missing or unknown key.
    """
    if not isinstance(document, dict):
        raise JsonError(f"{where} must be an object, got {type(document).__name__}")
    required, optional = list(required), list(optional)
    for key in required:
        if key not in document:
            raise JsonError(f"{where}: key {key!r} is missing")
    for key in document:
        if key not in required and key not in optional:
            raise JsonError(f"{where}: unknown key {short(key)}; allowed: {', '.join(required + optional)}")
    return document


def require_format(document: Mapping[str, Any], form: str, version: int) -> None:
    """Refuse a document whose keys `format` and `version` say that it is something else."""
    for key, allowed in (("format", form), ("version", version)):
        if document[key] != allowed or isinstance(document[key], bool):
            raise JsonError(f"{key} must be {allowed!r}, got {short(document[key])}")
