"""Segment branching: the data work lies in the segments up to this one, or in those above it."""

import numpy as np

from solvers.exact.branch_and_price.tree.rules.base import WHOLE, BranchingDecision, Candidate, TaskPoint


class SegmentBranching:
    """Divides by the data work; every solution is in some segment."""

    name = "segment"
    fallback = True
    local_to_segments = True

    def candidates(self, point: TaskPoint) -> list[Candidate]:
        """Return the division where half of the fraction lies below."""
        segments, cases = point.fractions.segments, point.cases
        order = sorted({i for (i, _), value in segments.items() if value > WHOLE})
        if len(order) < 2:
            return []
        below = np.cumsum([sum(value for (i, _), value in segments.items() if i == at) for at in order])
        place = min(int(np.searchsorted(below, 0.5)), len(order) - 2)
        this = frozenset(case for case in cases if case[0] <= order[place])
        share = float(below[place])
        both = BranchingDecision(this), BranchingDecision(frozenset(cases) - this)
        score = point.settings.segment_weight * min(share, 1 - share)
        return [Candidate(score, point.task, (self.name, order[place]), share, *both)]
