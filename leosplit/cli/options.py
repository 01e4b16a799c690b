"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Compared(StrEnum):
    """Problems that gaps are computed for."""

    full = "full"
    routing = "routing"


def _is_policy(path: Path | None) -> Path | None:
    """Refuse a file that is no policy before anything is computed, whichever schemes run."""
    if path is not None:
        from solvers.marl.policy import read_policy

        read_policy(path)
    return path


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
PolicyOption = Annotated[
    Path | None, typer.Option(help="Routing policy, in place of the one that ships.", callback=_is_policy)
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
TimeLimitOption = Annotated[float | None, typer.Option(min=0, metavar="S", help="Seconds per instance.")]
MipGapOption = Annotated[float, typer.Option(min=0, metavar="G", help="Relative gap that counts as proven.")]


def _can_hold_file(path: Path | None) -> Path | None:
    """Refuse a place for a result before hours are spent on the result."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise typer.BadParameter(f"must be a file in a directory that exists, got {str(path)!r}")
    return path


OutFileOption = Annotated[
    Path | None, typer.Option("--out", "-o", callback=_can_hold_file, help="File to write the solution to.")
]
