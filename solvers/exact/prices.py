"""Lagrangian bounds from prices, and what they prove superfluous.

Charge packet (kind, m) a price λ[kind, m, r] ≥ 0 for using resource r, and pay the price back to r, which in turn bears
the congestion. With delay weights y_m ≥ 0 (Σ y_m = 1 for the maximum, 1/|R| for the mean) and side weights
θ_{m,i} ≥ 0, Σ_i θ_{m,i} = y_m, every solution's objective is at least

    Σ_m min over c, mode, paths of [ C_m,mode + Σ_{r ∈ data} (K_m B_m per_bit_r + KP_m fixed_r + λ) + K_m λ_c
                                     + Σ_{r ∈ model} (y_m (D_m per_bit_r + fixed_r) + λ) ]
    + Σ_{kind, r} min over sets S of packets of Σ_{m ∈ S} ((|S| - 1) w_m per_bit_r - λ[kind, m, r])

with K_m = Σ_i θ_i work_i and so on, w_m = K_m B_m for data and y_m D_m for model packets. This is weak duality: each
minimum is taken over a superset of what the solution does, and prices cancel. The first line is Dijkstra on the node
split graph (the two packets of a task meet in c and mode only), the second a sort for every |S|. Any prices give a
valid bound; those of the load-indexed relaxation give its value. Nothing rests on a solver's tolerances.

Fixing: the bound with m forced through r exceeds the bound by the reduced cost of the cheapest m-solution through r,
found by searches from both sides. More than incumbent - bound: no improving solution uses r for m.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.exact.master import LEVEL, Master
from solvers.exact.scope import BOTH, DATA_ONLY, MODEL_ONLY, Scope
from solvers.exact.tables import DATA, MODEL, Floats, Ints, Tables


@dataclass(eq=False)
class Prices:
    """Multipliers.

    Attributes
    ----------
    weight
        y_m, shape (tasks,).
    work, fixed
        K_m, KP_m, shape (tasks,).
    const
        C_m per mode.
    price
        λ, shape (2, tasks, resources).
    """

    weight: Floats
    work: Floats
    fixed: Floats
    const: list[dict[str, float]]
    price: Floats

    def share_cost(self, tables: Tables) -> Floats:
        """Return w_m per kind: cost of one more packet beside one of m's, per s/bit, shape (2, tasks)."""
        bits = np.array([task.bits for task in tables.tasks])
        return np.stack([self.work * bits[:, DATA], self.weight * bits[:, MODEL]])


def read_prices(tables: Tables, scopes: list[Scope], master: Master, duals: Floats, objective: str) -> Prices:
    """Read multipliers out of the relaxation's duals, made feasible exactly."""
    n = len(tables.tasks)
    if objective == "mean":
        weight = np.full(n, 1.0 / n)
    else:
        weight = np.maximum(duals[master.delay_rows], 0.0)
        weight = weight / weight.sum() if weight.sum() > 0 else np.full(n, 1.0 / n)
    work, fixed, const = np.zeros(n), np.zeros(n), []
    for m in range(n):
        rows, bounds = master.side_rows[m], master.sides[m]
        theta = np.maximum(duals[rows], 0.0) if rows else np.ones(1)
        theta = theta / theta.sum() if theta.sum() > 0 else np.eye(len(bounds))[0]
        theta *= weight[m]
        work[m] = sum(t * side.work for t, side in zip(theta, bounds, strict=True))
        fixed[m] = sum(t * side.fixed for t, side in zip(theta, bounds, strict=True))
        const.append(
            {mode: sum(t * side.const[mode] for t, side in zip(theta, bounds, strict=True)) for mode in scopes[m].modes}
        )
    prices = Prices(weight, work, fixed, const, np.zeros((2, n, tables.resources)))
    share = prices.share_cost(tables)
    level_duals = np.where(master.row_kind == LEVEL, duals, 0.0)
    extra = -(master.program.matrix.T @ level_duals)[: master.uses]
    extra += (master.level - 1) * share[master.kind, master.task] * tables.per_bit[master.resource]
    least = np.full(prices.price.shape, np.inf)
    np.minimum.at(least, (master.kind, master.task, master.resource), extra)
    prices.price = np.where(np.isfinite(least), np.maximum(least, 0.0), 0.0)
    return prices


