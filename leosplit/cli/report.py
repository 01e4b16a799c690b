"""``leosplit report``: one self-contained page from a results file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say


def command(
    results: Annotated[Path, typer.Argument(help="Results file of a sweep.", metavar="RESULTS.db")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page to write.", show_default="report.html")
    ] = None,
    json: Json = False,
) -> None:
    """Write a report as one HTML page that needs no network; with --json print its numbers, the page only to --out."""
    from leosplit.report import read_runs, report_numbers, write_report

    if json and out is None:
        print_json(asdict(report_numbers(read_runs(results))) | {"page": None})
        return
    page = out or Path("report.html")
    numbers = write_report(results, page)
    if json:
        print_json(asdict(numbers) | {"page": str(page)})
    else:
        say(f"wrote {page}")
