"""Plans of all tasks as a solution, and a solution's routes as plans."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from formulation import Solution, TaskDecision
from formulation.solution import snap_ratio
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.data import ProblemData
from solvers.network.response import best_ratio
from solvers.network.traffic import Loads, Plan, work_of


def plan_of(data: ProblemData, solution: Solution) -> dict[int, Plan]:
    """Return a solution's routes as plans."""
    network = data.instance.network
    plans = {}
    for m, decision in enumerate(solution.tasks):
        packets: list[Ints | None] = []
        for path in (decision.data_path, decision.model_path):
            if path is None:
                packets.append(None)
                continue
            relays = np.array([data.links + network.index[node] for node in path[1:-1]], dtype=np.int64)
            packets.append(np.concatenate([network.links_of(path), relays]))
        end = data.tasks[m].ends.tolist().index(network.index[decision.computing_satellite])
        if packets[DATA] is not None:
            packets[DATA] = np.concatenate([packets[DATA], data.served(m, end)])
        plans[m] = Plan(end, packets[0], packets[1])
    return plans


def _path(data: ProblemData, used: Ints, start: int) -> tuple[str, ...]:
    links = used[used < data.links]
    step = {int(data.tail[r]) - data.nodes: int(data.head[r]) for r in links}
    nodes = [start]
    while nodes[-1] in step:
        nodes.append(step.pop(nodes[-1]))
    return tuple(data.instance.network.ids[node] for node in nodes)


def solution_of(data: ProblemData, plans: dict[int, Plan], ratios: Sequence[float] | None = None) -> Solution:
    """Return plans as a solution, every free ρ at its optimum for the delay of its task, or at the given one."""
    instance, loads, decisions = data.instance, Loads(data, plans), []
    for m, task in enumerate(instance.tasks):
        task_data, plan = data.tasks[m], plans[m]
        chosen = int(task_data.ends[plan.end])
        best = best_ratio(task_data, plan, *work_of(data, loads, m, plan)) if ratios is None else float(ratios[m])
        ratio = snap_ratio(best)
        data_path = None if plan.data is None or ratio == 0 else _path(data, plan.data, task_data.node)
        model_path = None if plan.model is None or ratio == 1 else _path(data, plan.model, chosen)
        decision = TaskDecision(
            satellite=task.satellite,
            computing_satellite=instance.network.ids[chosen],
            offload_ratio=ratio,
            residual_shares=task_data.design.residual_shares(ratio, 1 + len(task.residual_levels_bpp)),
            model_packet_bits=task_data.bits[MODEL] if model_path is not None else 0.0,
            data_path=data_path,
            model_path=model_path,
        )
        if data.packets is not None:
            given = data.packets.tasks[m]
            decision = replace(
                given, computing_satellite=decision.computing_satellite, data_path=data_path, model_path=model_path
            )
        decisions.append(decision)
    return Solution(instance.name, tuple(decisions))
