"""Diving: solutions from the relaxation, by fixing its largest fractions and solving it again until all are whole.

A dive gives one path after the other to the tasks whose fractions are nearest to whole; the linear program tells the
others what that costs them. Its end descends by best response and anneals for a moment. A dive *near* a network frees
only a few tasks that share resources and leaves the others as they are. Where a dive ends is a matter of luck: with
many tasks, several starts, each followed by diving near its own end, may find what none near the incumbent does.
"""

from typing import TYPE_CHECKING

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.heuristics.ruin_recreate import RuinRecreate
from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter, ColumnMask
from solvers.exact.branch_and_price.master.fractions import TaskFractions, fractions_of
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.traffic import Plan, score

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import BranchAndPrice


ROUGHLY = 0.05
"""Share of the gap to which the linear programs of diving are solved."""
SURE = 0.9
"""Fractions from which on a task's largest path is taken at once."""
FREE = 10
"""Number of tasks that a dive near the incumbent frees."""
NEAR = 10
"""Dives near what a dive has reached, or near the incumbent, that may find nothing."""
NEAR_ROOT = 0.5
"""Dives near the incumbent that may find nothing after dives from the root, over the number of tasks."""
PART_OF_MOVES = 8
"""Part of an annealing that follows a dive: one of so many."""
ASTRAY = 0.5
"""Least factor by which a dive that goes randomised misjudges a share."""


