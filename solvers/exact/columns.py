"""The linear relaxation of the load-indexed program over paths, grown in place inside HiGHS.

Columns: y[q, c, path] for the data packet of a piece that goes to c (for a piece without data packet, the piece
alone), y[m, c, path] for the model packet, x[u, r, j] = 1 iff user u (`prices.Users`) uses resource r while j packets
do, L[kind, r, j]. Rows:

    Σ_q y[q, ·] = 1 per task;  Σ model paths to c = Σ y of pieces that send the model packet and go to c;
    Σ paths of u through r ≤ Σ_j x[u, r, j];
    Σ_u x[u, r, j] = j L[·, r, j], ≥ for the last, open level;  Σ_{u of m} x[u, r, j] ≤ L[·, r, j];  Σ_j L ≤ 1,

the last four kinds for resources with more than one level only, and of the last but one those rows only that a point
has violated. A path costs its uncongested delay by the piece's affine bound, x[u, r, j] the j - 1 other packets. This
is the relaxation of `master` with one copy of the flow per piece; rows for shared resources alone keep it small. Its
duals are the prices of `prices`, by whose searches columns come. Its value is not trusted, and so nothing here needs
proof: the Lagrangian bound has it.

Rows and columns are only ever added, so HiGHS goes on from its last basis.
"""

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from solvers.exact.highs import Limits, Outcome, Program, load, run
from solvers.exact.pieces import sides
from solvers.exact.prices import Users
from solvers.exact.scope import Scope
from solvers.exact.tables import DATA, MODEL, Floats, Ints, Tables
from solvers.result import Termination

INF = highspy.kHighsInf
VIOLATION = 1e-6
SEPARATIONS = 4


class _Growing:
    """Rows and columns that wait to be added; an entry goes with whichever of the two is new."""

    def __init__(self, limits: Limits) -> None:
        nothing, none = np.zeros(0), np.zeros((0, 0))
        self.h = load(Program(nothing, nothing, nothing, nothing.astype(bool), none, nothing, nothing), limits)
        self.rows = self.columns = 0
        self._rows: list[tuple[float, float, list[tuple[int, float]]]] = []
        self._columns: list[tuple[float, float, list[tuple[int, float]]]] = []

    def row(self, low: float, high: float) -> int:
        self._rows.append((low, high, []))
        return self.rows + len(self._rows) - 1

    def column(self, cost: float, upper: float = INF) -> int:
        self._columns.append((cost, upper, []))
        return self.columns + len(self._columns) - 1

    def put(self, row: int, column: int, value: float) -> None:
        if column >= self.columns:
            self._columns[column - self.columns][2].append((row, value))
        else:
            self._rows[row - self.rows][2].append((column, value))

    def flush(self) -> None:
        """Hand over what waits: rows first, since new columns may refer to them."""
        for waiting, columns in ((self._rows, False), (self._columns, True)):
            if not waiting:
                continue
            one, two = (np.array([item[i] for item in waiting], dtype=float) for i in (0, 1))
            counts = [len(item[2]) for item in waiting]
            starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)
            index = np.array([i for item in waiting for i, _ in item[2]], dtype=np.int32)
            value = np.array([v for item in waiting for _, v in item[2]], dtype=float)
            n, size = len(waiting), len(index)
            if columns:
                self.h.addCols(n, one, np.zeros(n), two, size, starts, index, value)
            else:
                self.h.addRows(n, one, two, size, starts, index, value)
        self.rows, self.columns = self.rows + len(self._rows), self.columns + len(self._columns)
        self._rows, self._columns = [], []


