"""Branch and price: a tree over ends, modes, links, passages and pieces (`branching`), on one linear program of paths.

A *node* is a copy of the scopes with less in them. Its bound is the Lagrangian bound of prices (`prices`) over what
it has left, so it needs no trust in the solver; its prices come from the relaxation (`paths`), of which a node sees
the paths that it allows (`openness`). Paths are generated at nodes too, and every node fixes by its own bound: what
its solutions better than the cutoff do not need leaves its scopes, and those of its children. All nodes have the same
pieces; a node may lose all that a piece allows.

A node whose point is whole and whose children would be no smaller is *stranded*: its value may be below the true one
by what chords lose. When no other node could raise the bound, pieces are cut where the stranded points are, the linear
program is made anew, and all nodes go on with the parts of their pieces (`renew`): their bounds stand.

The tree's bound is the least of its nodes that are open or stranded. Nodes are taken by their bounds, roughly: among
bounds that differ by little, the youngest goes first, towards solutions.

Branchings are compared by the geometric mean of their children's rises. First come their values in the linear program
of known paths: strong branching over the most promising few, where what has been looked at often enough is taken to
rise as before per share (pseudo-costs). Children may find other paths, though, and rise by less. So the children of the
best are priced for real, and those of the next too if more is to be expected of it than has come about (`promises`).
The children that are chosen wait with their own bounds and prices. A branching that leaves one child needs no other.
"""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.backends.program import Outcome
from solvers.exact.branch_and_price.column_generation import SETTLED
from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.domains.segment import Piece
from solvers.exact.branch_and_price.heuristics.diving import NEAR, Dives
from solvers.exact.branch_and_price.master.base import Paths
from solvers.exact.branch_and_price.master.column_filter import Openness
from solvers.exact.branch_and_price.master.fractions import shares_of
from solvers.exact.branch_and_price.parallel import Aside
from solvers.exact.branch_and_price.pricing.fixing import fix
from solvers.exact.branch_and_price.pricing.lagrangian import Bound, price_bound
from solvers.exact.branch_and_price.pricing.multipliers import Prices
from solvers.exact.branch_and_price.tree.branching import Candidate, Restriction, candidates_of
from solvers.exact.branch_and_price.tree.calibration import Promises
from solvers.exact.branch_and_price.tree.node import Node, Waiting, parents_of
from solvers.network.arrays import Floats, Ints
from solvers.network.traffic import Plan
from solvers.result import Termination

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import Proof


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
class _Back:
    """What has come of nodes that were worked off on the side."""

    open: list[Waiting]
    stranded: list[Waiting]
    plans: list[dict[int, Plan]]
    paths: list[tuple[int, int, Ints]]
    cuts: list[tuple[int, Floats, float]]
    best: dict[int, Plan]
    levels: list[Ints]
    nodes: int
    slopes: dict[tuple[int | str, ...], tuple[int, Floats]]
    kept: list[tuple[int, float]]
    ended: Termination | None


