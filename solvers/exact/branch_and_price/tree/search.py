"""Branch and price: a tree over ends, modes, links, passages and segments (`branching`), on one restricted master.

A *node* is a copy of the domains with less in them. Its bound is the Lagrangian bound of multipliers (`multipliers`)
over what it has left, so it needs no trust in the solver; its multipliers come from the relaxation (`paths`), of which
a node sees the paths that it allows (`column_filter`). Paths are generated at nodes too, and every node fixes by its
own bound: what its solutions better than the cutoff do not need leaves its domains, and those of its children. All
nodes have the same segments; a node may lose all that a segment allows.

A node whose point is whole and whose children would be no smaller is *inexact*: its value may be below the true one
by what chords lose. When no other node could raise the bound, segments are cut where the inexact points are, the linear
program is made anew, and all nodes go on with the parts of their segments (`after_refinement`): their bounds stand.

The tree's bound is the least of its nodes that are open or inexact. Nodes are taken by their bounds, roughly: among
bounds that differ by little, the youngest goes first, towards solutions.

Branchings are compared by the geometric mean of their children's rises. First come their values in the linear program
of known paths: strong branching over the most promising few, where what has been looked at often enough is taken to
rise as before per share (pseudo-costs). Children may find other paths, though, and rise by less. So the children of the
best are priced for real, and those of the next too if more is to be expected of it than has come about (`scores`). The
children that are chosen wait with their own bounds and multipliers. A branching that leaves one child needs no other.
"""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.backends.program import Outcome
from solvers.exact.branch_and_price.column_generation import SETTLED
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.exact.branch_and_price.heuristics.diving import NEAR, Diving
from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.master.fractions import fractions_of
from solvers.exact.branch_and_price.parallel import ForkedWorker
from solvers.exact.branch_and_price.pricing.fixing import reduced_cost_fixing
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound, lagrangian_bound
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers
from solvers.exact.branch_and_price.tree.branching import BranchingDecision, Candidate, candidates_of
from solvers.exact.branch_and_price.tree.calibration import ScoreCalibration
from solvers.exact.branch_and_price.tree.node import Node, PackedNode, parent_segments
from solvers.network.arrays import Floats, Ints
from solvers.network.traffic import Plan
from solvers.result import Termination

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import BranchAndPrice


TRIED = 12
"""Candidates that are compared."""
STEPS = 300
"""Simplex iterations that strong branching takes for a child."""
RELIABLE = 4
"""Times that strong branching looks at a candidate before its mean rise per share is believed."""
LEAST_SHARE = 1e-3
"""Share below which a rise is not taken to be steeper."""
LEAST_GAIN = 1e-3
"""Share of the gap that a child counts for at least."""
PRICED = 4
"""Branchings of a node whose children are priced."""
COARSE = {"mean": 0.02, "max": 0.5}
"""Share of the gap at the tree's start within which the bounds of nodes count as equal."""
DIVE_EVERY = 12
"""Dives start from one of so many nodes."""
BATCH = 4
"""Nodes that each of two processes works off before they tell each other."""
ROUNDED_WITHIN = 2e-3
"""Relative amount above the incumbent up to which what a point rounds to descends."""


@dataclass(eq=False)
class _WorkerResult:
    """What has come of nodes that were worked off on the side."""

    open: list[PackedNode]
    inexact: list[PackedNode]
    plans: list[dict[int, Plan]]
    paths: list[tuple[int, int, Ints]]
    cuts: list[tuple[int, Floats, float]]
    best: dict[int, Plan]
    levels: list[Ints]
    nodes: int
    slopes: dict[tuple[int | str, ...], tuple[int, Floats]]
    kept: list[tuple[int, float]]
    ended: Termination | None


