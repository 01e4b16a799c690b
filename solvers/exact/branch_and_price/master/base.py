"""What the linear relaxations over paths have in common: a program that grows in place inside HiGHS.

Columns: y[q, c, path] for the data packet of a piece that goes to c (for a piece without data packet, the piece
alone), y[m, c, path] for the model packet. Rows:

    Σ_q y[q, ·] = 1 per task;  Σ model paths to c = Σ y of pieces that send the model packet and go to c.

A path costs its uncongested delay by the piece's affine bound; congestion is what the two relaxations add, `columns`
by columns for the levels of every resource, `cuts` by rows where a point needs them. The duals are the prices of
`prices`, by whose searches paths come. The value is not trusted, and so nothing here needs proof: the Lagrangian bound
has it.

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
from solvers.exact.branch_and_price.domains.delay_bounds import sides
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.master.lp import INF, Growing
from solvers.exact.branch_and_price.pricing.commodities import Users
from solvers.exact.branch_and_price.pricing.multipliers import Prices
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import Tables
from solvers.result import Termination


class Paths(ABC):
    """A restricted relaxation.

    Attributes
    ----------
    paths, routes
        Column of every path by user, end and resources, and column, user, resources and end in the order they came.
    cuts
        What `cut` has added, in the order it came.
    parts
        At which parts of the way from the best prices to the program's the Lagrangian bound is taken.
    """

    parts: tuple[float, ...] = (1.0,)

    def __init__(self, tables: Tables, scopes: list[Scope], users: Users, objective: str, limits: Limits) -> None:
        self.tables, self.scopes, self.users, self.objective = tables, scopes, users, objective
        self.weight = 1.0 / len(scopes) if objective == "mean" else 0.0
        self._lp = lp = Growing(limits)
        self.paths: dict[tuple[int, int, bytes], int] = {}
        self.routes: list[tuple[int, int, Ints, int]] = []
        self.cuts: list[tuple[int, Floats, float]] = []
        self._closed = np.zeros(0, dtype=bool)
        self._choice = [lp.row(1.0, 1.0) for _ in scopes]
        self._meet: list[dict[int, int]] = [{} for _ in scopes]
        self._delay: list[list[int]] = []
        self._sides = [sides(tables.tasks[m], piece) for m, piece in users.pieces]
        top = lp.column(1.0) if objective == "max" else None
        for m in range(len(scopes)):
            count = max(len(self._sides[q]) for q in range(users.first[m], users.first[m + 1]))
            if top is None and count == 1:
                self._delay.append([])
                continue
            own = lp.column(self.weight) if top is None else top
            rows = [lp.row(0.0, INF) for _ in range(count)]
            for row in rows:
                lp.put(row, own, 1.0)
            self._delay.append(rows)

    def _charge(self, m: int, values: list[float]) -> int:
        """Return a new column that adds these to the sides of m's delay."""
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

    def add(self, user: int, c: int, used: Ints | None) -> bool:
        """Add a user's path to an end, or a piece without data packet (`used` None); tell whether it is new."""
        key = (user, c, b"" if used is None else np.sort(used).tobytes())
        if key in self.paths:
            return False
        tables, m = self.tables, int(self.users.task[user])
        task = tables.tasks[m]
        if self.users.kind[user] == MODEL:
            assert used is not None
            value = float(task.bits[MODEL] * tables.per_bit[used].sum() + tables.fixed[used].sum())
            column = self._charge(m, [value])
            self._lp.put(self._meeting(m, c), column, 1.0)
        else:
            piece, bounds = self.users.pieces[user][1], self._sides[user]
            work = fixed = 0.0
            if used is not None:
                work = float(task.bits[DATA] * tables.per_bit[used].sum() + task.large_s[c])
                fixed = float(tables.fixed[used].sum())
            column = self._charge(m, [side.const + side.work * work + side.fixed * fixed for side in bounds])
            self._lp.put(self._choice[m], column, 1.0)
            if piece.sends_model:
                self._lp.put(self._meeting(m, c), column, -1.0)
        self.paths[key] = column
        self.routes.append((column, user, np.empty(0, dtype=np.int64) if used is None else used, c))
        if used is not None:
            self._pass(user, used, column)
        return True

    @abstractmethod
    def _pass(self, user: int, used: Ints, column: int) -> None:
        """Let a new path bear the congestion of the resources it uses."""

    @abstractmethod
    def deepen(self, kind: int, r: int, depth: int) -> bool:
        """Give a resource levels up to `depth`, the last one open; tell whether that changes the program."""

    @abstractmethod
    def solve(self, limits: Limits, tolerance: float = 0.0) -> Outcome:
        """Solve what there is, roughly to this tolerance in the value."""

    @abstractmethod
    def prices(self, duals: Floats, scopes: list[Scope]) -> tuple[Prices, Floats]:
        """Return the duals as prices over what is in scope, and each task's dual value, shape (tasks,)."""

    @abstractmethod
    def waits(self, values: Floats) -> Floats:
        """Return the data work that other packets add, by share, shape (users,) [s]."""

    @abstractmethod
    def cut(self, key: int, price: Floats, base: float) -> None:
        """Add a cut that was found elsewhere, where the relaxation has cuts."""

    def restrict(self, open_paths: NDArray[np.bool_]) -> None:
        """Close the paths that are not open, and open the others again, shape (paths,)."""
        self._lp.flush()
        closed = np.zeros(len(open_paths), dtype=bool)
        closed[: len(self._closed)] = self._closed
        change = np.flatnonzero(closed == open_paths)
        if len(change):
            places = np.array([self.routes[i][0] for i in change], dtype=np.int32)
            self._lp.h.changeColsBounds(
                len(change), places, np.zeros(len(change)), np.where(open_paths[change], INF, 0.0)
            )
        self._closed = ~open_paths

    @property
    def basis(self) -> Any:
        """HiGHS' present basis, for all rows and columns that there are."""
        self._lp.flush()
        return self._lp.h.getBasis()

    def peek(self, steps: int, basis: Any, limits: Limits) -> tuple[float, Outcome]:
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

    def dear(self, room: float) -> set[tuple[int, int, int, bytes]]:
        """Return the paths (task, kind, end, resources) that the last duals charge more than this in every piece."""
        cost = np.array(self._lp.h.getSolution().col_dual)
        least: dict[tuple[int, int, int, bytes], float] = {}
        for (user, c, used), column in self.paths.items():
            key = int(self.users.task[user]), int(self.users.kind[user]), c, used
            value = float(cost[column]) if column < len(cost) else 0.0
            least[key] = min(least.get(key, np.inf), value)
        return {key for key, value in least.items() if value > room}

    def loads(self, values: Floats) -> Floats:
        """Return the flow on every resource, shape (2, resources)."""
        flow = np.zeros((2, self.tables.resources))
        for column, user, used, _ in self.routes:
            if values[column] > 0:
                flow[self.users.kind[user], used] += values[column]
        return flow

    def works(self, values: Floats) -> dict[int, tuple[float, float]]:
        """Return weight and mean A_m [s], congestion included, of every user that is a data packet with weight."""
        total = np.zeros((len(self.users.task), 2))
        tables = self.tables
        for column, user, used, c in self.routes:
            if column < len(values) and values[column] > 1e-9 and len(used) and self.users.kind[user] == DATA:
                task = tables.tasks[int(self.users.task[user])]
                work = float(task.bits[DATA] * tables.per_bit[used].sum() + task.large_s[c])
                total[user] += values[column] * np.array([1.0, work])
        total[:, 1] += self.waits(values)
        rows = np.flatnonzero((total[:, 0] > 1e-9) & (self.users.kind == DATA))
        return {int(user): (float(total[user, 0]), float(total[user, 1] / total[user, 0])) for user in rows}
