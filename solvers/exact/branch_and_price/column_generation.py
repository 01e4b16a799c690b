"""Column generation: multipliers from the restricted master, paths from the pricing, until bound and value meet.

`ColumnGeneration.solve` starts from the paths known so far (`column_pool`), solves the program of `cuts` or `master`,
takes the duals as multipliers, and computes the Lagrangian bound over *all* arcs in domain. The searches of that bound
bring the paths that the relaxation lacks, its loads bring levels. Every bound counts, whatever the multipliers: with
cuts it is taken half way to the best multipliers so far too, which calms them.

`ColumnGeneration.cut` adds breakpoints where the relaxation's A_m lies where a chord charges least of what is due.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from solvers.backends.program import Outcome
from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.domains.refinement import split
from solvers.exact.branch_and_price.master.base import ROW_BROKEN, RestrictedMaster
from solvers.exact.branch_and_price.master.congestion_cuts import CutMaster
from solvers.exact.branch_and_price.master.level_indexed import LevelMaster
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound, lagrangian_bound
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers, between, dual_feasible
from solvers.network.arrays import BOTH, DATA, MODEL, Floats, Ints
from solvers.network.delay import share_at
from solvers.network.traffic import Plan

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import BranchAndPrice


ROUNDS = 200
CLOSE = 0.02
"""Share of the gap below which what is left of the relaxation's own gap is not pursued."""
SETTLED = 0.005
"""Share of the gap to which linear programs are solved."""
MOST_PENALTY = 1e4
"""How much more than at first breaking a row may cost in the end."""
MOST_SEGMENTS = 10
MOST_CASES = 8
"""Number of cases of a task whose paths one round adds."""
FIRST = 3
"""Number of cases of a task that a relaxation begins with beside what it knows."""