def resource_bound(price: Floats, share: Floats) -> float:
    """Return min over S of Σ_{m ∈ S} ((|S| - 1) share_m - price_m); 0 for the empty set."""
    if len(price) == 0:
        return 0.0
    count = np.arange(len(price))[:, None]
    values = np.sort(count * share[None, :] - price[None, :], axis=1)
    sums = np.cumsum(values, axis=1)
    return min(0.0, float(np.diagonal(sums).min()))


def _resource_bounds(tables: Tables, scopes: list[Scope], prices: Prices) -> float:
    total = 0.0
    share = prices.share_cost(tables)
    for kind in (DATA, MODEL):
        allowed = np.stack([scope.arcs[kind] for scope in scopes])
        for r in np.flatnonzero((prices.price[kind] > 0).any(axis=0)):
            users = np.flatnonzero(allowed[:, r])
            total += resource_bound(prices.price[kind][users, r], share[kind][users] * tables.per_bit[r])
    return total


def lift(tables: Tables, scopes: list[Scope], prices: Prices, known: NDArray[np.bool_]) -> None:
    """Raise prices of packets that had no column at a priced resource, as far as its own bound does not fall.

    Parameters
    ----------
    known
        Whether (kind, m, r) had columns, shape (2, tasks, resources).
    """
    share = prices.share_cost(tables)
    for kind in (DATA, MODEL):
        priced = np.flatnonzero((prices.price[kind] > 0).any(axis=0))
        for r in priced:
            cost = share[kind] * tables.per_bit[r]
            users = [m for m in range(len(scopes)) if known[kind, m, r]]
            for m in range(len(scopes)):
                if known[kind, m, r] or not scopes[m].arcs[kind][r]:
                    continue
                base = resource_bound(prices.price[kind][users, r], cost[users])
                best = -base
                for size in range(1, len(users) + 1):
                    values = np.sort(size * cost[users] - prices.price[kind][users, r])
                    best = min(best, size * cost[m] + float(values[:size].sum()) - base)
                prices.price[kind, m, r] = max(best, 0.0) * (1 - 1e-12)
                users.append(m)


@dataclass(eq=False)
class Costs:
    """One task's priced weights and searches.

    Attributes
    ----------
    weights
        Per kind, shape (resources,).
    values
        Least priced cost per end position and mode; inf where impossible.
    forward, before
        Per kind the costs from the task's side and the predecessors.
    """

    weights: list[Floats]
    values: dict[tuple[int, str], float]
    forward: list[Floats]
    before: list[Ints]
    least: float
    parts: list[dict[int, float]]


@dataclass(eq=False)
class Bound:
    """A Lagrangian bound with everything needed to fix by it."""

    value: float
    tasks: list[Costs]


def task_costs(tables: Tables, scope: Scope, prices: Prices, m: int) -> Costs:
    """Search both packets of one task under prices."""
    task = tables.tasks[m]
    weights = [
        prices.work[m] * task.bits[DATA] * tables.per_bit + prices.fixed[m] * tables.fixed + prices.price[DATA, m],
        prices.weight[m] * (task.bits[MODEL] * tables.per_bit + tables.fixed) + prices.price[MODEL, m],
    ]
    needed = [set(scope.modes) & {BOTH, only} for only in (DATA_ONLY, MODEL_ONLY)]
    forward, before = [], []
    for kind in (DATA, MODEL):
        if needed[kind]:
            cost, last = tables.search(weights[kind], tables.start_of(m, kind), kind == MODEL, scope.arcs[kind])
        else:
            cost, last = np.full(2 * tables.nodes, np.inf), np.empty(0)
        forward.append(np.asarray(cost))
        before.append(last)
    parts = [
        {c: float(forward[kind][tables.end_of(int(task.ends[c]), kind)]) for c in scope.ends} for kind in (DATA, MODEL)
    ]
    values = {}
    for c in scope.ends:
        data, model = parts[DATA][c] + prices.work[m] * task.large_s[c], parts[MODEL][c]
        for mode in scope.modes:
            const = prices.const[m][mode]
            values[c, mode] = const + (data if mode != MODEL_ONLY else 0.0) + (model if mode != DATA_ONLY else 0.0)
    return Costs(weights, values, forward, before, min(values.values()), parts)


