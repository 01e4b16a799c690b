"""Which paths of the relaxation are open: those that domains allow, or a single plan of a task."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.exact.branch_and_price.pricing.commodities import allowed_arcs
from solvers.network.arrays import DATA, MODEL
from solvers.network.traffic import Plan

ColumnMask = NDArray[np.bool_]


class ColumnFilter:
    """The paths of a growing relaxation as flat arrays.

    Attributes
    ----------
    commodity, end
        Of every path, shape (paths,).
    """

    def __init__(self, master: RestrictedMaster) -> None:
        self.master, self.commodities = master, master.commodities
        self.commodity = self.end = np.zeros(0, dtype=np.int64)
        self._pairs = np.zeros((2, 0), dtype=np.int64)
        self._stop = np.zeros(1, dtype=np.int64)
        self._ends = max(len(task.ends) for task in master.data.tasks)

    def _grow(self) -> None:
        routes = self.master.routes[len(self.commodity) :]
        if not routes:
            return
        sizes = [len(used) for _, _, used, _ in routes]
        commodities = np.array([commodity for _, commodity, _, _ in routes], dtype=np.int64)
        pairs = np.array(
            [np.repeat(commodities, sizes), np.concatenate([used for _, _, used, _ in routes])], dtype=np.int64
        )
        self._stop = np.concatenate([self._stop, self._stop[-1] + np.cumsum(sizes)])
        self._pairs = np.concatenate([self._pairs, pairs], axis=1)
        self.commodity = np.concatenate([self.commodity, commodities])
        self.end = np.concatenate([self.end, np.array([c for _, _, _, c in routes], dtype=np.int64)])

    def of(self, domains: list[TaskDomain]) -> ColumnMask:
        """Return which paths these domains allow, shape (paths,); their segments are those of the relaxation."""
        self._grow()
        ends = np.zeros((len(self.commodities.task), self._ends), dtype=bool)
        segments = [segment for domain in domains for segment in domain.segments]
        for commodity, segment in enumerate(segments):
            ends[commodity, segment.ends] = True
        for m, domain in enumerate(domains):
            ends[self.commodities.model(m), domain.ends] = True
        banned = np.concatenate([[0], np.cumsum(~allowed_arcs(domains)[self._pairs[0], self._pairs[1]])])
        return np.asarray(ends[self.commodity, self.end] & (banned[self._stop[1:]] == banned[self._stop[:-1]]))

    def keep(self, active: ColumnMask, m: int, plan: Plan) -> ColumnMask | None:
        """Return the open paths with only this plan for a task, or None where it is not among them."""
        found, kept = active.copy(), [False, False]
        for i in np.flatnonzero((self.commodities.task[self.commodity] == m) & active):
            used, kind = self.master.routes[i][2], int(self.commodities.kind[self.commodity[i]])
            mine = plan.packet(kind)
            same = len(used) == 0 if mine is None else len(used) == len(mine) and bool((used == mine).all())
            found[i] = same and self.end[i] == plan.end
            kept[kind] |= bool(found[i])
        return found if kept[DATA] and (kept[MODEL] or plan.model is None) else None
