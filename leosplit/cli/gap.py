"""``leosplit gap``: how far schemes are from the exact optimum, instance by instance."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import (
    Compared,
    Json,
    MipGapOption,
    PolicyOption,
    SeedOption,
)
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine

if TYPE_CHECKING:
    from formulation import Problem


@takes_problem
def command(
    files: Annotated[list[Path] | None, typer.Argument(help="Instance files; the bundled ones by default.")] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Make instances of this preset instead.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many of the preset, with seeds from --seed on; 1.")
    ] = None,
    seed: SeedOption = 0,
    problem: Annotated[Compared, typer.Option(help="(4), or (7) alone at identical packets.")] = Compared.full,
    scheme: Annotated[
        list[str] | None, typer.Option(help="Only these schemes (routers for routing), or module:function; repeatable.")
    ] = None,
    policy: PolicyOption = None,
    time_limit: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds for exact parts, per instance.")] = 60,
    mip_gap: MipGapOption = 1e-6,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory for tables, solutions and figures.")] = Path(
        "results"
    ),
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Show how far each scheme is from a proven optimum. Exit code 1 if a bound contradicts a scheme's solution."""
    from leosplit.gapfiles import GapFiles
    from leosplit.tables import gap_summary, gap_table
    from solvers.gaps import ROUTERS, compare, compare_routing
    from solvers.result import CONTRADICTION
    from solvers.schemes import SCHEMES, SchemeOptions, find_scheme

    names = scheme or list(SCHEMES if problem is Compared.full else ROUTERS)
    for name in names:
        if problem is Compared.full:
            find_scheme(name)
        elif name not in ROUTERS:
            allowed = f"with --problem routing it must be one of {', '.join(ROUTERS)}, got {name!r}"
            raise typer.BadParameter(allowed, param_hint="--scheme")
    if files and preset:
        raise typer.BadParameter("give instance files or --preset, not both", param_hint="--preset")
    if count is not None and preset is None:
        raise typer.BadParameter("says how many instances of a --preset to make; none is given", param_hint="--count")
    written = GapFiles(out)
    options = SchemeOptions(seed, policy, time_limit, mip_gap)

    def compare_one(progress: ProgressLine, one: "Problem") -> None:
        instance = one.instance

        def stage(name: str) -> None:
            progress.stage(f"{instance.name}: {name}")

        watched = replace(options, progress=progress)
        if problem is Compared.full:
            rows, results = compare(one, names, watched, stage)
        else:
            rows, results = compare_routing(one, watched, stage, names)
        progress.clear()
        label = written.label(one)
        if label != instance.name:
            say(f"warning: two instances are called {instance.name}; this one is {label} from here on", err=True)
            rows = tuple(replace(row, instance=label) for row in rows)
        table = gap_table(rows, results, mip_gap, policy)
        written.add(one, rows, results, table)
        if not json:
            say(table)
        if results["exact"].interrupted:
            raise KeyboardInterrupt

    try:
        with ProgressLine() as progress:
            for one in _problems(files or [], preset, count or 1, seed, asked):
                compare_one(progress, one)
            progress.stage("figures")
            summary = gap_summary(written.rows, policy)
            paths = written.finish(summary)
    except KeyboardInterrupt:
        if json:
            print_json({"rows": [asdict(row) for row in written.rows]})
        raise
    if json:
        print_json({"rows": [asdict(row) for row in written.rows]})
    else:
        say(summary)
    for path in paths:
        say(f"wrote {path}", err=json)
    if any(row.message.startswith(CONTRADICTION) for row in written.rows):
        raise typer.Exit(1)


def _problems(files: list[Path], preset: str | None, count: int, seed: int, asked: Asked) -> "Iterator[Problem]":
    """Yield the problems that are asked for; files are all read before the first is solved."""
    from instances.bundled import bundled_instances
    from instances.presets import make_preset

    if preset is not None:
        yield from (asked.of(make_preset(preset, seed=seed + k)) for k in range(count))
    else:
        yield from [asked.read(path) for path in files or bundled_instances()]
