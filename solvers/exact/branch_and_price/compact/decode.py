"""Plans read out of an integer point of the compact model."""

import numpy as np

from solvers.exact.branch_and_price.compact.model import Master
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.data import Tables
from solvers.network.traffic import Plan


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
