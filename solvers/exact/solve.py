"""The two public solves: the whole problem (4) and routing (7)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from formulation import FORMULATIONS, Problem, Solution, as_problem, build_full_model, build_routing_model
from formulation.models.own_rows import read_constraints
from instances import Instance
from solvers.backends.errors import SolverError
from solvers.backends.program import Limits
from solvers.backends.pyomo_backend import require_solver
from solvers.diagnosis import why_frames_infeasible, why_full_infeasible, why_routing_infeasible
from solvers.exact.branch_and_price.settings import Settings, is_setting
from solvers.exact.branch_and_price.solve import solve_branch_and_price
from solvers.exact.pyomo_models.initial import InitialBounds, first_solution, given_start, initial_bounds
from solvers.exact.pyomo_models.solve import UNMET, SolutionEvaluator, solve_pyomo_model, write_model
from solvers.exact.pyomo_models.unmet import why_rules_infeasible
from solvers.exact.time_unit import solve_in_time_unit
from solvers.network.data import ProblemData
from solvers.network.descent import all_moves
from solvers.network.rules import priced_part
from solvers.network.single_task import first_bound
from solvers.result import CONTRADICTION, ProgressCallback, Result, Termination, is_below_bound, relative_gap

SHARE_FOR_BOUND = 0.3
"""Share of the time limit that the problem without its rules may take, for a bound."""
MOST_NAMED = 10
"""Names of a user's own rows that a message lists."""


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


def _settings(limits: Limits, priced: bool) -> tuple[Settings, Limits]:
    """Return the settings of branch and price among the solver's options, and the limits with the other options."""
    own = {name: value for name, value in limits.options.items() if is_setting(name)}
    if not priced or not own:
        return Settings(), limits
    rest = {name: value for name, value in limits.options.items() if name not in own}
    return Settings().with_options(own), replace(limits, options=rest)


def _check(solver: str, relax: bool, start: Solution | None) -> None:
    require_solver(solver)
    if relax and start is not None:
        raise SolverError("a relaxation begins with no solution: give relax or start, not both")


def solve_full(
    problem: Instance | Problem,
    *,
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
    add_constraints: Callable[[Any], None] | None = None,
    export: Path | None = None,
    log: Path | None = None,
    seed: int = 0,
) -> Result:
    """Solve (4): offload ratios, packets, computing satellites and routes together.

    Parameters
    ----------
    problem
        What is asked. Weights, shared computing and rules over routes, ends and packets go into branch and price.
        Energy, deadlines, limits of ρ, rules that a dropped packet may break, and whole frames beside any of these go
        by a Pyomo model, which is told the bound and the solutions of the problem without them.
    formulation
        Name of a Pyomo model; None takes branch and price where solver is `highs`, else `bit-flow`.
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
        Threads of the solver. From two on branch and price works with two processes where the system can copy one
        (Linux), as reproducibly as with one; each has the memory limit for itself.
    start
        A solution to begin with; best response finds one if left out.
    progress
        Called with incumbent and bound as they change.
    add_constraints
        Called with the Pyomo model before it is solved or written; adds constraints of one's own. Linear rows over
        `use`, `serve`, `sent` and `offload_ratio` are read as rules of kind `linear`, from a model of these variables
        alone, and solved as such; the result's message says which. Others go by the whole Pyomo model.
    export
        File to write the Pyomo model to, .lp or .mps, before the run begins and its time counts; an infeasible one too.
    log
        File that the solver's log is appended to.
    seed
        Of the local search of branch and price.

    Returns
    -------
    Result
        Infeasible problems say in `message` which task and which constraint or rule; `error` says what failed, or that
        the solver's tolerances are too coarse for the asked gap.

    Raises
    ------
    SolverError
        If solver or option do not exist, or the start breaks a constraint.
    """
    problem = as_problem(problem)
    _check(solver, relax, start)
    limits = _limits(time_limit, mip_gap, threads, solver_options, log, memory_limit)
    if formulation not in (None, *FORMULATIONS):
        raise SolverError(f"formulation must be one of {', '.join(FORMULATIONS)}, got {formulation!r}")
    if problem.whole_frames and formulation == "textbook":
        raise SolverError("formulation 'textbook' knows no whole frames; take bit-flow, load-indexed or joint")

    asked = problem

    def build() -> Any:
        return build_full_model(asked, formulation or "bit-flow")

    reason = why_full_infeasible(problem.instance)
    if reason is None and problem.whole_frames:
        reason = why_frames_infeasible(problem.instance)
    # whole frames take a start with any shares: it is rounded to frames
    given = None if start is None or reason is not None else given_start(replace(problem, whole_frames=False), start)
    if export is not None:
        _export(build, add_constraints, export)
    if reason is not None:
        return Result(Termination.INFEASIBLE, solver=solver, message=reason)
    priced = formulation is None and solver == "highs" and not relax
    asked, add_constraints, read = _with_own_rows(as_problem(problem), add_constraints, priced)
    result = _solve(
        asked,
        None,
        build,
        given,
        limits,
        priced=priced,
        seed=seed,
        solver=solver,
        progress=progress,
        add_constraints=add_constraints,
        relax=relax,
    )
    return replace(result, message="; ".join(filter(None, (result.message, read))))


