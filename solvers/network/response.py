"""One task's best plan against all others: the step of best response, and of local search.

The task is out of the network. For every candidate c(m) both packets are searched by Dijkstra on marginal costs (a
resource with n packets counts its bits 2n + 1 times: n + 1 for itself, n for what it adds to the others) and on
selfish ones (n + 1); every packet mode is tried, each at its best ρ, and the true objective decides. The data
packet's search weighs bits by ρ: by the envelope theorem that is how T_m changes with its route. For the maximum a
third search keeps clear of the tasks that are near it and minds no others, and the packets' routes combine freely: what
is best for the mean avoids the detours by which fast tasks make way.

What cannot win is left out: a task is never faster than in an empty network, and no plan of its makes others faster
than they are without it. A task without a plan tries the most promising end first, to know which others can win.
"""

from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.corridor import cheapest
from solvers.network.data import TaskData
from solvers.network.rows import BROKEN
from solvers.network.traffic import Plan, Traffic

IMPROVEMENT = 1e-12
FIRST_RATIO = 0.5
ROUNDING = 1e-9
"""Relative amount by which bounds are lowered."""
NEAR = 0.03
"""Relative distance from the maximum at which a task counts 1/e as much as the slowest one."""
CLEAR = 8.0
"""Packets as which the slowest task's packet counts in a search that keeps clear of it."""
TOLLS = 5
"""Searches with rising tolls for a route that keeps the rows."""
NONE = 0.05
"""Packets up to which all that are on a resource count as none there."""
Score = tuple[float, ...]
Option = tuple[int, str]
"""Position of an end, packet mode."""
MODES = (BOTH, DATA_ONLY, MODEL_ONLY)


class Moves(Protocol):
    """What a task may do: positions of its ends, packet modes, and masks of resources for data and model packet."""

    @property
    def ends(self) -> list[int]: ...  # noqa: D102
    @property
    def modes(self) -> list[str]: ...  # noqa: D102
    @property
    def arcs(self) -> list[NDArray[np.bool_]]: ...  # noqa: D102


def respond(traffic: Traffic, m: int, moves: Moves, score: Score) -> tuple[Plan | None, Score]:
    """Give one task its best plan against all others.

    Parameters
    ----------
    traffic
        The network, with the task's present plan or without one.
    m
        The task.
    moves
        What it may do.
    score
        What the network scores; not used where the task has no plan.

    Returns
    -------
    plan, score
        The plan, now in the network, and its score; None, with the task out of the network, if it finds no route.
    """
    ratio = present_ratio(traffic, m)
    current = traffic.remove(m)
    chosen, value = current, score if current is not None else (float("inf"),)
    modes, bounds = _bounds(traffic, m, moves)
    leader = int(bounds[-1].min(axis=1, initial=np.inf).argmin()) if current is None and moves.ends else None
    for leading in (False,) if leader is None else (True, False):
        options = [
            (moves.ends[i], modes[k])
            for i, k in np.argwhere(bounds[0] <= value[0]).tolist()
            if (i == leader) is leading and better(tuple(bounds[:, i, k].tolist()), value)
        ]
        plans = _plans(traffic, m, moves, ratio, options, current)
        for plan, trial in zip(plans, traffic.trials(m, plans), strict=True):
            if better(trial, value):
                chosen, value = plan, trial
    if chosen is not None:
        traffic.place(m, chosen)
    return chosen, value


def better(one: Score, other: Score) -> bool:
    """Tell whether a score is lower by more than rounding, without a rise of what comes first."""
    for a, b in zip(one, other, strict=False):
        if a < b - IMPROVEMENT:
            return True
        if a > b:
            return False
    return False


def best_ratio(task: TaskData, plan: Plan, work: float, fixed: float) -> float:
    """Return ρ of a plan whose data packet has this work and propagation [s]."""
    if task.fixed_ratio is not None:
        return task.fixed_ratio
    if plan.data is None or plan.model is None:
        return 0.0 if plan.data is None else 1.0
    if task.extraction_s >= task.small_s or fixed >= task.small_s:
        return 0.0
    return (task.small_s - fixed) / (work + task.small_s)


def present_ratio(traffic: Traffic, m: int) -> float:
    """Return ρ of a task's present plan, or what a search begins with; positive, so that bits count."""
    task, plan = traffic.data.tasks[m], traffic.plans.get(m)
    if task.fixed_ratio is not None:
        return task.fixed_ratio
    if plan is None or plan.data is None:
        return FIRST_RATIO
    large = float(task.large_s[plan.end]) * traffic.served(m)
    work = task.bits[DATA] * float(traffic.per_bit[DATA, m]) + large
    return best_ratio(task, plan, work, float(traffic.data.fixed[plan.data].sum())) or FIRST_RATIO


