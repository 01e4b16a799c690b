"""Affine lower bounds on a task's delay in one segment."""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.segment import Piece
from solvers.network.arrays import BOTH, DATA_ONLY, MODEL_ONLY
from solvers.network.data import TaskTable
from solvers.network.delay import share_at


def chord(task: TaskTable, low: float, high: float, fixed_low: float) -> tuple[float, float, float]:
    """Return (c, k, kp) with h(A, p) ≥ c + k A + kp p for A in [low, high] and p ≥ fixed_low.

    h(·, p₀) is concave, so its chord lies below it; ∂h/∂p = (s - α) / (A + s) is least at `high`. Where p ≥ s, h is
    capped at s by its definition, but the affine function may pass it: such paths are dominated by the mode without
    data packet, which is in scope whenever both packets are.
    """
    first, last = share_at(task, low, fixed_low), share_at(task, high, fixed_low)
    per_fixed = (task.small_s - task.extraction_s) / (high + task.small_s)
    slope = (last - first) / (high - low) if high > low * (1 + 1e-12) else 0.0
    if slope == 0.0:
        slope = (task.small_s - task.extraction_s) * (task.small_s - fixed_low) / (low + task.small_s) ** 2
        return first - slope * high - per_fixed * fixed_low, slope, per_fixed
    return first - slope * low - per_fixed * fixed_low, slope, per_fixed


@dataclass(frozen=True)
class Side:
    """H_m ≥ const + work · A_m + fixed · p_m, with H_m the part of T_m beside the model packet's transmission."""

    const: float
    work: float = 0.0
    fixed: float = 0.0


def sides(task: TaskTable, piece: Piece) -> list[Side]:
    """Return affine lower bounds on H_m that hold in a piece; at a fixed ρ they are exact together."""
    alpha, small, ratio = task.extraction_s, task.small_s, task.fixed_ratio
    if ratio is not None:
        remote = Side(alpha * ratio, ratio, 1.0 if ratio > 0 else 0.0)
        local = Side(alpha * ratio + small * (1 - ratio))
        return {MODEL_ONLY: [local], DATA_ONLY: [remote], BOTH: [remote, local]}[piece.mode]
    if piece.mode == MODEL_ONLY:
        return [Side(small)]
    if piece.mode == DATA_ONLY:
        return [Side(alpha, 1.0, 1.0)]
    if not np.isfinite(piece.high):
        return [Side(share_at(task, piece.low, piece.fixed_low))]
    return [Side(*chord(task, piece.low, piece.high, piece.fixed_low))]
