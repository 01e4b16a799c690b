"""Where to place large models: which computing satellites serve anybody, by the rule `open_computing`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from fitting.errors import LeosplitError
from formulation import OpenComputing, Problem, as_problem
from instances import Instance, Satellite
from solvers.exact import solve_full
from solvers.result import Result, Termination


class PlacementError(LeosplitError, ValueError):
    """A placement that cannot be asked for."""


@dataclass(frozen=True)
class Placement:
    """The best places for so many large models.

    Attributes
    ----------
    count
        Computing satellites that may serve.
    places
        Those that do, in file order; empty where there is no solution.
    result
        Of (4), with its bound.
    """

    count: int
    places: tuple[str, ...]
    result: Result


def with_candidates(problem: Instance | Problem, candidates: Sequence[str] | None = None) -> Problem:
    """Return the problem with every candidate for a large model a computing satellite.

    Parameters
    ----------
    candidates
        Ids of satellites; all but the imaging ones if left out. What has no computing of its own yet gets that of the
        first computing satellite.

    Raises
    ------
    PlacementError
        If a candidate does not exist, or images, or no satellite computes.
    """
    problem = as_problem(problem)
    instance, known = problem.instance, {s.id: s for s in problem.instance.satellites}
    if not instance.computing:
        raise PlacementError(f"{instance.name!r} needs a computing satellite, whose F_c and η the candidates take")
    pattern = known[instance.computing[0]]
    wanted = {s.id for s in instance.satellites if s.role != "remote_sensing"} if candidates is None else {*candidates}
    for name in sorted(wanted):
        if name not in known:
            raise PlacementError(f"candidates must be satellites of {instance.name!r}, got {name!r}")
        if known[name].role == "remote_sensing":
            raise PlacementError(f"candidates must not be imaging satellites, got {name!r}")

    def placed(satellite: Satellite) -> Satellite:
        if satellite.id in wanted and satellite.role == "relay":
            return replace(satellite, role="computing", ops_per_s=pattern.ops_per_s, utilization=pattern.utilization)
        if satellite.id not in wanted and satellite.role == "computing":
            return replace(satellite, role="relay", ops_per_s=None, utilization=None)
        return satellite

    return replace(problem, instance=replace(instance, satellites=tuple(map(placed, instance.satellites))))


def place(problem: Instance | Problem, counts: Sequence[int], **options: Any) -> tuple[Placement, ...]:
    """Return the best placement for each count, each begun with the one before: the delay never rises with the count.

    An interrupt ends it with the counts so far.

    Parameters
    ----------
    problem
        What is asked; its computing satellites are the candidates (`with_candidates`).
    counts
        How many of them may serve, ascending.
    options
        Of `solve_full`, as `time_limit` for each count.

    Raises
    ------
    PlacementError
        If the counts are not positive and ascending.
    """
    problem = as_problem(problem)
    if not counts or counts[0] < 1 or any(b <= a for a, b in pairwise(counts)):
        raise PlacementError(f"counts must be positive and ascending, got {', '.join(map(str, counts)) or 'none'}")
    found: list[Placement] = []
    for count in counts:
        asked = replace(problem, rules=(*problem.rules, OpenComputing(limit=count, name=f"at most {count} places")))
        start = found[-1].result.solution if found else None
        result = solve_full(asked, start=start, **options)
        used = {d.computing_satellite for d in result.solution.tasks} if result.solution else set()
        found.append(Placement(count, tuple(c for c in problem.instance.computing if c in used), result))
        if result.termination is Termination.INTERRUPTED:
            break
    return tuple(found)
