"""Incumbents: best response within the scopes, iterated, and plans rounded from prices or integer programs.

One response takes a task out of the network, searches both packets with marginal costs (a resource with n packets
counts 2n + 1 times) and selfish ones (n + 1), tries every end and mode, and keeps what lowers the true objective. It
works for (4) and, at fixed ratios, for (7).
"""

from dataclasses import replace

import numpy as np

from formulation import Solution, TaskDecision
from formulation.solution import snap_ratio
from solvers.exact.master import Master
from solvers.exact.prices import Bound
from solvers.exact.scope import BOTH, DATA_ONLY, MODEL_ONLY, Scope
from solvers.exact.tables import DATA, MODEL, Floats, Ints, Tables, TaskTable
from solvers.exact.traffic import Loads, Plan, Traffic, work_of

SWEEPS = 50


def _routes(tables: Tables, traffic: Traffic, m: int, kind: int, times: int, scope: Scope) -> dict[int, Ints]:
    task = tables.tasks[m]
    ratio = 0.5 if task.fixed_ratio is None else task.fixed_ratio
    bits = task.bits[MODEL] if kind == MODEL else ratio * task.bits[DATA]
    weight = bits * (times * traffic.count[kind] + 1) * tables.per_bit + tables.fixed
    start = tables.start_of(m, kind)
    cost, before = tables.search(weight, start, kind == MODEL, scope.arcs[kind])
    found = {}
    for c in scope.ends:
        stop = tables.end_of(int(task.ends[c]), kind)
        if np.isfinite(cost[stop]):
            found[c] = tables.trace(before, stop, start, kind)
    return found


def _choices(tables: Tables, traffic: Traffic, m: int, scope: Scope) -> list[Plan]:
    plans = []
    for times in (2, 1):
        data = _routes(tables, traffic, m, DATA, times, scope) if set(scope.modes) & {BOTH, DATA_ONLY} else {}
        model = _routes(tables, traffic, m, MODEL, times, scope) if set(scope.modes) & {BOTH, MODEL_ONLY} else {}
        for c in scope.ends:
            if BOTH in scope.modes and c in data and c in model:
                plans.append(Plan(c, data[c], model[c]))
            if DATA_ONLY in scope.modes and c in data:
                plans.append(Plan(c, data[c], None))
            if MODEL_ONLY in scope.modes and c in model:
                plans.append(Plan(c, None, model[c]))
    return plans


def descend(
    tables: Tables, scopes: list[Scope], objective: str, order: list[int], plans: dict[int, Plan] | None = None
) -> dict[int, Plan] | None:
    """Let the tasks respond in this order, from the given plans or an empty network; None if a task finds no route."""
    traffic = Traffic(tables, plans or {}, objective)
    complete = len(traffic.plans) == len(order)
    best = traffic.score() if complete else (float("inf"),)
    for _ in range(SWEEPS):
        improved = False
        for m in order:
            current = traffic.remove(m)
            chosen, value = current, best if current is not None else (float("inf"),)
            for plan in _choices(tables, traffic, m, scopes[m]):
                trial = traffic.trial(m, plan)
                if trial < value and (value[0] == float("inf") or trial[0] < value[0] - 1e-12 or len(trial) > 1):
                    chosen, value = plan, trial
            if chosen is None:
                return None
            traffic.place(m, chosen)
            improved |= chosen is not current
            best = value
        if not improved:
            break
    return dict(traffic.plans)


def _path(tables: Tables, used: Ints, start: int) -> tuple[str, ...]:
    links = used[used < tables.links]
    step = {int(tables.tail[r]) - tables.nodes: int(tables.head[r]) for r in links}
    nodes = [start]
    while nodes[-1] in step:
        nodes.append(step.pop(nodes[-1]))
    return tuple(tables.instance.network.ids[node] for node in nodes)


def _ratio(tables: Tables, task: TaskTable, loads: Loads, m: int, plan: Plan) -> float:
    if task.fixed_ratio is not None:
        return task.fixed_ratio
    if plan.data is None or plan.model is None:
        return 0.0 if plan.data is None else 1.0
    work, fixed = work_of(tables, loads, m, plan)
    if task.extraction_s >= task.small_s or fixed >= task.small_s:
        return 0.0
    return (task.small_s - fixed) / (work + task.small_s)


def solution_of(tables: Tables, plans: dict[int, Plan]) -> Solution:
    """Return plans as a solution, every free ρ at its optimum."""
    instance, loads, decisions = tables.instance, Loads(tables, plans), []
    for m, task in enumerate(instance.tasks):
        table, plan = tables.tasks[m], plans[m]
        chosen = int(table.ends[plan.end])
        ratio = snap_ratio(_ratio(tables, table, loads, m, plan))
        data = None if plan.data is None or ratio == 0 else _path(tables, plan.data, table.node)
        model = None if plan.model is None or ratio == 1 else _path(tables, plan.model, chosen)
        decision = TaskDecision(
            satellite=task.satellite,
            computing_satellite=instance.network.ids[chosen],
            offload_ratio=ratio,
            residual_shares=table.design.residual_shares(ratio, 1 + len(task.residual_levels_bpp)),
            model_packet_bits=table.bits[MODEL] if model is not None else 0.0,
            data_path=data,
            model_path=model,
        )
        if tables.packets is not None:
            given = tables.packets.tasks[m]
            decision = replace(
                given, computing_satellite=decision.computing_satellite, data_path=data, model_path=model
            )
        decisions.append(decision)
    return Solution(instance.name, tuple(decisions))


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


def cheapest_plans(tables: Tables, bound: Bound) -> dict[int, Plan]:
    """Return what every task would do under the prices of a bound."""
    plans = {}
    for m, costs in enumerate(bound.tasks):
        c, mode = min(costs.values, key=lambda key: costs.values[key])
        end = int(tables.tasks[m].ends[c])
        packets = [
            tables.trace(costs.before[kind], tables.end_of(end, kind), tables.start_of(m, kind), kind)
            if mode in (BOTH, only)
            else None
            for kind, only in ((DATA, DATA_ONLY), (MODEL, MODEL_ONLY))
        ]
        plans[m] = Plan(c, packets[0], packets[1])
    return plans


def neighbours(plans: dict[int, Plan], rng: np.random.Generator) -> list[int]:
    """Return a random task and some of those that share a resource with it, in random order."""
    m = int(rng.integers(len(plans)))
    near = [i for i, plan in plans.items() if i != m and _meet(plan, plans[m])]
    count = min(len(near), int(rng.integers(1, 4)))
    chosen = rng.permutation(np.array(near, dtype=np.int64))[:count].tolist()
    return [int(i) for i in rng.permutation([m, *chosen])]


def _meet(one: Plan, other: Plan) -> bool:
    pairs = ((one.packet(kind), other.packet(kind)) for kind in (DATA, MODEL))
    return any(a is not None and b is not None and bool(np.isin(a, b).any()) for a, b in pairs)
