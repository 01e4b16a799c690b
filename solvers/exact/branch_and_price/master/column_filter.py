"""Which paths of the relaxation are open: those that scopes allow, or a single plan of a task."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.master.base import Paths
from solvers.exact.branch_and_price.pricing.commodities import allowed
from solvers.network.arrays import DATA, MODEL
from solvers.network.traffic import Plan

Open = NDArray[np.bool_]


class Openness:
    """The paths of a growing relaxation as flat arrays.

    Attributes
    ----------
    user, end
        Of every path, shape (paths,).
    """

    def __init__(self, columns: Paths) -> None:
        self.columns, self.users = columns, columns.users
        self.user = self.end = np.zeros(0, dtype=np.int64)
        self._pairs = np.zeros((2, 0), dtype=np.int64)
        self._stop = np.zeros(1, dtype=np.int64)
        self._ends = max(len(task.ends) for task in columns.tables.tasks)

    def _grow(self) -> None:
        routes = self.columns.routes[len(self.user) :]
        if not routes:
            return
        sizes = [len(used) for _, _, used, _ in routes]
        users = np.array([user for _, user, _, _ in routes], dtype=np.int64)
        pairs = np.array([np.repeat(users, sizes), np.concatenate([used for _, _, used, _ in routes])], dtype=np.int64)
        self._stop = np.concatenate([self._stop, self._stop[-1] + np.cumsum(sizes)])
        self._pairs = np.concatenate([self._pairs, pairs], axis=1)
        self.user = np.concatenate([self.user, users])
        self.end = np.concatenate([self.end, np.array([c for _, _, _, c in routes], dtype=np.int64)])

    def of(self, scopes: list[Scope]) -> Open:
        """Return which paths these scopes allow, shape (paths,); their pieces are those of the relaxation."""
        self._grow()
        ends = np.zeros((len(self.users.task), self._ends), dtype=bool)
        pieces = [piece for scope in scopes for piece in scope.pieces]
        for user, piece in enumerate(pieces):
            ends[user, piece.ends] = True
        for m, scope in enumerate(scopes):
            ends[self.users.model(m), scope.ends] = True
        banned = np.concatenate([[0], np.cumsum(~allowed(scopes)[self._pairs[0], self._pairs[1]])])
        return np.asarray(ends[self.user, self.end] & (banned[self._stop[1:]] == banned[self._stop[:-1]]))

    def keep(self, open_paths: Open, m: int, plan: Plan) -> Open | None:
        """Return the open paths with only this plan for a task, or None where it is not among them."""
        found, kept = open_paths.copy(), [False, False]
        for i in np.flatnonzero((self.users.task[self.user] == m) & open_paths):
            used, kind = self.columns.routes[i][2], int(self.users.kind[self.user[i]])
            mine = plan.packet(kind)
            same = len(used) == 0 if mine is None else len(used) == len(mine) and bool((used == mine).all())
            found[i] = same and self.end[i] == plan.end
            kept[kind] |= bool(found[i])
        return found if kept[DATA] and (kept[MODEL] or plan.model is None) else None
