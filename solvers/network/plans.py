"""Plans of all tasks as a solution, and a solution's routes as plans."""

from dataclasses import replace

import numpy as np

from formulation import Solution, TaskDecision
from formulation.solution import snap_ratio
from solvers.network.arrays import MODEL, Ints
from solvers.network.data import Tables
from solvers.network.response import best_ratio
from solvers.network.traffic import Loads, Plan, work_of


def plan_of(tables: Tables, solution: Solution) -> dict[int, Plan]:
    """Return a solution's routes as plans."""
    network = tables.instance.network
    plans = {}
    for m, decision in enumerate(solution.tasks):
        packets: list[Ints | None] = []
        for path in (decision.data_path, decision.model_path):
            if path is None:
                packets.append(None)
                continue
            relays = np.array([tables.links + network.index[node] for node in path[1:-1]], dtype=np.int64)
            packets.append(np.concatenate([network.links_of(path), relays]))
        end = tables.tasks[m].ends.tolist().index(network.index[decision.computing_satellite])
        plans[m] = Plan(end, packets[0], packets[1])
    return plans


def _path(tables: Tables, used: Ints, start: int) -> tuple[str, ...]:
    links = used[used < tables.links]
    step = {int(tables.tail[r]) - tables.nodes: int(tables.head[r]) for r in links}
    nodes = [start]
    while nodes[-1] in step:
        nodes.append(step.pop(nodes[-1]))
    return tuple(tables.instance.network.ids[node] for node in nodes)


def solution_of(tables: Tables, plans: dict[int, Plan]) -> Solution:
    """Return plans as a solution, every free ρ at its optimum."""
    instance, loads, decisions = tables.instance, Loads(tables, plans), []
    for m, task in enumerate(instance.tasks):
        table, plan = tables.tasks[m], plans[m]
        chosen = int(table.ends[plan.end])
        ratio = snap_ratio(best_ratio(table, plan, *work_of(tables, loads, m, plan)))
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
