"""``leosplit evaluate``: the delay of a solution and what it violates."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json
from leosplit.tables import render_table, seconds

if TYPE_CHECKING:
    from formulation import Evaluation, Solution


def command(
    instance: Annotated[Path, typer.Argument(help="Instance file.", metavar="INSTANCE")],
    solution: Annotated[Path, typer.Argument(help="Solution file.", metavar="SOLUTION")],
    json: Json = False,
) -> None:
    """Recompute the delays (1)-(3) of a solution and check its constraints; exit code 1 if it violates one."""
    from formulation import SolutionError, check, evaluate, read_solution
    from instances import read_instance

    problem = read_instance(instance)
    decisions = read_solution(solution, problem, instance)
    violations = check(problem, decisions)
    try:
        result = evaluate(problem, decisions)
    except SolutionError:
        if not violations:
            raise
        result = None  # a missing route has no delay; the violations below say which
    if json:
        print_json(
            {
                "instance": problem.name,
                "mean_s": result.mean_s if result else None,
                "max_s": result.max_s if result else None,
                "tasks": [asdict(task) for task in result.tasks] if result else None,
                "violations": [asdict(violation) for violation in violations],
            }
        )
    else:
        if result:
            typer.echo(_table(problem.name, result, decisions), nl=False)
            typer.echo(f"mean {seconds(result.mean_s)}, max {seconds(result.max_s)}")
        for violation in violations:
            typer.echo(f"violated: {violation.task} {violation.constraint}: {violation.value}, limit {violation.limit}")
    if violations:
        raise typer.Exit(1)


def _table(name: str, result: "Evaluation", decisions: "Solution") -> str:
    """Return the delays of each task as a table."""
    header = ["task", "ρ", "T", "T_M", "T_D", "t_fe", "t_S", "t_L", "q̄ [bit/pixel]", "large mAP", "small mAP"]
    rows = []
    for task, decision in zip(result.tasks, decisions.tasks, strict=True):
        delays = [seconds(value) for value in (task.T, task.T_M, task.T_D, task.t_fe, task.t_S, task.t_L)]
        reads = [task.residual_bpp, task.large_map, task.small_map]
        shown = ["–" if value is None else f"{value:.4g}" for value in reads]
        rows.append([task.satellite, f"{decision.offload_ratio:.6g}", *delays, *shown])
    return render_table(f"{name}: delay of each task", header, rows)
