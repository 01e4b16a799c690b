"""Column generation: prices from the path relaxation, paths from the prices, until the bound is the relaxation's value.

`Relaxation.solve` starts from the paths known so far (`pool`), solves the program of `cuts` or `columns`, takes the
duals as prices, and computes the Lagrangian bound over *all* arcs in scope. The searches of that bound bring the paths
that the relaxation lacks, its loads bring levels. Every bound counts, whatever the prices: with cuts it is taken half
way to the best prices so far too, which calms them.

`Relaxation.cut` adds breakpoints where the relaxation's A_m lies where a chord charges least of what is due.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from solvers.backends.program import Outcome
from solvers.exact.branch_and_price.domains.delay_bounds import sides
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.domains.refinement import split
from solvers.exact.branch_and_price.master.base import Paths
from solvers.exact.branch_and_price.master.congestion_cuts import Cuts
from solvers.exact.branch_and_price.master.level_indexed import Columns
from solvers.exact.branch_and_price.pricing.commodities import Users
from solvers.exact.branch_and_price.pricing.lagrangian import Bound, price_bound
from solvers.exact.branch_and_price.pricing.multipliers import Prices, make_prices
from solvers.network.arrays import BOTH, DATA, MODEL, Floats, Ints
from solvers.network.delay import share_at
from solvers.network.traffic import Plan

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import Proof


ROUNDS = 200
CLOSE = 0.02
"""Share of the gap below which what is left of the relaxation's own gap is not pursued."""
SETTLED = 0.005
"""Share of the gap to which linear programs are solved."""
MOST_PIECES = 10
MOST_CASES = 8
"""Number of cases of a task whose paths one round adds."""
FIRST = 3
"""Number of cases of a task that a relaxation begins with beside what it knows."""