def price_bound(tables: Tables, scopes: list[Scope], prices: Prices) -> Bound:
    """Return the Lagrangian bound of these prices."""
    tasks = [task_costs(tables, scope, prices, m) for m, scope in enumerate(scopes)]
    return Bound(sum(costs.least for costs in tasks) + _resource_bounds(tables, scopes, prices), tasks)


def fix(tables: Tables, scopes: list[Scope], prices: Prices, bound: Bound, incumbent: float) -> int:
    """Take out of the scopes what no solution better than the incumbent needs; return how many arcs went."""
    room = incumbent - bound.value
    gone = 0
    for m, (scope, costs) in enumerate(zip(scopes, bound.tasks, strict=True)):
        limit = costs.least + room + 1e-9 * (abs(incumbent) + 1)
        kept = {key for key, value in costs.values.items() if value <= limit}
        scope.ends = [c for c in scope.ends if any(key[0] == c for key in kept)]
        scope.modes = [mode for mode in scope.modes if any(key[1] == mode for key in kept)]
        for kind in (DATA, MODEL):
            gone += _fix_arcs(tables, scope, prices, costs, m, kind, kept, limit)
    return gone


def _fix_arcs(
    tables: Tables,
    scope: Scope,
    prices: Prices,
    costs: Costs,
    m: int,
    kind: int,
    kept: set[tuple[int, str]],
    limit: float,
) -> int:
    task = tables.tasks[m]
    before = int(scope.arcs[kind].sum())
    alone = DATA_ONLY if kind == DATA else MODEL_ONLY
    rest: dict[int, float] = {}
    for c, mode in kept:
        if mode in (BOTH, alone):
            own = costs.parts[kind][c]
            rest[c] = min(rest.get(c, np.inf), costs.values[c, mode] - own)
    if not rest:
        scope.arcs[kind][:] = False
        return before
    nodes = np.array([tables.end_of(int(task.ends[c]), kind) for c in rest])
    offsets = np.array(list(rest.values()))
    shift = float(offsets.min())
    back, _ = tables.search(costs.weights[kind], -1, kind == DATA, scope.arcs[kind], offsets=(nodes, offsets - shift))
    near, far = (tables.tail, tables.head) if kind == DATA else (tables.head, tables.tail)
    through = costs.forward[kind][near] + costs.weights[kind] + back[far] + shift
    scope.arcs[kind] &= through <= limit
    return before - int(scope.arcs[kind].sum())


def work_bound(tables: Tables, scopes: list[Scope], prices: Prices, bound: Bound, incumbent: float, m: int) -> float:
    """Return an upper bound on A_m in solutions no worse than the incumbent that send both of m's packets.

    Take the bound of the problem in which m's data work is free (K_m = 0), V. The objective of any solution is at
    least V + K_m A_m, so A_m ≤ (incumbent - V) / K_m. With K_m = 0, m's data packet bears no congestion itself, but it
    still burdens others: its prices are lifted anew, as those of a packet that joins.
    """
    if prices.work[m] <= 0:
        return float("inf")
    free = Prices(prices.weight, prices.work.copy(), prices.fixed, prices.const, prices.price.copy())
    free.work[m] = 0.0
    free.price[DATA, m] = 0.0
    share = prices.share_cost(tables)[DATA]
    change = 0.0
    others = [i for i in range(len(scopes)) if i != m]
    for r in np.flatnonzero((prices.price[DATA] > 0).any(axis=0)):
        cost = share * tables.per_bit[r]
        everyone = [i for i in range(len(scopes)) if scopes[i].arcs[DATA][r]]
        users = [i for i in others if scopes[i].arcs[DATA][r]]
        with_m = resource_bound(prices.price[DATA][everyone, r], cost[everyone])
        base = resource_bound(prices.price[DATA][users, r], cost[users])
        change += base - with_m
        if scopes[m].arcs[DATA][r]:
            best = -base
            for size in range(1, len(users) + 1):
                values = np.sort(size * cost[users] - prices.price[DATA][users, r])
                best = min(best, float(values[:size].sum()) - base)
            free.price[DATA, m, r] = max(best, 0.0) * (1 - 1e-12)
    only = Scope(**{**scopes[m].__dict__, "modes": [BOTH]})
    least = task_costs(tables, only, free, m).least
    value = bound.value - bound.tasks[m].least + least + change
    return (incumbent + 1e-9 * (abs(incumbent) + 1) - value) / float(prices.work[m])
