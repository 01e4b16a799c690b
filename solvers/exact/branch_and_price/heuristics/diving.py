"""Dives: networks from the relaxation, by fixing its largest shares and solving it again until all are whole.

A dive gives one path after the other to the tasks whose shares are nearest to whole; the linear program tells the
others what that costs them. Its end descends by best response and anneals for a moment. A dive *near* a network frees
only a few tasks that share resources and leaves the others as they are. Where a dive ends is a matter of luck: with
many tasks, several starts, each followed by dives near its own end, may find what none near the incumbent does.
"""

from typing import TYPE_CHECKING

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.heuristics.ruin_recreate import Search
from solvers.exact.branch_and_price.master.base import Paths
from solvers.exact.branch_and_price.master.column_filter import Open, Openness
from solvers.exact.branch_and_price.master.fractions import Shares, shares_of
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.traffic import Plan, score

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import Proof


ROUGHLY = 0.05
"""Share of the gap to which the linear programs of dives are solved."""
SURE = 0.9
"""Shares from which on a task's largest path is taken at once."""
FREE = 10
"""Number of tasks that a dive near the incumbent frees."""
NEAR = 10
"""Dives near what a dive has reached, or near the incumbent, that may find nothing."""
NEAR_ROOT = 0.5
"""Dives near the incumbent that may find nothing after dives from the root, over the number of tasks."""
PART_OF_MOVES = 8
"""Part of an annealing that follows a dive: one of so many."""
ASTRAY = 0.5
"""Least factor by which a dive that goes astray misjudges a share."""


