"""``leosplit report``: one self-contained page from a results file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say

if TYPE_CHECKING:
    from leosplit.report import ReportNumbers


def command(
    results: Annotated[Path, typer.Argument(help="Results file of a sweep.", metavar="RESULTS.db")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page to write.", show_default="report.html")
    ] = None,
    json: Json = False,
) -> None:
    """Write a report as one HTML page that needs no network; with --json print its numbers, the page only to --out.

    Exit code 1 if a bound contradicts a run.
    """
    from leosplit.report import read_runs, report_numbers, write_report

    if json and out is None:
        numbers = report_numbers(read_runs(results))
        print_json(asdict(numbers) | {"page": None})
        _end(numbers)
        return
    page = out or Path("report.html")
    numbers = write_report(results, page)
    if json:
        print_json(asdict(numbers) | {"page": str(page)})
    else:
        say(f"wrote {page}")
    _end(numbers)


def _end(numbers: "ReportNumbers") -> None:
    """End with exit code 1, and say why, where a bound contradicts a run."""
    from solvers.result import CONTRADICTION

    refuted = dict.fromkeys(one.reason for one in numbers.failed if one.reason.startswith(CONTRADICTION))
    for said in refuted:
        say(said, err=True)
    if refuted:
        raise typer.Exit(1)
