"""Schemes: every way of deciding a whole instance, under one name each, judged by one evaluator and checker."""

import importlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fitting.checks import short
from fitting.errors import LeosplitError
from formulation import Problem, Solution, as_problem, check, evaluate
from instances import Instance
from solvers.assignment import NoSolution, assign, with_assigned
from solvers.best_response import best_response
from solvers.bisection import ITERATIONS, bisect, pack
from solvers.result import ProgressCallback, Result, Termination
from solvers.routing import Router, shortest_path_router
from solvers.variants import kept, without_excluded

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class SchemeError(LeosplitError):
    """A scheme that does not exist or cannot be loaded."""


@dataclass(frozen=True)
class SchemeOptions:
    """What a scheme may be told.

    Attributes
    ----------
    seed
        Seed of everything random.
    policy
        Routing policy file, or None for the default.
    time_limit
        Seconds for the exact parts, per instance, or None.
    mip_gap
        Gap at which an optimum counts as proven.
    progress
        Called while an exact part runs.
    memory_limit
        Resident memory at which exact parts stop [GiB], or None.
    """

    seed: int = 0
    policy: Path | None = None
    time_limit: float | None = None
    mip_gap: float = 1e-6
    progress: ProgressCallback | None = None
    memory_limit: float | None = None


Answer = Solution | Result | tuple[Solution, tuple[dict[str, Any], ...]]
Scheme = Callable[[Problem, SchemeOptions], Answer]


def default_router(options: SchemeOptions, observation: str = "lookahead") -> Router:
    """Return the router of the paper's schemes: one greedy rollout of the policy."""
    from solvers.marl.schemes import policy_router

    return policy_router(options.policy, options.seed, observation)


def _keeping(scheme: Scheme) -> Scheme:
    """Return a scheme that knows no rules as one that keeps them; see `solvers.variants`."""

    def keeping(problem: Problem, options: SchemeOptions) -> Answer:
        if problem.is_plain:
            return scheme(problem, options)
        answer = scheme(without_excluded(problem), options)
        if isinstance(answer, Solution):
            return kept(problem, answer, options.seed)
        assert isinstance(answer, tuple), "these schemes return a solution, or one with its trace"
        return kept(problem, answer[0], options.seed), answer[1]

    keeping.__doc__ = scheme.__doc__
    return keeping


def _marl(name: str) -> Scheme:
    def scheme(problem: Problem, options: SchemeOptions) -> Answer:
        from solvers.marl.schemes import run_variant

        return run_variant(name, problem, policy=options.policy, seed=options.seed)

    return _keeping(scheme)


def _fixed(name: str, ratio: float) -> Scheme:
    def scheme(problem: Problem, options: SchemeOptions) -> Solution:
        return default_router(options)(problem, packets_at(problem.instance, ratio))

    scheme.__doc__ = f"Every task at ρ = {ratio:g} ({name})."
    return _keeping(scheme)


def packets_at(instance: Instance, ratio: float) -> Solution:
    """Return every task's packets at one ρ with its c(m), routes still open.

    Raises
    ------
    NoSolution
        If accuracy forbids this ρ for a task, or no computing satellite can be reached.
    """
    assignments = assign(instance)
    pairs = zip(instance.tasks, assignments, strict=True)
    broken = [(task, assignment.design.forbids(task, ratio)) for task, assignment in pairs]
    reasons = [f"task {task.satellite}: {reason}" for task, reason in broken if reason is not None]
    if reasons:
        raise NoSolution("; ".join(reasons))
    return pack(instance, assignments, [ratio] * len(assignments))


def _bisection(router: Router) -> Scheme:
    def scheme(problem: Problem, options: SchemeOptions) -> Answer:
        return bisect(problem, assign(problem.instance), router)

    return _keeping(scheme)


def _bs_exact(problem: Problem, options: SchemeOptions) -> Answer:
    """Bisect with (7) solved exactly in each iteration; each gets an equal share of the time that is left.

    Where an iteration's share ends without a proof, its best routes are taken: those found, or best response's.
    """
    from solvers.exact import solve_routing
    from solvers.routed_response import best_response_router

    assignments = assign(problem.instance)
    fixed = with_assigned(problem, assignments)
    respond = best_response_router(1, seed=options.seed)
    deadline = None if options.time_limit is None else time.perf_counter() + options.time_limit
    stops: list[Termination] = []

    def router(_: Instance | Problem, packets: Solution) -> Solution:
        left = None if deadline is None else (deadline - time.perf_counter()) / max(ITERATIONS - len(stops), 1)
        if left is not None and left <= 0:
            stops.append(Termination.TIME_LIMIT)
            return respond(fixed, packets)
        result = solve_routing(
            fixed,
            packets,
            time_limit=left,
            mip_gap=options.mip_gap,
            progress=options.progress,
        )
        if result.interrupted:
            raise KeyboardInterrupt  # which this solve has caught
        if result.termination == Termination.INFEASIBLE:
            raise NoSolution(result.message)
        stops.append(result.termination)
        return result.solution or respond(fixed, packets)

    solution, trace = bisect(problem, assignments, router)
    unproven = next((stop for stop in stops if stop != Termination.OPTIMAL), None)
    return Result(unproven or Termination.FEASIBLE, solution, trace=trace)


def _best_response(runs: int) -> Scheme:
    def scheme(problem: Problem, options: SchemeOptions) -> Answer:
        return best_response(problem, runs=runs, seed=options.seed)

    return scheme