class Dives:
    """Dives in the relaxation of one proof; the pieces of the proof's scopes are those of the relaxation.

    A dive leaves the relaxation with the paths open that it has settled on: who solves it next restricts it first.
    """

    def __init__(self, proof: "Proof", columns: Paths, openness: Openness) -> None:
        self.proof, self.columns, self.openness = proof, columns, openness

    def from_root(self, astray: list[bool], times: float) -> None:
        """Dive from the proof's scopes, straight down or astray; then near the incumbent, or keep ends for crossovers.

        Parameters
        ----------
        astray
            Of each dive from the root.
        times
            How patient the dives near the incumbent are, over `NEAR_ROOT`.
        """
        point = self.proof.relaxation.point
        if point is None or point.values is None:
            return
        root = shares_of(self.columns, point.values)
        for stray in astray:
            reached = self.deep(self.proof.scopes, list(root), astray=stray)
            if reached is not None and self.proof.crosses:
                self.proof.keep(reached)
        if not self.proof.crosses:
            self.near(self.proof.scopes, self.proof.plans, int(NEAR_ROOT * len(root) * times))

    def deep(self, scopes: list[Scope], shares: list[Shares], *, astray: bool = False) -> dict[int, Plan] | None:
        """Dive from a point with all tasks free, anneal where that ends and, with many tasks, dive near that.

        Returns
        -------
        plans
            The best that this reached, or None.
        """
        proof = self.proof
        reached = self.dive(self.openness.of(scopes), shares, set(), astray=astray)
        if reached is None or len(shares) == 1 or proof.done or proof.stopped:
            return reached
        search = Search(proof, reached)
        search.run(proof.moves // PART_OF_MOVES)
        return self.near(proof.scopes, search.best_plans, NEAR) if proof.many else search.best_plans

    def dive(
        self, open_paths: Open, shares: list[Shares], settled: set[int], *, astray: bool = False
    ) -> dict[int, Plan] | None:
        """Fix the largest shares, or astray some that are not, until every task is settled; offer and return plans."""
        proof = self.proof
        while len(settled) < len(shares):
            plans = self.rounded(shares)
            if plans is None or proof.done or proof.stopped:
                return None
            noise = proof.rng.uniform(ASTRAY, 1.0, len(shares)) if astray else [1.0] * len(shares)
            sizes = {m: noise[m] * mine.size for m, mine in enumerate(shares) if m not in settled}
            for m in [m for m, size in sizes.items() if size >= SURE] or [max(sizes, key=lambda m: sizes[m])]:
                kept = self.openness.keep(open_paths, m, plans[m])
                open_paths = open_paths if kept is None else kept
                settled.add(m)
            self.columns.restrict(open_paths)
            outcome = proof.solve(self.columns, ROUGHLY)
            if outcome.values is None:
                return None
            shares = shares_of(self.columns, outcome.values)
        return self.offer(self.rounded(shares))

    def near(self, scopes: list[Scope], plans: dict[int, Plan], times: int) -> dict[int, Plan]:
        """Dive near a network, the best so far, until that has found no better one so many times; return the best."""
        proof, count = self.proof, 0
        best = score(proof.tables, plans, proof.objective)
        while count < times and len(scopes) > FREE and not (proof.done or proof.stopped):
            reached = self._near(scopes, plans)
            value = best if reached is None else score(proof.tables, reached, proof.objective)
            count += value >= best
            if reached is not None and value < best:
                best, plans = value, reached
        return plans

    def _near(self, scopes: list[Scope], plans: dict[int, Plan]) -> dict[int, Plan] | None:
        """Free some tasks that share resources, keep the plans of the others, and dive; return what that reaches."""
        proof, n = self.proof, len(scopes)
        self._know(scopes, plans)
        search, rng = Search(proof, plans), proof.rng
        free = {int(rng.integers(n))}
        while len(free) < FREE:
            others = sorted({other for m in free for other in search.near(m)} - free) or sorted(set(range(n)) - free)
            free.add(others[int(rng.integers(len(others)))])
        open_paths, settled = self.openness.of(scopes), set[int]()
        for m in range(n):
            kept = None if m in free else self.openness.keep(open_paths, m, plans[m])
            if kept is not None:
                open_paths = kept
                settled.add(m)
        self.columns.restrict(open_paths)
        outcome = proof.solve(self.columns, ROUGHLY)
        if outcome.values is None:
            return None
        return self.dive(open_paths, shares_of(self.columns, outcome.values), settled)

    def _know(self, scopes: list[Scope], plans: dict[int, Plan]) -> None:
        """Add the paths of plans to all pieces that allow them."""
        users = self.columns.users
        for m, plan in plans.items():
            scope = scopes[m]
            for q, piece in enumerate(scope.pieces, start=int(users.first[m])):
                if (
                    piece.sends_data
                    and plan.data is not None
                    and plan.end in piece.ends
                    and piece.arcs[plan.data].all()
                ):
                    self.columns.add(q, plan.end, plan.data)
            if plan.model is not None and plan.end in scope.ends and scope.arcs[MODEL][plan.model].all():
                self.columns.add(users.model(m), plan.end, plan.model)

    def rounded(self, shares: list[Shares]) -> dict[int, Plan] | None:
        """Return every task's largest share as its plan, or None if some task has no fitting paths."""
        plans, users = {}, self.columns.users
        for m, mine in enumerate(shares):
            if not mine.pieces:
                return None
            i, c = max(mine.pieces, key=lambda key: mine.pieces[key])
            piece = users.pieces[int(users.first[m]) + i][1]
            packets: list[Ints | None] = []
            for kind, sent in ((DATA, piece.sends_data), (MODEL, piece.sends_model)):
                fitting = [used for _, end, used in mine.routes[kind] if end == c and len(used)]
                if sent and not fitting:
                    return None
                packets.append(fitting[0] if sent else None)
            plans[m] = Plan(c, packets[0], packets[1])
        return plans

    def offer(self, plans: dict[int, Plan] | None, within: float = float("inf")) -> dict[int, Plan] | None:
        """Offer plans and, if they come this close to the incumbent relatively, what they descend to; return that."""
        if plans is None:
            return None
        proof = self.proof
        close = score(proof.tables, plans, proof.objective)[0] <= proof.upper * (1 + within)
        proof.offer(plans)
        return proof.descend_from(list(range(len(plans))), plans) if close else None
