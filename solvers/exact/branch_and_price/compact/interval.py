"""The segments of a task as one interval with breakpoints, which the compact model works with."""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import chord
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL_ONLY
from solvers.network.data import TaskTable
from solvers.network.delay import share_at


@dataclass(frozen=True)
class Side:
    """A valid inequality H_m ≥ const[mode] + work · A_m + fixed · p_m on the part of T_m beside the model packet."""

    const: dict[str, float]
    work: float
    fixed: float


def local_share(task: TaskTable, scope: Scope) -> float:
    """Return the lower bound on H_m in the mode `model`: s, or less where the mode stands for far A_m too."""
    far = scope.far and task.can_offload and task.extraction_s < task.small_s
    return min(task.small_s, share_at(task, scope.high, scope.fixed_low)) if far else task.small_s


def sides(task: TaskTable, scope: Scope) -> list[Side]:
    """Return the affine lower bounds on H_m that hold throughout the scope; at fixed ρ they are exact together.

    A_m and p_m are 0 where no data packet is sent. In the mode `data`, H = α + A + p, and k, kp ≤ 1 shift to it with
    the least A and p.
    """
    alpha, small, ratio = task.extraction_s, task.small_s, task.fixed_ratio
    if ratio is not None:
        remote = Side(dict.fromkeys(scope.modes, alpha * ratio), ratio, 1.0 if ratio > 0 else 0.0)
        local = Side(dict.fromkeys(scope.modes, alpha * ratio + small * (1 - ratio)), 0.0, 0.0)
        return [local] if MODEL_ONLY in scope.modes else [remote] if ratio >= 1 else [remote, local]
    const: dict[str, float] = {MODEL_ONLY: min(small, local_share(task, scope))}
    work = fixed = 1.0
    if BOTH in scope.modes:
        const[BOTH], work, fixed = chord(task, scope.low, scope.high, scope.fixed_low)
    const[DATA_ONLY] = alpha + (1 - work) * scope.data_low + (1 - fixed) * scope.fixed_low
    return [Side({mode: const[mode] for mode in scope.modes}, work, fixed)]


def close(task: TaskTable, scope: Scope) -> None:
    """Restate the pieces as interval, breakpoints and far values, which the integer program knows."""
    both = [piece for piece in scope.pieces if piece.mode == BOTH]
    if task.fixed_ratio is not None or not both:
        scope.far = False
        return
    near = [piece for piece in both if np.isfinite(piece.high)]
    far = [piece for piece in both if not np.isfinite(piece.high)]
    rest = [piece for piece in scope.pieces if piece.mode == DATA_ONLY]
    scope.fixed_low = min(piece.fixed_low for piece in both + rest)
    scope.data_low = min((piece.low for piece in rest), default=scope.data_low)
    if near:
        scope.low, scope.high = near[0].low, near[-1].high
        scope.cuts = sorted({piece.low for piece in near} | {piece.high for piece in near})
    else:
        scope.low = scope.high = far[0].low
    scope.far, scope.modes = bool(far), [mode for mode in scope.modes if mode != BOTH or near]
    if far:
        scope.beyond = far[0].arcs
        scope.modes = list(dict.fromkeys([*scope.modes, MODEL_ONLY]))
        scope.arcs[DATA] = np.any([piece.arcs for piece in near + rest] or [np.zeros_like(far[0].arcs)], axis=0)
