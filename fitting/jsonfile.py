"""Strict JSON in and out: what every leosplit file passes through."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fitting.errors import LeosplitError

MAX_FILE_BYTES = 256 * 2**20


class JsonError(LeosplitError):
    """A file that is missing, too large, or not strict JSON."""


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON allows")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number {text} is too large")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} stands twice in one object")
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
        reason = f"{error.msg} at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else error
        raise JsonError(f"{where}: not JSON: {reason}") from None


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file of at most 256 MiB, refusing an empty one.

    Raises
    ------
    JsonError
        If the file is missing, unreadable, empty, too large or not UTF-8.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise JsonError(f"{path}: {size} bytes, at most {MAX_FILE_BYTES} are read")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise JsonError(f"{path}: {error.strerror or error}") from None
    if not text.strip():
        raise JsonError(f"{path}: the file is empty")
    return text


def read_json(path: str | Path) -> Any:
    """Read one strict JSON document from a file."""
    return parse_json(read_text(path), str(path))


def dump_json(document: Any) -> str:
    """Render a document as deterministic JSON: one space of indent, floats by `repr`, a final newline."""
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


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
            raise JsonError(f"{where}: unknown key {key!r}; allowed: {', '.join(required + optional)}")
    return document
