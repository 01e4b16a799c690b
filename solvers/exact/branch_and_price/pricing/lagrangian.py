"""Lagrangian bounds from multipliers, and what they solve_branch_and_price superfluous.

A *commodity* is a packet in one case: the data packet of task m in segment q (`segments`), or m's model packet. Charge
commodity u a price λ[u, r] ≥ 0 for using resource r, and pay the price back to r, which in turn bears the congestion.
With weights θ_{m,i} ≥ 0 of the delay's delay_bounds, y_m = Σ_i θ_{m,i} (Σ y_m = 1 for the maximum, y_m = 1/|R| for the
mean), every solution's objective is at least

    Σ_m min over q, c, paths of [ C_q + Σ_{r ∈ data} (K_q B_m per_bit_r + KP_q fixed_r + λ) + K_q λ_c
                                  + Σ_{r ∈ model} (y_m (D_m per_bit_r + fixed_r) + λ) ]
    + Σ_{kind, r} min over sets S of commodities, one a task at most, of Σ_{u ∈ S} ((|S| - 1) w_u per_bit_r - λ[u, r])

with K_q = Σ_i θ_i work_i of q's delay_bounds and so on, w_u = K_q B_m for data and y_m D_m for model packets. This is
weak duality: a solution sits in one segment of each task, each minimum is taken over a superset of what it does, and
multipliers cancel. The first line is Dijkstra on the node split graph (the packets of a task meet in q and c only), the
second a sort for every |S|. Any multipliers give a valid bound; those of the load-indexed relaxation (`columns`) give
its value. Nothing rests on a solver's tolerances. Rows of the problem's own add their tolls to the first line and lose
Σ μ · high (`network.rows`). Where computing is shared, the satellite that serves a data packet is one more resource of
it, whose weight is K_q λ_c in place of w_u per_bit_r. A deadline T_m ≤ d_m with multiplier ν_m raises y_m by ν_m, and
the bound loses ν_m d_m.

Fixing: the bound with m forced through r in segment q exceeds the bound by the reduced cost of the cheapest such
m-solution, found by searches from both delay_bounds. More than cutoff - bound: no solution better than the cutoff has
it.
"""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.pricing.commodities import Commodities, allowed_arcs
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers
from solvers.exact.branch_and_price.pricing.subproblems import PricingResult, solve_pricing
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData


def resource_bound(price: Floats, load_weight: Floats, task: Ints | None = None) -> float:
    """Return min over S of Σ_{u ∈ S} ((|S| - 1) share_u - price_u), 0 for the empty set.

    With `task`, commodities sorted by their task, of which each has one commodity in S at most.
    """
    if len(price) == 0:
        return 0.0
    first = np.arange(len(price)) if task is None else np.flatnonzero(np.diff(task, prepend=-1))
    values = np.arange(len(first))[:, None] * load_weight[None, :] - price[None, :]
    if len(first) < len(price):
        values = np.minimum.reduceat(values, first, axis=1)
    values.sort(axis=1)
    return min(0.0, float(np.diagonal(np.cumsum(values, axis=1)).min()))


def _resource_bounds(data: ProblemData, domains: list[TaskDomain], multipliers: Multipliers) -> float:
    total, commodities = 0.0, multipliers.commodities
    active = (multipliers.price > 0) & allowed_arcs(domains)
    for kind in (DATA, MODEL):
        rows = np.flatnonzero(commodities.kind == kind)
        mine = active[rows]
        for r in np.flatnonzero(mine.any(axis=0)):
            chosen = rows[mine[:, r]]
            load_weight = multipliers.per_packet(data, int(r), chosen)
            total += resource_bound(multipliers.price[chosen, r], load_weight, commodities.task[chosen])
    return total


@dataclass(eq=False)
class LagrangianBound:
    """A Lagrangian bound with everything needed to fix by it."""

    value: float
    tasks: list[PricingResult]
    commodities: Commodities


def lagrangian_bound(data: ProblemData, domains: list[TaskDomain], multipliers: Multipliers) -> LagrangianBound:
    """Return the Lagrangian bound of these multipliers."""
    tasks = [solve_pricing(data, domain, multipliers, m) for m, domain in enumerate(domains)]
    value = sum(costs.least for costs in tasks) + _resource_bounds(data, domains, multipliers)
    if multipliers.tolls is not None:
        value -= multipliers.tolls.constant
    due = np.isfinite(data.due_s)
    value -= float(multipliers.late[due] @ data.due_s[due])
    return LagrangianBound(value, tasks, multipliers.commodities)
