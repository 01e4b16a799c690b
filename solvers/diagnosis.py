"""Why a problem has no solution, said before any solver is called."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation import Solution, design_packets, least_whole_frames
from formulation.packets import unmet
from formulation.violation import Violation
from formulation.whole_frames import best_whole_frames_map
from instances import Instance, Task
from solvers.assignment import NoSolution, assign_task
from solvers.paths import packet_paths

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


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


def why_frames_infeasible(instance: Instance) -> str | None:
    """Return why (4) has no solution in whole frames, where it has one without, or None.

    A task that may keep all its frames always can; one that must offload them all needs whole frames that meet (4b).
    """
    reasons = []
    for task in instance.tasks:
        design = design_packets(instance, task)
        back = packet_paths(instance.network, task.satellite, 1.0, reverse=True)
        joined = any(np.isfinite(back.cost_s[instance.network.index[c]]) for c in instance.candidates(task))
        if (design.can_stay and joined) or least_whole_frames(instance, task, task.frames) is not None:
            continue
        best = best_whole_frames_map(instance, task, task.frames)
        why = f"(4b) asks {unmet('large_map_min', task.large_map_min, best, 'whole frames reach at most')}; "
        if design.can_stay:
            why += f"(4f) no path from {', '.join(instance.candidates(task))} to {task.satellite}"
            why += _missing_links(instance, task)
        else:
            why += f"(4c) asks {design.small_words(task)}"
        reasons.append(f"task {task.satellite}: {why}")
    return "; ".join(reasons) or None


def why_ratio_infeasible(instance: Instance, ratio: float) -> str | None:
    """Return why no task, or which, can have this ρ, and links that would change it; None where (5) and (6) can be met.

    Routes that are missing are told only beside a packet that accuracy forbids: else (7) tells them.
    """
    reasons = []
    for task in instance.tasks:
        forbidden = design_packets(instance, task).forbids(task, ratio)
        if not instance.candidates(task):
            reasons.append(f"task {task.satellite}: no computing satellite in the instance")
        elif forbidden is not None:
            try:
                assign_task(instance, task)
                reasons.append(f"task {task.satellite}: {forbidden}")
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
            reasons.append(f"task {task.satellite}: (5b) asks {design.large_words(task)}")
    return "; ".join(reasons) or None


def why_model_infeasible(instance: Instance) -> str | None:
    """Return why (6) has no solution, or None."""
    reasons = []
    for task in instance.tasks:
        design = design_packets(instance, task)
        if not design.can_stay:
            reasons.append(f"task {task.satellite}: (6b) asks {design.small_words(task)}")
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
    found = _nearest_pair(instance, np.flatnonzero(near), np.flatnonzero(far), turned=reverse)
    return None if found is None else (network.ids[found[0]], network.ids[found[1]])


def _nearest_pair(instance: Instance, near: Ints, far: Ints, *, turned: bool) -> tuple[int, int] | None:
    """Return the ends of a new link from `near` to `far` (turned: back), as `missing_link` chooses it.

    Parameters
    ----------
    near, far
        Node numbers, ascending.
    """
    network = instance.network
    if not (len(near) and len(far)):
        return None
    wanted, inside = np.zeros((2, network.nodes), dtype=bool)
    inside[near], wanted[far] = True, True
    back = (network.source, network.target) if turned else (network.target, network.source)
    known = inside[back[0]] & wanted[back[1]]
    positions = [satellite.position_m or (np.nan,) * 3 for satellite in instance.satellites]
    place = np.array(positions, dtype=float)

    def distance_m(one: Ints, other: Ints) -> Floats:
        return np.asarray(np.nan_to_num(np.linalg.norm(place[one] - place[other], axis=1)))

    if known.any():
        i, j = back[0][known], back[1][known]
        first = np.lexsort((j, i, distance_m(i, j)))[0]
        pair = int(i[first]), int(j[first])
    else:
        least = [distance_m(np.full(len(far), i), far) for i in near]
        shortest = np.array([row.min() for row in least])
        row = int(shortest.argmin())
        pair = int(near[row]), int(far[least[row].argmin()])
    return pair[::-1] if turned else pair


def _missing_links(instance: Instance, task: Task) -> str:
    """Return the links that would make the task's routes possible, as the end of a message."""
    design = design_packets(instance, task)
    found = []
    for possible, reverse, what in ((design.can_offload, False, "offload"), (design.can_stay, True, "stay")):
        link = missing_link(instance, task, reverse=reverse) if possible else None
        if link is not None:
            found.append(f"a link {link[0]} -> {link[1]} would let it {what}")
    return "; " + ", ".join(found) if found else ""


def nearest(broken: Iterable[Violation]) -> str:
    """Return what the solution that comes nearest breaks, one value for each rule and deadline; empty if nothing."""
    worst: dict[str, str] = {}
    for violation in broken:
        if violation.constraint.startswith(("rule ", "deadline_s")):
            about = "" if violation.task is None else f"task {violation.task}: "
            allowed = "" if violation.limit is None else f", allowed {_shown(violation.limit)}"
            worst.setdefault(
                f"{about}{violation.constraint}", f"{about}{violation.constraint} is {_shown(violation.value)}{allowed}"
            )
    return f"no solution keeps every rule; the nearest found breaks: {'; '.join(worst.values())}" if worst else ""


def _shown(value: float | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
