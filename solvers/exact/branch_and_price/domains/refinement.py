"""Split and tighten the segments of a task."""

from itertools import pairwise

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import sides
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.domains.segment import Piece
from solvers.network.arrays import BOTH, DATA
from solvers.network.data import Tables, TaskTable
from solvers.network.delay import share_at, work_limit

EMPTY = 1e-9
"""Relative amount by which a piece's least work must pass its interval before the piece counts as empty."""
SHORTEST_S = 1e-9
NARROW = 1e-6
"""Least relative width of a piece that is cut off."""
PASSES = 8
MOST_SHARPENED = 40
"""Pieces of a task from which on none is cut any more."""


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
