"""Lagrangian bounds from prices, and what they prove superfluous.

A *user* is a packet in one case: the data packet of task m in piece q (`pieces`), or m's model packet. Charge user u a
price λ[u, r] ≥ 0 for using resource r, and pay the price back to r, which in turn bears the congestion. With weights
θ_{m,i} ≥ 0 of the delay's sides, y_m = Σ_i θ_{m,i} (Σ y_m = 1 for the maximum, y_m = 1/|R| for the mean), every
solution's objective is at least

    Σ_m min over q, c, paths of [ C_q + Σ_{r ∈ data} (K_q B_m per_bit_r + KP_q fixed_r + λ) + K_q λ_c
                                  + Σ_{r ∈ model} (y_m (D_m per_bit_r + fixed_r) + λ) ]
    + Σ_{kind, r} min over sets S of users, one a task at most, of Σ_{u ∈ S} ((|S| - 1) w_u per_bit_r - λ[u, r])

with K_q = Σ_i θ_i work_i of q's sides and so on, w_u = K_q B_m for data and y_m D_m for model packets. This is weak
duality: a solution sits in one piece of each task, each minimum is taken over a superset of what it does, and prices
cancel. The first line is Dijkstra on the node split graph (the packets of a task meet in q and c only), the second a
sort for every |S|. Any prices give a valid bound; those of the load-indexed relaxation (`columns`) give its value.
Nothing rests on a solver's tolerances.

Fixing: the bound with m forced through r in piece q exceeds the bound by the reduced cost of the cheapest such
m-solution, found by searches from both sides. More than cutoff - bound: no solution better than the cutoff has it.
"""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.pricing.commodities import allowed
from solvers.exact.branch_and_price.pricing.multipliers import Prices
from solvers.exact.branch_and_price.pricing.subproblems import Costs, task_costs
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import Tables


def resource_bound(price: Floats, share: Floats, task: Ints | None = None) -> float:
    """Return min over S of Σ_{u ∈ S} ((|S| - 1) share_u - price_u), 0 for the empty set.

    With `task`, users sorted by their task, of which each has one user in S at most.
    """
    if len(price) == 0:
        return 0.0
    first = np.arange(len(price)) if task is None else np.flatnonzero(np.diff(task, prepend=-1))
    values = np.arange(len(first))[:, None] * share[None, :] - price[None, :]
    if len(first) < len(price):
        values = np.minimum.reduceat(values, first, axis=1)
    values.sort(axis=1)
    return min(0.0, float(np.diagonal(np.cumsum(values, axis=1)).min()))


def _resource_bounds(tables: Tables, scopes: list[Scope], prices: Prices) -> float:
    total, users = 0.0, prices.users
    active = (prices.price > 0) & allowed(scopes)
    for kind in (DATA, MODEL):
        rows = np.flatnonzero(users.kind == kind)
        mine = active[rows]
        for r in np.flatnonzero(mine.any(axis=0)):
            chosen = rows[mine[:, r]]
            share = prices.share[chosen] * tables.per_bit[r]
            total += resource_bound(prices.price[chosen, r], share, users.task[chosen])
    return total


@dataclass(eq=False)
class Bound:
    """A Lagrangian bound with everything needed to fix by it."""

    value: float
    tasks: list[Costs]


def price_bound(tables: Tables, scopes: list[Scope], prices: Prices) -> Bound:
    """Return the Lagrangian bound of these prices."""
    tasks = [task_costs(tables, scope, prices, m) for m, scope in enumerate(scopes)]
    return Bound(sum(costs.least for costs in tasks) + _resource_bounds(tables, scopes, prices), tasks)
