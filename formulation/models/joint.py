"""Accuracy inside (4): packet sizes as variables under (4b), (4c), (4d), their products with routes as bit flows."""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from formulation.models.routes import KINDS, add_conservation, add_transmission
from instances import Instance, Task


def _data_ceiling(task: Task) -> float:
    """Return the largest data packet: all frames at the highest level [bit]."""
    return task.frames * (task.feature_bits_per_frame + task.pixels_per_frame * task.residual_levels_bpp[-1])


def add_joint_packets(m: Any, instance: Instance, least: Mapping[tuple[str, str], float]) -> None:
    """Add σ[m, s], D^M_m and `transmission[kind, m]` [s] to the model of (4).

    size_share[kind, m] is the packet's size over its ceiling: N (d^F + P q_S) for data, D^max for model packets.
    packet_flow[kind, m, i, j] ∈ [0, use] is conserved with that value, absorbed by packet_end ≤ ends.
    (4b) Σ_s q_s σ[m, s] ≥ f⁻¹(A^L_m) ρ_m, or Σ_s f(q_s) σ[m, s] ≥ A^L_m ρ_m with `mean_of_levels`;
    (4c) D^M_m ≥ g⁻¹(A^S_m) where the model packet is sent; (4d).

    Parameters
    ----------
    least
        Model packets of (6) [bit], under ("model", m).
    """
    tasks = {task.satellite: task for task in instance.tasks}
    levels = {name: (0.0, *task.residual_levels_bpp) for name, task in tasks.items()}
    ceiling = {("data", name): _data_ceiling(task) for name, task in tasks.items()}
    ceiling |= {("model", name): max(task.model_packet_bits_range[1], 1e-9) for name, task in tasks.items()}
    m.residual_share = pyo.Var(
        pyo.Set(initialize=[(name, s) for name in tasks for s in range(len(levels[name]))], dimen=2), bounds=(0, 1)
    )
    m.size_share = pyo.Var(KINDS, m.TASKS, bounds=(0, 1))

    @m.Constraint(m.TASKS, doc="(4b)")
    def large_map(m: Any, name: str) -> Any:
        task, curve = tasks[name], instance.accuracy_of(tasks[name]).large
        if not m.designs[name].can_offload:
            return pyo.Constraint.Skip
        if instance.residual_accuracy == "mean_of_levels":
            reached = sum(float(curve(q)) * m.residual_share[name, s] for s, q in enumerate(levels[name]))
            return reached >= task.large_map_min * m.offload_ratio[name]
        target = curve.inverse(task.large_map_min, 0.0, levels[name][-1])
        reached = sum(q * m.residual_share[name, s] for s, q in enumerate(levels[name]))
        return reached >= target * m.offload_ratio[name]

    @m.Constraint(m.TASKS, doc="residual frames are offloaded frames")
    def shares(m: Any, name: str) -> Any:
        return sum(m.residual_share[name, s] for s in range(len(levels[name]))) == m.offload_ratio[name]

    @m.Constraint(m.TASKS, doc="D^D_m")
    def data_size(m: Any, name: str) -> Any:
        task = tasks[name]
        residual = sum(q * m.residual_share[name, s] for s, q in enumerate(levels[name]))
        bits = task.frames * (task.feature_bits_per_frame * m.offload_ratio[name] + task.pixels_per_frame * residual)
        return ceiling["data", name] * m.size_share["data", name] == bits

    @m.Constraint(m.TASKS, doc="(4c), (4d)")
    def small_map(m: Any, name: str) -> Any:
        share = least["model", name] / ceiling["model", name]
        return m.size_share["model", name] >= share * m.sent["model", name]

    m.size_is_sent = pyo.Constraint(KINDS, m.TASKS, rule=lambda m, k, a: m.size_share[k, a] <= m.sent[k, a])
    m.packet_flow = pyo.Var(m.LINKS, bounds=(0, 1))
    m.packet_end = pyo.Var(KINDS, m.SERVED, bounds=(0, 1))
    m.packet_on_route = pyo.Constraint(m.LINKS, rule=lambda m, *key: m.packet_flow[key] <= m.use[key])
    m.packet_at_end = pyo.Constraint(KINDS, m.SERVED, rule=lambda m, *key: m.packet_end[key] <= m.ends[key])
    add_conservation(m, instance, "packet_bits", m.packet_flow, m.size_share, m.packet_end, KINDS)
    add_transmission(m, instance, ceiling, lambda *key: m.packet_flow[key], m.packet_end)
