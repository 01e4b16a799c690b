"""The tree of branch and price, on one restricted master.

A *node* is a copy of the domains with less in them. Its bound is the Lagrangian bound of multipliers over what it has
left, so it needs no trust in the solver; its multipliers come from the restricted master, of which a node uses the
columns that its domains allow (`column_filter`). Columns are generated at nodes too, and every node fixes by its own
bound: what its solutions better than the cutoff do not need leaves its domains, and those of its children. All nodes
have the same segments; a node may lose all that a segment allows.

A leaf whose LP solution is integral and whose children would be no smaller is *inexact* if its bound is below the
cutoff: its value may lack what chords lose. When no other node could raise the dual bound, segments are split at the
inexact leaves' solutions, the master is built anew, and all nodes go on with the parts of their segments
(`after_refinement`): their bounds stand.

The tree's bound is the least of its open nodes and inexact leaves. Nodes are taken by their bounds, in buckets: among
bounds that differ by little, the youngest node goes first, towards solutions. With two processes, a forked worker
evaluates half of a batch of nodes; one seed gives one tree, whichever is done first.
"""

import heapq
from collections import Counter
from dataclasses import dataclass

import numpy as np

from solvers.backends.program import Outcome
from solvers.exact.branch_and_price.column_generation import ColumnGeneration, Priced
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.exact.branch_and_price.heuristics.base import Context, Heuristic, Timing, run_heuristics
from solvers.exact.branch_and_price.heuristics.rounding import rounded_plans
from solvers.exact.branch_and_price.master.base import MasterDelta, RestrictedMaster
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.master.fractions import fractions_of
from solvers.exact.branch_and_price.parallel import ForkedWorker
from solvers.exact.branch_and_price.pricing.fixing import reduced_cost_fixing
from solvers.exact.branch_and_price.pricing.lagrangian import lagrangian_bound
from solvers.exact.branch_and_price.state import SearchState, StateDelta
from solvers.exact.branch_and_price.tree.branching import RULES, candidates_of
from solvers.exact.branch_and_price.tree.node import Node, PackedNode, parent_segments
from solvers.exact.branch_and_price.tree.rules.base import BranchingRule
from solvers.exact.branch_and_price.tree.strong_branching import Pseudocosts, StrongBranching
from solvers.network.traffic import Plan


@dataclass(frozen=True, eq=False)
class WorkerResult:
    """What a worker process sends back: what it added to each part of the search."""

    state: StateDelta
    master: MasterDelta
    open: list[PackedNode]
    inexact: list[PackedNode]
    plans: list[dict[int, Plan]]
    nodes: int
    pseudocosts: Pseudocosts
    history: list[tuple[int, float]]
    counts: Counter[str]