class Tree:
    """One search over a proof's scopes, in the linear program of its last relaxation or a later one; see the module."""

    def __init__(self, proof: "Proof", prices: Prices, bound: Bound) -> None:
        if proof.relaxation.columns is None:
            raise RuntimeError("a tree needs a relaxation that has been solved")
        self.proof, self.tables = proof, proof.tables
        self._on(proof.relaxation.columns)
        self.open: list[tuple[float, int, Waiting]] = []
        self.stranded: list[Waiting] = []
        self.plans: list[dict[int, Plan]] = []
        self.nodes = self._count = 0
        self._slopes: dict[tuple[int | str, ...], tuple[int, Floats]] = {}
        self._promises = Promises()
        self._coarse = COARSE[proof.objective] * (proof.cutoff - proof.lower)
        self._put(Waiting(bound.value, proof.scopes, prices))

    def _on(self, columns: Paths) -> None:
        """Work on this linear program from now on."""
        self.columns, self.openness = columns, Openness(columns)
        self.dives = Dives(self.proof, columns, self.openness)

    def _put(self, waiting: Waiting) -> None:
        self._count += 1
        place = waiting.bound // self._coarse if self._coarse > 0 else 0.0
        heapq.heappush(self.open, (place, -self._count, waiting))

    @property
    def stuck(self) -> float:
        """Lower bound over all that is stranded."""
        return min((waiting.bound for waiting in self.stranded), default=np.inf)

    @property
    def bound(self) -> float:
        """Lower bound over all that is open or stranded."""
        return min(self.stuck, self._least)

    @property
    def _least(self) -> float:
        return min((waiting.bound for _, _, waiting in self.open), default=np.inf)

    def run(self) -> None:
        """Work off nodes until none is left, or none that could raise the bound above the stranded ones."""
        proof = self.proof
        while self.open and not (proof.done or proof.stopped):
            proof.raise_bound(self.bound)
            if proof.done or self._least > self.stuck:
                break
            if proof.hands > 1 and len(self.open) > 1:
                self._together()
            else:
                self._work(1)
        proof.raise_bound(self.bound)

    def _work(self, count: int) -> None:
        """Work off this many nodes, if there are as many."""
        proof = self.proof
        for _ in range(count):
            if not self.open or proof.done or proof.stopped:
                return
            node = heapq.heappop(self.open)[2].node()
            self.nodes += 1
            outcome = self._price(node)
            if proof.stopped:
                self._put(Waiting(node.bound, node.scopes, node.prices))
            elif node.bound < proof.cutoff:
                self._divide(node, outcome)

    def _together(self) -> None:
        """Work off some of the next nodes here, and the others in a copy of this process."""
        proof = self.proof
        first = [heapq.heappop(self.open) for _ in range(min(2 * BATCH, len(self.open)))]
        rest, mine, theirs = self.open, first[::2], first[1::2]
        self.open = theirs
        with Aside(self._aside) as aside:
            self.open = mine
            self._work(BATCH)
            back = None if proof.hurried else aside.result()
        self.open += rest
        if back is None:
            self.open += theirs
        else:
            self._take(back)
        heapq.heapify(self.open)

    def _aside(self) -> _Back:
        """Work off nodes in a copy of the process, and return what has come of it."""
        proof, known, before = self.proof, len(self.columns.routes), self.nodes
        cuts = len(self.columns.cuts)
        stranded, plans, kept = len(self.stranded), len(self.plans), len(self._promises.kept)
        proof.to_one_side()
        self._work(BATCH)
        return _Back(
            open=[item for *_, item in sorted(self.open, key=lambda entry: -entry[1])],
            stranded=self.stranded[stranded:],
            plans=self.plans[plans:],
            paths=[(user, c, used) for _, user, used, c in self.columns.routes[known:]],
            cuts=self.columns.cuts[cuts:],
            best=proof.plans,
            levels=proof.levels,
            nodes=self.nodes - before,
            slopes=self._slopes,
            kept=self._promises.kept[kept:],
            ended=proof.ended,
        )

    def _take(self, back: _Back) -> None:
        proof = self.proof
        for item in [*back.open, *back.stranded]:
            item.share(self.columns.users)
        for item in back.open:
            self._put(item)
        self.stranded += back.stranded
        self.plans += back.plans
        self.nodes += back.nodes
        for key, known in back.slopes.items():
            self._slopes[key] = max(self._slopes.get(key, known), known, key=lambda entry: entry[0])
        for m, part in back.kept:
            self._promises.learn(m, part)
        for user, c, used in back.paths:
            self.columns.add(user, c, used if len(used) else None)
            if len(used):
                proof.relaxation.know(int(self.columns.users.task[user]), int(self.columns.users.kind[user]), c, used)
        for cut in back.cuts:
            self.columns.cut(*cut)
        for kind, levels in enumerate(back.levels):
            for r in np.flatnonzero(levels > proof.levels[kind]):
                self.columns.deepen(kind, int(r), int(levels[r]))
            proof.levels[kind] = np.maximum(proof.levels[kind], levels)
        proof.ended = proof.ended or back.ended
        proof.offer(back.best)

    def _price(self, node: Node) -> Outcome | None:
        """Raise a node's bound by the relaxation, and fix by it; return the last point."""
        proof, relaxation = self.proof, self.proof.relaxation
        bound = price_bound(self.tables, node.scopes, node.prices)
        node.bound = max(node.bound, bound.value)
        if node.bound >= proof.cutoff:
            return None
        least = np.array([costs.least for costs in bound.tasks])
        relaxation.extend(self.columns, bound, least + 1e-6 * np.abs(least))  # every task has an open path
        self.columns.restrict(self.openness.of(node.scopes))
        best, outcome = relaxation.climb(self.columns, node.scopes, (node.prices, bound))
        node.prices, node.bound = best[0], max(node.bound, best[1].value)
        if node.bound < proof.cutoff:
            fix(self.tables, node.scopes, best[0], best[1], proof.cutoff)
        return outcome

    def _divide(self, node: Node, outcome: Outcome | None) -> None:
        """Offer what the point rounds to, and push the children."""
        if outcome is None or outcome.values is None:
            self._strand(node, node.bound, None)
            return
        shares = shares_of(self.columns, outcome.values)
        plans = self.dives.rounded(shares)
        self.dives.offer(plans, ROUNDED_WITHIN)
        just_made = self.nodes == 1 and self.proof.crosses
        if self.nodes % DIVE_EVERY == 1 and not just_made:
            self.dives.deep(node.scopes, shares)
            if not self.proof.many:
                self.dives.near(self.proof.scopes, self.proof.plans, NEAR)
        candidates = candidates_of(self.tables, self.proof.levels, node.scopes, shares)
        if not candidates:
            self.columns.restrict(self.openness.of(node.scopes))  # dives have closed paths
            best = node.prices, price_bound(self.tables, node.scopes, node.prices)
            best, _ = self.proof.relaxation.climb(self.columns, node.scopes, best, exactly=True)
            self._strand(node, max(node.bound, best[1].value), plans)
            return
        for child in self._children(node, candidates[:TRIED]):
            if child.bound < self.proof.cutoff:
                self._put(Waiting(child.bound, child.scopes, child.prices))

    def _strand(self, node: Node, bound: float, plans: dict[int, Plan] | None) -> None:
        """Let a node's bound stand, if it is of interest, and remember where its point is."""
        node.bound = bound
        if bound < self.proof.cutoff:
            self.stranded.append(Waiting(bound, node.scopes, node.prices))
            self.plans += [] if plans is None else [plans]

    def renew(self, before: list[list[Piece]]) -> None:
        """Go on after pieces of the proof have been cut: stranded nodes open, and all get the new pieces.

        Parameters
        ----------
        before
            The pieces of every task up to now.
        """
        proof = self.proof
        parents = [parents_of(old, scope.pieces) for old, scope in zip(before, proof.scopes, strict=True)]
        self._on(proof.relaxation.rebuild())
        waiting = sorted([item for _, _, item in self.open] + self.stranded, key=lambda item: -item.bound)
        self.open, self.stranded, self.plans = [], [], []
        self._slopes = {key: value for key, value in self._slopes.items() if "piece" not in key}
        for item in waiting:
            self._put(item.renewed(self.columns.users, parents, proof))

    def _children(self, node: Node, candidates: list[Candidate]) -> list[Node]:
        """Return the children of the branching that raises a node's bound most, priced."""
        cutoff, room = self.proof.cutoff, max(self.proof.cutoff - node.bound, 1e-12)
        best, chosen = -1.0, list[Node]()
        promises = self._promised(node, candidates) if len(candidates) > 1 else {0: 1.0}
        for i in list(promises)[:PRICED]:
            task, promise = candidates[i].task, promises[i]
            if self._promises.expected(task, promise) <= best or (chosen and self.proof.stopped):
                break
            children = []
            for restriction in (candidates[i].other, candidates[i].this):
                scopes = [scope.copy() for scope in _restricted(node.scopes, task, restriction)]
                children.append(Node(node.bound, scopes, node.prices))
                self._price(children[-1])
            gain = _gain(np.array([child.bound - node.bound for child in children]), room)
            if len(promises) > 1 and not self.proof.stopped:
                self._promises.learn(task, gain / promise)
            if gain > best:
                best, chosen = gain, children
            if any(child.bound >= cutoff for child in children):
                return children
        return chosen

    def _promised(self, node: Node, candidates: list[Candidate]) -> dict[int, float]:
        """Return what candidates promise in the linear program of known paths, by position, the best first."""
        columns, found = self.columns, dict[int, float]()
        columns.restrict(self.openness.of(node.scopes))
        base = self.proof.solve(columns, SETTLED)
        if base.objective is None or self.proof.stopped:
            return {0: 1.0}
        basis, room = columns.basis, max(self.proof.cutoff - base.objective, 1e-12)
        for i, candidate in enumerate(candidates):
            shares = np.clip([1 - candidate.share, candidate.share], LEAST_SHARE, None)
            count, slopes = self._slopes.get(candidate.key, (0, np.zeros(2)))
            if count < RELIABLE:
                rises = self._rises(node, candidate, base.objective, basis)
                slopes = (slopes * count + np.minimum(rises, room) / shares) / (count + 1)
                self._slopes[candidate.key] = count + 1, slopes
            else:
                rises = slopes * shares
            found[i] = _gain(rises, room)
            if self.proof.stopped:
                break

        def expected(i: int) -> float:
            return self._promises.expected(candidates[i].task, found[i])

        return {i: found[i] for i in sorted(found, key=expected, reverse=True)}

    def _rises(self, node: Node, candidate: Candidate, base: float, basis: Any) -> Floats:
        """Return by how much the value rises in each child of a candidate after a few iterations, shape (2,)."""
        rises = np.zeros(2)
        for i, restriction in enumerate((candidate.this, candidate.other)):
            self.columns.restrict(self.openness.of(_restricted(node.scopes, candidate.task, restriction)))
            value, outcome = self.columns.peek(STEPS, basis, self.proof.limits_now())
            self.proof.note(outcome)
            rises[i] = max(0.0, value - base)
        return rises


def _gain(rises: Floats, room: float) -> float:
    """Return the geometric mean of rises as shares of the room, each of them at most all of it."""
    return float(np.sqrt(np.prod(np.clip(rises / room, 0.0, 1.0) + LEAST_GAIN)))


def _restricted(scopes: list[Scope], m: int, restriction: Restriction) -> list[Scope]:
    """Return the scopes with less of one task."""
    less = list(scopes)
    less[m] = scopes[m].copy()
    restriction.apply(less[m])
    return less
