"""``leosplit evaluate``: the delay of a solution and what it violates."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say
from leosplit.tables import render_table, seconds

if TYPE_CHECKING:
    from formulation import Solution, TaskDelay


def command(
    instance: Annotated[Path, typer.Argument(help="Instance file.", metavar="INSTANCE")],
    solution: Annotated[Path, typer.Argument(help="Solution file.", metavar="SOLUTION")],
    whole_frames: Annotated[bool, typer.Option(help="Ask for whole frames at every level too.")] = False,
    share_computing: Annotated[bool, typer.Option(help="Divide F_c by the tasks that c serves.")] = False,
    json: Json = False,
) -> None:
    """Recompute the delays (1)-(3) of a solution and check its constraints; exit code 1 if it violates one."""
    from formulation import SolutionError, check, evaluate, evaluate_sound, read_solution
    from instances import read_instance

    problem = read_instance(instance)
    decisions = read_solution(solution, problem, instance)
    violations = check(problem, decisions, whole_frames=whole_frames)
    mean_s = max_s = None
    delays: tuple[TaskDelay | None, ...]
    try:
        result = evaluate(problem, decisions, share_computing=share_computing)
        mean_s, max_s, delays = result.mean_s, result.max_s, result.tasks
    except SolutionError:
        if not violations:
            raise
        # a broken route has no delay; the violations below say which
        delays = evaluate_sound(problem, decisions, share_computing=share_computing)
    if json:
        print_json(
            {
                "instance": problem.name,
                "mean_s": mean_s,
                "max_s": max_s,
                "tasks": [_document(task.satellite, delay) for task, delay in zip(problem.tasks, delays, strict=True)],
                "violations": [asdict(violation) for violation in violations],
            }
        )
    else:
        say(_table(problem.name, delays, decisions), nl=False)
        if mean_s is None:
            say("mean and max: –, a route is missing or broken; its packet takes no part in the other delays")
        else:
            say(f"mean {seconds(mean_s)}, max {seconds(max_s)}")
        for violation in violations:
            say(f"violated: {violation.task} {violation.constraint}: {violation.value}, limit {violation.limit}")
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
