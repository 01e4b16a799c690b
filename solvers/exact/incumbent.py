"""Incumbents: plans rounded from prices or integer programs."""

import numpy as np

from solvers.exact.master import Master
from solvers.exact.prices import Bound, Users
from solvers.exact.scope import BOTH, DATA_ONLY, MODEL_ONLY, Scope
from solvers.exact.tables import DATA, MODEL, Floats, Ints, Tables
from solvers.exact.traffic import Plan


def plans_from_values(tables: Tables, master: Master, scopes: list[Scope], values: Floats) -> dict[int, Plan]:
    """Read the plans out of integer values of a master, dropping cycles."""
    plans = {}
    used = np.flatnonzero(values[: master.uses] > 0.5)
    for m, scope in enumerate(scopes):
        end = max(scope.ends, key=lambda c: values[master.serve[m][c]])
        mode = max(scope.modes, key=lambda name: values[master.modes[m][name]])
        packets: list[Ints | None] = []
        for kind, only in ((DATA, DATA_ONLY), (MODEL, MODEL_ONLY)):
            mine = np.unique(master.resource[used[(master.kind[used] == kind) & (master.task[used] == m)]])
            packets.append(_follow(tables, mine, m, kind, end) if mode in (BOTH, only) else None)
        plans[m] = Plan(end, packets[0], packets[1])
    return plans


def _follow(tables: Tables, used: Ints, m: int, kind: int, end: int) -> Ints:
    weight = np.full(tables.resources, np.inf)
    weight[used] = 1.0
    start, stop = tables.start_of(m, kind), tables.end_of(int(tables.tasks[m].ends[end]), kind)
    cost, before = tables.search(weight, start, kind == MODEL)
    if not np.isfinite(cost[stop]):
        raise RuntimeError(f"task {m}: the integer solution's arcs do not join the task with its computing satellite")
    return tables.trace(before, stop, start, kind)


def cheapest_plans(tables: Tables, bound: Bound, users: Users) -> dict[int, Plan]:
    """Return what every task would do under the prices of a bound."""
    plans = {}
    for m, costs in enumerate(bound.tasks):
        c, q = min(costs.values, key=lambda key: costs.values[key])
        end, piece = int(tables.tasks[m].ends[c]), users.pieces[q][1]
        packets = [
            tables.trace(costs.before[user], tables.end_of(end, kind), tables.start_of(m, kind), kind) if sent else None
            for kind, user, sent in ((DATA, q, piece.sends_data), (MODEL, users.model(m), piece.sends_model))
        ]
        plans[m] = Plan(c, packets[0], packets[1])
    return plans