def solve_routing(
    problem: Instance | Problem,
    packets: Solution,
    *,
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
    add_constraints: Callable[[Any], None] | None = None,
    export: Path | None = None,
    log: Path | None = None,
    seed: int = 0,
) -> Result:
    """Solve (7): c(m) and every route, at the offload ratios and packet sizes of `packets`.

    Parameters are those of `solve_full`; c(m) and paths of `packets` are not used, nor are limits of ρ. A
    constraint of one's own goes by the whole Pyomo model here.
    """
    problem = as_problem(problem)
    _check(solver, relax, start)
    limits = _limits(time_limit, mip_gap, threads, solver_options, log, memory_limit)
    if formulation not in (None, "bit-flow"):
        raise SolverError(f"formulation of (7) must be bit-flow, got {formulation!r}")
    free = tuple(replace(task, offload_ratio_range=(0.0, 1.0)) for task in problem.instance.tasks)
    problem = replace(problem, instance=replace(problem.instance, tasks=free), whole_frames=False)

    def build() -> Any:
        return build_routing_model(problem, packets)

    reason = why_routing_infeasible(problem.instance, packets)
    given = None if start is None or reason is not None else given_start(problem, start, packets)
    if export is not None:
        _export(build, add_constraints, export)
    if reason is not None:
        return Result(Termination.INFEASIBLE, solver=solver, message=reason)
    return _solve(
        problem,
        packets,
        build,
        given,
        limits,
        priced=formulation is None and solver == "highs" and not relax,
        seed=seed,
        solver=solver,
        progress=progress,
        add_constraints=add_constraints,
        relax=relax,
    )


def _solve(
    problem: Problem,
    packets: Solution | None,
    build: Callable[[], Any],
    start: Solution | None,
    limits: Limits,
    *,
    priced: bool,
    seed: int,
    **directly: Any,
) -> Result:
    """Solve (4), or (7) for given packets: by branch and price where it can, else by a Pyomo model that is told more.

    Parameters
    ----------
    priced
        Whether branch and price may be used: no model, solver or relaxation is asked for.
    directly
        Further arguments of `solve_pyomo_model`.
    """
    own, progress = directly["add_constraints"], directly["progress"]
    evaluator = SolutionEvaluator(problem, free_ratios=packets is None and not problem.whole_frames and own is None)
    known: InitialBounds | None = None
    started = time.perf_counter()
    settings, limits = _settings(limits, priced)
    part = priced_part(problem)
    if priced and own is None and part == problem:
        result = _priced(problem, packets, limits, start, progress, seed, settings)
        unmet = problem.whole_frames and result.termination is Termination.ERROR
        if not unmet or result.message.startswith(CONTRADICTION):
            return result
        known = InitialBounds(result.solution, result.bound_s)
    elif priced:
        share = None if limits.time_s is None else SHARE_FOR_BOUND * limits.time_s
        relaxed = _priced(part, packets, replace(limits, time_s=share), None, None, seed, settings)
        if relaxed.termination is Termination.INFEASIBLE:
            return relaxed
        known = _known(problem, evaluator, packets, start, relaxed, search=own is None)
        value = None if known.solution is None else evaluator.value(known.solution)
        gap = relative_gap(value, relaxed.bound_s)
        if own is None and gap is not None and 0 <= gap <= limits.mip_gap + 1e-12:  # no rule is in the optimum's way
            return replace(
                relaxed, termination=Termination.OPTIMAL, solution=known.solution, objective_s=value, message=""
            )
        if relaxed.termination is Termination.INTERRUPTED:
            return replace(relaxed, solution=known.solution, objective_s=value)
    if limits.time_s is not None:
        limits = replace(limits, time_s=max(limits.time_s - (time.perf_counter() - started), 0.0))
    search = not directly["relax"]
    result = solve_pyomo_model(
        build,
        evaluator,
        lambda: known or initial_bounds(problem, packets, start, time_limit=limits.time_s, search=search),
        limits=limits,
        **directly,
    )
    if result.termination is Termination.INFEASIBLE and result.solution is None and not result.message:
        asked = tuple(problem.variants())
        if own is not None:
            return replace(result, message="the constraints that were added leave no solution")
        if asked:
            return replace(result, message=why_rules_infeasible(problem, build, limits))
    return result


