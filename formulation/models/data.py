"""The data of the models of (4) and (7), as mutable parameters: change one, solve again."""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from formulation.models.units import (
    SMALLEST_BITS,
    in_time_units,
    largest_data_packet_bits,
    time_unit_s,
    whole_frames_ceiling,
)
from formulation.packets import PacketDesign
from formulation.problem import Problem
from formulation.volumes import computing_rate
from instances.constants import LIGHT_M_PER_S

KINDS = ("data", "model")
Sizes = dict[tuple[str, str], float]


def full_sizes(problem: Problem, designs: Mapping[str, PacketDesign], kinds: tuple[str, ...]) -> Sizes:
    """Return bits per unit of load: D^D_m / ρ_m of (5) and D^M_m of (6); ceilings of the kinds that are variables."""
    sizes: Sizes = {("data", name): design.data_bits_per_ratio for name, design in designs.items()}
    sizes |= {("model", name): design.model_packet_bits or 0.0 for name, design in designs.items()}
    for task in problem.instance.tasks:
        data, model = ("data", task.satellite), ("model", task.satellite)
        if "data" in kinds:
            ceiling = largest_data_packet_bits(task)
            if problem.whole_frames:
                ceiling = whole_frames_ceiling(problem.instance, task, sizes[data])
            sizes[data] = max(ceiling, SMALLEST_BITS)
        if "model" in kinds:
            sizes[model] = max(task.model_packet_bits_range[1], SMALLEST_BITS)
    return sizes


def add_data(m: Any, problem: Problem, sizes: Sizes, ratios: Mapping[str, float | None]) -> None:
    """Add the set TASKS and the parameters, all mutable, times in units of `time_unit_s` [s].

    Adds
    ----
    packet_size[kind, m]
        Bits of the packet per unit of its load [bit].
    time_per_bit[i, j], propagation[i, j], relay_time[k]
        1 / R_l, d_l / c_light, τ_k.
    extraction_time[m], small_time[m], large_time[m, c]
        t^fe at ρ = 1, t^S at ρ = 0, t^L at ρ = 1 with F_c not shared.
    weight[m]
        w_m.

    Parameters
    ----------
    sizes
        Bits per unit of load by (kind, m).
    ratios
        ρ_m where it is given, else None.
    """
    instance = problem.instance
    m.TASKS = pyo.Set(initialize=[task.satellite for task in instance.tasks], doc="tasks m")
    m.time_unit_s = time_unit_s(instance, _alone_sizes(m, sizes, ratios), _given(ratios))
    timed = in_time_units(instance, m.time_unit_s)

    def param(index: Any, values: Mapping[Any, float], doc: str) -> Any:
        return pyo.Param(index, initialize=values, mutable=True, within=pyo.NonNegativeReals, doc=doc)

    tasks = {task.satellite: task for task in timed.tasks}
    links = {(link.source, link.target): link for link in timed.links}
    own = {name: computing_rate(timed, name) for name in tasks}
    m.packet_size = param(pyo.Set(initialize=list(sizes), dimen=2), sizes, "bits per unit of load [bit]")
    pairs = pyo.Set(initialize=list(links), dimen=2)
    m.time_per_bit = param(pairs, {k: 1 / link.rate_bps for k, link in links.items()}, "1 / R_l [time unit/bit]")
    flights = {k: link.length_m / LIGHT_M_PER_S for k, link in links.items()}
    m.propagation = param(m.time_per_bit.index_set(), flights, "d_l / c_light [time unit]")
    relay = {s.id: s.relay_s_per_bit for s in timed.satellites if s.relay_s_per_bit > 0}
    m.relay_time = param(list(relay), relay, "τ_k [time unit/bit]")
    extraction = {name: t.volume_bits * t.feature_ops_per_bit / own[name] for name, t in tasks.items()}
    m.extraction_time = param(m.TASKS, extraction, "t^fe_m at ρ = 1 [time unit]")
    small = {name: t.frames * t.small_ops_per_frame / own[name] for name, t in tasks.items()}
    m.small_time = param(m.TASKS, small, "t^S_m at ρ = 0 [time unit]")
    m.SERVED = pyo.Set(
        initialize=[(name, c) for name, t in tasks.items() for c in instance.candidates(t)],
        dimen=2,
        doc="(m, c): c may serve m",
    )
    large = {(a, c): tasks[a].frames * tasks[a].large_ops_per_frame / computing_rate(timed, c) for a, c in m.SERVED}
    m.large_time = param(m.SERVED, large, "t^L_m at ρ = 1 and c(m) = c, F_c not shared [time unit]")
    m.weight = param(m.TASKS, {name: task.weight for name, task in tasks.items()}, "w_m")


def _given(ratios: Mapping[str, float | None]) -> dict[str, float] | None:
    given = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    return given or None


def _alone_sizes(m: Any, sizes: Sizes, ratios: Mapping[str, float | None]) -> dict[tuple[str, str], float | None]:
    """Return the sizes that decide the unit of time: those of (5) and (6), without the packets that are forbidden."""
    if _given(ratios):
        return dict(sizes)
    alone: dict[tuple[str, str], float | None] = {}
    for name, design in m.designs.items():
        alone["data", name] = design.data_bits_per_ratio if design.can_offload else None
        alone["model", name] = design.model_packet_bits
    return alone