def _exact(problem: Problem, options: SchemeOptions) -> Answer:
    from solvers.exact import solve_full

    return solve_full(
        problem,
        time_limit=options.time_limit,
        mip_gap=options.mip_gap,
        memory_limit=options.memory_limit,
        progress=options.progress,
    )


SCHEMES: Mapping[str, Scheme] = {
    "small": _fixed("all frames local", 0.0),
    "centralized": _fixed("all frames offloaded", 1.0),
    "even": _fixed("half of the frames offloaded", 0.5),
    "bs-marl": _marl("bs-marl"),
    "bs-marl-local": _marl("bs-marl-local"),
    "bs-marl-first-rise": _marl("bs-marl-first-rise"),
    "bs-marl-plan": _marl("bs-marl-plan"),
    "bs-marl-ends": _marl("bs-marl-ends"),
    "bs-marl-polish": _marl("bs-marl-polish"),
    "marl-search": _marl("marl-search"),
    "marl-search-polish": _marl("marl-search-polish"),
    "marl-search-descents": _marl("marl-search-descents"),
    "bs-shortest-path": _bisection(shortest_path_router),
    "bs-exact": _bs_exact,
    "best-response": _best_response(1),
    "best-response-4": _best_response(4),
    "best-response-32": _best_response(32),
    "exact": _exact,
}
"""The schemes that come with leosplit, by name."""


def check_scheme_name(name: str) -> None:
    """Refuse what is neither the name of a scheme nor `module:function`; nothing is imported.

    Raises
    ------
    SchemeError
        One sentence.
    """
    module_name, _, function_name = name.partition(":")
    if name not in SCHEMES and not (_MODULE.fullmatch(module_name) and function_name.isidentifier()):
        raise SchemeError(f"scheme must be one of {', '.join(SCHEMES)}, or module:function, got {short(name)}")


def find_scheme(name: str) -> Scheme:
    """Return a scheme by name, or a user's own as `module:function`: its module is imported, which runs its code.

    A user's function takes (problem, options) and returns a `Solution`, a `Result`, or (solution, trace).

    Raises
    ------
    SchemeError
        If there is no such scheme.
    """
    if name in SCHEMES:
        return SCHEMES[name]
    check_scheme_name(name)
    module_name, _, function_name = name.partition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - sys.path holds text
    try:
        scheme = getattr(importlib.import_module(module_name), function_name)
    except (Exception, SystemExit) as error:  # whatever a user's module raises while it is imported
        raise SchemeError(f"scheme {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    if not callable(scheme):
        raise SchemeError(f"scheme {name!r} must be a function (problem, options), got {type(scheme).__name__}")
    return scheme  # type: ignore[no-any-return]


def run_scheme(problem: Instance | Problem, name: str, options: SchemeOptions | None = None) -> Result:
    """Run one scheme; evaluator and checker judge what it returns.

    Returns
    -------
    Result
        Its objective is the evaluator's. Where the scheme cannot decide, or its solution breaks a constraint, the
        termination is `infeasible`, the objective None, and the message says which task and constraint.

    Raises
    ------
    SchemeError
        If there is no such scheme, or it returns something else.
    """
    options = options or SchemeOptions()
    problem = as_problem(problem)
    scheme = find_scheme(name)
    _get_ready(name)
    start = time.perf_counter()
    try:
        with redirect_stdout(sys.stderr):  # stdout is for results, whatever a user's scheme prints
            answer = scheme(problem, options)
    except NoSolution as error:
        seconds = time.perf_counter() - start
        return Result(Termination.INFEASIBLE, solve_s=seconds, solver=name, seed=options.seed, message=str(error))
    seconds = time.perf_counter() - start
    if isinstance(answer, Result):
        seed = options.seed if answer.seed is None else answer.seed
        result = replace(answer, seed=seed, solver=answer.solver or name, solve_s=answer.solve_s or seconds)
    else:
        solution, trace = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, ())
        if not isinstance(solution, Solution):
            raise SchemeError(f"scheme {name!r} must return a Solution, a Result or (Solution, trace)")
        result = Result(
            Termination.FEASIBLE, solution, solve_s=seconds, solver=name, seed=options.seed, trace=tuple(trace)
        )
    return _judge(problem, name, result)


def _get_ready(name: str) -> None:
    """Load what a scheme runs on, so that its decision time is that of its decision."""
    from solvers.marl.batch import get_ready
    from solvers.marl.schemes import ROUTED

    if name in ROUTED:
        get_ready()


def attempt_scheme(problem: Instance | Problem, name: str, options: SchemeOptions) -> Result:
    """Run one scheme like `run_scheme`; where a user's own fails, the termination is `error` and the message why."""
    start = time.perf_counter()
    try:
        return run_scheme(problem, name, options)
    except (Exception, SystemExit) as error:
        if name in SCHEMES or isinstance(error, LeosplitError):
            raise
        logging.getLogger(__name__).info("scheme %s failed", name, exc_info=True)
        seconds, message = time.perf_counter() - start, f"{type(error).__name__}: {error} (traceback with --verbose)"
        return Result(Termination.ERROR, solve_s=seconds, solver=name, seed=options.seed, message=message)


def _judge(problem: Problem, name: str, result: Result) -> Result:
    """Replace the scheme's own word by the checker's and the evaluator's."""
    if result.solution is None:
        return result
    broken = check(problem, result.solution)
    if broken:
        first = broken[0]
        about = "" if first.task is None else f"task {first.task}: "
        message = f"{name}: {about}{first.constraint} is {first.value}, allowed {first.limit}"
        return replace(result, termination=Termination.INFEASIBLE, objective_s=None, bound_s=None, message=message)
    return replace(result, objective_s=evaluate(problem, result.solution).objective_s())
