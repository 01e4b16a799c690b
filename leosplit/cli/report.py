"""``leosplit report``: one self-contained page from a results file."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    results: Annotated[Path, typer.Argument(help="Results file of a sweep.", metavar="RESULTS.db")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
) -> None:
    """Write a report as one HTML page that needs no network."""
    from leosplit.report import write_report

    write_report(results, out)
    typer.echo(f"wrote {out}")
