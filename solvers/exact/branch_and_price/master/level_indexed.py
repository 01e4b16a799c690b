"""The linear relaxation of the load-indexed program over paths (`paths`), with columns for the levels of resources.

Beside the paths: x[u, r, j] = 1 iff commodity u (`multipliers.Commodities`) uses resource r while j packets do, L[kind,
r, j]. Rows:

    Σ paths of u through r ≤ Σ_j x[u, r, j];
    Σ_u x[u, r, j] = j L[·, r, j], ≥ for the last, open level;  Σ_{u of m} x[u, r, j] ≤ L[·, r, j];  Σ_j L ≤ 1,

for resources with more than one level only, and of the last but one those rows only that a point has violated.
x[u, r, j] costs the j - 1 other packets. This is the relaxation of `master` with one copy of the flow per segment; rows
for shared resources alone keep it small. It serves every objective; where each task's delay is one affine bound, and
the objective its mean, `cuts` has the same value with far fewer rows and columns.
"""

from array import array
from collections.abc import Iterable

import numpy as np

from solvers.backends.program import Limits
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.exact.branch_and_price.master.lp import INF
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.completion import complete_duals
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers, dual_feasible
from solvers.exact.branch_and_price.settings import SeparationSettings
from solvers.network.arrays import MODEL, Floats, Ints
from solvers.network.data import ProblemData


class LevelMaster(RestrictedMaster):
    """The restricted relaxation with levels."""

    def __init__(
        self,
        data: ProblemData,
        domains: list[TaskDomain],
        commodities: Commodities,
        objective: str,
        limits: Limits,
        tight: set[tuple[int, int, int, int]],
        settings: SeparationSettings | None = None,
    ) -> None:
        super().__init__(data, domains, commodities, objective, limits)
        self.settings = settings or SeparationSettings()
        self.tight = tight
        self.max_rounds = self.settings.rounds if data.limited else self.settings.level_rounds
        self._through: dict[tuple[int, int], dict[int, list[int]]] = {}
        self._shares: list[tuple[int, int, float]] = []
        self._links: dict[tuple[int, int], int] = {}
        self._levels: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._depth: dict[tuple[int, int], int] = {}
        self._parts: dict[tuple[int, int, int, int], int] = {}
        self._member, self._member_part = array("q"), array("q")
        self._part_level, self._below = array("q"), array("q")
        self._one: dict[tuple[int, int], int] = {}

    def _pass(self, commodity: int, used: Ints, column: int) -> None:
        kind = int(self.commodities.kind[commodity])
        for r in used.tolist():
            self._through.setdefault((kind, r), {}).setdefault(commodity, []).append(column)
            if (kind, r) in self._depth:
                self._lp.put(self._link(commodity, r), column, 1.0)

    def _link(self, commodity: int, r: int) -> int:
        """Return the row that ties a commodity's paths through r to its levels there, new where need be."""
        if (commodity, r) not in self._links:
            self._links[commodity, r] = self._lp.row(-INF, 0.0)
            for j in range(1, self._depth[int(self.commodities.kind[commodity]), r] + 1):
                self._use(commodity, r, j)
        return self._links[commodity, r]

    def _use(self, commodity: int, r: int, j: int) -> None:
        """Add x[commodity, r, j]."""
        lp, data, m, kind = (
            self._lp,
            self.data,
            int(self.commodities.task[commodity]),
            int(self.commodities.kind[commodity]),
        )
        extra = (j - 1) * data.packet_s(m, kind, r)
        slopes = [1.0] if kind == MODEL else [side.work for side in self._sides[commodity]]
        column = self._charge(m, [slope * extra for slope in slopes])
        self._shares.append((column, commodity, extra))
        lp.put(self._links[commodity, r], column, -1.0)
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

    def add_levels(self, kind: int, r: int, depth: int) -> bool:
        """Give a resource levels up to `depth`, the last one open; tell whether that changes the program."""
        lp, before = self._lp, self._depth.get((kind, r), 0)
        if depth <= max(before, 1):
            return False
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
        for commodity, columns in self._through.get((kind, r), {}).items():
            if (commodity, r) not in self._links:
                row = self._link(commodity, r)
                for column in columns:
                    lp.put(row, column, 1.0)
            else:
                for j in range(before + 1, depth + 1):
                    self._use(commodity, r, j)
        return True

    def separate(self, values: Floats, objective: float) -> float:
        """Add the rows Σ_{u of m} x[u, r, j] ≤ L[·, r, j] that this point violates; return inf if there are any."""
        if not self._member:
            return 0.0
        columns, parts = (np.frombuffer(mine, dtype=np.int64) for mine in (self._member, self._member_part))
        sums = np.bincount(parts, np.where(columns < len(values), values[np.minimum(columns, len(values) - 1)], 0.0))
        level, below = (np.frombuffer(mine, dtype=np.int64) for mine in (self._part_level, self._below))
        known = (level < len(values)) & (below < 0)
        wrong = np.flatnonzero(
            known & (sums > values[np.minimum(level, len(values) - 1)] + self.settings.level_violation)
        )
        if len(wrong):
            keys, order = list(self._parts), np.argsort(parts, kind="stable")
            first = np.searchsorted(parts[order], np.arange(len(level) + 1))
            for part in wrong.tolist():
                self._tie(part, columns[order[first[part] : first[part + 1]]].tolist())
                self.tight.add(keys[part])
            self.counts["linking rows"] += len(wrong)
        return np.inf if len(wrong) else 0.0

    def multipliers(self, duals: Floats, domains: list[TaskDomain]) -> tuple[Multipliers, Floats]:
        """Return the duals as multipliers, completed for commodities without rows, and each task's dual value."""
        price, known = np.zeros((2, len(self.commodities.task), self.data.resources))
        if self._links:
            keys = np.array(list(self._links), dtype=np.int64)
            price[keys[:, 0], keys[:, 1]] = -duals[list(self._links.values())]
            known[keys[:, 0], keys[:, 1]] = 1.0
        thetas = [duals[rows] if rows else np.ones(1) for rows in self._delay]
        mu, late = self.row_multipliers(duals), self.late_multipliers(duals)
        multipliers = dual_feasible(self.data, self.commodities, thetas, price, self.objective, mu, late)
        complete_duals(self.data, domains, multipliers, known > 0)
        return multipliers, duals[self._choice]

    def add_cut(self, key: int, price: Floats, base: float) -> None:
        """Do nothing: levels need no cuts."""

    def meeting_work(self, values: Floats) -> Floats:
        """Return the data work that other packets add, by share, shape (commodities,) [s]."""
        total = np.zeros(len(self.commodities.task))
        for column, commodity, extra in self._shares:
            if column < len(values):
                total[commodity] += values[column] * extra
        return total
