"""Schemes under a problem's variants: what rules exclude is taken away first, and what they still break is repaired.

A scheme that knows no rules decides on an instance without the links, relays and computing satellites that rules
exclude for everybody. Where its solution breaks a rule or a deadline all the same, its packets keep their ρ and are
routed anew by best response with the rules (`solvers.network.variant_descent`), from its routes. What cannot be kept
then is the checker's to name.
"""

from collections.abc import Iterator
from dataclasses import replace

from formulation import Problem, Solution, check, least_whole_frames
from formulation.rules.linear_form import Relay, Row, Serve, Use
from formulation.whole_frames import nearest_count
from instances import Instance
from solvers.network.data import ProblemData
from solvers.network.plans import plan_of
from solvers.network.variant_descent import variant_descents
from solvers.network.variant_traffic import Score
from solvers.network.whole_frames import in_whole_frames

REPAIRS = 4
"""Descents that a repair takes; those after the first in random orders."""
RUNS = 8
"""Most further descents while none keeps all rules."""
RULES = ("rule ", "deadline_s", "offload_ratio_range", "whole frames")
"""How the constraints that only variants have begin in the checker's words."""


def broken_variants(problem: Problem, solution: Solution) -> tuple[str, ...]:
    """Return the rules, deadlines, limits of ρ and whole frames that a solution breaks, in the checker's words."""
    return tuple(v.constraint for v in check(problem, solution) if v.constraint.startswith(RULES))


def without_excluded(problem: Problem) -> Problem:
    """Return the problem without rules, on an instance without what they exclude for all tasks and both packets.

    A satellite that may relay nothing loses its links, unless it is a task's or may still compute: its own packets need
    them. A computing satellite that may serve nobody becomes a relay.
    """
    instance = problem.instance
    links: set[tuple[str, str]] = set()
    idle: set[str] = set()
    closed: set[str] = set()
    for row in (row for rule in problem.rules for row in rule.rows(instance)):
        for variable in _excluded(row, instance):
            if isinstance(variable, Use):
                links |= set(variable.links)
            elif isinstance(variable, Relay):
                idle |= set(variable.satellites)
            else:
                closed |= set(variable.computing)
    ends = {task.satellite for task in instance.tasks} | (set(instance.computing) - closed)
    fixed = {task.computing_satellite for task in instance.tasks}
    kept = tuple(
        link
        for link in instance.links
        if (link.source, link.target) not in links and not {link.source, link.target} & (idle - ends)
    )
    satellites = tuple(replace(s, role="relay") if s.id in closed - fixed else s for s in instance.satellites)
    return replace(problem, instance=replace(instance, links=kept, satellites=satellites), rules=())


def _excluded(row: Row, instance: Instance) -> Iterator[Use | Relay | Serve]:
    """Yield what a row excludes for all tasks and packets: sums that must be 0."""
    if row.rhs != 0 or row.sense == ">=" or any(coefficient <= 0 for coefficient, _ in row.terms):
        return
    for _, variable in row.terms:
        both = isinstance(variable, Serve) or (isinstance(variable, Use | Relay) and len(variable.packets) == 2)
        if both and isinstance(variable, Use | Relay | Serve) and len(variable.tasks) == len(instance.tasks):
            yield variable


def kept(problem: Problem, solution: Solution, seed: int = 0) -> Solution:
    """Return a scheme's solution with its ρ in whole frames where asked, and routed anew where it breaks a rule."""
    if problem.whole_frames:
        solution = rounded(problem, solution)
    if not broken_variants(problem, solution):
        return solution
    data = ProblemData(problem.instance, solution)
    found = best_variant(data, problem, REPAIRS, seed, solution)
    return solution if found is None or broken_variants(problem, found[0]) else found[0]


def rounded(problem: Problem, solution: Solution) -> Solution:
    """Return a solution with each ρ at the nearest whole number of frames that keeps its packets."""
    decisions = []
    for task, decision in zip(problem.instance.tasks, solution.tasks, strict=True):
        count = nearest_count(task, decision.offload_ratio)
        if decision.sends_data and decision.sends_model and task.frames > 1:
            count = min(max(count, 1), task.frames - 1)
        levels = least_whole_frames(problem.instance, task, count)
        if levels is not None:
            shares = tuple(k / task.frames for k in levels)
            decision = replace(decision, offload_ratio=count / task.frames, residual_shares=shares)
        decisions.append(decision)
    return replace(solution, tasks=tuple(decisions))


def best_variant(
    data: ProblemData, problem: Problem, runs: int, seed: int, start: Solution | None = None
) -> tuple[Solution, Score] | None:
    """Return the best end of some descents and its score, or None where every one is stuck.

    More orders are tried while none keeps all rules, `RUNS` at most.
    """
    best: tuple[Solution, Score] | None = None
    plans = None if start is None else plan_of(data, start)
    for run, found in enumerate(variant_descents(data, problem, runs + RUNS, seed, plans)):
        if found is not None and (best is None or found[1] < best[1]):
            best = found
        if run + 1 >= runs and best is not None and best[1][0] <= 0:
            break
    if best is not None and problem.whole_frames and data.packets is None:
        whole = in_whole_frames(problem, best[0])
        return None if whole is None else (whole, best[1])
    return best
