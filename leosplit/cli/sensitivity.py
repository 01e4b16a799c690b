"""``leosplit sensitivity``: T(ρ) of each task, and what faster links and computing satellites would save."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import Json, MipGapOption, TimeLimitOption
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine
from leosplit.tables import percent, render_table, seconds

if TYPE_CHECKING:
    from formulation import Evaluation, Problem, Solution
    from instances import Instance
    from solvers.exact import RatioCurve, Worth
    from solvers.result import Result


@takes_problem
def command(
    file: Annotated[Path, typer.Argument(help="Instance file.", metavar="FILE")],
    solution: Annotated[Path | None, typer.Option(help="Solution to look at; (4) is solved if left out.")] = None,
    factor: Annotated[float, typer.Option(metavar="X", help="How much faster a link or F_c gets.")] = 1.1,
    time_limit: TimeLimitOption = None,
    mip_gap: MipGapOption = 1e-6,
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Say how T depends on ρ and what a change is worth; exit code 1 if infeasible or stopped before the asked gap.

    Routes and c(m) are held, every ρ is optimised anew: a saving is what the change brings at least.
    """
    from formulation import evaluate
    from solvers.exact import ratio_curves, solve_full, worths
    from solvers.result import Termination

    if not 1 < factor < float("inf"):
        raise typer.BadParameter(f"must be a number above 1, got {factor:g}", param_hint="--factor")
    problem = asked.read(file)
    instance, objective = problem.instance, problem.objective
    result: Result | None = None
    if solution is not None:
        decisions = _given(solution, problem, file)
    else:
        with ProgressLine() as progress:
            progress.stage(f"{instance.name}: full")
            result = solve_full(problem, time_limit=time_limit, mip_gap=mip_gap, progress=progress)
        if result.solution is None:
            _print_nothing(instance, objective, result, json)
            raise typer.Exit(1)
        decisions = result.solution
    evaluation = evaluate(problem, decisions)
    curves = ratio_curves(problem, decisions)
    found = worths(problem, decisions, factor=factor)
    if json:
        document = _head(instance, objective, result) | {"objective_s": evaluation.objective_s()}
        print_json(document | {"factor": factor, "tasks": _tasks(decisions, evaluation, curves)} | _worths(found))
    else:
        bound = f", bound {seconds(result.bound_s)}, gap {percent(result.gap)}" if result else ""
        say(f"{instance.name}: {objective} {seconds(evaluation.objective_s())}{bound}\n")
        say(_curve_table(decisions, evaluation, curves))
        say(_worth_table(found, factor, evaluation.objective_s()), nl=False)
    raise typer.Exit(0 if result is None or result.termination is Termination.OPTIMAL else 1)


def _given(path: Path, problem: "Problem", file: Path) -> "Solution":
    """Return the solution of a file, which must satisfy every constraint."""
    from formulation import SolutionError, check, read_solution

    decisions = read_solution(path, problem.instance, file)
    for violation in check(problem, decisions):
        about = "it" if violation.task is None else f"task {violation.task}"
        raise SolutionError(
            f"{path}: {about} violates {violation.constraint}: {violation.value}, limit "
            f"{violation.limit}; `leosplit evaluate` lists what a solution violates"
        )
    return decisions


def _head(instance: "Instance", objective: str, result: "Result | None") -> dict[str, object]:
    """Return what JSON says of the solve; null where a solution was given."""
    names = ("termination", "objective_s", "bound_s", "gap", "message")
    return {"instance": instance.name, "objective": objective} | {
        name: getattr(result, name) if result else None for name in names
    }


def _print_nothing(instance: "Instance", objective: str, result: "Result", json: bool) -> None:
    """Say why there is no solution to look at."""
    if json:
        print_json(_head(instance, objective, result) | {"tasks": [], "worths": []})
    else:
        say(f"{instance.name}: {result.termination}" + (f": {result.message}" if result.message else ""))


def _tasks(
    decisions: "Solution", evaluation: "Evaluation", curves: "tuple[RatioCurve, ...]"
) -> list[dict[str, object]]:
    """Return the entries of JSON: where each task stands and its T(ρ)."""
    return [
        {
            "satellite": curve.satellite,
            "offload_ratio": decision.offload_ratio,
            "T": task.T,
            "breakpoints": {"offload_ratio": curve.offload_ratio, "delay_s": curve.delay_s},
            "local_s": curve.local_s,
            "offloaded_s": curve.offloaded_s,
        }
        for decision, task, curve in zip(decisions.tasks, evaluation.tasks, curves, strict=True)
    ]


def _worths(found: "tuple[Worth, ...]") -> dict[str, object]:
    """Return the worths for JSON."""
    return {"worths": [asdict(worth) for worth in found]}


def _curve_table(decisions: "Solution", evaluation: "Evaluation", curves: "tuple[RatioCurve, ...]") -> str:
    """Return T(ρ) of each task as a table."""
    rows = []
    for decision, task, curve in zip(decisions.tasks, evaluation.tasks, curves, strict=True):
        points = zip(curve.offload_ratio, curve.delay_s, strict=True)
        through = ", ".join(f"{x:.4g}: {seconds(y)}" for x, y in points) or "–"
        now = [f"{decision.offload_ratio:.6g}", seconds(task.T)]
        rows.append([curve.satellite, *now, through, seconds(curve.local_s), seconds(curve.offloaded_s)])
    header = ["task", "ρ", "T", "T(ρ) with both packets, linear between", "T, no data packet", "T, no model packet"]
    return render_table("Delay against the offload ratio, routes held", header, rows)


def _worth_table(found: "tuple[Worth, ...]", factor: float, objective_s: float) -> str:
    """Return the savings as a table, those that save nothing left out."""
    rows = [
        [worth.what, f"{worth.saving_s:.4g} s", percent(worth.saving_s / objective_s)]
        for worth in found
        if worth.saving_s > 0
    ]
    title = f"What {factor:g} times the rate or F_c saves at least"
    return render_table(title, ["of", "saving", "of the objective"], rows) if rows else f"{title}: nothing\n"
