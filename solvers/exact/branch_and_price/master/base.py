"""What the linear relaxations over paths have in common: a program that grows in place inside HiGHS.

Columns: y[q, c, path] for the data packet of a segment that goes to c (for a segment without data packet, the segment
alone), y[m, c, path] for the model packet. Rows:

    Σ_q y[q, ·] = 1 per task;  Σ model paths to c = Σ y of segments that send the model packet and go to c.

A path costs its uncongested delay by the segment's affine bound; congestion is what the two relaxations add, `columns`
by columns for the levels of every resource, `cuts` by rows where a point needs them. The duals are the multipliers of
`multipliers`, by whose searches paths come. The value is not trusted, and so nothing here needs proof: the Lagrangian
bound has it.

Rows and columns are only ever added, so HiGHS goes on from its last basis.
"""

import time
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from solvers.backends.highs import run
from solvers.backends.program import Limits, Outcome
from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.lp import INF, IncrementalLp
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData
from solvers.result import Termination

ROW_BROKEN = 1e-6
"""Amount above a row's limit from which on the row joins the program."""


@dataclass(frozen=True, eq=False)
class MasterDelta:
    """What has been added to a restricted master: paths as (commodity, end, resources), and cuts."""

    paths: list[tuple[int, int, Ints]]
    cuts: list[tuple[int, Floats, float]]