class TreeSearch:
    """One search over the state's domains, in the restricted master of the last column generation or a later one.

    Attributes
    ----------
    open
        Nodes to evaluate: bucket of their bound, minus their number, and the node.
    inexact, plans
        Leaves whose bounds lack what chords lose, and what their LP solutions round to.
    nodes
        Number of nodes evaluated.
    """

    def __init__(
        self,
        state: SearchState,
        generation: ColumnGeneration,
        root: Priced,
        heuristics: tuple[Heuristic, ...] = (),
        rules: tuple[BranchingRule, ...] = RULES,
    ) -> None:
        if generation.master is None:
            raise RuntimeError("a tree needs a restricted master that has been solved")
        self.state, self.generation, self.heuristics, self.rules = state, generation, heuristics, rules
        self._use(generation.master)
        self.open: list[tuple[float, int, PackedNode]] = []
        self.inexact: list[PackedNode] = []
        self.plans: list[dict[int, Plan]] = []
        self.nodes = self._count = 0
        self.strong_branching = StrongBranching(state, generation)
        settings = state.settings.branching
        bucket = settings.bound_bucket if state.objective == "mean" else settings.max_bound_bucket
        self._bucket = bucket * (state.cutoff - state.dual_bound)
        self._put(PackedNode(root[1].value, state.domains, root[0]))

    def _use(self, master: RestrictedMaster) -> None:
        """Work on this restricted master from now on."""
        self.master, self.column_filter = master, ColumnFilter(master)

    def _put(self, node: PackedNode) -> None:
        self._count += 1
        place = node.bound // self._bucket if self._bucket > 0 else 0.0
        heapq.heappush(self.open, (place, -self._count, node))

    @property
    def inexact_bound(self) -> float:
        """Lower bound over all inexact leaves."""
        return min((leaf.bound for leaf in self.inexact), default=np.inf)

    @property
    def open_bound(self) -> float:
        """Lower bound over all open nodes."""
        return min((node.bound for _, _, node in self.open), default=np.inf)

    @property
    def bound(self) -> float:
        """Lower bound over all open nodes and inexact leaves."""
        return min(self.inexact_bound, self.open_bound)

    def run(self) -> None:
        """Evaluate nodes until none is left, or none that could raise the bound above the inexact leaves'."""
        state = self.state
        while self.open and not state.finished():
            state.update_dual_bound(self.bound, "tree")
            if state.gap_closed or self.open_bound > self.inexact_bound:
                break
            if state.processes > 1 and len(self.open) > 1:
                self._run_in_parallel()
            else:
                self._process_nodes(1)
        state.update_dual_bound(self.bound, "tree")

    def _process_nodes(self, count: int) -> None:
        """Evaluate and divide this many nodes, if there are as many."""
        state = self.state
        for _ in range(count):
            if not self.open or state.finished():
                return
            node = heapq.heappop(self.open)[2].node(state.data)
            self.nodes += 1
            state.trace.count("nodes")
            outcome = self._evaluate(node)
            if state.limit_reached():
                self._put(PackedNode(node.bound, node.domains, node.multipliers))
            elif node.bound < state.cutoff:
                self._branch(node, outcome)

    def _run_in_parallel(self) -> None:
        """Process some of the next nodes here, and the others in a forked worker."""
        state, batch = self.state, self.state.settings.branching.batch
        first = [heapq.heappop(self.open) for _ in range(min(2 * batch, len(self.open)))]
        rest, mine, theirs = self.open, first[::2], first[1::2]
        self.open = theirs
        with ForkedWorker(self._worker) as worker:
            self.open = mine
            self._process_nodes(batch)
            result = None if state.must_return else worker.result()
        self.open += rest
        if result is None:
            self.open += theirs
        else:
            self._merge(result)
        heapq.heapify(self.open)

    def _worker(self) -> WorkerResult:
        """Process nodes in a copy of the process, and return what has come of it."""
        state, strong = self.state, self.strong_branching
        master, nodes, inexact, plans = self.master.mark(), self.nodes, len(self.inexact), len(self.plans)
        history = len(strong.calibration.history)
        state.become_worker()
        state.trace.counts.clear()
        self._process_nodes(state.settings.branching.batch)
        return WorkerResult(
            state=state.delta(),
            master=self.master.delta(master),
            open=[item for *_, item in sorted(self.open, key=lambda entry: -entry[1])],
            inexact=self.inexact[inexact:],
            plans=self.plans[plans:],
            nodes=self.nodes - nodes,
            pseudocosts=strong.pseudocosts,
            history=strong.calibration.history[history:],
            counts=state.trace.counts,
        )

    def _merge(self, result: WorkerResult) -> None:
        """Take over what a worker has done."""
        strong = self.strong_branching
        for item in [*result.open, *result.inexact]:
            item.share(self.master.commodities)
        for item in result.open:
            self._put(item)
        self.inexact += result.inexact
        self.plans += result.plans
        self.nodes += result.nodes
        for key, known in result.pseudocosts.items():
            strong.pseudocosts[key] = max(strong.pseudocosts.get(key, known), known, key=lambda entry: entry[0])
        for m, part in result.history:
            strong.calibration.learn(m, part)
        for m, kind, c, used in self.master.merge(result.master):
            self.state.columns.add(m, kind, c, used)
        for kind, levels in enumerate(result.state.load_levels):
            for r in np.flatnonzero(levels > self.state.load_levels[kind]):
                self.master.add_levels(kind, int(r), int(levels[r]))
        self.state.trace.take(result.counts)
        self.state.merge(result.state)

    def _evaluate(self, node: Node) -> Outcome | None:
        """Raise a node's bound by column generation, and fix by it; return the last LP solution."""
        state, generation = self.state, self.generation
        bound = lagrangian_bound(state.data, node.domains, node.multipliers)
        node.bound = max(node.bound, bound.value)
        if node.bound >= state.cutoff:
            return None
        least = np.array([costs.least for costs in bound.tasks])
        generation.add_columns(self.master, bound, least + 1e-6 * np.abs(least))  # every task has an open path
        with self.master.restricted_to(self.column_filter.of(node.domains)):
            best, outcome = generation.run(self.master, node.domains, (node.multipliers, bound))
        node.multipliers, node.bound = best[0], max(node.bound, best[1].value)
        if node.bound < state.cutoff:
            reduced_cost_fixing(state.data, node.domains, best[0], best[1], state.cutoff)
        return outcome

    def _branch(self, node: Node, outcome: Outcome | None) -> None:
        """Run the heuristics at a node, and push its children."""
        state = self.state
        if outcome is None or outcome.values is None:
            self._keep_inexact(node, node.bound, None)
            return
        fractions = fractions_of(self.master, outcome.values)
        plans = rounded_plans(self.master.commodities, fractions)
        where = Context(
            state,
            self.generation,
            Timing.NODE,
            self.nodes,
            node.domains,
            column_filter=self.column_filter,
            fractions=fractions,
        )
        run_heuristics(self.heuristics, where)
        candidates = candidates_of(state, node.domains, fractions, self.rules)
        if not candidates:
            best = node.multipliers, lagrangian_bound(state.data, node.domains, node.multipliers)
            with self.master.restricted_to(self.column_filter.of(node.domains)):
                best, _ = self.generation.run(self.master, node.domains, best, exactly=True)
            self._keep_inexact(node, max(node.bound, best[1].value), plans)
            return
        most = state.settings.branching.max_candidates
        for child in self.strong_branching.children(node, candidates[:most], self.column_filter, self._evaluate):
            if child.bound < state.cutoff:
                self._put(PackedNode(child.bound, child.domains, child.multipliers))

    def _keep_inexact(self, node: Node, bound: float, plans: dict[int, Plan] | None) -> None:
        """Let a leaf's bound stand, if it is of interest, and remember where its LP solution is."""
        node.bound = bound
        if bound < self.state.cutoff:
            self.inexact.append(PackedNode(bound, node.domains, node.multipliers))
            self.plans += [] if plans is None else [plans]

    def after_refinement(self, before: list[list[Segment]]) -> None:
        """Go on after segments have been split: inexact leaves open again, and all nodes get the new segments.

        Parameters
        ----------
        before
            The segments of every task up to now.
        """
        state, strong = self.state, self.strong_branching
        parents = [parent_segments(old, domain.segments) for old, domain in zip(before, state.domains, strict=True)]
        self._use(self.generation.rebuild_master())
        waiting = sorted([item for _, _, item in self.open] + self.inexact, key=lambda item: -item.bound)
        self.open, self.inexact, self.plans = [], [], []
        local = {rule.name for rule in self.rules if rule.local_to_segments}
        strong.pseudocosts = {key: value for key, value in strong.pseudocosts.items() if not local & set(key)}
        for item in waiting:
            self._put(item.refined(self.master.commodities, parents, state))
