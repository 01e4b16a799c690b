"""What is known before a model is built: a feasible solution, by best response or as given, and a first bound.

The bound is that of every task alone in the network. It holds for any further constraint, whole frames and a shared
F_c too, which only make delays longer.
"""

import time
from dataclasses import dataclass, replace

from formulation import Problem, Solution, check
from solvers.assignment import NoSolution
from solvers.backends.errors import SolverError
from solvers.network.data import ProblemData
from solvers.network.descent import all_moves, descents
from solvers.network.single_task import first_bound
from solvers.variants import best_variant

RUNS = 4
SHARE_OF_LIMIT = 0.1


@dataclass(frozen=True)
class InitialBounds:
    """A solution to begin with, or None, and a lower bound on the optimum [s]."""

    solution: Solution | None
    bound_s: float | None


def first_solution(
    data: ProblemData, objective: str, time_limit: float | None = None, problem: Problem | None = None
) -> Solution | None:
    """Return the best of a few best responses; one at least, more while they take little of the time.

    With a `problem` that is not plain they are those under its rules.
    """
    if problem is not None and not problem.is_plain:
        found_variant = best_variant(data, problem, RUNS, 0)
        return None if found_variant is None else found_variant[0]
    started, best = time.perf_counter(), None

    def stop() -> bool:
        return time_limit is not None and time.perf_counter() - started > SHARE_OF_LIMIT * time_limit

    try:
        for found in descents(data, all_moves(data), RUNS, 0, objective, stop):
            if found is not None and (best is None or found[1] < best[1]):
                best = found
            if stop():
                break
    except NoSolution:
        return None
    return None if best is None else best[0]


def given_start(problem: Problem, start: Solution, packets: Solution | None = None) -> Solution:
    """Return a user's start, for (7) its c(m) and routes with the packets that are given.

    Raises
    ------
    SolverError
        If it breaks a constraint of (4), or of (7) one on routes.
    """
    if packets is not None:
        routed = tuple(
            replace(
                given,
                computing_satellite=decision.computing_satellite,
                data_path=decision.data_path if given.sends_data else None,
                model_path=decision.model_path if given.sends_model else None,
            )
            for given, decision in zip(packets.tasks, start.tasks, strict=True)
        )
        start = replace(packets, tasks=routed)
    routes = ("computing_satellite", "(4e)", "(4f)", "rule ", "deadline_s")
    broken = [v for v in check(problem, start) if packets is None or v.constraint.startswith(routes)]
    if broken:
        first = broken[0]
        about = "" if first.task is None else f"task {first.task}: "
        raise SolverError(f"start: {about}{first.constraint} is {first.value}, allowed {first.limit}")
    return start


def initial_bounds(
    problem: Problem,
    packets: Solution | None,
    start: Solution | None,
    *,
    time_limit: float | None = None,
    search: bool = True,
) -> InitialBounds:
    """Return where to begin with (4), or with (7) if `packets` are given; `start` overrides best response.

    Without `search` there is no best response either, and the bound is all.
    """
    data = ProblemData(problem.instance, packets)
    bound = first_bound(data, problem.objective)
    if start is None and search:
        start = first_solution(data, problem.objective, time_limit, problem)
    return InitialBounds(start, bound)
