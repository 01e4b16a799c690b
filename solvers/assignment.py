"""c(m) without congestion: each task's computing satellite of least uncongested delay at its optimal ρ.

With the data route free, T^D(ρ) is the least of many rising lines, so it meets the falling t^S(ρ) once; the meeting
point is found by solving for one route's line and routing again there, which climbs to it in finitely many steps
(Newton's method on a concave piecewise-linear function).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fitting.errors import LeosplitError
from formulation import Problem, design_packets
from formulation.packets import PacketDesign
from instances import Instance, Task
from solvers.paths import ShortestPaths, packet_paths
from solvers.ratios import TaskRates, best_ratio, task_rates

MAX_STEPS = 64


class NoSolution(LeosplitError):
    """No decision is possible: the message names the task and the constraint."""


@dataclass(frozen=True)
class Assignment:
    """What a task would do in an empty network.

    Attributes
    ----------
    computing_satellite
        c(m).
    offload_ratio
        Its optimal ρ there.
    delay_s
        The delay it has [s]: a lower bound on T_m in any solution.
    forced_ratio
        0 or 1 where accuracy or missing routes allow no other, else None.
    design
        Its packets.
    """

    computing_satellite: str
    offload_ratio: float
    delay_s: float
    forced_ratio: float | None
    design: PacketDesign


def _line(instance: Instance, rates: TaskRates, bits: float, path: tuple[str, ...], end: str) -> tuple[float, float]:
    """Return the ρ at which t^S meets T^D + t^L on a path in an empty network, and what the path takes then [s]."""
    network = instance.network
    links = network.links_of(path)
    relays = sum(network.relay_s_per_bit[network.index[node]] for node in path[1:-1])
    slope = bits * (float(network.seconds_per_bit[links].sum()) + relays)
    fixed = float(network.propagation_s[links].sum())
    ratio = best_ratio(rates, end, fixed, slope)
    return ratio, fixed + slope * ratio


def _meeting_ratios(
    instance: Instance, task: Task, rates: TaskRates, bits: float, full: ShortestPaths
) -> dict[str, tuple[float, float]]:
    """Return, by c(m), the optimal ρ with both packets sent in an empty network, and what the data packet takes [s].

    A path that is shortest for two packet sizes is shortest for all between them: mostly one search at the smallest ρ
    settles all candidates of a task.
    """
    network, found, smallest = instance.network, {}, 1.0
    paths = {c: full.path(network.index[c]) for c in instance.candidates(task)}
    for c, path in paths.items():
        if path is not None:
            found[c] = _line(instance, rates, bits, path, c)
            smallest = min(smallest, found[c][0])
    low = packet_paths(network, task.satellite, smallest * bits)
    for c in found:
        path, after = paths[c], low.path(network.index[c])
        steps = 0
        while path != after and after is not None and steps < MAX_STEPS:
            path, steps = after, steps + 1
            found[c] = _line(instance, rates, bits, path, c)
            after = packet_paths(network, task.satellite, found[c][0] * bits).path(network.index[c])
    return found


def assign_task(instance: Instance, task: Task) -> Assignment:
    """Choose c(m) for one task as if it were alone; ties go to the first in file order.

    Raises
    ------
    NoSolution
        If neither packet mode is possible with any candidate.
    """
    design = design_packets(instance, task)
    reason = design.reason(task)
    if reason is not None:
        raise NoSolution(reason)
    network, rates = instance.network, task_rates(instance, task)
    bits = design.data_bits_per_ratio
    full_data = packet_paths(network, task.satellite, bits)
    model = packet_paths(network, task.satellite, design.model_packet_bits or 0.0, reverse=True)
    both = _meeting_ratios(instance, task, rates, bits, full_data) if design.can_offload and design.can_stay else {}
    best: Assignment | None = None
    for computing in instance.candidates(task):
        end = network.index[computing]
        data_s, model_s = float(full_data.cost_s[end]), float(model.cost_s[end])
        can_offload = design.can_offload and data_s < float("inf")
        can_stay = design.can_stay and model_s < float("inf")
        options: list[tuple[float, float]] = []
        if can_stay:
            options.append((model_s + rates.small_s, 0.0))
        if can_offload:
            options.append((rates.extraction_s + data_s + rates.large_s[computing], 1.0))
        if can_offload and can_stay:
            ratio, sent = both[computing]
            remote = sent + ratio * rates.large_s[computing]
            delay = model_s + ratio * rates.extraction_s + max(remote, (1 - ratio) * rates.small_s)
            options.append((delay, ratio))
        if not options:
            continue
        delay, ratio = min(options)
        if best is None or delay < best.delay_s:
            forced = None if can_offload and can_stay else (1.0 if can_offload else 0.0)
            best = Assignment(computing, ratio, delay, forced, design)
    if best is None:
        raise NoSolution(_unreachable(instance, task, design))
    return best


def _unreachable(instance: Instance, task: Task, design: PacketDesign) -> str:
    if not instance.candidates(task):
        return f"task {task.satellite}: no computing satellite in the instance"
    ends = ", ".join(instance.candidates(task))
    why = f"(4e) no path from {task.satellite} to {ends}" if design.can_offload else ""
    if design.can_stay:
        why += ("; " if why else "") + f"(4f) no path from {ends} to {task.satellite}"
    if not design.can_offload:
        why += f"; (4b) forbids offloading: asks {design.large_words(task)}"
    if not design.can_stay:
        why += f"; (4c) forbids local work: asks {design.small_words(task)}"
    return f"task {task.satellite}: {why}"


def assign(instance: Instance) -> tuple[Assignment, ...]:
    """Assign every task, in file order.

    Raises
    ------
    NoSolution
        With the reason of every task that has none.
    """
    found, reasons = [], []
    for task in instance.tasks:
        try:
            found.append(assign_task(instance, task))
        except NoSolution as error:
            reasons.append(str(error))
    if reasons:
        raise NoSolution("; ".join(reasons))
    return tuple(found)


def with_assigned(problem: Problem, assignments: Sequence[Assignment]) -> Problem:
    """Return the problem with c(m) fixed as assigned."""
    pairs = zip(problem.instance.tasks, assignments, strict=True)
    tasks = tuple(replace(task, computing_satellite=a.computing_satellite) for task, a in pairs)
    return replace(problem, instance=replace(problem.instance, tasks=tasks))
