"""What every command prints: JSON documents on stdout, tables on stdout, progress on stderr."""

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import typer

JSON_OPTION = typer.Option("--json", help="Print one JSON document on stdout.")


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


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout; non-finite numbers are null."""
    json.dump(clean(document), sys.stdout, indent=1, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")


def seconds(value: float | None) -> str:
    """Return a delay for a table: six digits and the unit, or a dash."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.6g} s"


def percent(value: float | None) -> str:
    """Return a gap for a table in percent, or a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    return "0 %" if value == 0 else f"{100 * value:.3g} %"


def render_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return a table as text, first column left, the others right.

    Parameters
    ----------
    title : str
        Line above the table.
    header, rows : sequences of str
        Cells, one row each.
    width : int, optional
        Characters a line; by default as wide as the table needs.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column, name in enumerate(header):
        table.add_column(Text(name), justify="left" if column == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(width=width or 400, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


class Progress:
    """Progress on stderr for anything that takes more than two seconds.

    Call it with what is known so far; it prints at most one line a second on a terminal (in place), one every
    ten seconds elsewhere, and nothing at all in the first two seconds.
    """

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self._label = ""
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def stage(self, label: str) -> None:
        """Name the work that starts now, and restart its two seconds."""
        self._label = label
        self._start = self._last = time.monotonic()

    def __call__(self, incumbent_s: float | None = None, bound_s: float | None = None, note: str = "") -> None:
        """Show the incumbent and the bound, both in seconds of delay."""
        now = time.monotonic()
        if now - self._start < 2 or now - self._last < (1 if self._terminal else 10):
            return
        self._last = now
        parts = [f"{now - self._start:.0f} s", f"incumbent {seconds(incumbent_s)}", f"bound {seconds(bound_s)}"]
        line = f"{self._label}: " * bool(self._label) + ", ".join([*parts, *([note] if note else [])])
        self._shown = True
        sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Clear the line of a terminal."""
        if self._terminal and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
