"""The load-indexed program with ρ eliminated, on arrays: its relaxation bounds, its integer optimum is the answer.

Once both packets are sent, the best ρ depends on the data route alone, and T_m = M_m + h(A_m, p_m): the transmission of
the model packet plus a function of the data packet's work and propagation (`delay.delay_share`). No product of ρ with a
route is left. h is concave in A, so chords over [low, high] bound it from below (`domain.interval_bounds`); with
further breakpoints (`TaskDomain.breakpoints`) the interval is split by binaries, and the bound is exact at every
breakpoint.

Columns: x[kind, m, r, j] = 1 iff m's packet uses resource r while j packets do; L[kind, r, j]: whether j packets use
r; z[m, mode]; serve[m, c]; ends[kind, m, c]. Rows, for resources with K > 1 levels:

    Σ_m x[·, m, r, j] = j L[·, r, j] for j < K, ≥ for the last, open level;  x ≤ L;  Σ_j L ≤ 1.

The open level lets more than K packets pay for K only: every solution of the problem is a solution here, at no more
than its true cost, whatever levels and arcs (within the domain) are kept. That is the bound's validity. With integer x
each commodity of r has x_j = L_j, so Σ_j j L_j is the load, and below the open level the cost is the true one.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.backends.program import Program
from solvers.exact.branch_and_price.compact.interval import IntervalBound, interval_bounds, local_bound
from solvers.exact.branch_and_price.domains.delay_bounds import chord
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.data import ProblemData
from solvers.network.rows import entries


class _Builder:
    """Collects columns and rows as arrays."""

    def __init__(self) -> None:
        self.columns = 0
        self.rows = 0
        self._cost: list[Any] = []
        self._upper: list[Any] = []
        self._integer: list[Any] = []
        self._entries: list[tuple[Any, Any, Any]] = []
        self._bounds: list[tuple[Any, Any]] = []
        self._charges: list[tuple[int, float]] = []

    def add_columns(self, cost: Any, upper: float = 1.0, integer: bool = False) -> Ints:
        cost = np.atleast_1d(np.asarray(cost, dtype=float))
        first, self.columns = self.columns, self.columns + len(cost)
        self._cost.append(cost)
        self._upper.append(np.full(len(cost), upper))
        self._integer.append(np.full(len(cost), integer))
        return np.arange(first, self.columns)

    def add_rows(self, low: Any, high: Any) -> Ints:
        low, high = np.broadcast_arrays(np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float)))
        first, self.rows = self.rows, self.rows + len(low)
        self._bounds.append((low, high))
        return np.arange(first, self.rows)

    def put(self, row: Any, column: Any, value: Any) -> None:
        row, column, value = np.broadcast_arrays(row, column, value)
        self._entries.append((row.ravel(), column.ravel(), value.ravel()))

    def charge(self, column: int, cost: float) -> None:
        """Add to the cost of a column."""
        self._charges.append((column, cost))

    def program(self) -> Program:
        cost = np.concatenate(self._cost)
        for place, value in self._charges:
            cost[place] += value
        row, column, entry = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        matrix = sp.csc_array((entry.astype(float), (row, column)), shape=(self.rows, self.columns))
        return Program(
            cost=cost,
            lower=np.zeros(self.columns),
            upper=np.concatenate(self._upper),
            integer=np.concatenate(self._integer),
            matrix=matrix,
            row_lower=np.concatenate([low for low, _ in self._bounds]),
            row_upper=np.concatenate([high for _, high in self._bounds]),
        )


@dataclass(eq=False)
class CompactModel:
    """A built program with the meaning of its columns and rows.

    Attributes
    ----------
    program
        The arrays.
    kind, task, resource, level
        Of the x columns, which are the first ones.
    """

    program: Program
    kind: Ints
    task: Ints
    resource: Ints
    level: Ints
    serve: list[dict[int, int]]
    modes: list[dict[str, int]]
    ends: list[tuple[list[dict[int, int]], list[list[int]]]] = field(default_factory=list)
    interval_bounds: list[list[IntervalBound]] = field(default_factory=list)

    @property
    def uses(self) -> int:
        """Number of x columns."""
        return len(self.kind)


def _uses(data: ProblemData, arcs: list[list[Ints]], levels: list[Ints]) -> tuple[Ints, Ints, Ints, Ints]:
    parts: list[tuple[Any, ...]] = []
    for kind in (DATA, MODEL):
        for m in range(len(data.tasks)):
            kept = arcs[kind][m]
            for j in range(1, int(levels[kind][kept].max(initial=1)) + 1):
                chosen = kept[levels[kind][kept] >= j]
                n = len(chosen)
                parts.append((np.full(n, kind), np.full(n, m), chosen, np.full(n, j)))
    columns = [np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]


def build_compact_model(
    data: ProblemData,
    domains: list[TaskDomain],
    levels: list[Ints],
    objective: str,
    *,
    integer: bool = False,
    highest: float = np.inf,
) -> CompactModel:
    """Build the program.

    Parameters
    ----------
    data, domains
        The instance, and what is left of each task.
    levels
        Per kind the number of levels K of every resource, shape (resources,); 1 means no congestion.
    objective
        `mean` or `max`.
    integer
        Whether x, z and serve are binary, and intervals are split at the domains' breakpoints.
    highest
        Upper bound on the maximum, from an incumbent.
    """
    tasks = range(len(data.tasks))
    arcs = [[_resources(data, domains[m], m, kind) for m in tasks] for kind in (DATA, MODEL)]
    kind, task, resource, level = _uses(data, arcs, levels)
    b = _Builder()
    weight = data.delay_weights if objective == "mean" else np.zeros(len(data.tasks))
    bits = np.array([data.tasks[m].bits for m in tasks])
    work = level * bits[task, kind] * data.per_bit[resource]
    if data.share_computing:
        node = np.maximum(resource - data.arcs, 0)
        work = np.where(resource >= data.arcs, level * data.server_s[task, node], work)
    fixed = data.fixed[resource]
    bounds = [interval_bounds(data.tasks[m], domains[m]) for m in tasks]
    split = [
        integer
        and BOTH in domains[m].modes
        and data.tasks[m].fixed_ratio is None
        and (bool(domains[m].breakpoints) or len(domains[m].modes) > 1)
        for m in tasks
    ]
    late = np.isfinite(data.due_s)
    direct = np.array([objective == "mean" and len(bounds[m]) == 1 and not (split[m] or late[m]) for m in tasks])
    side_work = np.array([bounds[m][0].work if direct[m] else 0.0 for m in tasks])
    side_fixed = np.array([bounds[m][0].fixed if direct[m] else 0.0 for m in tasks])
    cost = np.where(
        kind == MODEL, weight[task] * (work + fixed), weight[task] * (side_work[task] * work + side_fixed[task] * fixed)
    )
    b.add_columns(cost, integer=integer)
    compact = CompactModel(None, kind, task, resource, level, [], [])  # type: ignore[arg-type]
    compact.interval_bounds = bounds
    _add_ends(b, data, domains, compact, integer)
    _add_flow(b, data, compact)
    _add_levels(b, data, compact, levels)
    _add_servers(b, data, compact)
    _add_rows(b, data, compact)
    top = b.add_columns([1.0], highest)[0] if objective == "max" else None
    for m in tasks:
        _add_delay(b, data, domains[m], compact, m, (work, fixed), float(weight[m]), top, direct[m], split[m])
    compact.program = b.program()
    return compact


def _resources(data: ProblemData, domain: TaskDomain, m: int, kind: int) -> Ints:
    """Return the arcs that are left for a packet, and for data the servers at its ends."""
    arcs = np.flatnonzero(domain.arcs[kind][: data.arcs])
    servers = [data.served(m, c) for c in domain.ends] if kind == DATA else []
    return np.concatenate([arcs, *servers])


def _add_servers(b: _Builder, data: ProblemData, compact: CompactModel) -> None:
    """Let a server be used, at some level, by the data packets that end there."""
    for m, task_data in enumerate(data.tasks if data.share_computing else ()):
        ends, _ = compact.ends[m]
        for c, column in ends[DATA].items():
            used = (compact.kind == DATA) & (compact.task == m) & (compact.resource == data.arcs + task_data.ends[c])
            row = b.add_rows(0, 0)
            b.put(row, np.flatnonzero(used), 1.0)
            b.put(row, column, -1.0)


def _add_rows(b: _Builder, data: ProblemData, compact: CompactModel) -> None:
    """Add the problem's rows.

    Where a task's mode `model` stands for both packets with far A_m too, its data packet counts nowhere, which relaxes:
    coefficients of packets are ≥ 0.
    """
    rows = data.rows
    if rows is None or not len(rows):
        return
    found: list[tuple[Ints, Floats, Ints]] = []

    def put(matrix: Any, places: Any, columns: Any) -> None:
        places, columns = np.asarray(places, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        found.append((*entries(matrix, places), np.repeat(columns, np.diff(matrix.indptr)[places])))

    for kind in (DATA, MODEL):
        mine = np.flatnonzero(compact.kind == kind)
        put(rows.use[kind], compact.task[mine] * rows.resources + compact.resource[mine], mine)
        for m, (ends, _) in enumerate(compact.ends):
            put(rows.ends[kind], [m * rows.candidates + c for c in ends[kind]], list(ends[kind].values()))
    for m, serve in enumerate(compact.serve):
        put(rows.serve, [m * rows.candidates + c for c in serve], list(serve.values()))
    own = b.add_columns(np.zeros(rows.own.shape[1]))
    for group, most in rows.groups:
        b.put(b.add_rows(-np.inf, most), own[group], 1.0)
    put(rows.own, np.arange(len(own)), own)
    places, values, columns = (np.concatenate(part) for part in zip(*found, strict=True))
    at = b.add_rows(np.full(len(rows), -np.inf), rows.high)
    b.put(at[places], columns, values)


def _add_ends(b: _Builder, data: ProblemData, domains: list[TaskDomain], compact: CompactModel, integer: bool) -> None:
    for domain in domains:
        serve = dict(zip(domain.ends, b.add_columns(np.zeros(len(domain.ends)), integer=integer).tolist(), strict=True))
        modes = dict(
            zip(domain.modes, b.add_columns(np.zeros(len(domain.modes)), integer=integer).tolist(), strict=True)
        )
        b.put(b.add_rows(1, 1), list(serve.values()), 1.0)
        b.put(b.add_rows(1, 1), list(modes.values()), 1.0)
        sent: list[list[int]] = [[modes[k] for k in (BOTH, only) if k in modes] for only in (DATA_ONLY, MODEL_ONLY)]
        ends: list[dict[int, int]] = []
        for kind in (DATA, MODEL):
            if len(sent[kind]) == len(modes):
                ends.append(serve)
            elif not sent[kind]:
                ends.append({})
            else:
                own = dict(zip(serve, b.add_columns(np.zeros(len(serve))).tolist(), strict=True))
                row = b.add_rows(0, 0)
                b.put(row, list(own.values()), 1.0)
                b.put(row, sent[kind], -1.0)
                for c, column in own.items():
                    row = b.add_rows(-np.inf, 0)
                    b.put(row, [column, serve[c]], [1.0, -1.0])
                ends.append(own)
        compact.serve.append(serve)
        compact.modes.append(modes)
        compact.ends.append((ends, sent))


def _add_flow(b: _Builder, data: ProblemData, compact: CompactModel) -> None:
    """Flow conservation, out - in, at every split node that a packet's columns or ends touch."""
    size = 2 * data.nodes
    base = (compact.kind * len(data.tasks) + compact.task) * size
    columns = np.flatnonzero(compact.resource < data.arcs)
    base, passed = base[columns], compact.resource[columns]
    extra_keys, extra_columns, extra_values, supply = [], [], [], {}
    for m, task_data in enumerate(data.tasks):
        ends, sent = compact.ends[m]
        for kind in (DATA, MODEL):
            first, sign = (kind * len(data.tasks) + m) * size, (1.0 if kind == DATA else -1.0)
            for c, column in ends[kind].items():
                extra_keys.append(first + data.end_of(int(task_data.ends[c]), kind))
                extra_columns.append(column)
                extra_values.append(sign)
            if ends[kind]:
                supply[first + data.start_of(m, kind)] = (sign, sent[kind])
    tails, heads = base + data.tail[passed], base + data.head[passed]
    keys = np.unique(np.concatenate([tails, heads, np.array(extra_keys, dtype=np.int64), np.array(list(supply))]))
    rows = b.add_rows(np.zeros(len(keys)), 0.0)
    b.put(rows[np.searchsorted(keys, tails)], columns, 1.0)
    b.put(rows[np.searchsorted(keys, heads)], columns, -1.0)
    b.put(rows[np.searchsorted(keys, extra_keys)], extra_columns, extra_values)
    for key, (sign, columns_sent) in supply.items():
        b.put(rows[np.searchsorted(keys, [key])], columns_sent, -sign)


