"""Reduced-cost fixing: what no solution better than the cutoff needs leaves the domains."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers, dual_feasible
from solvers.exact.branch_and_price.pricing.subproblems import PricingResult, solve_pricing
from solvers.network.arrays import DATA, MODEL, Floats
from solvers.network.data import ProblemData


def reduced_cost_fixing(
    data: ProblemData, domains: list[TaskDomain], multipliers: Multipliers, bound: LagrangianBound, cutoff: float
) -> None:
    """Take out of the domains what no solution better than the cutoff needs; segments without ends stay, empty."""
    room = cutoff - bound.value + 1e-9 * (abs(cutoff) + 1)
    for m, (domain, costs) in enumerate(zip(domains, bound.tasks, strict=True)):
        _fix_task(data, domain, multipliers.commodities, costs, m, costs.least + room)


def single_task_fixing(data: ProblemData, domains: list[TaskDomain], limits: Floats) -> None:
    """Do the same with all weight on one task after the other, and no multipliers, where there is a limit on T_m.

    Under the maximum no T_m may exceed the cutoff, though the relaxation's weights may be zero for all but a few tasks;
    none may exceed its deadline.

    Parameters
    ----------
    limits
        What T_m may be at most, inf where there is no limit, shape (tasks,) [s].
    """
    n, commodities = len(domains), Commodities(domains)
    for m, domain in enumerate(domains):
        if not np.isfinite(limits[m]):
            continue
        cutoff = float(limits[m])
        thetas = [np.full(len(delay_bounds(data.tasks[i], domains[i].segments[0])), float(i == m)) for i in range(n)]
        multipliers = dual_feasible(data, commodities, thetas, np.zeros((len(commodities.task), data.resources)), "max")
        costs = solve_pricing(data, domain, multipliers, m)
        if costs.least <= cutoff:
            _fix_task(data, domain, commodities, costs, m, cutoff + 1e-9 * (abs(cutoff) + 1))


def _fix_task(
    data: ProblemData, domain: TaskDomain, commodities: Commodities, costs: PricingResult, m: int, limit: float
) -> None:
    kept = {key: value for key, value in costs.values.items() if value <= limit}
    model, rest = commodities.model(m), dict[int, float]()
    for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
        segment.ends = [c for c in segment.ends if (c, q) in kept]
        if not segment.ends:
            segment.arcs[:] = False
            continue
        if segment.sends_data:
            others = {c: kept[c, q] - costs.parts[q][c] for c in segment.ends}
            _fix_arcs(data, costs, (m, q, DATA), others, limit, segment.arcs)
        if segment.sends_model:
            for c in segment.ends:
                rest[c] = min(rest.get(c, np.inf), kept[c, q] - costs.parts[model][c])
    _fix_arcs(data, costs, (m, model, MODEL), rest, limit, domain.arcs[MODEL])
    domain.gather()


def _fix_arcs(
    data: ProblemData,
    costs: PricingResult,
    commodity: tuple[int, int, int],
    rest: dict[int, float],
    limit: float,
    arcs: NDArray[np.bool_],
) -> None:
    """Take a commodity's superfluous arcs out of the mask; `rest` is what an end costs beside this packet."""
    m, u, kind = commodity
    if not rest:
        arcs[:] = False
        return
    nodes = np.array([data.end_of(int(data.tasks[m].ends[c]), kind) for c in rest])
    offsets = np.array(list(rest.values()))
    shift = float(offsets.min())
    back, _ = data.search(costs.weights[u], -1, kind == DATA, arcs, offsets=(nodes, offsets - shift))
    near, far = (data.tail, data.head) if kind == DATA else (data.head, data.tail)
    arcs[: data.arcs] &= costs.forward[u][near] + costs.weights[u][: data.arcs] + back[far] + shift <= limit
