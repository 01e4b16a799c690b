"""Units of the Pyomo models: times such that a solver's absolute tolerances are small against every delay.

Solvers accept a row that is violated by about 1e-6, whatever its numbers mean. In seconds that is a thousandth of a
delay of 1 ms, and less than the rounding of one of 1e12 s. So a model counts time in units of `time_unit_s`, a power of
ten that puts the delay that decides, that of the slowest task alone in the network, between 1e3 and 1e4.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from formulation.volumes import computing_rate
from formulation.whole_frames import residual_intervals
from instances import Instance, Task

DIGITS = 3
"""Powers of ten between the unit and the delay that decides."""
SMALLEST_S = 1e-30
"""Keeps a link without delay an edge in SciPy's sparse graphs [s]."""

SMALLEST_BITS = 1e-9
"""Stands for a largest packet of 0 bits where sizes are divided by it [bit]."""

Floats = NDArray[np.float64]


def time_unit_s(
    instance: Instance, size: Mapping[tuple[str, str], float | None], ratio: Mapping[str, float] | None = None
) -> float:
    """Return the time unit of a model [s].

    Parameters
    ----------
    instance
        The problem.
    size
        Bits of ("data", m), at ρ = 1 or at the given ratios, and of ("model", m); None where there is no such packet.
    ratio
        ρ by task where it is given, as in (7).
    """
    delays = [
        _alone_s(instance, task, size, None if ratio is None else ratio[task.satellite]) for task in instance.tasks
    ]
    finite = [delay for delay in delays if 0.0 < delay < math.inf]
    return power_of_ten(max(finite, default=0.0))


def power_of_ten(value: float) -> float:
    """Return the unit in which a value lies between 1e3 and 1e4; 1 for 0."""
    return 10.0 ** (math.floor(math.log10(value)) - DIGITS) if value > 0 else 1.0


def largest_data_packet_bits(task: Task) -> float:
    """Return the data packet of all frames at the highest level [bit]."""
    return task.frames * (task.feature_bits_per_frame + task.pixels_per_frame * task.residual_levels_bpp[-1])


def in_time_units(instance: Instance, unit_s: float) -> Instance:
    """Return the instance with `unit_s` as its second: every delay and deadline is divided by it, no energy changes."""
    satellites = tuple(
        replace(
            satellite,
            ops_per_s=None if satellite.ops_per_s is None else satellite.ops_per_s * unit_s,
            relay_s_per_bit=satellite.relay_s_per_bit / unit_s,
            transmit_w=satellite.transmit_w * unit_s,
        )
        for satellite in instance.satellites
    )
    links = tuple(
        replace(link, rate_bps=link.rate_bps * unit_s, length_m=link.length_m / unit_s) for link in instance.links
    )
    tasks = tuple(
        task if task.deadline_s is None else replace(task, deadline_s=task.deadline_s / unit_s)
        for task in instance.tasks
    )
    return replace(instance, satellites=satellites, links=links, tasks=tasks)


def _alone_s(
    instance: Instance, task: Task, size: Mapping[tuple[str, str], float | None], ratio: float | None
) -> float:
    """Return the delay of a task alone in the network [s], at the given ρ or the better of ρ = 0 and 1."""
    own = computing_rate(instance, task.satellite)
    small = task.frames * task.small_ops_per_frame / own
    extraction = task.volume_bits * task.feature_ops_per_bit / own
    model = _transmission_s(instance, task, size["model", task.satellite], reverse=True)
    data = _transmission_s(instance, task, size["data", task.satellite], reverse=False)
    best = math.inf
    for c in instance.candidates(task):
        node = instance.network.index[c]
        large = task.frames * task.large_ops_per_frame / computing_rate(instance, c)
        if ratio is None:
            best = min(best, model[node] + small, data[node] + extraction + large)
        else:
            needed = (model[node] if ratio < 1 else 0.0) + ratio * extraction
            remote = data[node] + ratio * large if ratio > 0 else 0.0
            best = min(best, needed + max(remote, (1 - ratio) * small))
    return float(best)


def _transmission_s(instance: Instance, task: Task, bits: float | None, *, reverse: bool) -> Floats:
    """Return the least uncongested transmission between a task and every satellite [s], inf where there is none."""
    network = instance.network
    node = network.index[task.satellite]
    if bits is None:
        return np.full(network.nodes, np.inf)
    near, far = (network.target, network.source) if reverse else (network.source, network.target)
    relay = np.where(near == node, 0.0, network.relay_s_per_bit[near])
    weight = bits * (network.seconds_per_bit + relay) + network.propagation_s
    shape = (network.nodes, network.nodes)
    graph = csr_array((np.maximum(weight, SMALLEST_S), (near, far)), shape=shape)
    return np.asarray(dijkstra(graph, indices=node), dtype=float)


def whole_frames_ceiling(instance: Instance, task: Task, least_bits: float) -> float:
    """Return a size that no least data packet of whole frames exceeds [bit].

    Rounding the two-level mix of (5) up to whole frames costs at most q_S in all, unless f falls on [0, q_S].
    """
    found = residual_intervals(instance.accuracy_of(task).large, task.large_map_min, task.residual_levels_bpp[-1])
    upwards = len(found) == 1 and found[0][1] == task.residual_levels_bpp[-1]
    if not (upwards or instance.residual_accuracy == "mean_of_levels"):
        return largest_data_packet_bits(task)
    return min(largest_data_packet_bits(task), least_bits + task.pixels_per_frame * task.residual_levels_bpp[-1])
