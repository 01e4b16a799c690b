"""Assignment branching: c(m) is this candidate, or another."""

from solvers.exact.branch_and_price.tree.rules.base import Candidate, TaskPoint, by_label


class AssignmentBranching:
    """Divides by the computing satellite."""

    name = "end"
    fallback = False
    local_to_segments = False

    def candidates(self, point: TaskPoint) -> list[Candidate]:
        """Return the division by the end of the largest fraction."""
        return by_label(point, self.name, {case: case[1] for case in point.cases})
