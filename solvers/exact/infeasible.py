"""Why a problem has no solution, said before any solver is called."""

from collections.abc import Iterable

import numpy as np

from formulation import Solution, design_packets
from instances import Instance, Task
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
            reasons.append(str(error) + _missing_links(instance, task))
    return "; ".join(reasons) or None


def why_routing_infeasible(instance: Instance, packets: Solution) -> str | None:
    """Return why (7) has no solution for these packets, and the fewest links that would change it, or None."""
    reasons = []
    for task, decision in zip(instance.tasks, packets.tasks, strict=True):
        ends = {instance.network.index[c]: c for c in instance.candidates(task)}
        names = ", ".join(ends.values()) or "any computing satellite"
        words, missing = [], {c: list[bool]() for c in ends.values()}
        for sent, reverse in ((decision.sends_data, False), (decision.sends_model, True)):
            if not sent:
                continue
            cost = packet_paths(instance.network, task.satellite, 1.0, reverse=reverse).cost_s
            unreached = [c for end, c in ends.items() if not np.isfinite(cost[end])]
            for c in unreached:
                missing[c].append(reverse)
            if len(unreached) == len(ends):
                way = f"(4f) no path from {names} to it" if reverse else f"(4e) no path to {names}"
                words.append(way)
        if all(missing.values()):
            detail = "; ".join(words) or "no computing satellite can be reached by the data and the model packet both"
            reasons.append(f"task {task.satellite}: {detail}{_joining_links(instance, task, missing)}")
    return "; ".join(reasons) or None


def _joining_links(instance: Instance, task: Task, missing: dict[str, list[bool]]) -> str:
    """Return the fewest links that open every missing way to one computing satellite, as the end of a message.

    Parameters
    ----------
    missing
        Per candidate the ways that have no path: False for the data packet's, True for the model packet's.
    """
    if not missing:
        return ""
    c = min(missing, key=lambda name: len(missing[name]))
    pairs = [missing_link(instance, task, reverse=reverse, candidates=(c,)) for reverse in missing[c]]
    links = " and ".join(f"{pair[0]} -> {pair[1]}" for pair in pairs if pair is not None)
    return f"; {'a link' if len(pairs) == 1 else 'links'} {links} would let {c} serve it"


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


def missing_link(
    instance: Instance, task: Task, *, reverse: bool, candidates: Iterable[str] | None = None
) -> tuple[str, str] | None:
    """Return one link that would join a task with a computing satellite, or None where they are joined.

    It leads from what the start reaches to what reaches the end. A link that exists in the other direction comes
    first, then the shortest one where positions are known, then file order.

    Parameters
    ----------
    reverse
        Look for the model packet's way, from a computing satellite to the task.
    candidates
        Computing satellites to join it with; all that may serve it if left out.
    """
    network = instance.network
    near = np.isfinite(packet_paths(network, task.satellite, 1.0, reverse=reverse).cost_s)
    ends = [network.index[c] for c in (instance.candidates(task) if candidates is None else candidates)]
    if not ends or any(near[end] for end in ends):
        return None
    far = np.zeros(network.nodes, dtype=bool)
    for end in ends:
        far |= np.isfinite(packet_paths(network, network.ids[end], 1.0, reverse=not reverse).cost_s)
    best: tuple[tuple[bool, float, int, int], tuple[str, str]] | None = None
    for i in np.flatnonzero(near):
        for j in np.flatnonzero(far):
            pair = (network.ids[j], network.ids[i]) if reverse else (network.ids[i], network.ids[j])
            rank = (not instance.has_link(pair[1], pair[0]), _distance_m(instance, pair), int(i), int(j))
            if best is None or rank < best[0]:
                best = rank, pair
    return None if best is None else best[1]


def _distance_m(instance: Instance, pair: tuple[str, str]) -> float:
    one, other = (instance.satellite(name).position_m for name in pair)
    if one is None or other is None:
        return 0.0
    return float(np.linalg.norm(np.subtract(one, other)))


def _missing_links(instance: Instance, task: Task) -> str:
    """Return the links that would make the task's routes possible, as the end of a message."""
    design = design_packets(instance, task)
    found = []
    for possible, reverse, what in ((design.can_offload, False, "offload"), (design.can_stay, True, "stay")):
        link = missing_link(instance, task, reverse=reverse) if possible else None
        if link is not None:
            found.append(f"a link {link[0]} -> {link[1]} would let it {what}")
    return "; " + ", ".join(found) if found else ""
