"""``leosplit place``: where to put large models, and what one more of them saves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import Json, MipGapOption, SeedOption, TimeLimitOption
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine
from leosplit.tables import percent, render_table, seconds

if TYPE_CHECKING:
    from formulation import Problem
    from solvers.placement import Placement


@takes_problem
def command(
    file: Annotated[Path | None, typer.Argument(help="Instance file.", metavar="[FILE]")] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="A preset in place of a file.")] = None,
    seed: SeedOption = 0,
    count: Annotated[
        str, typer.Option(metavar="K", help="Computing satellites that may serve: a number, or a range such as 1-4.")
    ] = "1-3",
    candidates: Annotated[
        str | None, typer.Option(metavar="IDS", help="Satellites to choose from, by commas; all that do not image.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw delay against the count.")] = None,
    time_limit: TimeLimitOption = None,
    mip_gap: MipGapOption = 1e-6,
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Choose which satellites compute; exit code 1 if a count has no proven optimum."""
    from solvers.placement import place, with_candidates
    from solvers.result import Termination

    counts = _counts(count)
    problem = with_candidates(_given(file, preset, seed, asked), candidates.split(",") if candidates else None)
    with ProgressLine() as progress:
        progress.stage(f"{problem.instance.name}: placement")
        found = place(problem, counts, time_limit=time_limit, mip_gap=mip_gap, progress=progress)
    if json:
        print_json({"instance": problem.instance.name, "objective": problem.objective, "rows": _rows(found)})
    else:
        say(_table(problem, found), nl=False)
    if figure is not None:
        from leosplit.figures.placement import draw_placement
        from leosplit.figures.style import save

        save(draw_placement(found, f"Placement on {problem.instance.name}", problem.objective), figure)
    raise typer.Exit(0 if all(one.result.termination is Termination.OPTIMAL for one in found) else 1)


def _given(file: Path | None, preset: str | None, seed: int, asked: Asked) -> "Problem":
    from instances import make_preset

    if (file is None) is (preset is None):
        raise typer.BadParameter("give an instance file or --preset, one of them", param_hint="FILE")
    return asked.read(file) if file is not None else asked.of(make_preset(preset or "", seed=seed))


def _counts(text: str) -> list[int]:
    first, _, last = text.partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        low, high = 0, 0
    if not 1 <= low <= high:
        raise typer.BadParameter(
            f"must be a number from 1 on or a range such as 1-4, got {text!r}", param_hint="--count"
        )
    return list(range(low, high + 1))


def _rows(found: "tuple[Placement, ...]") -> list[dict[str, object]]:
    return [
        {"count": one.count, "places": list(one.places)}
        | {name: getattr(one.result, name) for name in ("termination", "objective_s", "bound_s", "gap", "message")}
        for one in found
    ]


def _table(problem: "Problem", found: "tuple[Placement, ...]") -> str:
    rows = [
        [
            str(one.count),
            seconds(one.result.objective_s),
            seconds(one.result.bound_s),
            percent(one.result.gap),
            str(one.result.termination),
            ", ".join(one.places) or one.result.message or "–",
        ]
        for one in found
    ]
    header = ["may serve", f"{problem.objective} delay", "bound", "gap", "termination", "places"]
    return render_table(f"{problem.instance.name}: {len(problem.instance.computing)} candidates", header, rows)
