"""The two public solves: the whole problem (4) and routing (7)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from formulation import FORMULATIONS, Problem, Solution, build_full_model, build_routing_model
from formulation.objectives import OBJECTIVES
from instances import Instance
from solvers.backends.errors import SolverError
from solvers.backends.program import Limits
from solvers.backends.pyomo_backend import require_solver
from solvers.diagnosis import why_frames_infeasible, why_full_infeasible, why_routing_infeasible
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.branch_and_price.solve import solve_branch_and_price
from solvers.exact.branch_and_price.whole_frames import WholeFramesSearch
from solvers.exact.pyomo_models.initial import InitialBounds, first_solution, given_start, initial_bounds
from solvers.exact.pyomo_models.solve import UNMET, SolutionEvaluator, solve_pyomo_model, write_model
from solvers.network.data import ProblemData
from solvers.network.single_task import first_bound
from solvers.result import ProgressCallback, Result, Termination


def _limits(
    time_limit: float | None,
    mip_gap: float,
    threads: int,
    solver_options: Mapping[str, Any] | None,
    log: Path | None,
    memory_limit: float | None,
) -> Limits:
    given = {"time_limit": time_limit, "mip_gap": mip_gap, "threads": threads, "memory_limit": memory_limit}
    for name, value in given.items():
        if value is not None and not value >= 0:
            raise SolverError(f"{name} must be at least 0, got {value!r}")
    file = None if log is None else Path(log)
    return Limits(time_limit, mip_gap, threads, memory_limit, dict(solver_options or {}), file)


def _check(objective: str, solver: str, relax: bool, start: Solution | None) -> None:
    require_solver(solver)
    if objective not in OBJECTIVES:
        raise SolverError(f"objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}")
    if relax and start is not None:
        raise SolverError("a relaxation begins with no solution: give relax or start, not both")


def solve_full(
    instance: Instance,
    *,
    objective: str = "mean",
    formulation: str | None = None,
    relax: bool = False,
    solver: str = "highs",
    solver_options: Mapping[str, Any] | None = None,
    time_limit: float | None = None,
    mip_gap: float = 1e-6,
    threads: int = 1,
    memory_limit: float | None = None,
    start: Solution | None = None,
    progress: ProgressCallback | None = None,
    prepare: Callable[[Any], None] | None = None,
    export: Path | None = None,
    log: Path | None = None,
    seed: int = 0,
    share_computing: bool = False,
    whole_frames: bool = False,
) -> Result:
    """Solve (4): offload ratios, packets, computing satellites and routes together.

    Parameters
    ----------
    instance
        The problem.
    objective
        `mean` or `max` service delay.
    formulation
        Name of a Pyomo model; None takes the proof machinery where solver is `highs`, else `bit-flow`.
    relax
        Solve the linear relaxation of the Pyomo model: a bound, no solution.
    solver
        `highs`, `scip`, `gurobi`, `cbc`, …
    solver_options
        Options by the solver's own names.
    time_limit, memory_limit
        Limits [s], [GiB]; the best solution so far is returned with its bound. Building counts.
    mip_gap
        Relative gap at which the result counts as optimal.
    threads
        Threads of the solver. From two on the proof machinery works with two processes where the system can copy one
        (Linux), as reproducibly as with one; each has the memory limit for itself.
    start
        A solution to begin with; best response finds one if left out.
    progress
        Called with incumbent and bound as they change.
    prepare
        Called with the Pyomo model before it is solved.
    export
        File to write the Pyomo model to, .lp or .mps; an infeasible one too.
    log
        File that the solver's log is appended to.
    seed
        Of the local search of the proof machinery.
    share_computing
        Divide F_c by the number of tasks that c serves; by a Pyomo model.
    whole_frames
        Offload whole frames at every level.

    Returns
    -------
    Result
        Infeasible problems say in `message` which task and which constraint; `error` says what failed, or that the
        solver's tolerances are too coarse for the asked gap.

    Raises
    ------
    SolverError
        If solver, option or objective do not exist, or the start breaks a constraint.
    """
    _check(objective, solver, relax, start)
    limits = _limits(time_limit, mip_gap, threads, solver_options, log, memory_limit)
    if formulation not in (None, *FORMULATIONS):
        raise SolverError(f"formulation must be one of {', '.join(FORMULATIONS)}, got {formulation!r}")
    if whole_frames and formulation == "textbook":
        raise SolverError("formulation 'textbook' knows no whole frames; take bit-flow, load-indexed or joint")

    def build() -> Any:
        name = formulation or "bit-flow"
        return build_full_model(instance, objective, name, share_computing, whole_frames=whole_frames)

    reason = why_full_infeasible(instance) or (why_frames_infeasible(instance) if whole_frames else None)
    if reason is not None:
        return _infeasible(reason, solver, build, export)
    given = None if start is None else given_start(instance, start)
    plain = formulation is None and solver == "highs" and prepare is None and export is None
    known: InitialBounds | None = None
    if plain and not (share_computing or relax):
        started = time.perf_counter()
        result = _proved(instance, None, objective, limits, given, progress, seed, whole_frames)
        if not (whole_frames and result.termination is Termination.ERROR):
            return result
        known = InitialBounds(result.solution, result.bound_s)
        if time_limit is not None:
            limits = replace(limits, time_s=max(time_limit - (time.perf_counter() - started), 0.0))
    return solve_pyomo_model(
        build,
        SolutionEvaluator(Problem(instance, objective, share_computing, whole_frames), not (whole_frames or prepare)),
        lambda: (
            known or initial_bounds(instance, None, given, objective=objective, time_limit=time_limit, search=not relax)
        ),
        solver=solver,
        limits=limits,
        progress=progress,
        prepare=prepare,
        export=export,
        relax=relax,
    )


def _infeasible(reason: str, solver: str, build: Callable[[], Any], export: Path | None) -> Result:
    """Return why there is no solution; a model that was asked for is written all the same."""
    if export is not None:
        write_model(build(), export)
    return Result(Termination.INFEASIBLE, solver=solver, message=reason)


def _proved(
    instance: Instance,
    packets: Solution | None,
    objective: str,
    limits: Limits,
    start: Solution | None,
    progress: ProgressCallback | None,
    seed: int,
    whole_frames: bool = False,
) -> Result:
    """Run the proof machinery; whatever ends it early, keep what is known."""
    data, ended, message = ProblemData(instance, packets), Termination.ERROR, ""
    evaluator = SolutionEvaluator(Problem(instance, objective, whole_frames=whole_frames), free_ratios=False)
    solution = None
    try:
        if whole_frames:
            solution = evaluator.adapt(start or first_solution(data, objective, 0.0))
        if solution is not None or not whole_frames:
            kind = WholeFramesSearch if whole_frames else BranchAndPrice
            result = solve_branch_and_price(
                instance,
                packets,
                objective=objective,
                limits=limits,
                start=start,
                progress=progress,
                seed=seed,
                kind=kind,
            )
            if result.termination is not Termination.FEASIBLE:
                return result
            gap = "unknown" if result.gap is None else f"{result.gap:.3g}"
            message = UNMET.format(gap=gap, asked=f"{limits.mip_gap:.2g}")
            return replace(result, termination=Termination.ERROR, message=message)
    except KeyboardInterrupt:
        ended = Termination.INTERRUPTED
    except RuntimeError as error:
        message = str(error)
    solution = solution or evaluator.adapt(start or first_solution(data, objective, 0.0))
    value = None if solution is None else evaluator.value(solution)
    bound = first_bound(data, objective)
    return Result(ended, solution, value, bound, solver="highs", seed=seed, message=message)


def solve_routing(
    instance: Instance,
    packets: Solution,
    *,
    objective: str = "mean",
    formulation: str | None = None,
    relax: bool = False,
    solver: str = "highs",
    solver_options: Mapping[str, Any] | None = None,
    time_limit: float | None = None,
    mip_gap: float = 1e-6,
    threads: int = 1,
    memory_limit: float | None = None,
    start: Solution | None = None,
    progress: ProgressCallback | None = None,
    prepare: Callable[[Any], None] | None = None,
    export: Path | None = None,
    log: Path | None = None,
    seed: int = 0,
) -> Result:
    """Solve (7): c(m) and every route, at the offload ratios and packet sizes of `packets`.

    Parameters are those of `solve_full`; c(m) and paths of `packets` are not used.
    """
    _check(objective, solver, relax, start)
    limits = _limits(time_limit, mip_gap, threads, solver_options, log, memory_limit)
    if formulation not in (None, "bit-flow"):
        raise SolverError(f"formulation of (7) must be bit-flow, got {formulation!r}")

    def build() -> Any:
        return build_routing_model(instance, packets, objective)

    reason = why_routing_infeasible(instance, packets)
    if reason is not None:
        return _infeasible(reason, solver, build, export)
    given = None if start is None else given_start(instance, start, packets)
    if formulation is None and solver == "highs" and prepare is None and export is None and not relax:
        return _proved(instance, packets, objective, limits, given, progress, seed)
    return solve_pyomo_model(
        build,
        SolutionEvaluator(Problem(instance, objective), free_ratios=False),
        lambda: initial_bounds(instance, packets, given, objective=objective, time_limit=time_limit, search=not relax),
        solver=solver,
        limits=limits,
        progress=progress,
        prepare=prepare,
        export=export,
        relax=relax,
    )
