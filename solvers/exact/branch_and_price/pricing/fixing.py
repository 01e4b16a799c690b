"""Reduced-cost fixing: what no solution better than the cutoff needs leaves the domains."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.delay_bounds import sides
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.pricing.commodities import Users
from solvers.exact.branch_and_price.pricing.lagrangian import Bound
from solvers.exact.branch_and_price.pricing.multipliers import Prices, make_prices
from solvers.exact.branch_and_price.pricing.subproblems import Costs, task_costs
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import Tables


def fix(tables: Tables, scopes: list[Scope], prices: Prices, bound: Bound, cutoff: float) -> None:
    """Take out of the scopes what no solution better than the cutoff needs; pieces without ends stay, empty."""
    room = cutoff - bound.value + 1e-9 * (abs(cutoff) + 1)
    for m, (scope, costs) in enumerate(zip(scopes, bound.tasks, strict=True)):
        _fix_task(tables, scope, prices.users, costs, m, costs.least + room)


def fix_alone(tables: Tables, scopes: list[Scope], cutoff: float) -> None:
    """Do the same for the maximum with all weight on one task after the other, and no prices.

    No T_m may exceed the cutoff, though the relaxation's weights may be zero for all but a few tasks.
    """
    n, users = len(scopes), Users(scopes)
    for m, scope in enumerate(scopes):
        thetas = [np.full(len(sides(tables.tasks[i], scopes[i].pieces[0])), float(i == m)) for i in range(n)]
        prices = make_prices(tables, users, thetas, np.zeros((len(users.task), tables.resources)), "max")
        costs = task_costs(tables, scope, prices, m)
        if costs.least <= cutoff:
            _fix_task(tables, scope, users, costs, m, cutoff + 1e-9 * (abs(cutoff) + 1))


def _fix_task(tables: Tables, scope: Scope, users: Users, costs: Costs, m: int, limit: float) -> None:
    kept = {key: value for key, value in costs.values.items() if value <= limit}
    model, rest = users.model(m), dict[int, float]()
    for q, piece in enumerate(scope.pieces, start=int(users.first[m])):
        piece.ends = [c for c in piece.ends if (c, q) in kept]
        if not piece.ends:
            piece.arcs[:] = False
            continue
        if piece.sends_data:
            others = {c: kept[c, q] - costs.parts[q][c] for c in piece.ends}
            _fix_arcs(tables, costs, (m, q, DATA), others, limit, piece.arcs)
        if piece.sends_model:
            for c in piece.ends:
                rest[c] = min(rest.get(c, np.inf), kept[c, q] - costs.parts[model][c])
    _fix_arcs(tables, costs, (m, model, MODEL), rest, limit, scope.arcs[MODEL])
    scope.gather()


def _fix_arcs(
    tables: Tables,
    costs: Costs,
    user: tuple[int, int, int],
    rest: dict[int, float],
    limit: float,
    arcs: NDArray[np.bool_],
) -> None:
    """Take a user's superfluous arcs out of the mask; `rest` is what an end costs beside this packet."""
    m, u, kind = user
    if not rest:
        arcs[:] = False
        return
    nodes = np.array([tables.end_of(int(tables.tasks[m].ends[c]), kind) for c in rest])
    offsets = np.array(list(rest.values()))
    shift = float(offsets.min())
    back, _ = tables.search(costs.weights[u], -1, kind == DATA, arcs, offsets=(nodes, offsets - shift))
    near, far = (tables.tail, tables.head) if kind == DATA else (tables.head, tables.tail)
    arcs &= costs.forward[u][near] + costs.weights[u] + back[far] + shift <= limit
