"""``leosplit evaluate``: the delay of a solution and what it violates."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.tables import render_table, seconds

if TYPE_CHECKING:
    from formulation import Solution, TaskDelay


@takes_problem
def command(
    instance: Annotated[Path, typer.Argument(help="Instance file.", metavar="INSTANCE")],
    solution: Annotated[Path, typer.Argument(help="Solution file.", metavar="SOLUTION")],
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Recompute the delays (1)-(3) of a solution and check its constraints; exit code 1 if it violates one."""
    from formulation import SolutionError, check, evaluate, evaluate_sound, read_solution

    problem = asked.read(instance)
    decisions = read_solution(solution, problem.instance, instance)
    violations = check(problem, decisions)
    mean_s = max_s = None
    energy: dict[str, float] | None = None
    delays: tuple[TaskDelay | None, ...]
    try:
        result = evaluate(problem, decisions)
        mean_s, max_s, delays, energy = result.mean_s, result.max_s, result.tasks, dict(result.energy_j)
    except SolutionError:
        if not violations:
            raise
        # a broken route has no delay; the violations below say which
        delays = evaluate_sound(problem, decisions)
    name, tasks = problem.instance.name, problem.instance.tasks
    if json:
        print_json(
            {
                "instance": name,
                "mean_s": mean_s,
                "max_s": max_s,
                "tasks": [_document(task.satellite, delay) for task, delay in zip(tasks, delays, strict=True)],
                "energy_j": energy,
                "violations": [asdict(violation) for violation in violations],
            }
        )
    else:
        say(_table(name, delays, decisions), nl=False)
        if mean_s is None:
            say("mean and max: –, a route is missing or broken; its packet takes no part in the other delays")
        else:
            say(f"mean {seconds(mean_s)}, max {seconds(max_s)}")
        if energy:
            rows = [[node, f"{joule:.6g}"] for node, joule in energy.items() if joule > 0]
            say(render_table("Energy", ["satellite", "energy [J]"], rows), nl=False)
        for violation in violations:
            about = "" if violation.task is None else f"{violation.task} "
            say(f"violated: {about}{violation.constraint}: {violation.value}, limit {violation.limit}")
    if violations:
        raise typer.Exit(1)


def _document(satellite: str, delay: "TaskDelay | None") -> dict[str, Any]:
    """Return a task's delay for JSON; all of it is null where it has none."""
    from formulation import TaskDelay

    return dict.fromkeys(field.name for field in fields(TaskDelay)) | (
        {"satellite": satellite} if delay is None else asdict(delay)
    )


def _table(name: str, delays: "tuple[TaskDelay | None, ...]", decisions: "Solution") -> str:
    """Return the delays of each task as a table."""
    header = ["task", "ρ", "T", "T_M", "T_D", "t_fe", "t_S", "t_L", "q̄ [bit/pixel]", "large mAP", "small mAP"]
    rows = []
    for task, decision in zip(delays, decisions.tasks, strict=True):
        shown = ["–"] * 9
        if task is not None:
            parts = [seconds(value) for value in (task.T, task.T_M, task.T_D, task.t_fe, task.t_S, task.t_L)]
            reads = [task.residual_bpp, task.large_map, task.small_map]
            shown = [*parts, *("–" if value is None else f"{value:.4g}" for value in reads)]
        rows.append([decision.satellite, f"{decision.offload_ratio:.6g}", *shown])
    return render_table(f"{name}: delay of each task", header, rows)
