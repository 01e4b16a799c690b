"""Pieces: what a task may do, cut into cases in each of which its delay has a tight affine lower bound.

A piece is a packet mode and, where both packets are sent, an interval of the data work A_m. A task is in one piece at
least; a solution better than the cutoff stays in some piece of every task through all that follows. On an interval
[low, high] the chord of h(·, p) (`scope.chord`) bounds the delay from below, exactly at both ends. A chord passes h
outside its interval, so no piece needs to be told to keep to its interval: it only becomes unattractive. The last
interval [low, ∞) is charged h(low) and nothing for load.

Cutting an interval at A costs one more piece and makes both chords exact at A. Each piece has its own arcs and
computing satellites, so that what is excluded for one interval (`prices.fix`) need not be for all: A_m is bounded
piecewise, and intervals whose reduced cost is too high leave from the middle too.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from solvers.exact.scope import BOTH, DATA_ONLY, MODEL_ONLY, Scope, chord, share_at, work_limit
from solvers.exact.tables import DATA, Tables, TaskTable

EMPTY = 1e-9
"""Relative amount by which a piece's least work must pass its interval before the piece counts as empty."""


SHORTEST_S = 1e-9
NARROW = 1e-6
"""Least relative width of a piece that is cut off."""
PASSES = 8
MOST_SHARPENED = 40
"""Pieces of a task from which on none is cut any more."""


@dataclass(frozen=True)
class Side:
    """H_m ≥ const + work · A_m + fixed · p_m, with H_m the part of T_m beside the model packet's transmission."""

    const: float
    work: float = 0.0
    fixed: float = 0.0


@dataclass(eq=False)
class Piece:
    """One case of a task.

    Attributes
    ----------
    mode
        `both`, `data` or `model`.
    low, high
        Bounds on A_m [s]; `high` may be inf.
    fixed_low
        Lower bound on the propagation p_m [s].
    ends
        Positions of the candidate computing satellites left.
    arcs
        Resources left for the data packet, shape (resources,).
    """

    mode: str
    low: float
    high: float
    fixed_low: float
    ends: list[int]
    arcs: NDArray[np.bool_]

    @property
    def sends_data(self) -> bool:
        """Whether the data packet is sent."""
        return self.mode != MODEL_ONLY

    @property
    def sends_model(self) -> bool:
        """Whether the model packet is sent."""
        return self.mode != DATA_ONLY

    def part(self, low: float, high: float) -> "Piece":
        """Return this piece with another interval."""
        return replace(self, low=low, high=high, ends=list(self.ends), arcs=self.arcs.copy())


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


def first_pieces(tables: Tables, m: int, scope: Scope, works: list[float]) -> list[Piece]:
    """Return the pieces of a task, its interval of A_m cut at these works."""
    task, pieces = tables.tasks[m], []
    for mode in scope.modes:
        whole = Piece(mode, scope.low, float("inf"), scope.fixed_low, list(scope.ends), scope.arcs[DATA].copy())
        if mode != BOTH or task.fixed_ratio is not None:
            pieces.append(whole)
            continue
        points = [scope.low, *sorted(work for work in set(works) if work > scope.low * (1 + EMPTY)), float("inf")]
        pieces += [whole.part(low, high) for low, high in pairwise(points)]
    return pieces


def narrow(tables: Tables, m: int, scope: Scope, allowed_s: float) -> None:
    """Cut a task's intervals by its allowance and by the shortest paths that are left; empty pieces go."""
    task, left = tables.tasks[m], []
    for piece in scope.pieces:
        if not piece.ends:
            continue
        if piece.sends_data and task.fixed_ratio is None:
            if piece.mode == BOTH:
                piece.high = min(piece.high, work_limit(task, allowed_s, scope.floor[1]))
            if not _shorten(tables, m, piece):
                continue
        left.append(piece)
    scope.pieces = left
    scope.gather()


def _shorten(tables: Tables, m: int, piece: Piece) -> bool:
    """Raise the lower bounds to the shortest paths left; tell whether anything can be left of the piece."""
    task = tables.tasks[m]
    stops, start = tables.end_of(task.ends[piece.ends], DATA), tables.start_of(m, DATA)
    work, _ = tables.search(task.bits[DATA] * tables.per_bit, start, False, piece.arcs)
    least = work[stops] + task.large_s[piece.ends]
    if not np.isfinite(least).any():
        return False
    fixed, _ = tables.search(tables.fixed, start, False, piece.arcs)
    piece.low = max(piece.low, float(least.min()) * (1 - 1e-12))
    piece.fixed_low = max(piece.fixed_low, float(fixed[stops].min()) * (1 - 1e-12))
    if piece.mode == BOTH and piece.low > piece.high:
        if piece.low > piece.high * (1 + EMPTY):
            return False
        piece.high = piece.low
    return True


def split(scope: Scope, piece: Piece, work: float) -> bool:
    """Cut a piece at this work; tell whether it lies far enough inside."""
    if not piece.low * (1 + NARROW) < work < piece.high * (1 - NARROW):
        return False
    at = scope.pieces.index(piece)
    scope.pieces[at : at + 1] = [piece.part(piece.low, work), piece.part(work, piece.high)]
    return True


def sharpen(task: TaskTable, scope: Scope, work: float, fixed: float, allowance: float) -> bool:
    """Cut pieces until none charges this work and propagation too little by the allowance; tell whether any was cut.

    A chord is exact at both ends, but charges propagation as at its upper end: a piece above A, too, may charge A less
    than is due. At a distance of (p - p_low) (A + s) / (s - p) above A its chord exceeds that loss.

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
            piece for piece in scope.pieces if piece.mode == BOTH and _loss(task, piece, work, fixed, truth) > allowance
        ]
        fresh = False
        for piece in loose if len(scope.pieces) < MOST_SHARPENED else []:
            beyond = (
                2 * max(fixed - piece.fixed_low, 0.0) * (work + task.small_s) / max(task.small_s - fixed, SHORTEST_S)
            )
            if split(scope, piece, work):
                fresh = True
            elif work <= piece.low * (1 + NARROW):
                fresh |= split(scope, piece, piece.low + min(beyond, 0.5 * (piece.high - piece.low)))
        cut |= fresh
        if not fresh:
            break
    return cut


def _loss(task: TaskTable, piece: Piece, work: float, fixed: float, truth: float) -> float:
    (side,) = sides(task, piece)
    return truth - (side.const + side.work * work + side.fixed * fixed)


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
