"""Options that the commands of ``leosplit fit`` share: where the numbers are, and how a file is written."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fitting import FAMILY_NAMES, LAYOUTS
from leosplit.cli.output import say

if TYPE_CHECKING:
    from fitting import Measurements

AUTO = "auto"
Family = StrEnum("Family", {name: name for name in (AUTO, *FAMILY_NAMES)})  # type: ignore[misc]
ANY_FAMILY = Family(AUTO)
LayoutName = StrEnum("LayoutName", {name: name for name in LAYOUTS})  # type: ignore[misc]

Files = Annotated[
    list[Path],
    typer.Argument(help="Measurements: CSV of any kind, JSON, Parquet, gzip; rows of several files are put together."),
]
X = Annotated[str | None, typer.Option(help="Column of x; residual_bpp or model_packet_bits if left out.")]
Y = Annotated[str | None, typer.Option(help="Column of the accuracy, 0 to 1; map if left out.")]
Where = Annotated[list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Keep these rows.")]
Offset = Annotated[float, typer.Option(help="Added to every x; less d^F/P turns a bitrate into a residual.")]
Std = Annotated[str | None, typer.Option(metavar="COLUMN", help="Standard deviation of the runs; map_std if there.")]
Stderr = Annotated[str | None, typer.Option(metavar="COLUMN", help="Standard error of the accuracy.")]
Count = Annotated[str | None, typer.Option(metavar="COLUMN", help="Number of runs; n if there.")]
Percent = Annotated[bool | None, typer.Option("--percent/--no-percent", help="Accuracies are percentages, or not.")]
LayoutOption = Annotated[LayoutName | None, typer.Option("--layout", help="Columns as this tool writes them.")]
Wide = Annotated[bool, typer.Option("--wide", help="One column a series: choose by --where series=NAME.")]
Sep = Annotated[str | None, typer.Option(metavar="CHAR", help="What parts cells; a blank is any white space.")]
Decimal = Annotated[str | None, typer.Option(metavar="CHAR", help="Decimal mark, a point or a comma.")]
Comment = Annotated[str | None, typer.Option(metavar="TEXT", help="What begins a comment; # at a line's start.")]
Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="Encoding of the text.")]
FamilyOption = Annotated[Family, typer.Option("--family", help="What to fit.")]
Robust = Annotated[bool, typer.Option("--robust", help="Huber's loss: outliers count less.")]
Domain = Annotated[tuple[float, float] | None, typer.Option(help="Range of the curve, if not that of x.")]


def conditions(where: list[str] | None) -> dict[str, str]:
    """Return column and value of each condition."""
    pairs = {}
    for condition in where or []:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise typer.BadParameter(f"must be column=value, got {condition!r}", param_hint="--where")
        pairs[column] = value
    return pairs


def read(files: Sequence[Path], where: list[str] | None, options: Mapping[str, Any]) -> "Measurements":
    """Read measurements and say on stderr what was assumed."""
    from fitting import read_measurements

    measured = read_measurements(list(files), where=conditions(where), **options)
    for note in measured.notes:
        say(f"note: {note}", err=True)
    return measured
