"""Packet design (5) in whole frames: N_m σ_{m,s} = k_s and Σ_s k_s = N_m ρ_m are integers.

With a count K = Σ_s k_s given, the least packet has the least Σ_s q_s k_s that meets (4b): an integer program of one
row, solved alone. Its continuous relaxation is (5) itself, and rounding the two-level mix of (5) up costs less than
q_S: a whole-frames packet exceeds the continuous one of the same ρ by less than P_m q_S, unless f falls somewhere.
Where f falls, a mean residual above the least one may miss the target: all intervals that meet it are looked at.
"""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from fitting import Curve, PiecewiseLinear
from instances import Instance, Task

ROUNDING = 1e-9
"""What floating point may add to a mean over frames, relative to the highest level (or to a mAP of 1)."""


def nearest_count(task: Task, offload_ratio: float) -> int:
    """Return the whole number of frames nearest to ρ N_m; halves go up."""
    return min(max(math.floor(offload_ratio * task.frames + 0.5), 0), task.frames)


def residual_intervals(curve: Curve, target: float, highest: float) -> tuple[tuple[float, float], ...]:
    """Return where on [0, highest] the curve meets a target: closed, disjoint, ascending intervals.

    Between neighbouring breakpoints, and on the whole of their range for the other families, curves are monotone.
    """
    inner = [x for x in curve.x if 0 < x < highest] if isinstance(curve, PiecewiseLinear) else []
    found: list[tuple[float, float]] = []
    points = [0.0, *inner, highest]
    for low, high in pairwise(points):
        meets = float(curve(low)) >= target, float(curve(high)) >= target
        if not any(meets):
            continue
        start = low if meets[0] else curve.inverse(target, low, high)
        end = high if meets[1] else _last(curve, target, low, high)
        if start is None:
            continue
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return tuple(found)


def _last(curve: Curve, target: float, low: float, high: float) -> float:
    """Return the last x that meets the target where the curve falls from `low` to `high`, by bisection."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if float(curve(middle)) >= target else (low, middle)
    return low


def least_whole_frames(instance: Instance, task: Task, offloaded_frames: int) -> tuple[int, ...] | None:
    """Solve (5) for a task and a whole number of offloaded frames.

    Parameters
    ----------
    instance, task
        The problem. Where the feature rate is a decision, it is the one that is least in the continuous problem.
    offloaded_frames
        K = N_m ρ_m.

    Returns
    -------
    tuple of int or None
        k_s at levels [0, q_1, …, q_S], shape (1 + S,), summing to K; None if no counts meet (4b).
    """
    levels = np.array((0.0, *task.residual_levels_bpp))
    if offloaded_frames == 0:
        return (0,) * len(levels)
    curve = instance.accuracy_of(task).large
    if instance.residual_accuracy == "mean_of_levels":
        rows = [np.array([[float(curve(q)) - task.large_map_min for q in levels]])]
    else:
        scaled = levels / levels[-1]
        intervals = residual_intervals(curve, task.large_map_min, levels[-1])
        rows = [np.array([scaled - low / levels[-1], high / levels[-1] - scaled]) for low, high in intervals]
    found = [counts for row in rows if (counts := _least(levels, row, offloaded_frames)) is not None]
    return min(found, key=lambda counts: float(levels @ np.array(counts)), default=None)


def best_whole_frames_map(instance: Instance, task: Task, offloaded_frames: int) -> float:
    """Return the largest large mAP that a whole number of offloaded frames reaches, from below and within 1e-6."""
    curve, levels = instance.accuracy_of(task).large, (0.0, *task.residual_levels_bpp)
    low = max(float(curve(q)) for q in levels)  # all frames at one level
    high = low if instance.residual_accuracy == "mean_of_levels" else curve.maximum(0.0, levels[-1])[1]
    while high - low > 1e-6:
        middle = (low + high) / 2
        met = least_whole_frames(instance, replace(task, large_map_min=middle), offloaded_frames) is not None
        low, high = (middle, high) if met else (low, middle)
    return low


def _least(levels: np.ndarray, rows: np.ndarray, total: int) -> tuple[int, ...] | None:
    """Minimise levels·k over counts of a given total with rows·k ≥ 0.

    The solver may miss a row by its tolerance; the row is then tightened until its counts hold in floating point.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    slack = 0.0
    while slack < 1.0:
        answer = milp(
            levels / levels[-1],
            integrality=np.ones(len(levels)),
            bounds=Bounds(0, total),
            constraints=[
                LinearConstraint(np.ones((1, len(levels))), total, total),
                LinearConstraint(rows, slack - ROUNDING * total, np.inf),
            ],
            options={"mip_rel_gap": 0.0},
        )
        if answer.x is None:
            return None
        counts = np.rint(answer.x)
        if float((rows @ counts).min()) >= -2 * ROUNDING * total:
            return tuple(int(count) for count in counts)
        slack = max(2 * slack, 1e-6)
    return None