def _add_levels(b: _Builder, data: ProblemData, compact: CompactModel, levels: list[Ints]) -> None:
    top = np.stack(levels)[compact.kind, compact.resource]
    leveled = np.flatnonzero(top > 1)
    if len(leveled) == 0:
        return
    most = int(top.max()) + 1
    group = compact.kind[leveled] * data.resources + compact.resource[leveled]
    key = group * most + compact.level[leveled]
    keys, at = np.unique(key, return_inverse=True)
    level, last = keys % most, np.stack(levels).reshape(-1)[keys // most]
    loads = b.add_columns(np.zeros(len(keys)))
    rows = b.add_rows(np.zeros(len(keys)), np.where(level == last, np.inf, 0.0))
    b.put(rows[at], leveled, 1.0)
    b.put(rows, loads, -level.astype(float))
    rows = b.add_rows(np.full(len(leveled), -np.inf), 0.0)
    b.put(rows, leveled, 1.0)
    b.put(rows, loads[at], -1.0)
    groups, where = np.unique(keys // most, return_inverse=True)
    rows = b.add_rows(np.full(len(groups), -np.inf), 1.0)
    b.put(rows[where], loads, 1.0)


def _add_delay(
    b: _Builder,
    data: ProblemData,
    domain: TaskDomain,
    compact: CompactModel,
    m: int,
    parts: tuple[Floats, Floats],
    weight: float,
    top: Any,
    direct: bool,
    split: bool,
) -> None:
    """Add T_m to the objective, or under Z: by cost where one bound suffices, else with a column H_m."""
    task_data, (work, fixed), bounds = data.tasks[m], parts, compact.interval_bounds[m]
    ends, _ = compact.ends[m]
    data_columns = np.flatnonzero((compact.task == m) & (compact.kind == DATA))
    model_columns = np.flatnonzero((compact.task == m) & (compact.kind == MODEL))
    columns = np.concatenate([data_columns, list(ends[DATA].values())]).astype(np.int64)
    alone = 0.0 if data.share_computing else 1.0  # where computing is shared, servers' columns bear t^L
    factors = np.concatenate([work[data_columns], alone * task_data.large_s[list(ends[DATA])]])
    if direct:
        bound = bounds[0]
        for mode, column in compact.modes[m].items():
            b.charge(column, weight * bound.const[mode])
        for c, column in ends[DATA].items():
            b.charge(column, weight * bound.work * alone * task_data.large_s[c])
        return
    own = b.add_columns([weight], np.inf)[0]
    if np.isfinite(data.due_s[m]):
        row = b.add_rows(-np.inf, data.due_s[m])
        b.put(row, own, 1.0)
        b.put(row, model_columns, work[model_columns] + fixed[model_columns])
    if top is not None:
        row = b.add_rows(0.0, np.inf)
        b.put(row, [top, own], [1.0, -1.0])
        b.put(row, model_columns, -(work[model_columns] + fixed[model_columns]))
    if split:
        _add_segments(b, task_data, domain, compact, m, own, (columns, factors), (data_columns, fixed[data_columns]))
        return
    for bound in bounds:
        row = b.add_rows(0.0, np.inf)
        b.put(row, own, 1.0)
        b.put(row, columns, -bound.work * factors)
        b.put(row, data_columns, -bound.fixed * fixed[data_columns])
        b.put(row, list(compact.modes[m].values()), [-bound.const[mode] for mode in compact.modes[m]])


def _add_segments(
    b: _Builder,
    task_data: Any,
    domain: TaskDomain,
    compact: CompactModel,
    m: int,
    own: int,
    work: Any,
    propagation: Any,
) -> None:
    """Split [low, high] at the breakpoints: A = Σ A_i, p = Σ p_i, both within z_i times their bounds in segment i.

    H ≥ Σ_i (c_i z_i + k_i A_i + kp_i p_i), with c_i, k_i, kp_i of segment i's chord.
    """
    points = [
        domain.low,
        *sorted(cut for cut in set(domain.breakpoints) if domain.low < cut < domain.high),
        domain.high,
    ]
    rows = b.add_rows(0, 0), b.add_rows(0, 0), b.add_rows(0, np.inf)
    choice = b.add_rows(0, 0)
    b.put(rows[0], work[0], -work[1])
    b.put(rows[1], propagation[0], -propagation[1])
    b.put(rows[2], own, 1.0)
    b.put(choice, compact.modes[m][BOTH], -1.0)
    farthest = task_data.small_s
    for low, high in pairwise(points):
        z = int(b.add_columns([0.0], integer=True)[0])
        b.put(choice, z, 1.0)
        _add_segment(
            b, rows, z, (low, high), (domain.fixed_low, farthest), chord(task_data, low, high, domain.fixed_low)
        )
    if DATA_ONLY in compact.modes[m]:
        z = compact.modes[m][DATA_ONLY]
        span = (domain.data_low, max(domain.data_high, domain.high))
        _add_segment(b, rows, z, span, (domain.fixed_low, max(farthest, span[1])), (task_data.extraction_s, 1.0, 1.0))
    if MODEL_ONLY in compact.modes[m]:
        b.put(rows[2], compact.modes[m][MODEL_ONLY], -local_bound(task_data, domain))


def _add_segment(b: _Builder, rows: Any, z: int, work: Any, fixed: Any, bound: tuple[float, float, float]) -> None:
    b.put(rows[2], z, -bound[0])
    for row, (low, high), slope in ((rows[0], work, bound[1]), (rows[1], fixed, bound[2])):
        part = int(b.add_columns([0.0], np.inf)[0])
        b.put(row, part, 1.0)
        b.put(rows[2], part, -slope)
        b.put(b.add_rows(0, np.inf), [part, z], [1.0, -low])
        b.put(b.add_rows(-np.inf, 0), [part, z], [1.0, -high])
