"""Column generation: multipliers from the restricted master, paths from the pricing, until bound and value meet.

`ColumnGeneration.solve_root` builds the restricted master from the column pool, takes the duals of its LP as
multipliers, and computes their Lagrangian bound over *all* arcs in the domains. The shortest paths of that bound are
the columns that the master lacks, its loads ask for levels. Every bound is valid, whatever the multipliers; with
congestion cuts it is also taken half way between the LP's multipliers and the best so far (dual smoothing).

`ColumnGeneration.split_loose` splits segments at the LP solution's A_m where a chord charges less than is due.
"""

from collections.abc import Callable

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
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.arrays import BOTH, DATA, MODEL, Floats
from solvers.network.delay import share_at

Priced = tuple[Multipliers, LagrangianBound]
"""Multipliers with their bound."""


class ColumnGeneration:
    """The restricted master, and what is kept from one to the next.

    Attributes
    ----------
    master
        The restricted master over the segments of the state's domains.
    lp_solution
        The last LP solution at the root, or None.
    works
        Of that solution: weight and mean A_m [s] of every commodity that is a data packet.
    """

    def __init__(self, state: SearchState) -> None:
        self.state, self.settings = state, state.settings.pricing
        self.master: RestrictedMaster | None = None
        self.lp_solution: Outcome | None = None
        self.works: dict[int, tuple[float, float]] = {}
        self._linking_rows: set[tuple[int, int, int, int]] = set()

    def _build_master(self, commodities: Commodities) -> RestrictedMaster:
        state, data = self.state, self.state.data
        single = all(len(delay_bounds(data.tasks[m], segment)) == 1 for m, segment in commodities.segments)
        limits, separation = state.limits_now(), state.settings.separation
        master: RestrictedMaster
        if single and state.objective == "mean" and not np.isfinite(data.due_s).any():
            master = CutMaster(data, state.domains, commodities, limits, separation)
        else:
            rows = self._linking_rows
            master = LevelMaster(data, state.domains, commodities, state.objective, limits, rows, separation)
        for q, (_, segment) in enumerate(commodities.segments):
            if not segment.sends_data:
                for c in segment.ends:
                    master.add(q, c, None)
        for (m, kind, c, _), used in state.columns.paths.items():
            domain, task = state.domains[m], data.tasks[m]
            if kind == MODEL:
                if c in domain.ends and domain.arcs[MODEL][used].all():
                    master.add(commodities.model(m), c, used)
                continue
            work = float(task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c])
            for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
                if segment.admits(c, used) and (segment.low <= work <= segment.high or segment.mode != BOTH):
                    master.add(q, c, used)
        master.add_rows([] if self.master is None else self.master.side_rows)
        for kind in (DATA, MODEL):
            for r in np.flatnonzero(state.load_levels[kind] > 1):
                master.add_levels(kind, int(r), int(state.load_levels[kind][r]))
        last, point = self.master, self.lp_solution
        values = None if point is None else point.values
        if isinstance(master, CutMaster) and isinstance(last, CutMaster) and values is not None:
            master.inherit(last, values)
        return master

    def rebuild_later(self) -> None:
        """Forget the restricted master; the next one begins with the column pool."""
        self.master, self.lp_solution, self.works = None, None, {}

    def rebuild_master(self) -> RestrictedMaster:
        """Build the restricted master anew from the column pool, without an LP solution yet."""
        self.master, self.lp_solution, self.works = self._build_master(Commodities(self.state.domains)), None, {}
        return self.master

    def solve_master(self, master: RestrictedMaster, gap_share: float) -> Outcome:
        """Solve the LP over the active columns, to this share of the gap, with the time that is left."""
        state = self.state
        outcome = master.solve(state.limits_now(), gap_share * state.gap_left)
        state.trace.take(master.counts)
        state.note_outcome(outcome)
        return outcome

    def solve_root(self) -> Priced:
        """Raise the dual bound by column generation over the domains; return the best multipliers and their bound."""
        state, data = self.state, self.state.data
        state.trace.phase = "relaxation"
        commodities = Commodities(state.domains)
        nothing = np.zeros((len(commodities.task), data.resources))
        start = dual_feasible(data, commodities, self._even(commodities), nothing, state.objective)
        best = start, lagrangian_bound(data, state.domains, start)

        def note(value: float) -> None:
            state.update_dual_bound(value, "column generation")

        note(best[1].value)
        master = self.master = self._build_master(commodities)
        self.add_columns(master, best[1], self._promising(best[1]))
        best, self.lp_solution = self.run(master, state.domains, best, note)
        point = self.lp_solution
        if point is not None and point.objective is not None:
            for key in master.above_reduced_cost(max(state.cutoff - point.objective, 0.0)):
                state.columns.paths.pop(key, None)
        self.works = {} if point is None or point.values is None else master.works(point.values)
        return best

    def run(
        self,
        master: RestrictedMaster,
        domains: list[TaskDomain],
        best: Priced,
        note: Callable[[float], None] = lambda _: None,
        *,
        exactly: bool = False,
    ) -> tuple[Priced, Outcome | None]:
        """Solve the master, price and add columns until the bound is the master's value.

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
            The best multipliers with their bound, and the last LP solution, if there is one.
        """
        state, data, last = self.state, self.state.data, None
        for _ in range(self.settings.rounds):
            outcome = self.solve_master(master, 0.0 if exactly else self.settings.lp_tolerance)
            if outcome.duals is None or outcome.values is None or outcome.objective is None:
                break
            last = outcome
            own, ask = master.multipliers(outcome.duals, domains)
            loads = master.loads(outcome.values)
            added, center = 0, best[0]
            for part in master.smoothing:
                mine = own if part == 1 else between(data, center, own, part)
                bound = lagrangian_bound(data, domains, mine)
                note(bound.value)
                added += self.add_columns(master, bound, ask)
                if bound.value > best[1].value:
                    best = mine, bound
            if state.finished() or best[1].value >= state.cutoff:
                break
            deeper = self._add_levels(master, loads)
            close = outcome.objective - best[1].value < self.settings.min_gap * (state.cutoff - best[1].value)
            if deeper == 0 and (added == 0 or (close and not exactly)):
                most = self.settings.max_row_penalty * data.penalty_s
                if master.broken(outcome.values) <= ROW_BROKEN or master.penalty >= most:
                    break
                master.charge_more(10.0 * master.penalty)
        return best, last

    def _promising(self, bound: LagrangianBound) -> Floats:
        """Return per task the value of its `first_cases` best cases under a bound's multipliers, shape (tasks,)."""
        values = [sorted(costs.values.values()) for costs in bound.tasks]
        return np.array([mine[min(self.settings.first_cases, len(mine)) - 1] * (1 + 1e-6) for mine in values])

    def _even(self, commodities: Commodities) -> list[Floats]:
        tasks, first, segments = self.state.data.tasks, commodities.first, commodities.segments
        return [
            np.ones(max(len(delay_bounds(task, segments[q][1])) for q in range(first[m], first[m + 1])))
            for m, task in enumerate(tasks)
        ]

    def add_columns(self, master: RestrictedMaster, bound: LagrangianBound, ask: Floats) -> int:
        """Add the paths of the segments and ends that are cheaper than the master's duals say; return how many."""
        data, commodities, added = self.state.data, master.commodities, 0
        for m, costs in enumerate(bound.tasks):
            model = commodities.model(m)
            limit = ask[m] - 1e-9 * abs(ask[m]) if np.isfinite(ask[m]) else np.inf
            cheap = sorted((value, key) for key, value in costs.values.items() if value < limit and np.isfinite(value))
            for _, (c, q) in cheap[: self.settings.cases_per_round]:
                segment, end = commodities.segments[q][1], int(data.tasks[m].ends[c])
                for commodity, kind, sends in ((q, DATA, segment.sends_data), (model, MODEL, segment.sends_model)):
                    if sends:
                        start, stop = data.start_of(m, kind), data.end_of(end, kind)
                        used = data.path_arcs(costs.before[commodity], stop, start, kind)
                        used = np.concatenate([used, data.served(m, c)]) if kind == DATA else used
                        added += master.add(commodity, c, used)
                        self.state.columns.add(m, kind, c, used)
        self.state.trace.count("columns", added)
        return added

    def _add_levels(self, master: RestrictedMaster, loads: Floats) -> int:
        """Give one more level than their load to resources that the LP solution shares."""
        state, deeper = self.state, 0
        for kind in (DATA, MODEL):
            users = np.sum([domain.arcs[kind] for domain in state.domains], axis=0)
            shared = (loads[kind] > 1 + 1e-6) & state.data.shareable
            want = np.where(shared, np.ceil(loads[kind] - 1e-6) + 1, 1)
            want = np.minimum(want, np.maximum(users, 1)).astype(np.int64)
            for r in np.flatnonzero(want > state.load_levels[kind]):
                deeper += master.add_levels(kind, int(r), int(want[r]))
            state.load_levels[kind] = np.maximum(state.load_levels[kind], want)
        return deeper

    def split_loose(self, share: float) -> int:
        """Split segments where their chords lose more than this share of the gap; return how many."""
        state, count = self.state, 0
        if self.master is None:
            return 0
        segments = self.master.commodities.segments
        gap = state.target - state.dual_bound
        weights = state.data.delay_weights if state.objective == "mean" else np.ones(len(state.domains))
        for commodity, (part, work) in self.works.items():
            m, segment = segments[commodity]
            domain, task = state.domains[m], state.data.tasks[m]
            if segment.mode != BOTH or task.fixed_ratio is not None or segment not in domain.segments:
                continue
            bound = delay_bounds(task, segment)[0]
            low = segment.fixed_low
            loss = share_at(task, work, low) - bound.const - bound.work * work - bound.fixed * low
            if len(domain.segments) < self.settings.max_segments and weights[m] * part * loss > share * gap:
                count += split(domain, segment, work)
        return count