def _bounds(traffic: Traffic, m: int, moves: Moves) -> tuple[list[str], Floats]:
    """Return the modes in domain, and lower bounds on the scores, shape (parts of a score, ends, modes)."""
    rows = [i for i, mode in enumerate(MODES) if mode in moves.modes]
    least = traffic.data.least_s(m)[rows][:, moves.ends].T * (1 - ROUNDING)
    others = traffic.delays_now()
    mean = (float(others.sum()) + least) / (len(others) + 1) * (1 - ROUNDING)
    parts = [mean] if traffic.objective == "mean" else [np.maximum(least, others.max(initial=0.0)), mean]
    return [MODES[i] for i in rows], np.array(parts)


def _plans(
    traffic: Traffic, m: int, moves: Moves, ratio: float, options: list[Option], current: Plan | None
) -> list[Plan]:
    """Return the plans to try for some ends and modes, first by marginal cost."""
    routes = _routes(traffic, m, moves, ratio, options)
    seen = set() if current is None else {(current.end, id(current.data), id(current.model))}
    found = []
    for chosen in (slice(1), slice(-1, None)) if traffic.objective == "mean" else (slice(None),):
        for c, mode in options:
            data, model = (
                [None] if mode == only else routes.get((kind, c), [])
                for kind, only in ((DATA, MODEL_ONLY), (MODEL, DATA_ONLY))
            )
            for pair in product(data[chosen], model[chosen]):
                key = (c, id(pair[0]), id(pair[1]))
                if key not in seen:
                    seen.add(key)
                    found.append(Plan(c, *pair))
    return found


def _routes(
    traffic: Traffic, m: int, moves: Moves, ratio: float, options: list[Option]
) -> dict[tuple[int, int], list[Ints]]:
    """Return the cheapest routes of both packets to the ends where they may go, by each weighting that matters."""
    queries = {}
    arcs = [traffic.open_arcs(m, kind, moves.arcs[kind]) for kind in (DATA, MODEL)]
    loads = [traffic.count] if traffic.objective == "mean" else [traffic.count, _near_the_maximum(traffic)]
    for kind, other, share in ((DATA, MODEL_ONLY, ratio), (MODEL, DATA_ONLY, 1.0)):
        for c, mode in options:
            if mode != other and (0, kind, c) not in queries:
                corridor = traffic.data.vicinity(m, kind).corridor(c)
                for i, load in enumerate(loads):
                    queries[i, kind, c] = corridor.query(load[kind], share, arcs[kind])
    routes: dict[tuple[int, int], list[Ints]] = {}
    for (i, kind, c), found in zip(queries, cheapest(list(queries.values())), strict=True):
        routes.setdefault((kind, c), []).extend(found if i == 0 else found[:1])
    if traffic.data.rows is not None:
        for (kind, c), found in routes.items():
            routes[kind, c] = _within_rows(traffic, m, moves, (kind, c), found, arcs[kind])
    return routes


def _within_rows(
    traffic: Traffic, m: int, moves: Moves, packet: tuple[int, int], found: list[Ints], arcs: NDArray[np.bool_]
) -> list[Ints]:
    """Return a packet's routes, with one more in front that tolls keep within the rows which the first would break.

    Where no route is left beside the arcs that others have filled, those arcs are open again: another task gives way.
    """
    data, (kind, c) = traffic.data, packet
    rows, task = data.rows, data.tasks[m]
    if rows is None or not data.vicinity(m, kind).alone_s[c] < np.inf:
        return found
    weight = task.bits[kind] * (2 * traffic.count[kind] + 1) * data.per_bit + data.fixed
    start, stop = data.start_of(m, kind), int(data.end_of(task.ends[c], kind))
    served = data.served(m, c) if kind == DATA else data.served(m, c)[:0]
    if not found:
        cost, before = data.search(weight, start, kind == MODEL, moves.arcs[kind])
        return [np.concatenate([data.path_arcs(before, stop, start, kind), served])] if np.isfinite(cost[stop]) else []
    toll, route = np.zeros(len(rows)), found[0]
    for step in range(TOLLS):
        activity = traffic.activity.copy()
        np.add.at(activity, *rows.of_route(m, kind, c, route))
        broken = activity > np.maximum(rows.high, traffic.activity) + BROKEN
        if not broken.any():
            return found if step == 0 else [route, *found]
        toll = np.where(broken, np.maximum(4 * toll, 0.1 * float(weight[route].sum())), toll)
        cost, before = data.search(weight + rows.tolls_on(m, kind, toll), start, kind == MODEL, arcs)
        if not np.isfinite(cost[stop]):
            return found
        route = np.concatenate([data.path_arcs(before, stop, start, kind), served])
    return found


def _near_the_maximum(traffic: Traffic) -> Ints:
    """Return the packets on every resource, those of slow tasks counted `CLEAR` times, of fast ones not at all."""
    delays = traffic.delays_now()
    weight = np.zeros(len(traffic.data.tasks))
    if len(delays):
        most = float(delays.max())
        weight[traffic.placed] = np.exp((delays - most) / (NEAR * most))
    return np.asarray(np.ceil(CLEAR * (weight @ traffic.usage) - NONE).astype(np.int64))
