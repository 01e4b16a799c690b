"""``leosplit run``: one scheme on one instance."""

from pathlib import Path
from typing import Annotated

import typer

from leosplit.cli.options import (
    Json,
    OutFileOption,
    PolicyOption,
    SeedOption,
    TimeLimitOption,
)
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine
from leosplit.tables import seconds


@takes_problem
def command(
    file: Annotated[Path, typer.Argument(help="Instance file.", metavar="FILE")],
    scheme: Annotated[str, typer.Option(help="Name of a scheme, or module:function for your own.")],
    policy: PolicyOption = None,
    seed: SeedOption = 0,
    *,
    asked: Asked,
    time_limit: TimeLimitOption = None,
    out: OutFileOption = None,
    json: Json = False,
) -> None:
    """Decide an instance with one scheme; exit code 1 if it finds no feasible solution or is stopped before its end."""
    from formulation import solution_to_dict, write_solution
    from solvers.result import Termination
    from solvers.schemes import SchemeOptions, attempt_scheme, find_scheme

    find_scheme(scheme)
    problem = asked.read(file)
    name = problem.instance.name
    with ProgressLine() as progress:
        progress.stage(f"{name}: {scheme}")
        options = SchemeOptions(seed=seed, policy=policy, time_limit=time_limit, progress=progress)
        result = attempt_scheme(problem, scheme, options)
    if out is not None and result.solution is not None:
        write_solution(result.solution, out)
    if json:
        print_json(
            {
                "scheme": scheme,
                "termination": result.termination,
                "objective_s": result.objective_s,
                "decision_s": result.decision_s,
                "seed": result.seed,
                "message": result.message,
                "solution": None if result.solution is None else solution_to_dict(result.solution),
                "trace": list(result.trace),
            }
        )
    else:
        say(
            f"{scheme} on {name}: {result.termination}, {problem.objective} delay {seconds(result.objective_s)}",
            nl=False,
        )
        say(f", decided in {result.decision_s:.3g} s" + (f": {result.message}" if result.message else ""))
        for decision in result.solution.tasks if result.solution else ():
            route = " ".join(decision.data_path or ("–",))
            say(f"  {decision.satellite}: ρ {decision.offload_ratio:.6g}, data {route}", nl=False)
            say(f", model {' '.join(decision.model_path or ('–',))}")
    if result.objective_s is None or result.termination not in (Termination.OPTIMAL, Termination.FEASIBLE):
        raise typer.Exit(1)
