"""The two public solves: the whole problem (4) and routing (7)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from formulation import FORMULATIONS, Solution, build_full_model, build_routing_model, solution_from_model
from formulation.delay import OBJECTIVES
from instances import Instance
from solvers.exact.direct import solve_directly
from solvers.exact.errors import SolverError
from solvers.exact.highs import Limits
from solvers.exact.infeasible import why_full_infeasible, why_routing_infeasible
from solvers.exact.prove import prove
from solvers.result import ProgressCallback, Result, Termination


def _limits(
    time_limit: float | None,
    mip_gap: float,
    threads: int,
    solver_options: Mapping[str, Any] | None,
    log: Path | None,
    memory_limit: float | None,
) -> Limits:
    for name, value, low in (("time_limit", time_limit, 0.0), ("mip_gap", mip_gap, 0.0), ("threads", threads, 0.0)):
        if value is not None and not value >= low:
            raise SolverError(f"{name} must be at least {low:g}, got {value!r}")
    return Limits(time_limit, mip_gap, threads, memory_limit, dict(solver_options or {}), log)


def _check(objective: str) -> None:
    if objective not in OBJECTIVES:
        raise SolverError(f"objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}")


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
        Limits [s], [GiB]; the best solution so far is returned with its bound.
    mip_gap
        Relative gap at which the result counts as optimal.
    threads
        Threads of the solver; 1 keeps runs reproducible.
    start
        A solution to begin with.
    progress
        Called with incumbent and bound as they change.
    prepare
        Called with the Pyomo model before it is solved.
    log
        File for the solver's log.
    seed
        Of the local search of the proof machinery.
    share_computing
        Divide F_c by the number of tasks that c serves; by a Pyomo model.
    whole_frames
        Offload whole frames at every level; by a Pyomo model.

    Returns
    -------
    Result
        Infeasible problems say in `message` which task and which constraint.

    Raises
    ------
    SolverError
        If solver, option or objective do not exist.
    """
    _check(objective)
    limits = _limits(time_limit, mip_gap, threads, solver_options, log, memory_limit)
    reason = why_full_infeasible(instance)
    if reason is not None:
        return Result(Termination.INFEASIBLE, solver=solver, message=reason)
    if formulation not in (None, *FORMULATIONS):
        raise SolverError(f"formulation must be one of {', '.join(FORMULATIONS)}, got {formulation!r}")
    if whole_frames and formulation == "textbook":
        raise SolverError("formulation 'textbook' knows no whole frames; take bit-flow, load-indexed or joint")
    options = share_computing or whole_frames
    if formulation is None and solver == "highs" and prepare is None and not relax and not options:
        return prove(instance, objective=objective, limits=limits, start=start, progress=progress, seed=seed)
    result = solve_directly(
        instance,
        lambda: build_full_model(
            instance, objective, formulation or "bit-flow", share_computing, whole_frames=whole_frames
        ),
        solution_from_model,
        objective=objective,
        solver=solver,
        limits=limits,
        progress=progress,
        prepare=prepare,
        relax=relax,
        share_computing=share_computing,
        free_ratios=not options,
        start=start,
    )
    if whole_frames and result.termination is Termination.INFEASIBLE and not result.message:
        return replace(result, message="no whole number of frames meets (4b) and (4c) of every task")
    return result


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
    log: Path | None = None,
    seed: int = 0,
) -> Result:
    """Solve (7): c(m) and every route, at the offload ratios and packet sizes of `packets`.

    Parameters are those of `solve_full`; c(m) and paths of `packets` are not used.
    """
    _check(objective)
    limits = _limits(time_limit, mip_gap, threads, solver_options, log, memory_limit)
    reason = why_routing_infeasible(instance, packets)
    if reason is not None:
        return Result(Termination.INFEASIBLE, solver=solver, message=reason)
    if formulation not in (None, "bit-flow"):
        raise SolverError(f"formulation of (7) must be bit-flow, got {formulation!r}")
    if formulation is None and solver == "highs" and prepare is None and not relax:
        return prove(instance, packets, objective=objective, limits=limits, start=start, progress=progress, seed=seed)
    return solve_directly(
        instance,
        lambda: build_routing_model(instance, packets, objective),
        solution_from_model,
        objective=objective,
        solver=solver,
        limits=limits,
        progress=progress,
        prepare=prepare,
        relax=relax,
        start=start,
        free_ratios=False,
    )