class ColumnGeneration:
    """What is kept from one relaxation to the next: paths and levels."""

    def __init__(self, proof: "BranchAndPrice") -> None:
        self.proof = proof
        self.column_pool: dict[tuple[int, int, int, bytes], Ints] = {}
        self.master: RestrictedMaster | None = None
        self.tight: set[tuple[int, int, int, int]] = set()
        self.lp_solution: Outcome | None = None
        self.works: dict[int, tuple[float, float]] = {}

    def add_path(self, m: int, kind: int, c: int, used: Ints) -> None:
        """Keep a path."""
        self.column_pool.setdefault((m, kind, c, np.sort(used).tobytes()), used)

    def add_plans(self, plans: dict[int, Plan]) -> None:
        """Keep the paths of plans."""
        for m, plan in plans.items():
            for kind in (DATA, MODEL):
                used = plan.packet(kind)
                if used is not None:
                    self.add_path(m, kind, plan.end, used)

    def _build_master(self, commodities: Commodities) -> RestrictedMaster:
        proof, data = self.proof, self.proof.data
        single = all(len(delay_bounds(data.tasks[m], segment)) == 1 for m, segment in commodities.segments)
        master: RestrictedMaster
        if single and proof.objective == "mean" and not np.isfinite(data.due_s).any():
            master = CutMaster(data, proof.domains, commodities, proof.limits_now())
        else:
            master = LevelMaster(data, proof.domains, commodities, proof.objective, proof.limits_now(), self.tight)
        for q, (_, segment) in enumerate(commodities.segments):
            if not segment.sends_data:
                for c in segment.ends:
                    master.add(q, c, None)
        for (m, kind, c, _), used in self.column_pool.items():
            domain, task = proof.domains[m], data.tasks[m]
            if kind == MODEL:
                if c in domain.ends and domain.arcs[MODEL][used].all():
                    master.add(commodities.model(m), c, used)
                continue
            work = float(task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c])
            for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
                holds = segment.low <= work <= segment.high or segment.mode != BOTH
                if segment.sends_data and c in segment.ends and holds and segment.arcs[used].all():
                    master.add(q, c, used)
        master.add_rows([] if self.master is None else self.master.side_rows)
        for kind in (DATA, MODEL):
            for r in np.flatnonzero(proof.load_levels[kind] > 1):
                master.add_levels(kind, int(r), int(proof.load_levels[kind][r]))
        last, point = self.master, self.lp_solution
        if (
            isinstance(master, CutMaster)
            and isinstance(last, CutMaster)
            and point is not None
            and point.values is not None
        ):
            master.inherit(last, point.values)
        return master

    def rebuild_later(self) -> None:
        """Forget the linear program; the next one begins with the paths that are known."""
        self.master, self.lp_solution, self.works = None, None, {}

    def rebuild_master(self) -> RestrictedMaster:
        """Begin a linear program anew with the paths that are known, without a point yet."""
        self.master, self.lp_solution, self.works = self._build_master(Commodities(self.proof.domains)), None, {}
        return self.master

    def solve(self) -> tuple[Multipliers, LagrangianBound]:
        """Raise the proof's bound by the relaxation; return its best multipliers."""
        proof, data = self.proof, self.proof.data
        commodities = Commodities(proof.domains)
        start = dual_feasible(
            data,
            commodities,
            self._even(commodities),
            np.zeros((len(commodities.task), data.resources)),
            proof.objective,
        )
        best = start, lagrangian_bound(data, proof.domains, start)
        proof.update_dual_bound(best[1].value)
        master = self.master = self._build_master(commodities)
        self.add_columns(master, best[1], self._promising(best[1]))
        best, self.lp_solution = self.run(master, proof.domains, best, proof.update_dual_bound)
        if self.lp_solution is not None and self.lp_solution.objective is not None:
            for key in master.above_reduced_cost(max(proof.cutoff - self.lp_solution.objective, 0.0)):
                self.column_pool.pop(key, None)
        self.works = (
            {} if self.lp_solution is None or self.lp_solution.values is None else master.works(self.lp_solution.values)
        )
        return best

    def run(
        self,
        master: RestrictedMaster,
        domains: list[TaskDomain],
        best: tuple[Multipliers, LagrangianBound],
        note: Callable[[float], None] = lambda _: None,
        *,
        exactly: bool = False,
    ) -> tuple[tuple[Multipliers, LagrangianBound], Outcome | None]:
        """Solve, price and extend the relaxation until its bound is its value.

        Parameters
        ----------
        master
            What is known; grows.
        domains
            What the bound is taken over, the segments being those of `master`.
        best
            Multipliers with their bound, to be raised.
        note
            Told of every bound.
        exactly
            Go on until nothing can be added, else until what is left of its own gap is a small share of the gap.

        Returns
        -------
        best, outcome
            The best multipliers with their bound, and the last point of the linear program, if there is one.
        """
        proof, data, last = self.proof, self.proof.data, None
        for _ in range(ROUNDS):
            outcome = proof.solve(master, 0.0 if exactly else SETTLED)
            if outcome.duals is None or outcome.values is None or outcome.objective is None:
                break
            last = outcome
            own, ask = master.multipliers(outcome.duals, domains)
            loads = master.loads(outcome.values)
            added, center = 0, best[0]
            for part in master.parts:
                mine = own if part == 1 else between(data, center, own, part)
                bound = lagrangian_bound(data, domains, mine)
                note(bound.value)
                added += self.add_columns(master, bound, ask)
                if bound.value > best[1].value:
                    best = mine, bound
            if proof.gap_closed or proof.stopped or best[1].value >= proof.cutoff:
                break
            deeper = self._add_levels(master, loads)
            close = outcome.objective - best[1].value < CLOSE * (proof.cutoff - best[1].value)
            if deeper == 0 and (added == 0 or (close and not exactly)):
                if master.broken(outcome.values) <= ROW_BROKEN or master.penalty >= MOST_PENALTY * data.penalty_s:
                    break
                master.charge_more(10.0 * master.penalty)
        return best, last

    def _promising(self, bound: LagrangianBound) -> Floats:
        """Return per task the value of its `FIRST` best cases under a bound's multipliers, shape (tasks,)."""
        values = [sorted(costs.values.values()) for costs in bound.tasks]
        return np.array([mine[min(FIRST, len(mine)) - 1] * (1 + 1e-6) for mine in values])

    def _even(self, commodities: Commodities) -> list[Floats]:
        tasks = self.proof.data.tasks
        return [
            np.ones(
                max(
                    len(delay_bounds(tasks[m], commodities.segments[q][1]))
                    for q in range(commodities.first[m], commodities.first[m + 1])
                )
            )
            for m in range(len(tasks))
        ]

    def add_columns(self, master: RestrictedMaster, bound: LagrangianBound, ask: Floats) -> int:
        """Add the paths of the segments and ends that are cheaper than the relaxation believes."""
        data, commodities, added = self.proof.data, master.commodities, 0
        for m, costs in enumerate(bound.tasks):
            model = commodities.model(m)
            limit = ask[m] - 1e-9 * abs(ask[m]) if np.isfinite(ask[m]) else np.inf
            cheap = sorted((value, key) for key, value in costs.values.items() if value < limit and np.isfinite(value))
            for _, (c, q) in cheap[:MOST_CASES]:
                segment, end = commodities.segments[q][1], int(data.tasks[m].ends[c])
                for commodity, kind, sends in ((q, DATA, segment.sends_data), (model, MODEL, segment.sends_model)):
                    if sends:
                        start, stop = data.start_of(m, kind), data.end_of(end, kind)
                        used = data.path_arcs(costs.before[commodity], stop, start, kind)
                        used = np.concatenate([used, data.served(m, c)]) if kind == DATA else used
                        added += master.add(commodity, c, used)
                        self.add_path(m, kind, c, used)
        return added

    def _add_levels(self, master: RestrictedMaster, loads: Floats) -> int:
        """Give one more level than their load to resources that the relaxation fractions."""
        proof, deeper = self.proof, 0
        for kind in (DATA, MODEL):
            commodities = np.sum([domain.arcs[kind] for domain in proof.domains], axis=0)
            shared = (loads[kind] > 1 + 1e-6) & proof.data.shareable
            want = np.where(shared, np.ceil(loads[kind] - 1e-6) + 1, 1)
            want = np.minimum(want, np.maximum(commodities, 1)).astype(np.int64)
            for r in np.flatnonzero(want > proof.load_levels[kind]):
                deeper += master.add_levels(kind, int(r), int(want[r]))
            proof.load_levels[kind] = np.maximum(proof.load_levels[kind], want)
        return deeper

    def split_loose(self, share: float) -> int:
        """Split segments where their chords lose more than this share of the gap; return how many."""
        proof, count = self.proof, 0
        if self.master is None:
            return 0
        commodities = self.master.commodities
        room = min(proof.primal_bound, proof.reach) - proof.dual_bound
        weights = proof.data.delay_weights if proof.objective == "mean" else np.ones(len(proof.domains))
        for commodity, (part, work) in self.works.items():
            m, segment = commodities.segments[commodity]
            domain, task = proof.domains[m], proof.data.tasks[m]
            if segment.mode != BOTH or task.fixed_ratio is not None or segment not in domain.segments:
                continue
            side = delay_bounds(task, segment)[0]
            low = segment.fixed_low
            loss = share_at(task, work, low) - side.const - side.work * work - side.fixed * low
            if len(domain.segments) < MOST_SEGMENTS and weights[m] * part * loss > share * room:
                count += split(domain, segment, work)
        return count