class Relaxation:
    """What is kept from one relaxation to the next: paths and levels."""

    def __init__(self, proof: "Proof") -> None:
        self.proof = proof
        self.pool: dict[tuple[int, int, int, bytes], Ints] = {}
        self.columns: Paths | None = None
        self.tight: set[tuple[int, int, int, int]] = set()
        self.point: Outcome | None = None
        self.works: dict[int, tuple[float, float]] = {}

    def know(self, m: int, kind: int, c: int, used: Ints) -> None:
        """Keep a path."""
        self.pool.setdefault((m, kind, c, np.sort(used).tobytes()), used)

    def know_plans(self, plans: dict[int, Plan]) -> None:
        """Keep the paths of plans."""
        for m, plan in plans.items():
            for kind in (DATA, MODEL):
                used = plan.packet(kind)
                if used is not None:
                    self.know(m, kind, plan.end, used)

    def _begin(self, users: Users) -> Paths:
        proof, tables = self.proof, self.proof.tables
        single = all(len(sides(tables.tasks[m], piece)) == 1 for m, piece in users.pieces)
        columns: Paths
        if single and proof.objective == "mean":
            columns = Cuts(tables, proof.scopes, users, proof.limits_now())
        else:
            columns = Columns(tables, proof.scopes, users, proof.objective, proof.limits_now(), self.tight)
        for q, (_, piece) in enumerate(users.pieces):
            if not piece.sends_data:
                for c in piece.ends:
                    columns.add(q, c, None)
        for (m, kind, c, _), used in self.pool.items():
            scope, task = proof.scopes[m], tables.tasks[m]
            if kind == MODEL:
                if c in scope.ends and scope.arcs[MODEL][used].all():
                    columns.add(users.model(m), c, used)
                continue
            work = float(task.bits[DATA] * tables.per_bit[used].sum() + task.large_s[c])
            for q, piece in enumerate(scope.pieces, start=int(users.first[m])):
                holds = piece.low <= work <= piece.high or piece.mode != BOTH
                if piece.sends_data and c in piece.ends and holds and piece.arcs[used].all():
                    columns.add(q, c, used)
        for kind in (DATA, MODEL):
            for r in np.flatnonzero(proof.levels[kind] > 1):
                columns.deepen(kind, int(r), int(proof.levels[kind][r]))
        last, point = self.columns, self.point
        if isinstance(columns, Cuts) and isinstance(last, Cuts) and point is not None and point.values is not None:
            columns.inherit(last, point.values)
        return columns

    def rebuild(self) -> Paths:
        """Begin a linear program anew with the paths that are known, without a point yet."""
        self.columns, self.point, self.works = self._begin(Users(self.proof.scopes)), None, {}
        return self.columns

    def solve(self) -> tuple[Prices, Bound]:
        """Raise the proof's bound by the relaxation; return its best prices."""
        proof, tables = self.proof, self.proof.tables
        users = Users(proof.scopes)
        start = make_prices(
            tables, users, self._even(users), np.zeros((len(users.task), tables.resources)), proof.objective
        )
        best = start, price_bound(tables, proof.scopes, start)
        proof.raise_bound(best[1].value)
        columns = self.columns = self._begin(users)
        self.extend(columns, best[1], self._promising(best[1]))
        best, self.point = self.climb(columns, proof.scopes, best, proof.raise_bound)
        if self.point is not None and self.point.objective is not None:
            for key in columns.dear(max(proof.cutoff - self.point.objective, 0.0)):
                self.pool.pop(key, None)
        self.works = {} if self.point is None or self.point.values is None else columns.works(self.point.values)
        return best

    def climb(
        self,
        columns: Paths,
        scopes: list[Scope],
        best: tuple[Prices, Bound],
        note: Callable[[float], None] = lambda _: None,
        *,
        exactly: bool = False,
    ) -> tuple[tuple[Prices, Bound], Outcome | None]:
        """Solve, price and extend the relaxation until its bound is its value.

        Parameters
        ----------
        columns
            What is known; grows.
        scopes
            What the bound is taken over, the pieces being those of `columns`.
        best
            Prices with their bound, to be raised.
        note
            Told of every bound.
        exactly
            Go on until nothing can be added, else until what is left of its own gap is a small share of the gap.

        Returns
        -------
        best, outcome
            The best prices with their bound, and the last point of the linear program, if there is one.
        """
        proof, tables, last = self.proof, self.proof.tables, None
        for _ in range(ROUNDS):
            outcome = proof.solve(columns, 0.0 if exactly else SETTLED)
            if outcome.duals is None or outcome.values is None or outcome.objective is None:
                break
            last = outcome
            own, ask = columns.prices(outcome.duals, scopes)
            loads = columns.loads(outcome.values)
            added, center = 0, best[0]
            for part in columns.parts:
                mine = own if part == 1 else replace(own, price=center.price + part * (own.price - center.price))
                bound = price_bound(tables, scopes, mine)
                note(bound.value)
                added += self.extend(columns, bound, ask)
                if bound.value > best[1].value:
                    best = mine, bound
            if proof.done or proof.stopped or best[1].value >= proof.cutoff:
                break
            deeper = self._deepen(columns, loads)
            close = outcome.objective - best[1].value < CLOSE * (proof.cutoff - best[1].value)
            if deeper == 0 and (added == 0 or (close and not exactly)):
                break
        return best, last

    def _promising(self, bound: Bound) -> Floats:
        """Return per task the value of its `FIRST` best cases under a bound's prices, shape (tasks,)."""
        values = [sorted(costs.values.values()) for costs in bound.tasks]
        return np.array([mine[min(FIRST, len(mine)) - 1] * (1 + 1e-6) for mine in values])

    def _even(self, users: Users) -> list[Floats]:
        tasks = self.proof.tables.tasks
        return [
            np.ones(max(len(sides(tasks[m], users.pieces[q][1])) for q in range(users.first[m], users.first[m + 1])))
            for m in range(len(tasks))
        ]

    def extend(self, columns: Paths, bound: Bound, ask: Floats) -> int:
        """Add the paths of the pieces and ends that are cheaper than the relaxation believes."""
        tables, users, added = self.proof.tables, columns.users, 0
        for m, costs in enumerate(bound.tasks):
            model = users.model(m)
            limit = ask[m] - 1e-9 * abs(ask[m]) if np.isfinite(ask[m]) else np.inf
            cheap = sorted((value, key) for key, value in costs.values.items() if value < limit and np.isfinite(value))
            for _, (c, q) in cheap[:MOST_CASES]:
                piece, end = users.pieces[q][1], int(tables.tasks[m].ends[c])
                for user, kind, sends in ((q, DATA, piece.sends_data), (model, MODEL, piece.sends_model)):
                    if sends:
                        start, stop = tables.start_of(m, kind), tables.end_of(end, kind)
                        used = tables.trace(costs.before[user], stop, start, kind)
                        added += columns.add(user, c, used)
                        self.know(m, kind, c, used)
        return added

    def _deepen(self, columns: Paths, loads: Floats) -> int:
        """Give one more level than their load to resources that the relaxation shares."""
        proof, deeper = self.proof, 0
        for kind in (DATA, MODEL):
            users = np.sum([scope.arcs[kind] for scope in proof.scopes], axis=0)
            shared = (loads[kind] > 1 + 1e-6) & proof.tables.shareable
            want = np.where(shared, np.ceil(loads[kind] - 1e-6) + 1, 1)
            want = np.minimum(want, np.maximum(users, 1)).astype(np.int64)
            for r in np.flatnonzero(want > proof.levels[kind]):
                deeper += columns.deepen(kind, int(r), int(want[r]))
            proof.levels[kind] = np.maximum(proof.levels[kind], want)
        return deeper

    def cut(self, share: float) -> int:
        """Split pieces where their chords lose more than this share of the gap; return how many."""
        proof, count = self.proof, 0
        if self.columns is None:
            return 0
        users = self.columns.users
        room = proof.upper - proof.lower
        weight = 1.0 / len(proof.scopes) if proof.objective == "mean" else 1.0
        for user, (part, work) in self.works.items():
            m, piece = users.pieces[user]
            scope, task = proof.scopes[m], proof.tables.tasks[m]
            if piece.mode != BOTH or task.fixed_ratio is not None or piece not in scope.pieces:
                continue
            side = sides(task, piece)[0]
            low = piece.fixed_low
            loss = share_at(task, work, low) - side.const - side.work * work - side.fixed * low
            if len(scope.pieces) < MOST_PIECES and weight * part * loss > share * room:
                count += split(scope, piece, work)
        return count
