"""What commands print: text, and JSON documents on stdout."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from leosplit.interrupts import ignore_signals
from leosplit.tables import printable

_C1 = re.compile("[\x7f-\x9f]")  # terminals obey these too; JSON's own escapes end at 0x1f


def clean(value: Any) -> Any:
    """Return a copy that JSON can hold: numpy scalars as Python's, non-finite numbers as None."""
    if isinstance(value, Mapping):
        return {str(key): clean(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def _named(stream: str) -> Iterator[None]:
    """Name the stream in errors of the system, such as a full disk behind it."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, stream) from None
        raise


def say(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text; control characters in the names of others are shown as escapes and steer no terminal."""
    with _named("stderr" if err else "stdout"):
        typer.echo(printable(text, keep="\n"), nl=nl, err=err)


def warn(text: str) -> None:
    """Print one line on stderr about what is accepted but most often a mistake."""
    say(f"warning: {' '.join(text.split())}", err=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout; non-finite numbers are null."""
    text = json.dumps(clean(document), indent=1, allow_nan=False, ensure_ascii=False)
    with _named("stdout"):
        sys.stdout.write(_C1.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
        sys.stdout.flush()
    if own_process:
        ignore_signals()


own_process = False
"""Whether the command line is all that the process does, so that it may ignore Ctrl-C when its answer is out."""