class Columns:
    """The restricted relaxation."""

    def __init__(
        self,
        tables: Tables,
        scopes: list[Scope],
        users: Users,
        objective: str,
        limits: Limits,
        tight: set[tuple[int, int, int, int]],
    ) -> None:
        self.tight = tight
        self.tables, self.scopes, self.users = tables, scopes, users
        self.weight = 1.0 / len(scopes) if objective == "mean" else 0.0
        self._lp = lp = _Growing(limits)
        self.paths: dict[tuple[int, int, bytes], int] = {}
        self.routes: list[tuple[int, int, Ints, int]] = []
        self._through: dict[tuple[int, int], dict[int, list[int]]] = {}
        self._shares: list[tuple[int, int, float]] = []
        self._links: dict[tuple[int, int], int] = {}
        self._levels: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._depth: dict[tuple[int, int], int] = {}
        self._parts: dict[tuple[int, int, int, int], int] = {}
        self._member, self._member_part = array("q"), array("q")
        self._part_level, self._below = array("q"), array("q")
        self._one: dict[tuple[int, int], int] = {}
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
        kind = int(self.users.kind[user])
        for r in [] if used is None else used.tolist():
            self._through.setdefault((kind, r), {}).setdefault(user, []).append(column)
            if (kind, r) in self._depth:
                self._lp.put(self._link(user, r), column, 1.0)
        return True

    def _link(self, user: int, r: int) -> int:
        """Return the row that ties a user's paths through r to its levels there, new where need be."""
        if (user, r) not in self._links:
            self._links[user, r] = self._lp.row(-INF, 0.0)
            for j in range(1, self._depth[int(self.users.kind[user]), r] + 1):
                self._use(user, r, j)
        return self._links[user, r]

    def _use(self, user: int, r: int, j: int) -> None:
        """Add x[user, r, j]."""
        lp, tables, m, kind = self._lp, self.tables, int(self.users.task[user]), int(self.users.kind[user])
        extra = (j - 1) * tables.tasks[m].bits[kind] * float(tables.per_bit[r])
        slopes = [1.0] if kind == MODEL else [side.work for side in self._sides[user]]
        column = self._charge(m, [slope * extra for slope in slopes])
        self._shares.append((column, user, extra))
        lp.put(self._links[user, r], column, -1.0)
        balance, level = self._levels[kind, r, j]
        lp.put(balance, column, 1.0)
        key = kind, m, r, j
        part = self._parts.setdefault(key, len(self._parts))
        self._member.append(column)
        self._member_part.append(part)
        if part == len(self._part_level):
            self._part_level.append(level)
            self._below.append(-1)
            if key in self.tight:
                self._tie(part, ())
        if self._below[part] >= 0:
            lp.put(self._below[part], column, 1.0)

    def _tie(self, part: int, columns: Iterable[int]) -> None:
        """Add the row Σ_{u of m} x[u, r, j] ≤ L[·, r, j]."""
        row = self._below[part] = self._lp.row(-INF, 0.0)
        self._lp.put(row, self._part_level[part], -1.0)
        for column in columns:
            self._lp.put(row, column, 1.0)

    def deepen(self, kind: int, r: int, depth: int) -> None:
        """Give a resource levels up to `depth`, the last one open."""
        lp, before = self._lp, self._depth.get((kind, r), 0)
        if depth <= max(before, 1):
            return
        if before:
            balance, _ = self._levels[kind, r, before]
            lp.flush()
            lp.h.changeRowBounds(balance, 0.0, 0.0)
        else:
            self._one[kind, r] = lp.row(-INF, 1.0)
        self._depth[kind, r] = depth
        for j in range(before + 1, depth + 1):
            balance, level = lp.row(0.0, INF if j == depth else 0.0), lp.column(0.0)
            lp.put(balance, level, -float(j))
            lp.put(self._one[kind, r], level, 1.0)
            self._levels[kind, r, j] = balance, level
        for user, columns in self._through.get((kind, r), {}).items():
            if (user, r) not in self._links:
                row = self._link(user, r)
                for column in columns:
                    lp.put(row, column, 1.0)
            else:
                for j in range(before + 1, depth + 1):
                    self._use(user, r, j)

    def separate(self, values: Floats) -> int:
        """Add the rows Σ_{u of m} x[u, r, j] ≤ L[·, r, j] that this point violates; return how many."""
        if not self._member:
            return 0
        columns, parts = (np.frombuffer(mine, dtype=np.int64) for mine in (self._member, self._member_part))
        sums = np.bincount(parts, np.where(columns < len(values), values[np.minimum(columns, len(values) - 1)], 0.0))
        level, below = (np.frombuffer(mine, dtype=np.int64) for mine in (self._part_level, self._below))
        known = (level < len(values)) & (below < 0)
        wrong = np.flatnonzero(known & (sums > values[np.minimum(level, len(values) - 1)] + VIOLATION))
        if len(wrong):
            keys, order = list(self._parts), np.argsort(parts, kind="stable")
            first = np.searchsorted(parts[order], np.arange(len(level) + 1))
            for part in wrong.tolist():
                self._tie(part, columns[order[first[part] : first[part + 1]]].tolist())
                self.tight.add(keys[part])
        return len(wrong)

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

    def solve(self, limits: Limits) -> Outcome:
        """Solve what there is, with all rows Σ_{u of m} x[u, r, j] ≤ L[·, r, j] that turn out to be needed."""
        timed = limits.time_s is not None and "time_limit" not in limits.options
        until = self._lp.h.getRunTime() + (limits.time_s or 0.0)
        for _ in range(SEPARATIONS):
            self._lp.flush()
            if timed:
                self._lp.h.setOptionValue("time_limit", until)
            outcome = run(self._lp.h, limits)
            if outcome.values is None or self.separate(outcome.values) == 0:
                break
        return outcome

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
        if h.getModelStatus() == highspy.HighsModelStatus.kIterationLimit:
            outcome = replace(outcome, termination=Termination.FEASIBLE)  # as was asked for
        infeasible = outcome.termination is Termination.INFEASIBLE
        return INF if infeasible else float(h.getInfo().objective_function_value), outcome

    def read(self, duals: Floats) -> tuple[list[Floats], Floats, Floats]:
        """Return θ per task, λ of shape (users, resources) and each task's dual value, shape (tasks,)."""
        price = np.zeros((len(self.users.task), self.tables.resources))
        if self._links:
            keys = np.array(list(self._links), dtype=np.int64)
            price[keys[:, 0], keys[:, 1]] = -duals[list(self._links.values())]
        thetas = [duals[rows] if rows else np.ones(1) for rows in self._delay]
        return thetas, price, duals[self._choice]

    def dear(self, room: float) -> set[tuple[int, int, int, bytes]]:
        """Return the paths (task, kind, end, resources) that the last duals charge more than this in every piece."""
        cost = np.array(self._lp.h.getSolution().col_dual)
        least: dict[tuple[int, int, int, bytes], float] = {}
        for (user, c, used), column in self.paths.items():
            key = int(self.users.task[user]), int(self.users.kind[user]), c, used
            value = float(cost[column]) if column < len(cost) else 0.0
            least[key] = min(least.get(key, np.inf), value)
        return {key for key, value in least.items() if value > room}

    def known(self) -> Any:
        """Return whether a user has a row at a resource, shape (users, resources)."""
        mask = np.zeros((len(self.users.task), self.tables.resources), dtype=bool)
        if self._links:
            keys = np.array(list(self._links), dtype=np.int64)
            mask[keys[:, 0], keys[:, 1]] = True
        return mask

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
        for column, user, extra in self._shares:
            if column < len(values):
                total[user, 1] += values[column] * extra
        rows = np.flatnonzero((total[:, 0] > 1e-9) & (self.users.kind == DATA))
        return {int(user): (float(total[user, 0]), float(total[user, 1] / total[user, 0])) for user in rows}
