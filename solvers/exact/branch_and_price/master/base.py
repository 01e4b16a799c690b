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

from abc import ABC, abstractmethod
from dataclasses import replace
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


class RestrictedMaster(ABC):
    """A restricted relaxation.

    Attributes
    ----------
    paths, routes
        Column of every path by commodity, end and resources, and column, commodity, resources and end in the order they
        came.
    cuts
        What `cut` has added, in the order it came.
    parts
        At which parts of the way from the best multipliers to the program's the Lagrangian bound is taken.
    """

    parts: tuple[float, ...] = (1.0,)

    def __init__(
        self, data: ProblemData, domains: list[TaskDomain], commodities: Commodities, objective: str, limits: Limits
    ) -> None:
        self.data, self.domains, self.commodities, self.objective = data, domains, commodities, objective
        self.weight = 1.0 / len(domains) if objective == "mean" else 0.0
        self._lp = lp = IncrementalLp(limits)
        self.paths: dict[tuple[int, int, bytes], int] = {}
        self.routes: list[tuple[int, int, Ints, int]] = []
        self.cuts: list[tuple[int, Floats, float]] = []
        self._closed = np.zeros(0, dtype=bool)
        self._choice = [lp.row(1.0, 1.0) for _ in domains]
        self._meet: list[dict[int, int]] = [{} for _ in domains]
        self._delay: list[list[int]] = []
        self._sides = [delay_bounds(data.tasks[m], segment) for m, segment in commodities.segments]
        top = lp.column(1.0) if objective == "max" else None
        for m in range(len(domains)):
            count = max(len(self._sides[q]) for q in range(commodities.first[m], commodities.first[m + 1]))
            if top is None and count == 1:
                self._delay.append([])
                continue
            own = lp.column(self.weight) if top is None else top
            rows = [lp.row(0.0, INF) for _ in range(count)]
            for row in rows:
                lp.put(row, own, 1.0)
            self._delay.append(rows)

    def _charge(self, m: int, values: list[float]) -> int:
        """Return a new column that adds these to the delay_bounds of m's delay."""
        rows = self._delay[m]
        column = self._lp.column(0.0 if rows else self.weight * values[0])
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
        if used is not None:
            self._pass(commodity, used, column)
        return True

    @abstractmethod
    def _pass(self, commodity: int, used: Ints, column: int) -> None:
        """Let a new path bear the congestion of the resources it uses."""

    @abstractmethod
    def add_levels(self, kind: int, r: int, depth: int) -> bool:
        """Give a resource levels up to `depth`, the last one open; tell whether that changes the program."""

    @abstractmethod
    def solve(self, limits: Limits, tolerance: float = 0.0) -> Outcome:
        """Solve what there is, roughly to this tolerance in the value."""

    @abstractmethod
    def multipliers(self, duals: Floats, domains: list[TaskDomain]) -> tuple[Multipliers, Floats]:
        """Return the duals as multipliers over what is in the domain, and each task's dual value, shape (tasks,)."""

    @abstractmethod
    def meeting_work(self, values: Floats) -> Floats:
        """Return the data work that other packets add, by share, shape (commodities,) [s]."""

    @abstractmethod
    def add_cut(self, key: int, price: Floats, base: float) -> None:
        """Add a cut that was found elsewhere, where the relaxation has cuts."""

    def restrict(self, active: NDArray[np.bool_]) -> None:
        """Close the paths that are not open, and open the others again, shape (paths,)."""
        self._lp.flush()
        closed = np.zeros(len(active), dtype=bool)
        closed[: len(self._closed)] = self._closed
        change = np.flatnonzero(closed == active)
        if len(change):
            places = np.array([self.routes[i][0] for i in change], dtype=np.int32)
            self._lp.h.changeColsBounds(len(change), places, np.zeros(len(change)), np.where(active[change], INF, 0.0))
        self._closed = ~active

    @property
    def basis(self) -> Any:
        """HiGHS' present basis, for all rows and columns that there are."""
        self._lp.flush()
        return self._lp.h.getBasis()

    def probe(self, steps: int, basis: Any, limits: Limits) -> tuple[float, Outcome]:
        """Return the value after this many simplex iterations from a basis, inf if infeasible, and the outcome."""
        h = self._lp.h
        h.setBasis(basis)
        _, usual = h.getOptionValue("simplex_iteration_limit")
        h.setOptionValue("simplex_iteration_limit", min(steps, usual))
        outcome = run(h, limits)
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
