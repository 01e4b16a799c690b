"""Accuracy inside (4): packet sizes as variables under (4b), (4c), (4d), their products with routes as bit flows."""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from formulation.models.frames import add_frame_counts
from formulation.models.routes import Expressions, add_conservation
from instances import Instance


def add_joint_packets(
    m: Any, instance: Instance, load: Expressions, end: Expressions, *, kinds: tuple[str, ...], whole_frames: bool
) -> tuple[Expressions, Expressions]:
    """Add σ[m, s] and D^M_m to the model of (4), and return the packets' loads on links and at their ends.

    size_share[kind, m] is the packet's size over its ceiling, packet_size: N (d^F + P q_S) for data, D^max for model.
    packet_flow[kind, m, i, j] ∈ [0, use] is conserved with that value, absorbed by packet_end ≤ ends.
    (4b) Σ_s q_s σ[m, s] ≥ f⁻¹(A^L_m) ρ_m, or Σ_s f(q_s) σ[m, s] ≥ A^L_m ρ_m with `mean_of_levels`;
    (4c) D^M_m ≥ g⁻¹(A^S_m) where the model packet is sent; (4d).

    Parameters
    ----------
    load, end
        Loads of packets whose sizes are no variables.
    kinds
        The packets whose sizes are variables.
    whole_frames
        Offload whole frames at every level (`add_frame_counts`), N_m ρ_m with them.
    """
    tasks = {task.satellite: task for task in instance.tasks}
    levels = {name: (0.0, *task.residual_levels_bpp) for name, task in tasks.items()}
    m.LEVELS = pyo.Set(
        initialize=[(name, s) for name in tasks for s in range(len(levels[name]))], dimen=2, doc="levels s of each task"
    )
    m.size_share = pyo.Var(kinds, m.TASKS, bounds=(0, 1), doc="size of the packet / packet_size")
    if whole_frames:
        add_frame_counts(m, instance)
    else:
        m.residual_share = pyo.Var(m.LEVELS, bounds=(0, 1), doc="σ_{m,s}")
        _add_shares_accuracy(m, instance, levels)

    @m.Constraint(m.TASKS, doc="residual frames are offloaded frames")
    def shares(m: Any, name: str) -> Any:
        if whole_frames:
            count = tasks[name].frames * m.offload_ratio[name]
            return sum(m.frames_at[name, s] for s in range(len(levels[name]))) == count
        return sum(m.residual_share[name, s] for s in range(len(levels[name]))) == m.offload_ratio[name]

    _add_sizes(m, instance, kinds)
    m.packet_flow = pyo.Var(
        pyo.Set(initialize=[key for key in m.LINKS if key[0] in kinds], dimen=4),
        bounds=(0, 1),
        doc="size_share where the packet is sent over the link",
    )
    m.packet_end = pyo.Var(kinds, m.SERVED, bounds=(0, 1), doc="size_share where the packet ends or starts at c")
    m.packet_on_route = pyo.Constraint(
        m.packet_flow.index_set(), rule=lambda m, *key: m.packet_flow[key] <= m.use[key], doc="packet_flow <= use"
    )
    m.packet_at_end = pyo.Constraint(
        kinds, m.SERVED, rule=lambda m, *key: m.packet_end[key] <= m.ends[key], doc="packet_end <= ends"
    )
    add_conservation(m, instance, "packet_bits", m.packet_flow, m.size_share, m.packet_end, kinds)
    loads = {key: m.packet_flow[key] if key[0] in kinds else load[key] for key in m.LINKS}
    return loads, {key: m.packet_end[key] if key[0] in kinds else end[key] for key in end}


def _add_shares_accuracy(m: Any, instance: Instance, levels: Mapping[str, tuple[float, ...]]) -> None:
    """Add (4b) over shares."""
    tasks = {task.satellite: task for task in instance.tasks}

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


def _add_sizes(m: Any, instance: Instance, kinds: tuple[str, ...]) -> None:
    """Link the sizes with σ, and with (4c), (4d); a packet that is not sent has none."""
    tasks = {task.satellite: task for task in instance.tasks}

    @m.Constraint(m.TASKS, doc="D^D_m")
    def data_size(m: Any, name: str) -> Any:
        task = tasks[name]
        residual = sum(q * m.residual_share[name, s] for s, q in enumerate((0.0, *task.residual_levels_bpp)))
        bits = task.frames * (task.feature_bits_per_frame * m.offload_ratio[name] + task.pixels_per_frame * residual)
        return m.size_share["data", name] == bits / pyo.value(m.packet_size["data", name])

    m.size_is_sent = pyo.Constraint(
        kinds, m.TASKS, rule=lambda m, k, a: m.size_share[k, a] <= m.sent[k, a], doc="size_share <= sent"
    )
    if "model" not in kinds:
        return

    @m.Constraint(m.TASKS, doc="(4c), (4d)")
    def small_map(m: Any, name: str) -> Any:
        share = (m.designs[name].model_packet_bits or 0.0) / pyo.value(m.packet_size["model", name])
        return m.size_share["model", name] >= share * m.sent["model", name]