class RestrictedMaster(ABC):
    """A restricted relaxation.

    Attributes
    ----------
    paths, routes
        Column of every path by commodity, end and resources, and column, commodity, resources and end in the order they
        came.
    cuts
        What `cut` has added, in the order it came.
    max_rounds, rows_first
        Rounds of separation, and whether others follow only where no row of the problem's own is broken.
    smoothing
        At which parts of the way from the best multipliers to the program's the Lagrangian bound is taken.
    counts
        LP runs, their iterations, and the cuts and rows that were separated.
    """

    max_rounds, rows_first = 1, False
    smoothing: tuple[float, ...] = (1.0,)

    def __init__(
        self, data: ProblemData, domains: list[TaskDomain], commodities: Commodities, objective: str, limits: Limits
    ) -> None:
        self.penalty = data.penalty_s if data.limited else 0.0
        self._late: dict[int, tuple[int, int]] = {}
        self.data, self.domains, self.commodities, self.objective = data, domains, commodities, objective
        self.weights = data.delay_weights if objective == "mean" else np.zeros(len(domains))
        self._lp = lp = IncrementalLp(limits)
        self.paths: dict[tuple[int, int, bytes], int] = {}
        self.routes: list[tuple[int, int, Ints, int]] = []
        self.cuts: list[tuple[int, Floats, float]] = []
        self._closed = np.zeros(0, dtype=bool)
        self._active: NDArray[np.bool_] | None = None
        self.counts: Counter[str] = Counter()
        self._side: dict[int, tuple[int, int]] = {}
        self._column_of, self._row_of, self._value_of = array("q"), array("q"), array("d")
        self._own = self._add_own()
        self._choice = [lp.row(1.0, 1.0) for _ in domains]
        self._meet: list[dict[int, int]] = [{} for _ in domains]
        self._delay: list[list[int]] = []
        self._sides = [delay_bounds(data.tasks[m], segment) for m, segment in commodities.segments]
        top = lp.column(1.0) if objective == "max" else None
        for m in range(len(domains)):
            count = max(len(self._sides[q]) for q in range(commodities.first[m], commodities.first[m + 1]))
            due = bool(np.isfinite(data.due_s[m]))
            if top is None and count == 1 and not due:
                self._delay.append([])
                continue
            own = lp.column(float(self.weights[m])) if top is None or due else top
            if due:
                self._add_deadline(m, own, top)
            rows = [lp.row(0.0, INF) for _ in range(count)]
            for row in rows:
                lp.put(row, own, 1.0)
            self._delay.append(rows)

    def _add_deadline(self, m: int, own: int, top: int | None) -> None:
        """Let T_m, a column of its own under the maximum too, pass its deadline at a price only."""
        lp = self._lp
        row, slack = self._late[m] = lp.row(-INF, float(self.data.due_s[m])), lp.column(self.penalty)
        lp.put(row, own, 1.0)
        lp.put(row, slack, -1.0)
        if top is not None:
            below = lp.row(0.0, INF)
            lp.put(below, top, 1.0)
            lp.put(below, own, -1.0)

    def _charge(self, m: int, values: list[float]) -> int:
        """Return a new column that adds these to the delay_bounds of m's delay."""
        rows = self._delay[m]
        column = self._lp.column(0.0 if rows else float(self.weights[m]) * values[0])
        for row, value in zip(rows, values * (len(rows) // len(values)) if rows else [], strict=True):
            if value:
                self._lp.put(row, column, -value)
        return column

    def _meeting(self, m: int, c: int) -> int:
        if c not in self._meet[m]:
            self._meet[m][c] = self._lp.row(0.0, 0.0)
        return self._meet[m][c]

    def add(self, commodity: int, c: int, used: Ints | None) -> bool:
        """Add a commodity's path to an end, or a segment without data packet (`used` None); tell whether it is new."""
        key = (commodity, c, b"" if used is None else np.sort(used).tobytes())
        if key in self.paths:
            return False
        data, m = self.data, int(self.commodities.task[commodity])
        task = data.tasks[m]
        if self.commodities.kind[commodity] == MODEL:
            assert used is not None
            value = float(task.bits[MODEL] * data.per_bit[used].sum() + data.fixed[used].sum())
            column = self._charge(m, [value])
            self._lp.put(self._meeting(m, c), column, 1.0)
        else:
            segment, bounds = self.commodities.segments[commodity][1], self._sides[commodity]
            work = fixed = 0.0
            if used is not None:
                work = float(task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c])
                fixed = float(data.fixed[used].sum())
            column = self._charge(m, [side.const + side.work * work + side.fixed * fixed for side in bounds])
            self._lp.put(self._choice[m], column, 1.0)
            if segment.sends_model:
                self._lp.put(self._meeting(m, c), column, -1.0)
        self.paths[key] = column
        self.routes.append((column, commodity, np.empty(0, dtype=np.int64) if used is None else used, c))
        self._enter_rows(commodity, c, used, column)
        if used is not None:
            self._pass(commodity, used, column)
        return True

    def _enter_rows(self, commodity: int, c: int, used: Ints | None, column: int) -> None:
        """Give a new column its coefficients in the problem's rows; c(m) counts with the case, not with m's model."""
        rows, m, kind = self.data.rows, int(self.commodities.task[commodity]), int(self.commodities.kind[commodity])
        if rows is None:
            return
        parts = [rows.of_end(m, c)] if kind == DATA else []
        parts += [rows.of_route(m, kind, c, used)] if used is not None else []
        sums: dict[int, float] = {}
        for places, values in parts:
            for i, value in zip(places.tolist(), values.tolist(), strict=True):
                sums[i] = sums.get(i, 0.0) + value
        for i, value in sums.items():
            self._column_of.append(column)
            self._row_of.append(i)
            self._value_of.append(value)
            if i in self._side:
                self._lp.put(self._side[i][0], column, value)

    def _entries(self) -> tuple[Ints, Ints, Floats]:
        columns, rows = (np.frombuffer(mine, dtype=np.int64) for mine in (self._column_of, self._row_of))
        return columns, rows, np.frombuffer(self._value_of, dtype=float)

    def separate_rows(self, values: Floats) -> int:
        """Add the problem's rows that this point breaks; return how many."""
        rows = self.data.rows
        if rows is None or not len(self._column_of):
            return 0
        columns, of, value = self._entries()
        part = np.where(columns < len(values), values[np.minimum(columns, len(values) - 1)], 0.0)
        over = np.bincount(of, part * value, minlength=len(rows)) - rows.high
        if self._own:
            over += rows.own @ np.array([values[column] if column < len(values) else 0.0 for column in self._own])
        new = [i for i in np.flatnonzero(over > ROW_BROKEN).tolist() if i not in self._side]
        self.add_rows(new)
        return len(new)

    def add_rows(self, new: Sequence[int]) -> None:
        """Add some of the problem's rows, each of which may be broken at a price."""
        rows = self.data.rows
        if rows is None or not len(new):
            return
        for i in new:
            row, slack = self._lp.row(-INF, float(rows.high[i])), self._lp.column(self.penalty)
            self._lp.put(row, slack, -1.0)
            self._side[i] = row, slack
        fresh = np.array(new)
        columns, of, value = (mine.copy() for mine in self._entries())
        for at in np.flatnonzero(np.isin(of, fresh)).tolist():
            self._lp.put(self._side[int(of[at])][0], int(columns[at]), float(value[at]))
        own = rows.own.tocoo()
        for at in np.flatnonzero(np.isin(own.coords[0], fresh)).tolist():
            self._lp.put(self._side[int(own.coords[0][at])][0], self._own[int(own.coords[1][at])], float(own.data[at]))

    def _add_own(self) -> list[int]:
        """Add the rows' own variables with the limits of their groups; return their columns."""
        rows = self.data.rows
        if rows is None:
            return []
        columns = [self._lp.column(0.0, 1.0) for _ in range(rows.own.shape[1])]
        for group, most in rows.groups:
            row = self._lp.row(-INF, float(most))
            for v in group.tolist():
                self._lp.put(row, columns[v], 1.0)
        return columns

    @property
    def side_rows(self) -> list[int]:
        """Which of the problem's rows are in the program."""
        return list(self._side)

    def broken(self, values: Floats) -> float:
        """Return how much of the problem's rows and deadlines a point breaks, in all."""
        slacks = [slack for _, slack in (*self._side.values(), *self._late.values())]
        return float(sum(values[slack] for slack in slacks if slack < len(values)))

    def charge_more(self, penalty: float) -> None:
        """Raise the price at which rows may be broken."""
        self.penalty = penalty
        self._lp.flush()
        for _, slack in (*self._side.values(), *self._late.values()):
            self._lp.h.changeColCost(slack, penalty)

    def late_multipliers(self, duals: Floats) -> Floats:
        """Return the multipliers of the deadlines, shape (tasks,)."""
        late = np.zeros(len(self.domains))
        for m, (row, _) in self._late.items():
            late[m] = max(-float(duals[row]), 0.0)
        return late

    def row_multipliers(self, duals: Floats) -> Floats:
        """Return the multipliers of all of the problem's rows, shape (rows,)."""
        mu = np.zeros(0 if self.data.rows is None else len(self.data.rows))
        for i, (row, _) in self._side.items():
            if row < len(duals):
                mu[i] = max(-float(duals[row]), 0.0)
        return mu

    @abstractmethod
    def _pass(self, commodity: int, used: Ints, column: int) -> None:
        """Let a new path bear the congestion of the resources it uses."""

    @abstractmethod
    def add_levels(self, kind: int, r: int, depth: int) -> bool:
        """Give a resource levels up to `depth`, the last one open; tell whether that changes the program."""

    @abstractmethod
    def separate(self, values: Floats, objective: float) -> float:
        """Add rows that this point violates, if there are any; return by how much they are violated, in all."""

    def solve(self, limits: Limits, tolerance: float = 0.0) -> Outcome:
        """Solve over the active columns, with rows until those of a round are violated by no more than a tolerance.

        At no tolerance no row is violated at the end, unless `max_rounds` do not suffice; else the value may lack more,
        by rows that no round looked at.
        """
        h = self._lp.h
        timed = limits.time_s is not None and "time_limit" not in limits.options
        until = time.monotonic() + (limits.time_s or 0.0)
        for _ in range(self.max_rounds):
            self._activate()
            if timed:
                h.setOptionValue("time_limit", h.getRunTime() + max(until - time.monotonic(), 0.0))
            outcome = self._run(limits)
            if outcome.values is None or outcome.objective is None or outcome.termination is not Termination.OPTIMAL:
                break
            added = self.separate_rows(outcome.values)
            if added and self.rows_first:
                continue
            if self.separate(outcome.values, outcome.objective) <= tolerance and not added:
                break
        return outcome

    def _run(self, limits: Limits) -> Outcome:
        """Run HiGHS on what there is."""
        outcome = run(self._lp.h, limits)
        self.counts["LP runs"] += 1
        self.counts["LP iterations"] += max(self._lp.h.getInfo().simplex_iteration_count, 0)
        return outcome

    @abstractmethod
    def multipliers(self, duals: Floats, domains: list[TaskDomain]) -> tuple[Multipliers, Floats]:
        """Return the duals as multipliers over what is in the domain, and each task's dual value, shape (tasks,)."""

    @abstractmethod
    def meeting_work(self, values: Floats) -> Floats:
        """Return the data work that other packets add, by share, shape (commodities,) [s]."""

    @abstractmethod
    def add_cut(self, key: int, price: Floats, base: float) -> None:
        """Add a cut that was found elsewhere, where the relaxation has cuts."""

    @contextmanager
    def restricted_to(self, active: NDArray[np.bool_]) -> Iterator[None]:
        """Let only these columns be used for as long as this lasts, shape (paths,); columns added meanwhile are."""
        outer, self._active = self._active, active
        try:
            yield
        finally:
            self._active = outer

    def _activate(self) -> None:
        """Hand over what waits, and close the columns that are not active."""
        self._lp.flush()
        active = self._active
        missing = len(self._closed) - (0 if active is None else len(active))
        if active is None or missing > 0:
            active = np.concatenate(
                [np.zeros(0, dtype=bool) if active is None else active, np.ones(missing, dtype=bool)]
            )
        closed = np.zeros(len(active), dtype=bool)
        closed[: len(self._closed)] = self._closed
        change = np.flatnonzero(closed == active)
        if len(change):
            places = np.array([self.routes[i][0] for i in change], dtype=np.int32)
            self._lp.h.changeColsBounds(len(change), places, np.zeros(len(change)), np.where(active[change], INF, 0.0))
        self._closed = ~active

    def mark(self) -> tuple[int, int]:
        """Return how much there is, for `delta`."""
        return len(self.routes), len(self.cuts)

    def delta(self, mark: tuple[int, int]) -> "MasterDelta":
        """Return what has been added since a mark."""
        paths = [(commodity, c, used) for _, commodity, used, c in self.routes[mark[0] :]]
        return MasterDelta(paths, self.cuts[mark[1] :])

    def merge(self, delta: "MasterDelta") -> list[tuple[int, int, int, Ints]]:
        """Add what another process has added; return task, kind, end and resources of its paths."""
        commodities = self.commodities
        for commodity, c, used in delta.paths:
            self.add(commodity, c, used if len(used) else None)
        for cut in delta.cuts:
            self.add_cut(*cut)
        return [
            (int(commodities.task[commodity]), int(commodities.kind[commodity]), c, used)
            for commodity, c, used in delta.paths
            if len(used)
        ]

    @property
    def basis(self) -> Any:
        """HiGHS' present basis, for all rows and columns that there are."""
        self._activate()
        return self._lp.h.getBasis()

    def probe(self, steps: int, basis: Any, limits: Limits) -> tuple[float, Outcome]:
        """Return the value after this many simplex iterations from a basis, inf if infeasible, and the outcome."""
        self._activate()
        h = self._lp.h
        h.setBasis(basis)
        _, usual = h.getOptionValue("simplex_iteration_limit")
        h.setOptionValue("simplex_iteration_limit", min(steps, usual))
        outcome = RestrictedMaster._run(self, limits)
        h.setOptionValue("simplex_iteration_limit", usual)
        if h.getModelStatus() == highspy.HighsModelStatus.kIterationLimit and not outcome.pressed:
            outcome = replace(outcome, termination=Termination.FEASIBLE)  # as was asked for
        infeasible = outcome.termination is Termination.INFEASIBLE
        return INF if infeasible else float(h.getInfo().objective_function_value), outcome

    def above_reduced_cost(self, room: float) -> set[tuple[int, int, int, bytes]]:
        """Return the paths (task, kind, end, resources) that the last duals charge more than this in every segment."""
        cost = np.array(self._lp.h.getSolution().col_dual)
        least: dict[tuple[int, int, int, bytes], float] = {}
        for (commodity, c, used), column in self.paths.items():
            key = int(self.commodities.task[commodity]), int(self.commodities.kind[commodity]), c, used
            value = float(cost[column]) if column < len(cost) else 0.0
            least[key] = min(least.get(key, np.inf), value)
        return {key for key, value in least.items() if value > room}

    def loads(self, values: Floats) -> Floats:
        """Return the flow on every resource, shape (2, resources)."""
        flow = np.zeros((2, self.data.resources))
        for column, commodity, used, _ in self.routes:
            if values[column] > 0:
                flow[self.commodities.kind[commodity], used] += values[column]
        return flow

    def works(self, values: Floats) -> dict[int, tuple[float, float]]:
        """Return weight and mean A_m [s], congestion included, of every commodity that is a data packet with weight."""
        total = np.zeros((len(self.commodities.task), 2))
        data = self.data
        for column, commodity, used, c in self.routes:
            if (
                column < len(values)
                and values[column] > 1e-9
                and len(used)
                and self.commodities.kind[commodity] == DATA
            ):
                task = data.tasks[int(self.commodities.task[commodity])]
                work = float(task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c])
                total[commodity] += values[column] * np.array([1.0, work])
        total[:, 1] += self.meeting_work(values)
        rows = np.flatnonzero((total[:, 0] > 1e-9) & (self.commodities.kind == DATA))
        return {
            int(commodity): (float(total[commodity, 0]), float(total[commodity, 1] / total[commodity, 0]))
            for commodity in rows
        }
