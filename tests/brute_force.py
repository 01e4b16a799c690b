"""Brute force over all simple paths, all c(m) and all packet modes: the oracle of the exact solvers.

It shares nothing with the models: networkx enumerates the paths, loads are counted in dictionaries, and a convex
piecewise-linear delay is minimised by trying each of its breakpoints.
"""

from collections import Counter
from itertools import pairwise, product

import networkx as nx

from formulation import Solution, design_packets
from instances import Instance, Task

LIGHT = 299_792_458.0
Path = tuple[str, ...]
Choice = tuple[str, Path | None, Path | None, float | None]


def _paths(graph: nx.DiGraph, start: str, end: str) -> list[Path]:
    return [tuple(path) for path in nx.all_simple_paths(graph, start, end)]


def choices(instance: Instance, task: Task) -> list[Choice]:
    """All (c, data path, model path, ρ or None where it is free) of one task."""
    graph = nx.DiGraph((link.source, link.target) for link in instance.links)
    graph.add_nodes_from(satellite.id for satellite in instance.satellites)
    design = design_packets(instance, task)
    found: list[Choice] = []
    for c in instance.candidates(task):
        data = _paths(graph, task.satellite, c) if design.can_offload else []
        model = _paths(graph, c, task.satellite) if design.can_stay else []
        found += [(c, d, m, None) for d in data for m in model]
        found += [(c, d, None, 1.0) for d in data] + [(c, None, m, 0.0) for m in model]
    return found


def _line(instance: Instance, path: Path | None, links: Counter, relays: Counter) -> tuple[float, float]:
    """(propagation [s], seconds per bit) of a path under these loads."""
    if path is None:
        return 0.0, 0.0
    fixed = sum(instance.link(a, b).length_m for a, b in pairwise(path)) / LIGHT
    per_bit = sum(links[a, b] / instance.link(a, b).rate_bps for a, b in pairwise(path))
    return fixed, per_bit + sum(relays[k] * instance.satellite(k).relay_s_per_bit for k in path[1:-1])


def least_bits_of_counts(instance: Instance, task: Task) -> dict[int, float]:
    """The least data packet [bit] for every number of offloaded frames, by trying all counts at all levels."""
    levels, curve = (0.0, *task.residual_levels_bpp), instance.accuracy_of(task).large
    bits: dict[int, float] = {0: 0.0}
    for counts in product(range(task.frames + 1), repeat=len(levels)):
        total = sum(counts)
        if not 0 < total <= task.frames:
            continue
        mean = sum(q * k for q, k in zip(levels, counts, strict=True)) / total
        if instance.residual_accuracy == "mean_of_levels":
            reached = sum(float(curve(q)) * k for q, k in zip(levels, counts, strict=True)) / total
        else:
            reached = float(curve(mean))
        if reached >= task.large_map_min - 1e-9:
            size = total * (task.feature_bits_per_frame + task.pixels_per_frame * mean)
            bits[total] = min(size, bits.get(total, float("inf")))
    return bits


def _delay(
    instance: Instance,
    task: Task,
    choice: Choice,
    data: tuple[float, float],
    model: tuple[float, float],
    counts: dict[int, float] | None = None,
    served: int = 1,
) -> float:
    c, _, _, fixed_ratio = choice
    own, server = instance.satellite(task.satellite), instance.satellite(c)
    rate, server_rate = own.ops_per_s * own.utilization, server.ops_per_s * server.utilization / served
    design = design_packets(instance, task)
    volume = task.frames * task.pixels_per_frame * task.bits_per_pixel

    def at(rho: float, bits: float | None = None) -> float:
        bits = design.data_bits_per_ratio * rho if bits is None else bits
        t_model = model[0] + model[1] * design.model_packet_bits if rho < 1 else 0.0
        t_data = data[0] + data[1] * bits if rho > 0 else 0.0
        t_large = rho * task.frames * task.large_ops_per_frame / server_rate
        t_small = (1 - rho) * task.frames * task.small_ops_per_frame / rate
        return t_model + rho * volume * task.feature_ops_per_bit / rate + max(t_data + t_large, t_small)

    if counts is not None:
        allowed = [k for k in counts if (k / task.frames == fixed_ratio if fixed_ratio is not None else k)]
        allowed = [k for k in allowed if fixed_ratio is not None or k < task.frames]
        return min((at(k / task.frames, counts[k]) for k in allowed), default=float("inf"))
    if fixed_ratio is not None:
        return at(fixed_ratio)
    small = task.frames * task.small_ops_per_frame / rate
    slope = data[1] * design.data_bits_per_ratio + task.frames * task.large_ops_per_frame / server_rate
    kink = (small - data[0]) / (small + slope)
    return min(at(rho) for rho in (1e-12, min(max(kink, 1e-12), 1 - 1e-12), 1 - 1e-12))


def brute_force(
    instance: Instance,
    objective: str = "mean",
    options: list[list[Choice]] | None = None,
    whole_frames: bool = False,
    share_computing: bool = False,
) -> float:
    """The optimum of (4) [s], by trying everything."""
    counts = [least_bits_of_counts(instance, task) if whole_frames else None for task in instance.tasks]
    options = options or [choices(instance, task) for task in instance.tasks]
    best = float("inf")
    for combination in product(*options):
        loads = [(Counter(), Counter()), (Counter(), Counter())]
        for choice in combination:
            for (links, relays), path in zip(loads, choice[1:3], strict=True):
                if path is not None:
                    links.update(pairwise(path))
                    relays.update(path[1:-1])
        served = Counter(choice[0] for choice in combination if choice[1] is not None)
        delays = [
            _delay(
                instance,
                task,
                choice,
                _line(instance, choice[1], *loads[0]),
                _line(instance, choice[2], *loads[1]),
                count,
                served[choice[0]] if share_computing and choice[1] is not None else 1,
            )
            for task, choice, count in zip(instance.tasks, combination, counts, strict=True)
        ]
        best = min(best, sum(delays) / len(delays) if objective == "mean" else max(delays))
    return best


def brute_force_routing(instance: Instance, packets: Solution, objective: str = "mean") -> float:
    """The optimum of (7) [s] at the packets of a solution whose sizes are those of (5) and (6)."""
    options = []
    for task, decision in zip(instance.tasks, packets.tasks, strict=True):
        keep = []
        for c, data, model, ratio in choices(instance, task):
            sends = (data is not None, model is not None)
            if sends == (decision.sends_data, decision.sends_model):
                keep.append((c, data, model, decision.offload_ratio if ratio is None else ratio))
        options.append(keep)
    return brute_force(instance, objective, options)