class TreeSearch:
    """One search over the domains, in the restricted master of the last column generation or a later one."""

    def __init__(self, proof: "BranchAndPrice", multipliers: Multipliers, bound: LagrangianBound) -> None:
        if proof.relaxation.master is None:
            raise RuntimeError("a tree needs a relaxation that has been solved")
        self.proof, self.data = proof, proof.data
        self._on(proof.relaxation.master)
        self.open: list[tuple[float, int, PackedNode]] = []
        self.inexact: list[PackedNode] = []
        self.plans: list[dict[int, Plan]] = []
        self.nodes = self._count = 0
        self._pseudocosts: dict[tuple[int | str, ...], tuple[int, Floats]] = {}
        self._promises = ScoreCalibration()
        self._coarse = COARSE[proof.objective] * (proof.cutoff - proof.dual_bound)
        self._put(PackedNode(bound.value, proof.domains, multipliers))

    def _on(self, master: RestrictedMaster) -> None:
        """Work on this linear program from now on."""
        self.master, self.column_filter = master, ColumnFilter(master)
        self.diving = Diving(self.proof, master, self.column_filter)

    def _put(self, waiting: PackedNode) -> None:
        self._count += 1
        place = waiting.bound // self._coarse if self._coarse > 0 else 0.0
        heapq.heappush(self.open, (place, -self._count, waiting))

    @property
    def inexact_bound(self) -> float:
        """Lower bound over all that is inexact."""
        return min((waiting.bound for waiting in self.inexact), default=np.inf)

    @property
    def bound(self) -> float:
        """Lower bound over all that is open or inexact."""
        return min(self.inexact_bound, self._least)

    @property
    def _least(self) -> float:
        return min((waiting.bound for _, _, waiting in self.open), default=np.inf)

    def run(self) -> None:
        """Work off nodes until none is left, or none that could raise the bound above the inexact ones."""
        proof = self.proof
        while self.open and not (proof.gap_closed or proof.stopped):
            proof.update_dual_bound(self.bound)
            if proof.gap_closed or self._least > self.inexact_bound:
                break
            if proof.processes > 1 and len(self.open) > 1:
                self._run_in_parallel()
            else:
                self._process_nodes(1)
        proof.update_dual_bound(self.bound)

    def _process_nodes(self, count: int) -> None:
        """Work off this many nodes, if there are as many."""
        proof = self.proof
        for _ in range(count):
            if not self.open or proof.gap_closed or proof.stopped:
                return
            node = heapq.heappop(self.open)[2].node(self.data)
            self.nodes += 1
            outcome = self._evaluate(node)
            if proof.stopped:
                self._put(PackedNode(node.bound, node.domains, node.multipliers))
            elif node.bound < proof.cutoff:
                self._branch(node, outcome)

    def _run_in_parallel(self) -> None:
        """Work off some of the next nodes here, and the others in a copy of this process."""
        proof = self.proof
        first = [heapq.heappop(self.open) for _ in range(min(2 * BATCH, len(self.open)))]
        rest, mine, theirs = self.open, first[::2], first[1::2]
        self.open = theirs
        with ForkedWorker(self._worker) as worker:
            self.open = mine
            self._process_nodes(BATCH)
            back = None if proof.must_return else worker.result()
        self.open += rest
        if back is None:
            self.open += theirs
        else:
            self._merge(back)
        heapq.heapify(self.open)

    def _worker(self) -> _WorkerResult:
        """Work off nodes in a copy of the process, and return what has come of it."""
        proof, known, before = self.proof, len(self.master.routes), self.nodes
        cuts = len(self.master.cuts)
        inexact, plans, kept = len(self.inexact), len(self.plans), len(self._promises.kept)
        proof.become_worker()
        self._process_nodes(BATCH)
        return _WorkerResult(
            open=[item for *_, item in sorted(self.open, key=lambda entry: -entry[1])],
            inexact=self.inexact[inexact:],
            plans=self.plans[plans:],
            paths=[(commodity, c, used) for _, commodity, used, c in self.master.routes[known:]],
            cuts=self.master.cuts[cuts:],
            best=proof.plans,
            levels=proof.load_levels,
            nodes=self.nodes - before,
            slopes=self._pseudocosts,
            kept=self._promises.kept[kept:],
            ended=proof.termination,
        )

    def _merge(self, back: _WorkerResult) -> None:
        proof = self.proof
        for item in [*back.open, *back.inexact]:
            item.share(self.master.commodities)
        for item in back.open:
            self._put(item)
        self.inexact += back.inexact
        self.plans += back.plans
        self.nodes += back.nodes
        for key, known in back.slopes.items():
            self._pseudocosts[key] = max(self._pseudocosts.get(key, known), known, key=lambda entry: entry[0])
        for m, part in back.kept:
            self._promises.learn(m, part)
        for commodity, c, used in back.paths:
            self.master.add(commodity, c, used if len(used) else None)
            if len(used):
                proof.relaxation.add_path(
                    int(self.master.commodities.task[commodity]), int(self.master.commodities.kind[commodity]), c, used
                )
        for cut in back.cuts:
            self.master.add_cut(*cut)
        for kind, levels in enumerate(back.levels):
            for r in np.flatnonzero(levels > proof.load_levels[kind]):
                self.master.add_levels(kind, int(r), int(levels[r]))
            proof.load_levels[kind] = np.maximum(proof.load_levels[kind], levels)
        proof.termination = proof.termination or back.ended
        proof.try_solution(back.best)

    def _evaluate(self, node: Node) -> Outcome | None:
        """Raise a node's bound by the relaxation, and fix by it; return the last point."""
        proof, relaxation = self.proof, self.proof.relaxation
        bound = lagrangian_bound(self.data, node.domains, node.multipliers)
        node.bound = max(node.bound, bound.value)
        if node.bound >= proof.cutoff:
            return None
        least = np.array([costs.least for costs in bound.tasks])
        relaxation.add_columns(self.master, bound, least + 1e-6 * np.abs(least))  # every task has an open path
        self.master.restrict(self.column_filter.of(node.domains))
        best, outcome = relaxation.run(self.master, node.domains, (node.multipliers, bound))
        node.multipliers, node.bound = best[0], max(node.bound, best[1].value)
        if node.bound < proof.cutoff:
            reduced_cost_fixing(self.data, node.domains, best[0], best[1], proof.cutoff)
        return outcome

    def _branch(self, node: Node, outcome: Outcome | None) -> None:
        """Offer what the point rounds to, and push the children."""
        if outcome is None or outcome.values is None:
            self._keep_inexact(node, node.bound, None)
            return
        fractions = fractions_of(self.master, outcome.values)
        plans = self.diving.round(fractions)
        self.diving.try_solution(plans, ROUNDED_WITHIN)
        just_made = self.nodes == 1 and self.proof.crosses
        if self.nodes % DIVE_EVERY == 1 and not just_made:
            self.diving.dive_and_improve(node.domains, fractions)
            if not self.proof.many:
                self.diving.neighbourhood_dives(self.proof.domains, self.proof.plans, NEAR)
        candidates = candidates_of(self.data, self.proof.load_levels, node.domains, fractions)
        if not candidates:
            self.master.restrict(self.column_filter.of(node.domains))  # dives have closed paths
            best = node.multipliers, lagrangian_bound(self.data, node.domains, node.multipliers)
            best, _ = self.proof.relaxation.run(self.master, node.domains, best, exactly=True)
            self._keep_inexact(node, max(node.bound, best[1].value), plans)
            return
        for child in self._evaluate_children(node, candidates[:TRIED]):
            if child.bound < self.proof.cutoff:
                self._put(PackedNode(child.bound, child.domains, child.multipliers))

    def _keep_inexact(self, node: Node, bound: float, plans: dict[int, Plan] | None) -> None:
        """Let a node's bound stand, if it is of interest, and remember where its point is."""
        node.bound = bound
        if bound < self.proof.cutoff:
            self.inexact.append(PackedNode(bound, node.domains, node.multipliers))
            self.plans += [] if plans is None else [plans]

    def after_refinement(self, before: list[list[Segment]]) -> None:
        """Go on after segments of the proof have been cut: inexact nodes open, and all get the new segments.

        Parameters
        ----------
        before
            The segments of every task up to now.
        """
        proof = self.proof
        parents = [parent_segments(old, domain.segments) for old, domain in zip(before, proof.domains, strict=True)]
        self._on(proof.relaxation.rebuild_master())
        waiting = sorted([item for _, _, item in self.open] + self.inexact, key=lambda item: -item.bound)
        self.open, self.inexact, self.plans = [], [], []
        self._pseudocosts = {key: value for key, value in self._pseudocosts.items() if "segment" not in key}
        for item in waiting:
            self._put(item.refined(self.master.commodities, parents, proof))

    def _evaluate_children(self, node: Node, candidates: list[Candidate]) -> list[Node]:
        """Return the children of the branching that raises a node's bound most, priced."""
        cutoff, room = self.proof.cutoff, max(self.proof.cutoff - node.bound, 1e-12)
        best, chosen = -1.0, list[Node]()
        scores = self._strong_branching(node, candidates) if len(candidates) > 1 else {0: 1.0}
        for i in list(scores)[:PRICED]:
            task, score = candidates[i].task, scores[i]
            if self._promises.expected(task, score) <= best or (chosen and self.proof.stopped):
                break
            children = []
            for decision in (candidates[i].other, candidates[i].this):
                domains = [domain.copy() for domain in _restricted(node.domains, task, decision)]
                children.append(Node(node.bound, domains, node.multipliers))
                self._evaluate(children[-1])
            gain = _product_score(np.array([child.bound - node.bound for child in children]), room)
            if len(scores) > 1 and not self.proof.stopped:
                self._promises.learn(task, gain / score)
            if gain > best:
                best, chosen = gain, children
            if any(child.bound >= cutoff for child in children):
                return children
        return chosen

    def _strong_branching(self, node: Node, candidates: list[Candidate]) -> dict[int, float]:
        """Return what candidates score in the linear program of known paths, by position, the best first."""
        master, found = self.master, dict[int, float]()
        master.restrict(self.column_filter.of(node.domains))
        base = self.proof.solve(master, SETTLED)
        if base.objective is None or self.proof.stopped:
            return {0: 1.0}
        basis, room = master.basis, max(self.proof.cutoff - base.objective, 1e-12)
        for i, candidate in enumerate(candidates):
            fractions = np.clip([1 - candidate.share, candidate.share], LEAST_SHARE, None)
            count, slopes = self._pseudocosts.get(candidate.key, (0, np.zeros(2)))
            if count < RELIABLE:
                rises = self._lp_gains(node, candidate, base.objective, basis)
                slopes = (slopes * count + np.minimum(rises, room) / fractions) / (count + 1)
                self._pseudocosts[candidate.key] = count + 1, slopes
            else:
                rises = slopes * fractions
            found[i] = _product_score(rises, room)
            if self.proof.stopped:
                break

        def expected(i: int) -> float:
            return self._promises.expected(candidates[i].task, found[i])

        return {i: found[i] for i in sorted(found, key=expected, reverse=True)}

    def _lp_gains(self, node: Node, candidate: Candidate, base: float, basis: Any) -> Floats:
        """Return by how much the value rises in each child of a candidate after a few iterations, shape (2,)."""
        rises = np.zeros(2)
        for i, decision in enumerate((candidate.this, candidate.other)):
            self.master.restrict(self.column_filter.of(_restricted(node.domains, candidate.task, decision)))
            value, outcome = self.master.probe(STEPS, basis, self.proof.limits_now())
            self.proof.note(outcome)
            rises[i] = max(0.0, value - base)
        return rises


def _product_score(rises: Floats, room: float) -> float:
    """Return the geometric mean of rises as fractions of the room, each of them at most all of it."""
    return float(np.sqrt(np.prod(np.clip(rises / room, 0.0, 1.0) + LEAST_GAIN)))


def _restricted(domains: list[TaskDomain], m: int, decision: BranchingDecision) -> list[TaskDomain]:
    """Return the domains with less of one task."""
    less = list(domains)
    less[m] = domains[m].copy()
    decision.apply(less[m])
    return less
