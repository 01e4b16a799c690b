"""Brute force over all simple paths, all c(m) and all packet modes: the oracle of the exact solvers.

It imports no model, no solver and no evaluator: it inverts the curves and counts loads, bits and seconds by itself.
Every combination of the tasks' choices is tried. Loads count packets, not bits, so that in each combination the best ρ
of each task stands alone: its delay is convex and piecewise linear in ρ, and each of its breakpoints is tried.
"""

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise, product
from typing import Any

import networkx as nx
import numpy as np

from fitting import Curve, Logistic, PiecewiseLinear, PowerLaw, SaturatingExponential
from instances import Instance, Satellite, Task

LIGHT = 299_792_458.0
CHUNK = 1 << 14
Path = tuple[str, ...]


@dataclass(frozen=True)
class Packets:
    """Packets of a task: bits of the model packet (None: no packet meets (4c)), and of the data packet.

    The data packet has `bits_per_ratio` · ρ bits, or those of `bits_of` for every ρ that is allowed; without both it
    cannot be sent.
    """

    model_bits: float | None
    bits_per_ratio: float | None
    bits_of: dict[float, float] | None = None


@dataclass(frozen=True)
class Choice:
    """c(m), and both routes or None."""

    c: str
    data: Path | None
    model: Path | None


def least_argument(curve: Curve, target: float, low: float, high: float) -> float | None:
    """The least x of [low, high] with f(x) ≥ target, by the inverse of the curve's own formula."""
    first, last = curve.domain
    if float(curve(low)) >= target:
        return low
    if isinstance(curve, PiecewiseLinear):
        for (x0, y0), (x1, y1) in pairwise(zip(curve.x, curve.y, strict=True)):
            if x1 > low and x0 < high and y0 < target <= y1:
                x = x0 + (x1 - x0) * ((target - y0) / (y1 - y0))
                if low <= x <= high:
                    return x
        return None
    if isinstance(curve, SaturatingExponential):
        x = math.log(curve.b / (curve.a - target)) / curve.c if target < curve.a else math.inf
    elif isinstance(curve, PowerLaw):
        x = (curve.b / (curve.a - target)) ** (1 / curve.c) - curve.d if target < curve.a else math.inf
    elif isinstance(curve, Logistic):
        y = target - curve.a
        x = curve.d - math.log(curve.b / y - 1) / curve.c if 0 < y < curve.b else math.inf
    else:
        raise TypeError(f"no inverse of {type(curve).__name__} here")
    return x if low < x <= min(high, last) and x >= first else None


def residual_levels(task: Task) -> tuple[float, ...]:
    """Level 0, which sends features only, and those of the task."""
    return (0.0, *task.residual_levels_bpp)


def least_residual(instance: Instance, task: Task) -> float | None:
    """The least mean residual of (5) [bit/pixel], or None."""
    curve, levels = instance.accuracy_of(task).large, residual_levels(task)
    if instance.residual_accuracy != "mean_of_levels":
        return least_argument(curve, task.large_map_min, 0.0, levels[-1])
    found = [q for q in levels if float(curve(q)) >= task.large_map_min]
    for low, high in combinations_with_replacement(levels, 2):  # a linear program of two rows: two levels suffice
        a, b = float(curve(low)), float(curve(high))
        if a != b:
            share = (task.large_map_min - a) / (b - a)
            if 0 <= share <= 1:
                found.append(low + share * (high - low))
    return min(found, default=None)


def least_bits_of_counts(instance: Instance, task: Task) -> dict[int, float]:
    """The least data packet [bit] for every number of offloaded frames, by trying all counts at all levels."""
    levels, curve = residual_levels(task), instance.accuracy_of(task).large
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


def least_packets(instance: Instance, task: Task, whole_frames: bool = False) -> Packets:
    """The packets of (5) and (6)."""
    low, high = task.model_packet_bits_range
    model = least_argument(instance.accuracy_of(task).small, task.small_map_min, low, high)
    if whole_frames:
        counts = least_bits_of_counts(instance, task)
        return Packets(model, None, {k / task.frames: bits for k, bits in counts.items() if k > 0} or None)
    least = least_residual(instance, task)
    if least is None:
        return Packets(model, None)
    return Packets(model, task.frames * (task.feature_bits_per_frame + task.pixels_per_frame * least))


