"""The segments of a task as one interval with breakpoints, which the compact model works with."""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import chord
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL_ONLY
from solvers.network.data import TaskData
from solvers.network.delay import share_at


@dataclass(frozen=True)
class IntervalBound:
    """A valid inequality H_m ≥ const[mode] + work · A_m + fixed · p_m on the part of T_m beside the model packet."""

    const: dict[str, float]
    work: float
    fixed: float


def local_bound(task: TaskData, domain: TaskDomain) -> float:
    """Return the lower bound on H_m in the mode `model`: s, or less where the mode stands for far A_m too."""
    far = domain.far and task.can_offload and task.extraction_s < task.small_s
    return min(task.small_s, share_at(task, domain.high, domain.fixed_low)) if far else task.small_s


def interval_bounds(task: TaskData, domain: TaskDomain) -> list[IntervalBound]:
    """Return the affine lower bounds on H_m that hold throughout the domain; at fixed ρ they are exact together.

    A_m and p_m are 0 where no data packet is sent. In the mode `data`, H = α + A + p, and k, kp ≤ 1 shift to it with
    the least A and p.
    """
    alpha, small, ratio = task.extraction_s, task.small_s, task.fixed_ratio
    if ratio is not None:
        remote = IntervalBound(dict.fromkeys(domain.modes, alpha * ratio), ratio, 1.0 if ratio > 0 else 0.0)
        local = IntervalBound(dict.fromkeys(domain.modes, alpha * ratio + small * (1 - ratio)), 0.0, 0.0)
        return [local] if MODEL_ONLY in domain.modes else [remote] if ratio >= 1 else [remote, local]
    const: dict[str, float] = {MODEL_ONLY: min(small, local_bound(task, domain))}
    work = fixed = 1.0
    if BOTH in domain.modes:
        const[BOTH], work, fixed = chord(task, domain.low, domain.high, domain.fixed_low)
    const[DATA_ONLY] = alpha + (1 - work) * domain.data_low + (1 - fixed) * domain.fixed_low
    return [IntervalBound({mode: const[mode] for mode in domain.modes}, work, fixed)]


def to_interval_form(task: TaskData, domain: TaskDomain) -> None:
    """Restate the segments as interval, breakpoints and far values, which the integer program knows."""
    both = [segment for segment in domain.segments if segment.mode == BOTH]
    if task.fixed_ratio is not None or not both:
        domain.far = False
        return
    near = [segment for segment in both if np.isfinite(segment.high)]
    far = [segment for segment in both if not np.isfinite(segment.high)]
    rest = [segment for segment in domain.segments if segment.mode == DATA_ONLY]
    domain.fixed_low = min(segment.fixed_low for segment in both + rest)
    domain.data_low = min((segment.low for segment in rest), default=domain.data_low)
    if near:
        domain.low, domain.high = near[0].low, near[-1].high
        domain.breakpoints = sorted({segment.low for segment in near} | {segment.high for segment in near})
    else:
        domain.low = domain.high = far[0].low
    domain.far, domain.modes = bool(far), [mode for mode in domain.modes if mode != BOTH or near]
    if far:
        domain.beyond = far[0].arcs
        domain.modes = list(dict.fromkeys([*domain.modes, MODEL_ONLY]))
        domain.arcs[DATA] = np.any([segment.arcs for segment in near + rest] or [np.zeros_like(far[0].arcs)], axis=0)
