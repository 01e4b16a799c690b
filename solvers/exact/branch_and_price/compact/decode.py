"""Plans read out of an integer point of the compact model."""

import numpy as np

from solvers.exact.branch_and_price.compact.model import CompactModel
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan


def plans_from_values(
    data: ProblemData, compact: CompactModel, domains: list[TaskDomain], values: Floats
) -> dict[int, Plan]:
    """Read the plans out of integer values of a compact, dropping cycles."""
    plans = {}
    used = np.flatnonzero(values[: compact.uses] > 0.5)
    for m, domain in enumerate(domains):
        end = max(domain.ends, key=lambda c: values[compact.serve[m][c]])
        mode = max(domain.modes, key=lambda name: values[compact.modes[m][name]])
        packets: list[Ints | None] = []
        for kind, only in ((DATA, DATA_ONLY), (MODEL, MODEL_ONLY)):
            mine = np.unique(compact.resource[used[(compact.kind[used] == kind) & (compact.task[used] == m)]])
            packets.append(_follow(data, mine, m, kind, end) if mode in (BOTH, only) else None)
        if packets[DATA] is not None:
            packets[DATA] = np.concatenate([packets[DATA], data.served(m, end)])
        plans[m] = Plan(end, packets[DATA], packets[MODEL])
    return plans


def _follow(data: ProblemData, used: Ints, m: int, kind: int, end: int) -> Ints:
    weight = np.full(data.resources, np.inf)
    weight[used] = 1.0
    start, stop = data.start_of(m, kind), data.end_of(int(data.tasks[m].ends[end]), kind)
    cost, before = data.search(weight, start, kind == MODEL)
    if not np.isfinite(cost[stop]):
        raise RuntimeError(f"task {m}: the integer solution's arcs do not join the task with its computing satellite")
    return data.path_arcs(before, stop, start, kind)
