"""Problem (5): the least data packet that meets the large model's mAP target."""

from collections.abc import Sequence
from typing import Any

import pyomo.environ as pyo

from formulation.models.frames import add_frame_counts
from formulation.models.units import largest_data_packet_bits, power_of_ten
from formulation.problem import Problem, as_problem
from formulation.solution import RATIO_TOLERANCE
from formulation.whole_frames import nearest_count
from instances import Instance, Task


def _least_residual(instance: Instance, task: Task) -> float | None:
    return instance.accuracy_of(task).large.inverse(task.large_map_min, 0.0, task.residual_levels_bpp[-1])


def build_data_packet_model(problem: Instance | Problem, offload_ratio: Sequence[float]) -> Any:
    """Build problem (5) for every task at given offload ratios.

    Sets: tasks m; levels s = 0 … S_m, with q_0 = 0.
    Variables: σ[m, s] ≥ 0, share of all frames offloaded at level s.
    Minimise Σ_m D^D_m, in units of `bit_unit` [bit], D^D_m = N_m (d^F_m ρ_m + P_m Σ_s q_s σ[m, s]), subject to
    (5b) f(Σ_s q_s σ[m, s] / ρ_m) ≥ A^L_m, as Σ_s q_s σ[m, s] ≥ f⁻¹(A^L_m) ρ_m with the least residual that meets the
    target; with `mean_of_levels`, Σ_s f(q_s) σ[m, s] ≥ A^L_m ρ_m;
    (5c) Σ_s σ[m, s] = ρ_m.
    In whole frames the variables are frames_at[m, s] = N_m σ[m, s], integer (`add_frame_counts`).

    Parameters
    ----------
    problem
        What is asked. In whole frames ρ_m N_m is rounded to the nearest whole number, the model's parameter
        `offload_ratio` says to what.
    offload_ratio
        ρ_m per task, shape (tasks,).

    Returns
    -------
    pyomo.environ.ConcreteModel
        With `data_packet_bits[m]` and `total_bits` as expressions. Where no residual meets the target,
        (5b) asks for more than the highest level and the model is infeasible.
    """
    problem = as_problem(problem)
    instance, whole_frames = problem.instance, problem.whole_frames
    m = pyo.ConcreteModel(name="data_packet")
    tasks = {task.satellite: task for task in instance.tasks}
    levels = {name: (0.0, *task.residual_levels_bpp) for name, task in tasks.items()}
    ratio = dict(zip(tasks, offload_ratio, strict=True))
    if whole_frames:
        ratio = {name: nearest_count(task, ratio[name]) / task.frames for name, task in tasks.items()}
    m.instance = instance
    m.TASKS = pyo.Set(initialize=list(tasks))
    m.LEVELS = pyo.Set(initialize=[(name, s) for name in tasks for s in range(len(levels[name]))], dimen=2)
    m.offload_ratio = pyo.Param(m.TASKS, initialize=ratio)
    if whole_frames:
        add_frame_counts(m, instance)
    else:
        m.residual_share = pyo.Var(m.LEVELS, bounds=(0, 1))
        _add_shares_accuracy(m, instance, levels)

    def residual(m: Any, name: str) -> Any:
        return sum(q * m.residual_share[name, s] for s, q in enumerate(levels[name]))

    @m.Constraint(m.TASKS, doc="(5c)")
    def offloaded(m: Any, name: str) -> Any:
        if whole_frames:
            frames = tasks[name].frames
            return sum(m.frames_at[name, s] for s in range(len(levels[name]))) == round(m.offload_ratio[name] * frames)
        return sum(m.residual_share[name, s] for s in range(len(levels[name]))) == m.offload_ratio[name]

    @m.Expression(m.TASKS, doc="D^D_m [bit]")
    def data_packet_bits(m: Any, name: str) -> Any:
        task = tasks[name]
        features = task.feature_bits_per_frame * m.offload_ratio[name]
        return task.frames * (features + task.pixels_per_frame * residual(m, name))

    m.bit_unit = power_of_ten(sum(largest_data_packet_bits(task) for task in tasks.values()))
    m.total_bits = pyo.Expression(expr=sum(m.data_packet_bits[name] for name in m.TASKS))
    m.total = pyo.Objective(expr=m.total_bits / m.bit_unit)
    return m


def _add_shares_accuracy(m: Any, instance: Instance, levels: dict[str, tuple[float, ...]]) -> None:
    """Add (5b) over shares."""
    tasks = {task.satellite: task for task in instance.tasks}

    @m.Constraint(m.TASKS, doc="(5b)")
    def large_map(m: Any, name: str) -> Any:
        task = tasks[name]
        curve = instance.accuracy_of(task).large
        if m.offload_ratio[name] <= RATIO_TOLERANCE:
            return pyo.Constraint.Skip
        if instance.residual_accuracy == "mean_of_levels":
            reached = sum(float(curve(q)) * m.residual_share[name, s] for s, q in enumerate(levels[name]))
            return reached >= task.large_map_min * m.offload_ratio[name]
        least = _least_residual(instance, task)
        if least is None:
            least = 1 + task.residual_levels_bpp[-1]
        residual = sum(q * m.residual_share[name, s] for s, q in enumerate(levels[name]))
        return residual >= least * m.offload_ratio[name]
