"""Affine lower bounds on a task's delay in one segment."""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.network.arrays import BOTH, DATA_ONLY, MODEL_ONLY
from solvers.network.data import TaskData
from solvers.network.delay import share_at


def chord(task: TaskData, low: float, high: float, fixed_low: float) -> tuple[float, float, float]:
    """Return (c, k, kp) with h(A, p) ≥ c + k A + kp p for A in [low, high] and p ≥ fixed_low.

    h(·, p₀) is concave, so its chord lies below it; ∂h/∂p = (s - α) / (A + s) is least at `high`. Where p ≥ s, h is
    capped at s by its definition, but the affine function may pass it: such paths are dominated by the mode without
    data packet, which is in the domain whenever both packets are.
    """
    first, last = share_at(task, low, fixed_low), share_at(task, high, fixed_low)
    per_fixed = (task.small_s - task.extraction_s) / (high + task.small_s)
    slope = (last - first) / (high - low) if high > low * (1 + 1e-12) else 0.0
    if slope == 0.0:
        slope = (task.small_s - task.extraction_s) * (task.small_s - fixed_low) / (low + task.small_s) ** 2
        return first - slope * high - per_fixed * fixed_low, slope, per_fixed
    return first - slope * low - per_fixed * fixed_low, slope, per_fixed


@dataclass(frozen=True)
class DelayBound:
    """H_m ≥ const + work · A_m + fixed · p_m, with H_m the part of T_m beside the model packet's transmission."""

    const: float
    work: float = 0.0
    fixed: float = 0.0


def delay_bounds(task: TaskData, segment: Segment) -> list[DelayBound]:
    """Return affine lower bounds on H_m that hold in a segment; at a fixed ρ they are exact together."""
    alpha, small, ratio = task.extraction_s, task.small_s, task.fixed_ratio
    if ratio is not None:
        remote = DelayBound(alpha * ratio, ratio, 1.0 if ratio > 0 else 0.0)
        local = DelayBound(alpha * ratio + small * (1 - ratio))
        return {MODEL_ONLY: [local], DATA_ONLY: [remote], BOTH: [remote, local]}[segment.mode]
    if segment.mode == MODEL_ONLY:
        return [DelayBound(small)]
    if segment.mode == DATA_ONLY:
        return [DelayBound(alpha, 1.0, 1.0)]
    if not np.isfinite(segment.high):
        return [DelayBound(share_at(task, segment.low, segment.fixed_low))]
    return [DelayBound(*chord(task, segment.low, segment.high, segment.fixed_low))]