def candidates(instance: Instance, task: Task) -> list[str]:
    """Where the task may be served."""
    fixed = task.computing_satellite
    return [s.id for s in instance.satellites if s.role == "computing" and fixed in (None, s.id)]


def choices(instance: Instance, task: Task, packets: Packets) -> list[Choice]:
    """All c(m) and routes of one task."""
    graph = nx.DiGraph((link.source, link.target) for link in instance.links)
    graph.add_nodes_from(satellite.id for satellite in instance.satellites)
    found: list[Choice] = []
    for c in candidates(instance, task):
        data = [tuple(path) for path in nx.all_simple_paths(graph, task.satellite, c)]
        model = [tuple(path) for path in nx.all_simple_paths(graph, c, task.satellite)]
        data = data if packets.bits_of or packets.bits_per_ratio is not None else []
        model = model if packets.model_bits is not None else []
        found += [Choice(c, d, m) for d in data for m in model]
        found += [Choice(c, d, None) for d in data] + [Choice(c, None, m) for m in model]
    return found


def combinations(instance: Instance) -> int:
    """How many combinations of choices there are."""
    return math.prod(len(choices(instance, task, least_packets(instance, task))) for task in instance.tasks)


class _Routes:
    """The choices of one task as arrays: what each uses, shape (choices, resources), and its propagation [s]."""

    def __init__(self, instance: Instance, paths: list[Path | None]) -> None:
        links = {(link.source, link.target): i for i, link in enumerate(instance.links)}
        relays = {satellite.id: len(links) + i for i, satellite in enumerate(instance.satellites)}
        self.uses = np.zeros((len(paths), len(links) + len(relays)))
        self.propagation_s = np.zeros(len(paths))
        self.sent = np.array([path is not None for path in paths])
        for row, path in enumerate(paths):
            for hop in pairwise(path or ()):
                self.uses[row, links[hop]] = 1
                self.propagation_s[row] += instance.links[links[hop]].length_m / LIGHT
            for node in (path or ())[1:-1]:
                self.uses[row, relays[node]] = 1


def _seconds_per_bit(instance: Instance) -> Any:
    return np.array([1 / link.rate_bps for link in instance.links] + [s.relay_s_per_bit for s in instance.satellites])


def _rate(satellite: Satellite) -> float:
    return satellite.ops_per_s * satellite.utilization