class Diving:
    """Dives in the relaxation of one proof; the segments of the proof's domains are those of the relaxation.

    A dive leaves the relaxation with the paths open that it has settled on: who solves it next restricts it first.
    """

    def __init__(self, proof: "BranchAndPrice", master: RestrictedMaster, column_filter: ColumnFilter) -> None:
        self.proof, self.master, self.column_filter = proof, master, column_filter

    def from_root(self, randomised: list[bool], times: float) -> None:
        """Dive from the proof's domains, straight down or randomised; then near the incumbent.

        Parameters
        ----------
        randomised
            Of each dive from the root.
        times
            How patient the diving near the incumbent are, over `NEAR_ROOT`.
        """
        point = self.proof.relaxation.lp_solution
        if point is None or point.values is None:
            return
        root = fractions_of(self.master, point.values)
        for stray in randomised:
            reached = self.dive_and_improve(self.proof.domains, list(root), randomised=stray)
            if reached is not None and self.proof.crosses:
                self.proof.keep_solution(reached)
        if not self.proof.crosses:
            self.neighbourhood_dives(self.proof.domains, self.proof.plans, int(NEAR_ROOT * len(root) * times))

    def dive_and_improve(
        self, domains: list[TaskDomain], fractions: list[TaskFractions], *, randomised: bool = False
    ) -> dict[int, Plan] | None:
        """Dive from a point with all tasks free, anneal where that ends and, with many tasks, dive near that.

        Returns
        -------
        plans
            The best that this reached, or None.
        """
        proof = self.proof
        reached = self.dive(self.column_filter.of(domains), fractions, set(), randomised=randomised)
        if reached is None or len(fractions) == 1 or proof.gap_closed or proof.stopped:
            return reached
        search = RuinRecreate(proof, reached)
        search.run(proof.moves // PART_OF_MOVES)
        return self.neighbourhood_dives(proof.domains, search.best_plans, NEAR) if proof.many else search.best_plans

    def dive(
        self, active: ColumnMask, fractions: list[TaskFractions], settled: set[int], *, randomised: bool = False
    ) -> dict[int, Plan] | None:
        """Fix the largest fractions, randomised if asked, until every task is settled; try and return the plans."""
        proof = self.proof
        while len(settled) < len(fractions):
            plans = self.round(fractions)
            if plans is None or proof.gap_closed or proof.stopped:
                return None
            noise = proof.rng.uniform(ASTRAY, 1.0, len(fractions)) if randomised else [1.0] * len(fractions)
            sizes = {m: noise[m] * mine.size for m, mine in enumerate(fractions) if m not in settled}
            for m in [m for m, size in sizes.items() if size >= SURE] or [max(sizes, key=lambda m: sizes[m])]:
                kept = self.column_filter.keep(active, m, plans[m])
                active = active if kept is None else kept
                settled.add(m)
            self.master.restrict(active)
            outcome = proof.solve(self.master, ROUGHLY)
            if outcome.values is None:
                return None
            fractions = fractions_of(self.master, outcome.values)
        return self.try_solution(self.round(fractions))

    def neighbourhood_dives(self, domains: list[TaskDomain], plans: dict[int, Plan], times: int) -> dict[int, Plan]:
        """Dive near a network, the best so far, until that has found no better one so many times; return the best."""
        proof, count = self.proof, 0
        best = score(proof.data, plans, proof.objective)
        while count < times and len(domains) > FREE and not (proof.gap_closed or proof.stopped):
            reached = self._neighbourhood_dive(domains, plans)
            value = best if reached is None else score(proof.data, reached, proof.objective)
            count += value >= best
            if reached is not None and value < best:
                best, plans = value, reached
        return plans

    def _neighbourhood_dive(self, domains: list[TaskDomain], plans: dict[int, Plan]) -> dict[int, Plan] | None:
        """Free some tasks that share resources, keep the plans of the others, and dive; return what that reaches."""
        proof, n = self.proof, len(domains)
        self._add_plan_columns(domains, plans)
        search, rng = RuinRecreate(proof, plans), proof.rng
        free = {int(rng.integers(n))}
        while len(free) < FREE:
            others = sorted({other for m in free for other in search.neighbours(m)} - free) or sorted(
                set(range(n)) - free
            )
            free.add(others[int(rng.integers(len(others)))])
        active, settled = self.column_filter.of(domains), set[int]()
        for m in range(n):
            kept = None if m in free else self.column_filter.keep(active, m, plans[m])
            if kept is not None:
                active = kept
                settled.add(m)
        self.master.restrict(active)
        outcome = proof.solve(self.master, ROUGHLY)
        if outcome.values is None:
            return None
        return self.dive(active, fractions_of(self.master, outcome.values), settled)

    def _add_plan_columns(self, domains: list[TaskDomain], plans: dict[int, Plan]) -> None:
        """Add the paths of plans to all segments that allow them."""
        commodities = self.master.commodities
        for m, plan in plans.items():
            domain = domains[m]
            for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
                if (
                    segment.sends_data
                    and plan.data is not None
                    and plan.end in segment.ends
                    and segment.arcs[plan.data].all()
                ):
                    self.master.add(q, plan.end, plan.data)
            if plan.model is not None and plan.end in domain.ends and domain.arcs[MODEL][plan.model].all():
                self.master.add(commodities.model(m), plan.end, plan.model)

    def round(self, fractions: list[TaskFractions]) -> dict[int, Plan] | None:
        """Return every task's largest share as its plan, or None if some task has no fitting paths."""
        plans, commodities = {}, self.master.commodities
        for m, mine in enumerate(fractions):
            if not mine.segments:
                return None
            i, c = max(mine.segments, key=lambda key: mine.segments[key])
            segment = commodities.segments[int(commodities.first[m]) + i][1]
            packets: list[Ints | None] = []
            for kind, sent in ((DATA, segment.sends_data), (MODEL, segment.sends_model)):
                fitting = [used for _, end, used in mine.routes[kind] if end == c and len(used)]
                if sent and not fitting:
                    return None
                packets.append(fitting[0] if sent else None)
            plans[m] = Plan(c, packets[0], packets[1])
        return plans

    def try_solution(self, plans: dict[int, Plan] | None, within: float = float("inf")) -> dict[int, Plan] | None:
        """Offer plans and, if they come this close to the incumbent relatively, what they descend to; return that."""
        if plans is None:
            return None
        proof = self.proof
        close = score(proof.data, plans, proof.objective)[0] <= min(proof.primal_bound, proof.reach) * (1 + within)
        proof.try_solution(plans)
        return proof.descend_from(list(range(len(plans))), plans) if close else None
