"""Coordinate descent: one task after the other takes its best response until none improves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation import Solution, evaluate
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.data import ProblemData
from solvers.network.plans import solution_of
from solvers.network.response import Moves, respond
from solvers.network.traffic import Plan, Traffic

SWEEPS = 100


@dataclass(frozen=True, eq=False)
class AllMoves:
    """What a task may do: positions of its ends, packet modes, and masks of resources for data and model packet."""

    ends: list[int]
    modes: list[str]
    arcs: list[NDArray[np.bool_]]


def all_moves(data: ProblemData) -> list[AllMoves]:
    """Return everything that each task may do; no modes where a task has no decision at all."""
    found = []
    for m, task in enumerate(data.tasks):
        own = [data.own_arcs(m, kind) for kind in (DATA, MODEL)]
        reached = [np.zeros(len(task.ends), dtype=bool)] * 2
        for kind, possible in ((DATA, task.can_offload), (MODEL, task.can_stay)):
            if possible:
                weight = np.ones(data.resources)
                cost, _ = data.search(weight, data.start_of(m, kind), kind == MODEL, own[kind])
                reached[kind] = np.isfinite(cost[data.end_of(task.ends, kind)])
                reached[kind][data.closed_ends(m)] = False
        both = reached[DATA] & reached[MODEL]
        by_mode = {MODEL_ONLY: reached[MODEL], DATA_ONLY: reached[DATA], BOTH: both}
        if task.fixed_ratio is not None:
            mode = BOTH if task.can_offload and task.can_stay else DATA_ONLY if task.can_offload else MODEL_ONLY
            by_mode = {mode: by_mode[mode]}
        elif task.extraction_s >= task.small_s:
            by_mode.pop(BOTH)  # ρ = 0 is as good and loads nothing
        modes = [mode for mode, ends in by_mode.items() if ends.any()]
        ends = np.flatnonzero(np.any([by_mode[mode] for mode in modes], axis=0)).tolist() if modes else []
        found.append(AllMoves(ends, modes, own))
    return found


def descend(
    data: ProblemData,
    moves: Sequence[Moves],
    objective: str,
    order: Sequence[int],
    plans: dict[int, Plan] | None = None,
    sweeps: int = SWEEPS,
    stop: Callable[[], bool] = lambda: False,
    needed: bool = True,
) -> dict[int, Plan] | None:
    """Let the tasks respond in this order, from the given plans or an empty network, until nobody improves.

    Parameters
    ----------
    data
        Of (4), or of (7) with its packets.
    moves
        What each task may do, shape (tasks,).
    objective
        `mean` or `max`.
    order
        Task numbers.
    plans
        Where to begin; tasks without one are put in when it is their turn.
    sweeps
        How often every task responds, at most.
    stop
        Asked before each response: whether to leave it at that.
    needed
        Ask that only once every task has a plan.

    Returns
    -------
    dict or None
        A plan for every task; None if a task finds no route, or before all have one.
    """
    traffic = Traffic(data, plans or {}, objective)
    best = traffic.score() if len(traffic.plans) == len(order) else (float("inf"),)
    for _ in range(sweeps):
        improved = False
        for m in order:
            complete = len(traffic.plans) == len(order)
            if (complete or not needed) and stop():
                return dict(traffic.plans) if complete else None
            current = traffic.plans.get(m)
            chosen, best = respond(traffic, m, moves[m], best)
            if chosen is None:
                return None
            improved |= chosen is not current
        if not improved:
            break
    return dict(traffic.plans)


def descents(
    data: ProblemData,
    moves: Sequence[Moves],
    runs: int,
    seed: int,
    objective: str,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Solution, float] | None]:
    """Yield the end of each descent from an empty network with its objective [s], or None where a task is stuck.

    The first takes the tasks in file order, each further one in a seeded random order; `stop` as in `descend`.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    rng = np.random.default_rng(seed)
    for run in range(runs):
        order = list(range(len(data.tasks)))
        if run:
            rng.shuffle(order)
        plans = descend(data, moves, objective, order, stop=stop, needed=run == 0)
        if plans is None:
            yield None
            continue
        solution = solution_of(data, plans)
        yield solution, evaluate(data.instance, solution).objective_s(objective)
