"""Why a problem has no solution, said before any solver is called."""

from formulation import Solution, design_packets
from instances import Instance
from solvers.assignment import NoSolution, assign_task
from solvers.paths import packet_paths


def why_full_infeasible(instance: Instance) -> str | None:
    """Return why (4) has no solution, task by task, or None.

    Tasks are coupled by delays only, never by feasibility: (4) is infeasible iff one of its tasks is.
    """
    reasons = []
    for task in instance.tasks:
        try:
            assign_task(instance, task)
        except NoSolution as error:
            reasons.append(str(error))
    return "; ".join(reasons) or None


def why_routing_infeasible(instance: Instance, packets: Solution) -> str | None:
    """Return why (7) has no solution for these packets, or None."""
    reasons = []
    for task, decision in zip(instance.tasks, packets.tasks, strict=True):
        ends = {instance.network.index[c]: c for c in instance.candidates(task)}
        open_to = set(ends)
        words = []
        for sent, reverse in ((decision.sends_data, False), (decision.sends_model, True)):
            if not sent:
                continue
            cost = packet_paths(instance.network, task.satellite, 1.0, reverse=reverse).cost_s
            reached = {end for end in ends if cost[end] < float("inf")}
            if not reached:
                names = ", ".join(ends.values()) or "any computing satellite"
                way = f"(4f) no path from {names} to it" if reverse else f"(4e) no path to {names}"
                words.append(way)
            open_to &= reached
        if not open_to:
            detail = "; ".join(words) or "no computing satellite can be reached by the data and the model packet both"
            reasons.append(f"task {task.satellite}: {detail}")
    return "; ".join(reasons) or None


def why_data_infeasible(instance: Instance, offload_ratio: tuple[float, ...]) -> str | None:
    """Return why (5) has no solution, or None."""
    reasons = []
    for task, ratio in zip(instance.tasks, offload_ratio, strict=True):
        design = design_packets(instance, task)
        if ratio > 0 and not design.can_offload:
            reached = f"best reachable {design.large_map_best:.6g}"
            reasons.append(f"task {task.satellite}: (5b) asks large_map_min {task.large_map_min:.6g}, {reached}")
    return "; ".join(reasons) or None


def why_model_infeasible(instance: Instance) -> str | None:
    """Return why (6) has no solution, or None."""
    reasons = []
    for task in instance.tasks:
        design = design_packets(instance, task)
        if not design.can_stay:
            reached = f"best reachable {design.small_map_best:.6g}"
            reasons.append(f"task {task.satellite}: (6b) asks small_map_min {task.small_map_min:.6g}, {reached}")
    return "; ".join(reasons) or None
