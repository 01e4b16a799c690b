"""What a solution is sensitive to: T(ρ) of each task, and what a faster link or computing satellite is worth.

Routes and c(m) are held, every ρ is re-optimised in closed form. What is found is therefore a saving that the change
brings at least; re-routing can only add to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from formulation import Problem, Solution, as_problem, evaluate
from instances import Instance
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import ProblemData
from solvers.network.plans import plan_of
from solvers.network.traffic import Loads, delay_of, work_of
from solvers.ratios import best_ratios


@dataclass(frozen=True)
class RatioCurve:
    """T(ρ) of one task on its routes: continuous and piecewise linear through these points while both packets are sent.

    Attributes
    ----------
    satellite
        The task.
    offload_ratio
        Breakpoints of ρ: 0, the meeting point of the two sides of (3), 1.
    delay_s
        T at each [s], both packets sent; the limits at 0 and 1.
    local_s, offloaded_s
        T without the data packet (ρ = 0) and without the model packet (ρ = 1) [s], or None if the route is missing.
    """

    satellite: str
    offload_ratio: tuple[float, ...]
    delay_s: tuple[float, ...]
    local_s: float | None
    offloaded_s: float | None


@dataclass(frozen=True)
class Worth:
    """What one change saves at least.

    Attributes
    ----------
    what
        `link a -> b` or `computing c`.
    saving_s
        Fall of the objective [s].
    """

    what: str
    saving_s: float


def ratio_curves(problem: Instance | Problem, solution: Solution) -> tuple[RatioCurve, ...]:
    """Return T(ρ) of every task, the loads being those of the solution."""
    problem = as_problem(problem)
    instance = problem.instance
    data = ProblemData(Problem(instance, share_computing=problem.share_computing))
    plans = plan_of(data, solution)
    loads = Loads(data, plans)
    curves = []
    for m, plan in plans.items():
        task = data.tasks[m]
        local = None if plan.model is None else delay_of(data, loads, m, replace(plan, data=None))
        whole = None if plan.data is None else delay_of(data, loads, m, replace(plan, model=None))
        points: tuple[float, ...] = ()
        values: tuple[float, ...] = ()
        if local is not None and plan.data is not None:
            work, fixed = work_of(data, loads, m, plan)
            model_s, alpha, small = local - task.small_s, task.extraction_s, task.small_s
            meeting = (small - fixed) / (work + small) if fixed < small else 0.0
            points = tuple(sorted({0.0, meeting, 1.0}))
            values = tuple(model_s + alpha * r + max(work * r + fixed, small * (1 - r)) for r in points)
        curves.append(RatioCurve(instance.tasks[m].satellite, points, values, local, whole))
    return tuple(curves)


def _changes(instance: Instance, solution: Solution, factor: float) -> Iterator[tuple[str, Instance]]:
    data = ProblemData(instance)
    plans = plan_of(data, solution)
    names = instance.network.ids
    packets = [plan.packet(kind) for plan in plans.values() for kind in (DATA, MODEL)]
    used = {int(r) for packet in packets if packet is not None for r in packet}
    for r in sorted(r for r in used if r < data.links):
        ends = names[int(data.tail[r]) - data.nodes], names[int(data.head[r])]
        links = tuple(
            replace(link, rate_bps=factor * link.rate_bps) if (link.source, link.target) == ends else link
            for link in instance.links
        )
        yield f"link {ends[0]} -> {ends[1]}", replace(instance, links=links)
    serving = {d.computing_satellite for d in solution.tasks if d.sends_data}
    for c in sorted(serving):
        satellites = tuple(
            replace(s, ops_per_s=factor * s.ops_per_s) if s.id == c and s.ops_per_s is not None else s
            for s in instance.satellites
        )
        yield f"computing {c}", replace(instance, satellites=satellites)


def worths(problem: Instance | Problem, solution: Solution, *, factor: float = 1.1) -> tuple[Worth, ...]:
    """Return what `factor` times the rate of a used link, or the capacity of a serving satellite, saves at least.

    Sorted by saving, the largest first. Savings count from the best ρ of the unchanged instance on the same routes, so
    that none is credited with what a better ρ alone would bring.
    """
    problem = as_problem(problem)
    before = evaluate(problem, best_ratios(problem, solution)).objective_s()
    found = []
    for what, instance in _changes(problem.instance, solution, factor):
        changed = replace(problem, instance=instance)
        better = best_ratios(changed, solution)
        found.append(Worth(what, before - evaluate(changed, better).objective_s()))
    return tuple(sorted(found, key=lambda worth: (-worth.saving_s, worth.what)))
