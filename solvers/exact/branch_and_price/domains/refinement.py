"""Split and tighten the segments of a task."""

from itertools import pairwise

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.network.arrays import BOTH, DATA
from solvers.network.data import ProblemData, TaskData
from solvers.network.delay import share_at, work_limit

EMPTY = 1e-9
"""Relative amount by which a segment's least work must pass its interval before the segment counts as empty."""
SHORTEST_S = 1e-9
NARROW = 1e-6
"""Least relative width of a segment that is cut off."""
PASSES = 8
MOST_SHARPENED = 40
"""Pieces of a task from which on none is cut any more."""


def initial_segments(data: ProblemData, m: int, domain: TaskDomain, works: list[float]) -> list[Segment]:
    """Return the segments of a task, its interval of A_m cut at these works."""
    task, segments = data.tasks[m], []
    for mode in domain.modes:
        whole = Segment(mode, domain.low, float("inf"), domain.fixed_low, list(domain.ends), domain.arcs[DATA].copy())
        if mode != BOTH or task.fixed_ratio is not None:
            segments.append(whole)
            continue
        points = [domain.low, *sorted(work for work in set(works) if work > domain.low * (1 + EMPTY)), float("inf")]
        segments += [whole.part(low, high) for low, high in pairwise(points)]
    return segments


def tighten_segments(data: ProblemData, m: int, domain: TaskDomain, allowed_s: float) -> None:
    """Cut a task's intervals by its allowance and by the shortest paths that are left; empty segments go."""
    task, left = data.tasks[m], []
    for segment in domain.segments:
        if not segment.ends:
            continue
        if segment.sends_data and task.fixed_ratio is None:
            if segment.mode == BOTH:
                segment.high = min(segment.high, work_limit(task, allowed_s, domain.floor[1]))
            if not _raise_lower_bounds(data, m, segment):
                continue
        left.append(segment)
    domain.segments = left
    domain.gather()


def _raise_lower_bounds(data: ProblemData, m: int, segment: Segment) -> bool:
    """Raise the lower bounds to the shortest paths left; tell whether anything can be left of the segment."""
    task = data.tasks[m]
    stops, start = data.end_of(task.ends[segment.ends], DATA), data.start_of(m, DATA)
    work, _ = data.search(task.bits[DATA] * data.per_bit, start, False, segment.arcs)
    least = work[stops] + task.large_s[segment.ends]
    if not np.isfinite(least).any():
        return False
    fixed, _ = data.search(data.fixed, start, False, segment.arcs)
    segment.low = max(segment.low, float(least.min()) * (1 - 1e-12))
    segment.fixed_low = max(segment.fixed_low, float(fixed[stops].min()) * (1 - 1e-12))
    if segment.mode == BOTH and segment.low > segment.high:
        if segment.low > segment.high * (1 + EMPTY):
            return False
        segment.high = segment.low
    return True


def split(domain: TaskDomain, segment: Segment, work: float) -> bool:
    """Cut a segment at this work; tell whether it lies far enough inside."""
    if not segment.low * (1 + NARROW) < work < segment.high * (1 - NARROW):
        return False
    at = domain.segments.index(segment)
    domain.segments[at : at + 1] = [segment.part(segment.low, work), segment.part(work, segment.high)]
    return True


def refine_segments(task: TaskData, domain: TaskDomain, work: float, fixed: float, allowance: float) -> bool:
    """Cut segments until none charges this work and propagation too little by the allowance; tell whether any was cut.

    A chord is exact at both ends, but charges propagation as at its upper end: a segment above A, too, may charge A
    less than is due. At a distance of (p - p_low) (A + s) / (s - p) above A its chord exceeds that loss.

    Parameters
    ----------
    work, fixed
        A and p of a plan [s].
    allowance
        In T_m [s].
    """
    truth, cut = share_at(task, work, fixed), False
    for _ in range(PASSES):
        loose = [
            segment
            for segment in domain.segments
            if segment.mode == BOTH and _loss(task, segment, work, fixed, truth) > allowance
        ]
        fresh = False
        for segment in loose if len(domain.segments) < MOST_SHARPENED else []:
            beyond = (
                2 * max(fixed - segment.fixed_low, 0.0) * (work + task.small_s) / max(task.small_s - fixed, SHORTEST_S)
            )
            if split(domain, segment, work):
                fresh = True
            elif work <= segment.low * (1 + NARROW):
                fresh |= split(domain, segment, segment.low + min(beyond, 0.5 * (segment.high - segment.low)))
        cut |= fresh
        if not fresh:
            break
    return cut


def _loss(task: TaskData, segment: Segment, work: float, fixed: float, truth: float) -> float:
    (side,) = delay_bounds(task, segment)
    return truth - (side.const + side.work * work + side.fixed * fixed)
