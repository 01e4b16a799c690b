"""Mode branching: the task sends these packets, or others."""

from solvers.exact.branch_and_price.tree.rules.base import Candidate, TaskPoint, by_label


class ModeBranching:
    """Divides by the packet mode."""

    name = "mode"
    fallback = False
    local_to_segments = False

    def candidates(self, point: TaskPoint) -> list[Candidate]:
        """Return the division by the mode of the largest fraction."""
        return by_label(point, self.name, {case: point.domain.segments[case[0]].mode for case in point.cases})
