"""Whole frames in (4) and (5): how many are offloaded at each level, as integers."""

from typing import Any

import pyomo.environ as pyo

from formulation.whole_frames import residual_intervals
from instances import Instance, Task

ROW_SCALE = 100.0
"""Rows of (4b) are counted in hundredths of the highest level, well above a solver's feasibility tolerance."""


def add_frame_counts(m: Any, instance: Instance) -> None:
    """Add frames_at[m, s] and (4b) over them to a model with the sets TASKS and LEVELS.

    Variables: frames_at[m, s] ∈ {0, …, N_m}; the share σ[m, s] = frames_at[m, s] / N_m is an expression.
    (4b) Σ_s q_s k_s ≥ f⁻¹(A^L_m) Σ_s k_s; with `mean_of_levels`, Σ_s (f(q_s) - A^L_m) k_s ≥ 0.
    Where f falls below the target again, the mean residual lies in one of the intervals [a_j, b_j] that meet it:
    in_interval[m, j] ∈ {0, 1} chooses, k = Σ_j k_j, k_j ≤ N_m in_interval_j, a_j k_j ≤ R_j ≤ b_j k_j, R = Σ_j R_j.
    A task that no residual lets meet the target asks for more than the highest level.
    """
    tasks = {task.satellite: task for task in instance.tasks}
    m.frames_at = pyo.Var(
        m.LEVELS,
        domain=pyo.NonNegativeIntegers,
        bounds=lambda m, name, s: (0, tasks[name].frames),
        doc="frames offloaded at each level",
    )
    m.residual_share = pyo.Expression(
        m.LEVELS, rule=lambda m, name, s: m.frames_at[name, s] / tasks[name].frames, doc="σ_{m,s}"
    )
    levels = {name: (0.0, *task.residual_levels_bpp) for name, task in tasks.items()}
    intervals = {name: residual_intervals_of(instance, task) for name, task in tasks.items()}
    split = [name for name, found in intervals.items() if len(found) > 1 or found[0][1] < levels[name][-1]]

    @m.Constraint(m.TASKS, doc="(4b)")
    def large_map(m: Any, name: str) -> Any:
        task, curve = tasks[name], instance.accuracy_of(tasks[name]).large
        if instance.residual_accuracy == "mean_of_levels":
            weights = [float(curve(q)) - task.large_map_min for q in levels[name]]
        elif name in split:
            return pyo.Constraint.Skip
        else:
            weights = [(q - intervals[name][0][0]) / levels[name][-1] for q in levels[name]]
        return sum(ROW_SCALE * w * m.frames_at[name, s] for s, w in enumerate(weights)) >= 0

    if split and instance.residual_accuracy == "mean_residual":
        _add_intervals(m, tasks, {name: intervals[name] for name in split})


def residual_intervals_of(instance: Instance, task: Task) -> tuple[tuple[float, float], ...]:
    """Return the intervals j of mean residuals [bit/pixel] that meet a task's (4b); one beyond reach if none does."""
    highest = task.residual_levels_bpp[-1]
    found = residual_intervals(instance.accuracy_of(task).large, task.large_map_min, highest)
    return found or ((1 + highest, highest + 1),)


def _add_intervals(m: Any, tasks: dict[str, Task], intervals: dict[str, tuple[tuple[float, float], ...]]) -> None:
    keys = [(name, j) for name, found in intervals.items() for j in range(len(found))]
    m.INTERVALS = pyo.Set(initialize=keys, dimen=2, doc="(m, j): intervals of mean residuals that meet (4b)")
    m.in_interval = pyo.Var(m.INTERVALS, domain=pyo.Binary, doc="the mean residual lies in interval j")
    m.interval_frames = pyo.Var(m.INTERVALS, domain=pyo.NonNegativeReals, doc="frames offloaded in interval j")
    m.interval_residual = pyo.Var(m.INTERVALS, domain=pyo.NonNegativeReals, doc="residual of the frames in interval j")
    top = {name: tasks[name].residual_levels_bpp[-1] for name in intervals}

    @m.Constraint(list(intervals), ["frames", "residual"], doc="(4b), the intervals' sums")
    def interval_sum(m: Any, name: str, what: str) -> Any:
        weights = [1.0] * (1 + len(tasks[name].residual_levels_bpp))
        if what == "residual":
            weights = [ROW_SCALE * q / top[name] for q in (0.0, *tasks[name].residual_levels_bpp)]
        parts = m.interval_frames if what == "frames" else m.interval_residual
        total = sum(w * m.frames_at[name, s] for s, w in enumerate(weights))
        return sum(parts[name, j] for j in range(len(intervals[name]))) == total

    m.one_interval = pyo.Constraint(
        list(intervals),
        rule=lambda m, name: sum(m.in_interval[name, j] for j in range(len(intervals[name]))) <= 1,
        doc="one interval at most",
    )
    m.frames_in_interval = pyo.Constraint(
        m.INTERVALS,
        rule=lambda m, *key: m.interval_frames[key] <= tasks[key[0]].frames * m.in_interval[key],
        doc="frames only in the interval",
    )

    @m.Constraint(m.INTERVALS, ["low", "high"], doc="(4b), in one interval")
    def residual_in_interval(m: Any, name: str, j: int, side: str) -> Any:
        low, high = (ROW_SCALE * end / top[name] for end in intervals[name][j])
        if side == "low":
            return m.interval_residual[name, j] >= low * m.interval_frames[name, j]
        return m.interval_residual[name, j] <= high * m.interval_frames[name, j]
