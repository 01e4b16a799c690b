"""Strong branching: which of a node's candidates raises the bounds of both children most.

Candidates are compared by the product score of their children's gains. In the first phase a gain comes from the LP over
known columns: a few simplex iterations for the most promising candidates (a probe), or the pseudocost of a candidate
that has been probed often enough. Children may find other paths, though, and gain less. So in the second phase the
children of the best candidates are evaluated by column generation, for as long as the expected score of the next one,
corrected by what came about of earlier scores (`calibration`), is higher than the best score so far.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from solvers.exact.branch_and_price.column_generation import ColumnGeneration
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.state import SearchState
from solvers.exact.branch_and_price.tree.calibration import ScoreCalibration
from solvers.exact.branch_and_price.tree.node import Node
from solvers.exact.branch_and_price.tree.rules.base import BranchingDecision, Candidate
from solvers.network.arrays import Floats

Pseudocosts = dict[tuple[int | str, ...], tuple[int, Floats]]
"""By key of the candidate: number of probes, and mean gain of both children over their fractions [s]."""


class StrongBranching:
    """Strong branching of one tree.

    Attributes
    ----------
    pseudocosts, calibration
        What earlier branchings have taught.
    """

    def __init__(self, state: SearchState, generation: ColumnGeneration) -> None:
        self.state, self.generation, self.settings = state, generation, state.settings.branching
        self.pseudocosts: Pseudocosts = {}
        self.calibration = ScoreCalibration(self.settings.fading)

    def children(
        self,
        node: Node,
        candidates: list[Candidate],
        column_filter: ColumnFilter,
        evaluate: Callable[[Node], Any],
    ) -> list[Node]:
        """Return the children of the branching that raises a node's bound most, evaluated.

        Parameters
        ----------
        candidates
            The most promising first.
        evaluate
            Raises a node's bound by column generation.
        """
        state, gap = self.state, max(self.state.cutoff - node.bound, 1e-12)
        best, chosen = -1.0, list[Node]()
        scores = self._probed(node, candidates, column_filter) if len(candidates) > 1 else {0: 1.0}
        for i in list(scores)[: self.settings.max_evaluated]:
            task, score = candidates[i].task, scores[i]
            if self.calibration.expected(task, score) <= best or (chosen and state.limit_reached()):
                break
            children = []
            for decision in (candidates[i].other, candidates[i].this):
                domains = [domain.copy() for domain in restricted(node.domains, task, decision)]
                children.append(Node(node.bound, domains, node.multipliers))
                evaluate(children[-1])
            gain = self._product_score(np.array([child.bound - node.bound for child in children]), gap)
            if len(scores) > 1 and not state.limit_reached():
                self.calibration.learn(task, gain / score)
            if gain > best:
                best, chosen = gain, children
            if any(child.bound >= state.cutoff for child in children):
                return children
        return chosen

    def _probed(self, node: Node, candidates: list[Candidate], column_filter: ColumnFilter) -> dict[int, float]:
        """Return the scores of candidates in the LP over known columns, by position, the best first."""
        master, found, settings = column_filter.master, dict[int, float](), self.settings
        with master.restricted_to(column_filter.of(node.domains)):
            base = self.generation.solve_master(master, self.state.settings.pricing.lp_tolerance)
            if base.objective is None or self.state.limit_reached():
                return {0: 1.0}
            basis = master.basis
        gap = max(self.state.cutoff - base.objective, 1e-12)
        for i, candidate in enumerate(candidates):
            parts = np.clip([1 - candidate.fraction, candidate.fraction], settings.min_fraction, None)
            count, slopes = self.pseudocosts.get(candidate.key, (0, np.zeros(2)))
            if count < settings.reliability:
                gains = np.array(list(self._gains(node, candidate, column_filter, base.objective, basis)))
                slopes = (slopes * count + np.minimum(gains, gap) / parts) / (count + 1)
                self.pseudocosts[candidate.key] = count + 1, slopes
            else:
                gains = slopes * parts
            found[i] = self._product_score(gains, gap)
            if self.state.limit_reached():
                break

        def expected(i: int) -> float:
            return self.calibration.expected(candidates[i].task, found[i])

        return {i: found[i] for i in sorted(found, key=expected, reverse=True)}

    def _gains(
        self, node: Node, candidate: Candidate, column_filter: ColumnFilter, base: float, basis: Any
    ) -> Iterator[float]:
        """Yield by how much the LP value rises in each child of a candidate after a few iterations [s]."""
        state, master = self.state, column_filter.master
        for decision in (candidate.this, candidate.other):
            with master.restricted_to(column_filter.of(restricted(node.domains, candidate.task, decision))):
                value, outcome = master.probe(self.settings.iteration_limit, basis, state.limits_now())
            state.note_outcome(outcome)
            state.trace.count("probes")
            yield max(0.0, value - base)

    def _product_score(self, gains: Floats, gap: float) -> float:
        """Return the geometric mean of gains as shares of the gap, each of them at most all of it."""
        return float(np.sqrt(np.prod(np.clip(gains / gap, 0.0, 1.0) + self.settings.min_gain)))


def restricted(domains: list[TaskDomain], m: int, decision: BranchingDecision) -> list[TaskDomain]:
    """Return the domains with less of one task."""
    less = list(domains)
    less[m] = domains[m].copy()
    decision.apply(less[m])
    return less
