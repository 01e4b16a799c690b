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
from numpy.typing import NDArray

from solvers.exact.pieces import Piece, sides
from solvers.exact.scope import Scope
from solvers.exact.tables import DATA, MODEL, Floats, Ints, Tables


class Users:
    """Who may use resources: the pieces of all tasks for data packets, then the tasks for model packets.

    Attributes
    ----------
    pieces
        (task, piece) of the first users.
    task, kind
        Of every user.
    first
        Position of each task's first piece, and the number of pieces at last.
    """

    def __init__(self, scopes: list[Scope]) -> None:
        self.pieces: list[tuple[int, Piece]] = [(m, piece) for m, scope in enumerate(scopes) for piece in scope.pieces]
        n = len(scopes)
        self.first = np.concatenate([[0], np.cumsum([len(scope.pieces) for scope in scopes])]).astype(np.int64)
        self.task = np.concatenate([[m for m, _ in self.pieces], np.arange(n)]).astype(np.int64)
        self.kind = np.repeat([DATA, MODEL], [len(self.pieces), n])

    def model(self, m: int) -> int:
        """Return the user that is m's model packet."""
        return len(self.pieces) + m


@dataclass(eq=False)
class Prices:
    """Multipliers.

    Attributes
    ----------
    weight
        y_m, shape (tasks,).
    const, work, fixed
        C_q, K_q, KP_q, shape (pieces,).
    share
        w_u, shape (users,).
    price
        λ, shape (users, resources).
    """

    users: Users
    weight: Floats
    const: Floats
    work: Floats
    fixed: Floats
    share: Floats
    price: Floats


def make_prices(tables: Tables, users: Users, thetas: list[Floats], price: Floats, objective: str) -> Prices:
    """Return multipliers made feasible exactly: θ is scaled to what the objective asks for, λ is made ≥ 0.

    Parameters
    ----------
    thetas
        θ_m of each task's sides, one or two.
    price
        λ, shape (users, resources).
    """
    n = len(tables.tasks)
    raw = [np.maximum(theta, 0.0) for theta in thetas]
    if objective == "mean":
        goal = np.full(n, 1.0 / n)
    else:
        goal = np.array([theta.sum() for theta in raw])
        goal = goal / goal.sum() if goal.sum() > 0 else np.full(n, 1.0 / n)
    raw = [theta if theta.sum() > 0 else np.eye(len(theta))[0] for theta in raw]
    weights = [y * theta / theta.sum() for y, theta in zip(goal, raw, strict=True)]
    rows = []
    for m, piece in users.pieces:
        parts = list(zip(weights[m], sides(tables.tasks[m], piece), strict=True))
        rows.append([sum(t * getattr(side, name) for t, side in parts) for name in ("const", "work", "fixed")])
    const, work, fixed = np.array(rows, dtype=float).reshape(-1, 3).T
    bits = np.array([task.bits for task in tables.tasks])[users.task, users.kind]
    share = bits * np.concatenate([work, goal])
    return Prices(users, goal, const, work, fixed, share, np.maximum(price, 0.0))


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


def allowed(scopes: list[Scope]) -> NDArray[np.bool_]:
    """Return which user may use which resource, shape (users, resources)."""
    pieces = [piece for scope in scopes for piece in scope.pieces]
    data = [piece.arcs if piece.sends_data and piece.ends else np.zeros_like(piece.arcs) for piece in pieces]
    return np.stack([*data, *(scope.arcs[MODEL] for scope in scopes)])


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


def lift(tables: Tables, scopes: list[Scope], prices: Prices, known: NDArray[np.bool_]) -> None:
    """Raise prices of users that had no column at a priced resource, hardly at the cost of its own bound.

    Let F(d, a) be the least Σ (d w_u - λ_u) over a known users, base the resource's bound. If τ newcomers join a known
    ones, the sum is at least F(a + τ - 1, a) plus the newcomers' own (a + τ - 1) w - λ. So λ = min over a, τ of
    (a + τ - 1) w + (F(a + τ - 1, a) - base) / τ keeps the bound whoever joins. A task with a known piece may ask
    for its other pieces what makes them no more attractive to the resource than the known one.

    Parameters
    ----------
    known
        Whether a user had columns at a resource, shape (users, resources).
    """
    users = prices.users
    open_arcs = allowed(scopes)
    for kind in (DATA, MODEL):
        rows = np.flatnonzero(users.kind == kind)
        for r in np.flatnonzero((prices.price[rows] > 0).any(axis=0)):
            old = rows[known[rows, r]]
            new = rows[~known[rows, r] & open_arcs[rows, r]]
            if len(old) and len(new):
                share = prices.share * float(tables.per_bit[r])
                prices.price[new, r] = entry_prices(users.task, share, prices.price[old, r], old, new)


