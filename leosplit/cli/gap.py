"""``leosplit gap``: how far schemes are from the exact optimum, instance by instance."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import (
    Json,
    MipGapOption,
    Objective,
    ObjectiveOption,
    PolicyOption,
    Problem,
    SeedOption,
)
from leosplit.cli.output import print_json, say
from leosplit.cli.progress import ProgressLine

if TYPE_CHECKING:
    from instances import Instance


def command(
    files: Annotated[list[Path] | None, typer.Argument(help="Instance files; the bundled ones by default.")] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Make instances of this preset instead.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many of the preset, with seeds from --seed on; 1.")
    ] = None,
    seed: SeedOption = 0,
    problem: Annotated[Problem, typer.Option(help="(4), or (7) alone at identical packets.")] = Problem.full,
    scheme: Annotated[
        list[str] | None, typer.Option(help="Only these schemes (routers for routing), or module:function; repeatable.")
    ] = None,
    policy: PolicyOption = None,
    objective: ObjectiveOption = Objective.mean,
    time_limit: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds for exact parts, per instance.")] = 60,
    mip_gap: MipGapOption = 1e-6,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory for tables, solutions and figures.")] = Path(
        "results"
    ),
    json: Json = False,
) -> None:
    """Show how far each scheme is from a proven optimum."""
    from leosplit.gapfiles import GapFiles
    from leosplit.tables import gap_summary, gap_table
    from solvers.gaps import ROUTERS, compare, compare_routing
    from solvers.schemes import SCHEMES, SchemeOptions, find_scheme

    names = scheme or list(SCHEMES if problem is Problem.full else ROUTERS)
    for name in names:
        if problem is Problem.full:
            find_scheme(name)
        elif name not in ROUTERS:
            allowed = f"with --problem routing it must be one of {', '.join(ROUTERS)}, got {name!r}"
            raise typer.BadParameter(allowed, param_hint="--scheme")
    if files and preset:
        raise typer.BadParameter("give instance files or --preset, not both", param_hint="--preset")
    if count is not None and preset is None:
        raise typer.BadParameter("says how many instances of a --preset to make; none is given", param_hint="--count")
    written = GapFiles(out)
    options = SchemeOptions(objective.value, seed, policy, time_limit, mip_gap)

    def compare_one(progress: ProgressLine, instance: "Instance") -> None:
        def stage(name: str) -> None:
            progress.stage(f"{instance.name}: {name}")

        watched = replace(options, progress=progress)
        if problem is Problem.full:
            rows, results = compare(instance, names, watched, stage)
        else:
            rows, results = compare_routing(instance, watched, stage, names)
        progress.clear()
        label = written.label(instance)
        if label != instance.name:
            say(f"warning: two instances are called {instance.name}; this one is {label} from here on", err=True)
            rows = tuple(replace(row, instance=label) for row in rows)
        table = gap_table(rows, results, mip_gap, policy)
        written.add(instance, rows, results, table)
        if not json:
            say(table)
        if results["exact"].interrupted:
            raise KeyboardInterrupt

    try:
        with ProgressLine() as progress:
            for instance in _instances(files or [], preset, count or 1, seed):
                compare_one(progress, instance)
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


def _instances(files: list[Path], preset: str | None, count: int, seed: int) -> "Iterator[Instance]":
    """Yield the instances that are asked for; files are all read before the first is solved."""
    from instances import read_instance
    from instances.bundled import bundled_instances
    from instances.presets import make_preset

    if preset is not None:
        yield from (make_preset(preset, seed=seed + k) for k in range(count))
    else:
        yield from [read_instance(path) for path in files or bundled_instances()]
