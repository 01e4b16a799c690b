"""What commands print on stdout: JSON documents and tables."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any


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