def entry_prices(task: Ints, share: Floats, price: Floats, old: Ints, new: Ints) -> Floats:
    """Return the prices of newcomers at a resource that leave its bound what it is by the others' prices; see `lift`.

    Parameters
    ----------
    task, share
        Of all users, shape (users,); what one packet more costs a user there.
    price
        Of the users that are known, shape (old,).
    old, new
        Which users are known and which are not, in order.
    """
    first = np.flatnonzero(np.diff(task[old], prepend=-1))
    most, joins = len(first), int((np.diff(task[new], prepend=-1) != 0).sum())
    base = resource_bound(price, share[old], task[old])
    # one newcomer alone is worth -base, so that more packets than that pays for are of no interest
    deep = min(most + joins, int(min(-base / max(float(share[new].min()), 1e-300), most + joins)) + 2)
    depth = np.arange(max(deep, 1))
    values = np.minimum.reduceat(depth[:, None] * share[old][None, :] - price[None, :], first, axis=1)
    ordered = np.sort(values, axis=1)
    least = np.concatenate([np.zeros((len(depth), 1)), np.cumsum(ordered, axis=1)], axis=1)
    a, t = np.meshgrid(np.arange(most + 1), np.arange(1, joins + 1), indexing="ij")
    near = a + t - 1 < len(depth)
    a, t = a[near], t[near]
    together = a + t - 1
    slack = (least[together, a] - base) / t
    # over all (a, t) with the same a + t - 1 only the least slack counts
    best = np.full(len(depth), np.inf)
    np.minimum.at(best, together, slack)
    entry = (depth[:, None] * share[new][None, :] + best[:, None]).min(axis=0)
    depth = np.arange(most + joins)
    for i, low in enumerate(first.tolist()):
        mine = slice(low, int(first[i + 1]) if i + 1 < most else len(old))
        kin = np.flatnonzero(task[new] == task[old[low]])
        if len(kin):
            other = (depth[:, None] * share[old[mine]] - price[mine]).min(axis=1)
            entry[kin] = np.maximum(entry[kin], (depth[:, None] * share[new[kin]] - other[:, None]).min(axis=0))
    return np.asarray(np.maximum(entry, 0.0) * (1 - 1e-12))


@dataclass(eq=False)
class Costs:
    """One task's priced weights and searches.

    Attributes
    ----------
    values
        Least priced cost per end position and user of a piece; inf where impossible.
    weights, forward, before
        Per user its priced weights, shape (resources,), the costs from the task's side and the predecessors.
    least
        The least of the values.
    parts
        Per user the least priced cost to each end.
    """

    values: dict[tuple[int, int], float]
    weights: dict[int, Floats]
    forward: dict[int, Floats]
    before: dict[int, Ints]
    parts: dict[int, dict[int, float]]
    least: float


@dataclass(eq=False)
class Bound:
    """A Lagrangian bound with everything needed to fix by it."""

    value: float
    tasks: list[Costs]


def task_costs(tables: Tables, scope: Scope, prices: Prices, m: int) -> Costs:
    """Search both packets of one task under prices, the data packet in each piece."""
    task, users = tables.tasks[m], prices.users
    costs = Costs({}, {}, {}, {}, {}, np.inf)

    def look(user: int, kind: int, weight: Floats, arcs: NDArray[np.bool_], ends: list[int]) -> None:
        start, stops = tables.start_of(m, kind), tables.end_of(task.ends[ends], kind)
        reached, last = tables.search(weight, start, kind == MODEL, arcs)
        costs.weights[user], costs.forward[user], costs.before[user] = weight, np.asarray(reached), last
        costs.parts[user] = dict(zip(ends, reached[stops].tolist(), strict=True))

    model = users.model(m)
    if any(piece.sends_model and piece.ends for piece in scope.pieces):
        weight = prices.weight[m] * (task.bits[MODEL] * tables.per_bit + tables.fixed) + prices.price[model]
        look(model, MODEL, weight, scope.arcs[MODEL], scope.ends)
    for q, piece in enumerate(scope.pieces, start=int(users.first[m])):
        if piece.sends_data and piece.ends:
            weight = prices.share[q] * tables.per_bit + prices.fixed[q] * tables.fixed + prices.price[q]
            look(q, DATA, weight, piece.arcs, piece.ends)
        for c in piece.ends:
            value = float(prices.const[q])
            if piece.sends_data:
                value += costs.parts[q][c] + float(prices.work[q] * task.large_s[c])
            if piece.sends_model:
                value += costs.parts[model][c]
            costs.values[c, q] = value
    costs.least = min(costs.values.values(), default=np.inf)
    return costs


def price_bound(tables: Tables, scopes: list[Scope], prices: Prices) -> Bound:
    """Return the Lagrangian bound of these prices."""
    tasks = [task_costs(tables, scope, prices, m) for m, scope in enumerate(scopes)]
    return Bound(sum(costs.least for costs in tasks) + _resource_bounds(tables, scopes, prices), tasks)


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
