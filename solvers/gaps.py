"""Gaps of schemes to a proven optimum and to a bound: the rows of the gap table."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from formulation import Problem, Solution, as_problem, evaluate
from instances import Instance
from solvers.assignment import Assignment, NoSolution, assign, with_assigned
from solvers.bisection import pack
from solvers.result import CONTRADICTION, Result, Termination, is_below_bound, relative_gap
from solvers.routing import Router, shortest_path_router
from solvers.schemes import SchemeOptions, attempt_scheme, default_router

MIP_GAP = 1e-6
"""Asked relative gap under which an optimum counts as proven."""
RESPONSE_RUNS = (1, 4, 32)
"""Orders of the tasks that best response tries in the gaps on (7)."""
_RESPONSES = tuple("best-response" + (f"-{runs}" if runs > 1 else "") for runs in RESPONSE_RUNS)
ROUTERS = (
    "shortest-path", "policy", "policy-local", *(f"assigned-{name}" for name in _RESPONSES), *_RESPONSES,
    "assigned-exact", "exact",
)  # fmt: skip
"""What `compare_routing` compares, in its order."""


@dataclass(frozen=True)
class GapRow:
    """One scheme on one instance.

    Attributes
    ----------
    instance, scheme
        Their names.
    termination
        Why the scheme stopped.
    objective_s
        Its objective by the evaluator [s], or None.
    bound_s
        The exact solver's lower bound on the optimum [s], or None.
    gap_to_optimum
        (T - T*) / T*, or None where T* is not proven.
    gap_to_bound
        (T - LB) / LB, or None where there is no bound. Never to be averaged together with the other gap.
    decision_s
        Wall time that the decision took [s].
    seed
        Seed that reproduces the run.
    message
        What the scheme said: why it is infeasible, or failed. Mostly empty.
    """

    instance: str
    scheme: str
    termination: Termination
    objective_s: float | None
    bound_s: float | None
    gap_to_optimum: float | None
    gap_to_bound: float | None
    decision_s: float
    seed: int | None
    message: str = ""


@dataclass(frozen=True)
class MeanGap:
    """A scheme's gaps averaged over instances, the two kinds apart.

    Attributes
    ----------
    scheme
        Its name.
    to_optimum, proven
        Mean gap to proven optima, and over how many instances.
    to_bound, unproven
        Mean gap to bounds where no optimum is proven, and over how many instances.
    infeasible
        Instances that the scheme could not decide.
    """

    scheme: str
    to_optimum: float | None
    proven: int
    to_bound: float | None
    unproven: int
    infeasible: int


def is_proven(exact: Result, mip_gap: float = MIP_GAP) -> bool:
    """Tell whether a result carries the proof of its own optimality: its gap is from 0 to the asked one."""
    return exact.gap is not None and 0 <= exact.gap <= mip_gap


def gap_row(instance: str, scheme: str, result: Result, exact: Result, mip_gap: float = MIP_GAP) -> GapRow:
    """Compare one scheme's result with the exact one.

    A gap below zero by no more than the asked one is zero: the scheme found another optimum.

    Parameters
    ----------
    instance, scheme
        Names for the row.
    result
        What the scheme returned.
    exact
        What the exact solver returned for the same problem and objective.
    mip_gap
        The relative gap that was asked of the exact solver.
    """
    optimum = exact.objective_s if is_proven(exact, mip_gap) else None
    return GapRow(
        instance=instance,
        scheme=scheme,
        termination=result.termination,
        objective_s=result.objective_s,
        bound_s=exact.bound_s,
        gap_to_optimum=_clip(relative_gap(result.objective_s, optimum), mip_gap),
        gap_to_bound=_clip(relative_gap(result.objective_s, exact.bound_s), mip_gap),
        decision_s=result.decision_s,
        seed=result.seed,
        message=result.message or "",
    )


def _clip(gap: float | None, tolerance: float) -> float | None:
    """Return a gap with negatives within tolerance as zero."""
    return 0.0 if gap is not None and -tolerance <= gap < 0 else gap


def _refuted(results: dict[str, Result]) -> dict[str, Result]:
    """Return the results, as errors those of schemes below the exact bound and the exact one whose bound that is."""
    exact = results["exact"]
    words = {
        name: f"{CONTRADICTION}objective {result.objective_s!r} s of {name} below bound {exact.bound_s!r} s of exact"
        for name, result in results.items()
        if is_below_bound(result.objective_s, exact.bound_s)
    }
    wrong = {name: replace(results[name], termination=Termination.ERROR, message=said) for name, said in words.items()}
    if wrong:
        said = "; ".join(words.values())
        wrong["exact"] = replace(exact, termination=Termination.ERROR, bound_s=None, message=said)
    return results | wrong


def compare(
    problem: Instance | Problem,
    schemes: Sequence[str],
    options: SchemeOptions,
    on_scheme: Callable[[str], None] = lambda name: None,
) -> tuple[tuple[GapRow, ...], dict[str, Result]]:
    """Run schemes and the exact solver on problem (4) and compare them.

    Parameters
    ----------
    problem
        What is asked.
    schemes
        Names for `attempt_scheme`; `exact` is added where it is missing, and runs last.
    options
        What every scheme is told.
    on_scheme
        Called with a scheme's name when it starts.

    Returns
    -------
    rows, results
        One row a scheme, in the order given and `exact` last; the results by scheme. After Ctrl-C, those that were run
        and `exact`, which then is `interrupted`.
    """
    problem = as_problem(problem)
    names = [*(name for name in schemes if name != "exact"), "exact"]
    turns = ((name, partial(attempt_scheme, problem, name, options)) for name in names)
    results = _refuted(_in_turn(turns, on_scheme, options.seed))
    return _rows(problem.instance, results, options), results


def _in_turn(
    turns: Iterable[tuple[str, Callable[[], Result]]], on_scheme: Callable[[str], None], seed: int
) -> dict[str, Result]:
    """Run one after another until Ctrl-C ends one of them: then `exact`, if it has no result, is interrupted too."""
    results: dict[str, Result] = {}
    for name, run in turns:
        try:
            on_scheme(name)
            results[name] = run()
        except KeyboardInterrupt:
            results[name] = Result(Termination.INTERRUPTED, seed=seed)
        if results[name].interrupted:
            results.setdefault("exact", Result(Termination.INTERRUPTED, seed=seed))
            break
    return results


def compare_routing(
    problem: Instance | Problem,
    options: SchemeOptions,
    on_scheme: Callable[[str], None] = lambda name: None,
    routers: Sequence[str] = ROUTERS,
) -> tuple[tuple[GapRow, ...], dict[str, Result]]:
    """Compare routers on problem (7) alone, at identical ρ and packet volumes.

    ρ is ½ for every task whose accuracy allows it, the volumes come from (5) and (6). `shortest-path`, one rollout of
    the policy with either observation, `assigned-best-response` (in 1, 4, 32 orders) and `assigned-exact`, which is (7)
    solved with c(m) fixed, share the c(m) of the schemes; `best-response` and `exact` are for (7) itself, where c(m)
    is free. What a router loses against `assigned-exact` is its own error.

    Parameters
    ----------
    problem, options, on_scheme
        As in `compare`.
    routers
        Which of `ROUTERS`; `exact` is added where it is missing.
    """
    from solvers.exact import solve_routing

    problem = as_problem(problem)
    instance = problem.instance
    try:
        assignments = assign(instance)
    except NoSolution as error:
        result = Result(Termination.INFEASIBLE, message=str(error), seed=options.seed)
        return _rows(instance, {"exact": result}, options), {"exact": result}
    fixed, packets = routing_case(problem, assignments)
    exactly = partial(
        solve_routing,
        time_limit=options.time_limit,
        mip_gap=options.mip_gap,
        progress=options.progress,
    )

    def turns() -> Iterator[tuple[str, Callable[[], Result]]]:
        for name, asked, router in _routers(problem, fixed, options):
            yield name, partial(judge_router, asked, packets, router, options)
        for name, asked in (("assigned-exact", fixed), ("exact", problem)):
            yield name, partial(exactly, asked, packets)

    wanted = ((name, run) for name, run in turns() if name in (*routers, "exact"))
    results = _refuted(_in_turn(wanted, on_scheme, options.seed))
    return _rows(instance, results, options), results


def routing_case(problem: Problem, assignments: Sequence[Assignment]) -> tuple[Problem, Solution]:
    """Return problem (7) as it is compared: the problem with c(m) as assigned, and packets at ρ = ½ or as forced."""
    ratios = [0.5 if a.forced_ratio is None else a.forced_ratio for a in assignments]
    return with_assigned(problem, assignments), pack(problem.instance, assignments, ratios)


def _routers(problem: Problem, fixed: Problem, options: SchemeOptions) -> Iterator[tuple[str, Problem, Router]]:
    """Yield the routers that are compared on (7), and whether they get c(m) free or fixed."""
    from solvers.routed_response import best_response_router

    yield "shortest-path", fixed, shortest_path_router
    yield "policy", fixed, default_router(options)
    yield "policy-local", fixed, default_router(options, "local")
    for prefix, asked in (("assigned-", fixed), ("", problem)):
        for runs in RESPONSE_RUNS:
            router = best_response_router(runs, seed=options.seed)
            yield f"{prefix}best-response" + (f"-{runs}" if runs > 1 else ""), asked, router


def judge_router(problem: Problem, packets: Solution, router: Router, options: SchemeOptions) -> Result:
    """Return the delay that a router's routes have by the evaluator, for given packets."""
    start = time.perf_counter()
    try:
        routed = router(problem, packets)
    except NoSolution as error:
        return Result(Termination.INFEASIBLE, message=str(error), seed=options.seed)
    elapsed = time.perf_counter() - start
    delay = evaluate(problem, routed).objective_s()
    return Result(Termination.FEASIBLE, routed, delay, solve_s=elapsed, seed=options.seed)


def _rows(instance: Instance, results: dict[str, Result], options: SchemeOptions) -> tuple[GapRow, ...]:
    exact = results["exact"]
    return tuple(gap_row(instance.name, name, result, exact, options.mip_gap) for name, result in results.items())


def mean_gaps(rows: Sequence[GapRow]) -> tuple[MeanGap, ...]:
    """Average the gaps of each scheme over instances, those to proven optima and those to bounds apart."""
    means = []
    for scheme in dict.fromkeys(row.scheme for row in rows):
        own = [row for row in rows if row.scheme == scheme]
        proven = [row.gap_to_optimum for row in own if row.gap_to_optimum is not None]
        bounded = [row.gap_to_bound for row in own if row.gap_to_optimum is None and row.gap_to_bound is not None]
        means.append(
            MeanGap(
                scheme=scheme,
                to_optimum=sum(proven) / len(proven) if proven else None,
                proven=len(proven),
                to_bound=sum(bounded) / len(bounded) if bounded else None,
                unproven=len(bounded),
                infeasible=sum(row.objective_s is None for row in own),
            )
        )
    return tuple(means)