class Enumeration:
    """All combinations of the tasks' choices.

    `optima` gives the least mean and the least largest delay, at free ratios or at the given one of each task.
    """

    def __init__(self, instance: Instance, packets: list[Packets], options: list[list[Choice]]) -> None:
        self.instance, self.packets, self.options = instance, packets, options
        self.data = [_Routes(instance, [choice.data for choice in some]) for some in options]
        self.model = [_Routes(instance, [choice.model for choice in some]) for some in options]
        self.names = [s.id for s in instance.satellites]
        self.ends = [np.array([self.names.index(choice.c) for choice in some], dtype=int) for some in options]

    def optima(self, ratios: list[float] | None = None, share_computing: bool = False) -> dict[str, float]:
        """The optimum by objective [s], inf where there is no solution."""
        sizes = [len(some) for some in self.options]
        best = {"mean": math.inf, "max": math.inf}
        for start in range(0, math.prod(sizes), CHUNK):
            rows = np.unravel_index(np.arange(start, min(start + CHUNK, math.prod(sizes))), sizes)
            delays = self._delays(rows, ratios, share_computing)
            best["mean"] = min(best["mean"], float(delays.mean(axis=0).min()))
            best["max"] = min(best["max"], float(delays.max(axis=0).min()))
        return best

    def _delays(self, rows: tuple[Any, ...], ratios: list[float] | None, share_computing: bool) -> Any:
        instance, per_bit = self.instance, _seconds_per_bit(self.instance)
        on_data = sum(routes.uses[chosen] for routes, chosen in zip(self.data, rows, strict=True))
        on_model = sum(routes.uses[chosen] for routes, chosen in zip(self.model, rows, strict=True))
        served = np.zeros((len(rows[0]), len(self.names)))
        for routes, ends, chosen in zip(self.data, self.ends, rows, strict=True):
            served[np.arange(len(chosen)), ends[chosen]] += routes.sent[chosen]
        delays = []
        for m, (task, packets, chosen) in enumerate(zip(instance.tasks, self.packets, rows, strict=True)):
            data, model, end = self.data[m], self.model[m], self.ends[m][chosen]
            per_data_bit = (on_data * data.uses[chosen]) @ per_bit
            t_model = (packets.model_bits or 0.0) * ((on_model * model.uses[chosen]) @ per_bit)
            t_model = t_model + model.propagation_s[chosen]
            large_rate = np.array([_rate(s) if s.role == "computing" else math.nan for s in instance.satellites])[end]
            if share_computing:
                large_rate = large_rate / np.maximum(served[np.arange(len(chosen)), end], 1)
            t_large = task.frames * task.large_ops_per_frame / large_rate
            own = self._own(task, packets, data.sent[chosen], model.sent[chosen], ratios and ratios[m])
            delays.append(t_model + own(per_data_bit, data.propagation_s[chosen], t_large))
        return np.array(delays)

    def _own(self, task: Task, packets: Packets, sends_data: Any, sends_model: Any, ratio: float | None) -> Any:
        """The least part of the delay beside the model packet, as a function of the data route."""
        rate = _rate(self.instance.satellite(task.satellite))
        extraction = task.frames * task.pixels_per_frame * task.bits_per_pixel * task.feature_ops_per_bit / rate
        small = task.frames * task.small_ops_per_frame / rate

        def least(per_bit: Any, propagation: Any, large: Any) -> Any:
            def at(rho: Any, bits: Any) -> Any:
                return extraction * rho + np.maximum(bits * per_bit + propagation + large * rho, small * (1 - rho))

            both = np.full(len(per_bit), math.inf)
            if ratio is not None:
                size = packets.bits_of[ratio] if packets.bits_of else (packets.bits_per_ratio or 0.0) * ratio
                both = at(ratio, size)
                return np.where(sends_data, both, extraction * ratio + small * (1 - ratio))
            if packets.bits_of:
                for rho, bits in packets.bits_of.items():
                    both = np.minimum(both, at(rho, bits)) if rho < 1 else both
                whole = at(1.0, packets.bits_of[1.0]) if 1.0 in packets.bits_of else np.full(len(per_bit), math.inf)
            else:
                size = packets.bits_per_ratio or 0.0
                kink = np.clip((small - propagation) / (small + size * per_bit + large), 0.0, 1.0)
                both = np.minimum(np.minimum(at(0.0, 0.0), at(1.0, size)), at(kink, size * kink))
                whole = at(1.0, size)
            return np.where(sends_data, np.where(sends_model, both, whole), small)

        return least


def optima(instance: Instance, *, whole_frames: bool = False, share_computing: bool = False) -> dict[str, float]:
    """The optimum of (4) [s] by objective, by trying everything; inf where there is no solution."""
    packets = [least_packets(instance, task, whole_frames) for task in instance.tasks]
    options = [choices(instance, task, found) for task, found in zip(instance.tasks, packets, strict=True)]
    return Enumeration(instance, packets, options).optima(share_computing=share_computing)


def routing_optima(instance: Instance, packets: list[Packets], ratios: list[float]) -> dict[str, float]:
    """The optimum of (7) [s] by objective at these packets and ratios; inf where there is no solution."""
    options = [
        [
            choice
            for choice in choices(instance, task, found)
            if (choice.data is not None) == (ratio > 0) and (choice.model is not None) == (ratio < 1)
        ]
        for task, found, ratio in zip(instance.tasks, packets, ratios, strict=True)
    ]
    return Enumeration(instance, packets, options).optima(ratios)


def brute_force(instance: Instance, objective: str = "mean", **variant: bool) -> float:
    """The optimum of (4) [s]."""
    return optima(instance, **variant)[objective]


def brute_force_routing(instance: Instance, ratios: list[float], objective: str = "mean") -> float:
    """The optimum of (7) [s] at these ratios and the packets of (5) and (6)."""
    return routing_optima(instance, [least_packets(instance, task) for task in instance.tasks], ratios)[objective]
