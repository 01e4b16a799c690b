"""Diving: fix the largest fractions of the LP solution and solve it again, until all tasks have one plan.

A dive gives one path after the other to the tasks whose fractions are nearest to one; the LP tells the others what that
costs them. Its end is improved by best response and a short ruin and recreate. *Neighbourhood* dives free only a few
tasks that share resources and fix the others as they are in a known solution (as RINS and other large-neighbourhood
searches do). With many tasks, randomised dives from several starts, each followed by neighbourhood dives near its own
end, find solutions that no search near the incumbent does.
"""

from solvers.exact.branch_and_price.column_generation import ColumnGeneration
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.heuristics.base import Context, Timing, in_parallel
from solvers.exact.branch_and_price.heuristics.rounding import rounded_plans, try_and_improve
from solvers.exact.branch_and_price.heuristics.ruin_recreate import RuinRecreate
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter, ColumnMask
from solvers.exact.branch_and_price.master.fractions import TaskFractions, fractions_of
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.arrays import MODEL
from solvers.network.traffic import Plan, score


class Diving:
    """Dives in one restricted master; the segments of the state's domains are those of the master."""

    name = "diving"

    def __init__(self, state: SearchState, generation: ColumnGeneration, column_filter: ColumnFilter) -> None:
        self.state, self.generation, self.column_filter = state, generation, column_filter
        self.master, self.settings = column_filter.master, state.settings.diving

    def from_root(self, randomised: list[bool], times: float) -> None:
        """Dive from the state's domains; then near the incumbent, or keep the ends for crossovers.

        Parameters
        ----------
        randomised
            Of each dive from the root.
        times
            Patience of the neighbourhood dives near the incumbent, over the usual one.
        """
        state, point = self.state, self.generation.lp_solution
        if point is None or point.values is None:
            return
        root = fractions_of(self.master, point.values)
        for drawn in randomised:
            reached = self.dive_and_improve(state.domains, list(root), randomised=drawn)
            if reached is not None and state.effort.crossovers:
                state.solutions.add(reached)
        self.neighbourhood_dives(state.domains, state.plans, int(state.effort.root_failures * times))

    def dive_and_improve(
        self, domains: list[TaskDomain], fractions: list[TaskFractions], *, randomised: bool = False
    ) -> dict[int, Plan] | None:
        """Dive with all tasks free, anneal where that ends and, with many tasks, dive near that.

        Returns
        -------
        plans
            The best that this reached, or None.
        """
        state = self.state
        reached = self.dive(self.column_filter.of(domains), fractions, set(), randomised=randomised)
        if reached is None or len(fractions) == 1 or state.finished():
            return reached
        search = RuinRecreate(state, reached)
        search.run(state.effort.moves // self.settings.moves_divisor)
        return self.neighbourhood_dives(state.domains, search.best_plans, state.effort.after_dive)

    def dive(
        self, active: ColumnMask, fractions: list[TaskFractions], settled: set[int], *, randomised: bool = False
    ) -> dict[int, Plan] | None:
        """Fix the largest fractions until every task is settled; try and return the plans.

        Parameters
        ----------
        active
            The columns to begin with, shape (columns,).
        settled
            Tasks that are fixed already.
        randomised
            Misjudge fractions at random.
        """
        state, settings = self.state, self.settings
        state.trace.count("dives")
        while len(settled) < len(fractions):
            plans = rounded_plans(self.master.commodities, fractions)
            if plans is None or state.finished():
                return None
            n = len(fractions)
            noise = state.rng.uniform(settings.min_noise, 1.0, n).tolist() if randomised else [1.0] * n
            sizes = {m: noise[m] * mine.size for m, mine in enumerate(fractions) if m not in settled}
            sure = [m for m, size in sizes.items() if size >= settings.fix_threshold]
            for m in sure or [max(sizes, key=lambda m: sizes[m])]:
                kept = self.column_filter.keep(active, m, plans[m])
                active = active if kept is None else kept
                settled.add(m)
            found = self._solved(active)
            if found is None:
                return None
            fractions = found
        return try_and_improve(state, rounded_plans(self.master.commodities, fractions), self.name)

    def _solved(self, active: ColumnMask) -> list[TaskFractions] | None:
        """Return the LP solution over these columns, or None where there is none."""
        with self.master.restricted_to(active):
            outcome = self.generation.solve_master(self.master, self.settings.lp_tolerance)
        return None if outcome.values is None else fractions_of(self.master, outcome.values)

    def neighbourhood_dives(self, domains: list[TaskDomain], plans: dict[int, Plan], failures: int) -> dict[int, Plan]:
        """Dive near the best solution so far, until that has found no better one so many times; return the best."""
        state, count = self.state, 0
        best = score(state.data, plans, state.objective)
        while count < failures and len(domains) > self.settings.free_tasks and not state.finished():
            reached = self._neighbourhood_dive(domains, plans)
            value = best if reached is None else score(state.data, reached, state.objective)
            count += value >= best
            if reached is not None and value < best:
                best, plans = value, reached
        return plans

    def _neighbourhood_dive(self, domains: list[TaskDomain], plans: dict[int, Plan]) -> dict[int, Plan] | None:
        """Free some tasks that share resources, fix the plans of the others, and dive; return what that reaches."""
        state, n = self.state, len(domains)
        self._add_plan_columns(domains, plans)
        search, rng = RuinRecreate(state, plans), state.rng
        free = {int(rng.integers(n))}
        while len(free) < self.settings.free_tasks:
            others = sorted({other for m in free for other in search.neighbours(m)} - free)
            others = others or sorted(set(range(n)) - free)
            free.add(others[int(rng.integers(len(others)))])
        active, settled = self.column_filter.of(domains), set[int]()
        for m in range(n):
            kept = None if m in free else self.column_filter.keep(active, m, plans[m])
            if kept is not None:
                active = kept
                settled.add(m)
        fractions = self._solved(active)
        return None if fractions is None else self.dive(active, fractions, settled)

    def _add_plan_columns(self, domains: list[TaskDomain], plans: dict[int, Plan]) -> None:
        """Add the paths of plans to all segments that admit them."""
        commodities = self.master.commodities
        for m, plan in plans.items():
            domain = domains[m]
            for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
                if plan.data is not None and segment.admits(plan.end, plan.data):
                    self.master.add(q, plan.end, plan.data)
            if plan.model is not None and plan.end in domain.ends and domain.arcs[MODEL][plan.model].all():
                self.master.add(commodities.model(m), plan.end, plan.model)


class RootDiving:
    """At the root and before the tree: dives, then ruin and recreate, by two processes if there are two."""

    name = "diving"
    timings = frozenset({Timing.ROOT, Timing.BEFORE_TREE})

    def run(self, context: Context) -> None:
        """Dive as often as the round asks for."""
        state, column_filter = context.state, context.column_filter
        starts, moves = self._effort(context)
        if column_filter is None or len(state.domains) == 1 or not (starts or moves):
            return
        diving = Diving(state, context.generation, column_filter)
        processes = state.processes if len(state.domains) > state.settings.diving.free_tasks else 1

        def look(first: bool) -> None:
            randomised = [i > 0 or not first for i in range(-(-starts // processes))]
            diving.from_root(randomised, min(starts, state.settings.diving.starts) / processes)
            RuinRecreate(state).run(moves // processes)

        in_parallel(state, processes, look, self.name)

    def _effort(self, context: Context) -> tuple[int, int]:
        """Return the number of dives from the root and of annealing steps."""
        effort, starts = context.state.effort, context.state.settings.diving.starts
        if context.timing is Timing.BEFORE_TREE:
            return (effort.tree_dives, effort.moves // 4) if effort.tree_dives else (0, 0)
        starts, moves = (starts, effort.moves) if context.count < 2 else (1, effort.moves // 4)
        part = effort.later_rounds if context.count else 1
        return round(part * starts), int(part * moves)


class NodeDiving:
    """At some nodes of the tree: a dive with all tasks free, then dives near the incumbent."""

    name = "diving"
    timings = frozenset({Timing.NODE})

    def run(self, context: Context) -> None:
        """Dive from the node's LP solution."""
        state, column_filter, effort = context.state, context.column_filter, context.state.effort
        if column_filter is None or context.fractions is None:
            return
        just_made = context.count == 1 and effort.crossovers > 0
        if context.count % state.settings.diving.node_interval != 1 or just_made:
            return
        diving = Diving(state, context.generation, column_filter)
        diving.dive_and_improve(context.domains, context.fractions)
        diving.neighbourhood_dives(state.domains, state.plans, effort.at_node)