def _known(
    problem: Problem,
    evaluator: SolutionEvaluator,
    packets: Solution | None,
    start: Solution | None,
    relaxed: Result,
    *,
    search: bool,
) -> InitialBounds:
    """Return what the part for branch and price tells: its bound, and the best solution known that keeps all rules.

    Further rules, deadlines, limits of ρ and whole frames only take solutions away or make delays longer: every bound
    without them holds.
    """
    found = initial_bounds(problem, packets, start, search=search) if search else InitialBounds(start, None)
    candidates = [found.solution, evaluator.adapt(relaxed.solution)]
    feasible = [one for one in candidates if one is not None and not evaluator.broken(one)]
    bounds = [bound for bound in (found.bound_s, relaxed.bound_s) if bound is not None]
    return InitialBounds(min(feasible, key=evaluator.value, default=None), max(bounds, default=None))


def _export(build: Callable[[], Any], add_constraints: Callable[[Any], None] | None, path: Path) -> None:
    """Write the model to a file; the run begins afterwards, as it would have without."""
    model = build()
    if add_constraints is not None:
        add_constraints(model)
    write_model(model, path)


def _with_own_rows(
    problem: Problem, add_constraints: Callable[[Any], None] | None, wanted: bool
) -> tuple[Problem, Callable[[Any], None] | None, str]:
    """Return the problem with a user's own constraints as rules, where they can be read, and a message that says so."""
    if add_constraints is None or not wanted:
        return problem, add_constraints, ""
    rules = read_constraints(problem, add_constraints)
    if rules is None:
        return problem, add_constraints, "own constraints are not all linear rows over decisions: by a Pyomo model"
    names = ", ".join(str(rule.name) for rule in rules[:MOST_NAMED]) + (", …" if len(rules) > MOST_NAMED else "")
    return replace(problem, rules=(*problem.rules, *rules)), None, f"read as linear rows: {names}"


def _priced(
    problem: Problem,
    packets: Solution | None,
    limits: Limits,
    start: Solution | None,
    progress: ProgressCallback | None,
    seed: int,
    settings: Settings,
) -> Result:
    """Run branch and price; whatever ends it early, keep what is known."""
    objective = problem.objective
    data, ended, message = ProblemData(problem, packets), Termination.ERROR, ""
    evaluator = SolutionEvaluator(problem, free_ratios=False)
    solution = None
    if problem.rules:
        cut_off = [problem.instance.tasks[m].satellite for m, moves in enumerate(all_moves(data)) if not moves.modes]
        if cut_off:
            names = ", ".join(f"rule {name}" for name in problem.named_rules)
            reason = f"task {', '.join(cut_off)}: no computing satellite that its packets may reach under {names}"
            return Result(Termination.INFEASIBLE, solver="highs", seed=seed, message=reason)
    try:
        if problem.whole_frames:
            solution = evaluator.adapt(start or first_solution(data, objective, 0.0))
        if solution is not None or not problem.whole_frames:

            def solve(one: Problem, given: Solution | None, first: Solution | None, told: Any) -> Result:
                return solve_branch_and_price(
                    one,
                    given,
                    limits=limits,
                    start=first,
                    progress=told,
                    seed=seed,
                    whole_frames=one.whole_frames,
                    settings=settings,
                )

            result = solve_in_time_unit(problem, packets, start, progress, solve)
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
    bound: float | None = first_bound(data, objective)
    bound = None if is_below_bound(value, bound) else bound
    return Result(ended, solution, value, bound, solver="highs", seed=seed, message=message)
