"""The least congestion of packets that are sent in parts: many small linear programs, solved as one.

For each group (a resource) of commodities u with parts y_u and weights w_u:

    f(y) = min Σ (j - 1) w_u x[u, j]  over  Σ_j x[u, j] ≥ y_u;  Σ_u x[u, j] = j L[j];
           Σ_{u of m} x[u, j] ≤ L[j];  Σ_j L[j] ≤ 1,

the load-indexed relaxation of one resource: L[j] is the part of time, so to say, in which j packets use it. The duals
of the first rows are a subgradient of f, and the λ of a cut (`cuts`).
"""

import numpy as np
import scipy.sparse as sp

from solvers.backends.errors import SolverError
from solvers.backends.highs import solve_program
from solvers.backends.program import Limits, Program
from solvers.network.arrays import Floats, Ints
from solvers.result import Termination

ABOVE = 2
"""Levels beyond the load that count; the last one is open."""


def congestion(group: Ints, task: Ints, weight: Floats, part: Floats) -> tuple[Floats, Floats, Floats]:
    """Return f of every group, the price of every commodity's part and the others that it meets, Σ_j (j - 1) x[u, j].

    Parameters
    ----------
    group, task, weight, part
        Of every commodity, sorted by group and task, shape (commodities,); the parts of a task in a group sum to 1 at
        most.
    """
    n, groups = len(group), int(group[-1]) + 1
    pair = _pairs(group, task)
    of_pair = group[firsts(pair)]
    tasks = np.bincount(of_pair, minlength=groups)
    part = part / np.maximum(np.bincount(pair, part), 1.0)[pair]  # a solver's point may exceed 1 a little
    unit = np.zeros(groups)
    np.maximum.at(unit, group, weight)
    unit = np.where(unit > 0, unit, 1.0)[group]
    load = np.bincount(group, part, minlength=groups)
    top = np.minimum(tasks, np.ceil(load).astype(np.int64) + ABOVE)
    low: list[Floats] = [part, np.full(groups, -np.inf)]
    high: list[Floats] = [np.full(n, np.inf), np.ones(groups)]
    cost: list[Floats] = []
    entries: list[tuple[Ints, Ints, Floats]] = []
    uses: list[tuple[Ints, Ints]] = []
    row, column = n + groups, 0
    for j in range(1, int(top.max()) + 1):
        here, commodities, pairs = (np.flatnonzero(top[of] >= j) for of in (np.arange(groups), group, of_pair))
        x, level, balance, below = (
            np.zeros(n, int),
            np.zeros(groups, int),
            np.zeros(groups, int),
            np.zeros_like(of_pair),
        )
        x[commodities] = column + np.arange(len(commodities))
        level[here] = column + len(commodities) + np.arange(len(here))
        balance[here] = row + np.arange(len(here))
        below[pairs] = row + len(here) + np.arange(len(pairs))
        for at, what, value in (
            (commodities, x[commodities], 1.0),
            (balance[group[commodities]], x[commodities], 1.0),
            (below[pair[commodities]], x[commodities], 1.0),
            (n + here, level[here], 1.0),
            (balance[here], level[here], -float(j)),
            (below[pairs], level[of_pair[pairs]], -1.0),
        ):
            entries.append((at, what, np.full(len(at), value)))
        low += [np.zeros(len(here)), np.full(len(pairs), -np.inf)]
        high += [np.where((top[here] == j) & (j < tasks[here]), np.inf, 0.0), np.zeros(len(pairs))]
        cost += [(j - 1) * (weight / unit)[commodities], np.zeros(len(here))]
        uses.append((commodities, x[commodities]))
        row, column = row + len(here) + len(pairs), column + len(commodities) + len(here)
    rows, columns, values = (np.concatenate(of) for of in zip(*entries, strict=True))
    program = Program(
        cost=np.concatenate(cost),
        lower=np.zeros(column),
        upper=np.full(column, np.inf),
        integer=np.zeros(column, dtype=bool),
        matrix=sp.csc_array((values, (rows, columns)), shape=(row, column)),
        row_lower=np.concatenate(low),
        row_upper=np.concatenate(high),
    )
    outcome = solve_program(program, Limits(options={"presolve": "off"}))
    if outcome.termination is Termination.INTERRUPTED:
        raise KeyboardInterrupt  # which this run has caught
    if outcome.values is None or outcome.duals is None:
        raise SolverError(f"HiGHS ended with {outcome.termination} on the congestion of {groups} resources")
    others = np.zeros(n)
    for j, (commodities, x) in enumerate(uses):
        others[commodities] += j * outcome.values[x]
    found = np.bincount(group, weight * others, minlength=groups)
    return np.asarray(found), np.maximum(outcome.duals[:n], 0.0) * unit, others


def firsts(group: Ints) -> Ints:
    """Return the position of the first of every group, for sorted groups."""
    return np.flatnonzero(np.diff(group, prepend=-1))


def _pairs(group: Ints, task: Ints) -> Ints:
    """Return a number for every group and task, for commodities sorted by both."""
    return np.cumsum((np.diff(group, prepend=-1) != 0) | (np.diff(task, prepend=-1) != 0)) - 1


def two_levels(group: Ints, task: Ints, weight: Floats, part: Floats) -> Floats:
    """Return an upper bound on f of every group: its least value where the load alternates between two numbers.

    With k < load ≤ k + 1, k + 1 packets meet for load - k of the time, k else. Each task's part in the former lies
    between two bounds; what it leaves to choose goes to the least weights, a greedy choice that is best.
    """
    groups = int(group[-1]) + 1
    order = np.lexsort((weight, task, group))
    group, task, weight, part = group[order], task[order], weight[order], part[order]
    pair = _pairs(group, task)
    load = np.bincount(group, part, minlength=groups)
    k = np.maximum(np.ceil(load) - 1, 1.0)
    more, less = load - k, k + 1 - load
    of_task = np.bincount(pair, part)[pair]
    before = _before(pair, part)
    least = np.clip(np.maximum(of_task - less[group], 0.0) - before, 0.0, part)
    room = np.clip(np.minimum(of_task, more[group]) - before, 0.0, part) - least
    order = np.lexsort((weight, group))
    due = np.maximum((k + 1) * more - np.bincount(group, least, minlength=groups), 0.0)
    at, rooms = group[order], room[order]
    taken = np.clip(due[at] - _before(at, rooms), 0.0, rooms)
    value = (k - 1) * np.bincount(group, weight * part, minlength=groups)
    value += np.bincount(group, weight * least, minlength=groups)
    return np.asarray(value + np.bincount(at, weight[order] * taken, minlength=groups))


def _before(group: Ints, amount: Floats) -> Floats:
    """Return the sum of what comes earlier in the group, for sorted groups."""
    total = np.cumsum(amount) - amount
    return np.asarray(total - total[np.searchsorted(group, group)])
