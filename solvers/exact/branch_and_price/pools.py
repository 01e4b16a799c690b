"""What a search remembers of its paths and solutions: the column pool and the solution pool."""

import numpy as np

from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan, score

Route = tuple[int, int, int, bytes]
"""Task, kind, end and sorted resources."""


def route_of(m: int, kind: int, plan: Plan) -> Route:
    """Return how a plan's packet is known; no resources where none is sent."""
    used = plan.packet(kind)
    return m, kind, plan.end, b"" if used is None else np.sort(used).tobytes()


class ColumnPool:
    """Paths that the restricted master is built from.

    Attributes
    ----------
    paths
        Resources of every path.
    """

    def __init__(self) -> None:
        self.paths: dict[Route, Ints] = {}

    def add(self, m: int, kind: int, c: int, used: Ints) -> None:
        """Keep a path."""
        self.paths.setdefault((m, kind, c, np.sort(used).tobytes()), used)

    def add_plans(self, plans: dict[int, Plan]) -> None:
        """Keep the paths of plans."""
        for m, plan in plans.items():
            for kind in (DATA, MODEL):
                used = plan.packet(kind)
                if used is not None:
                    self.add(m, kind, plan.end, used)


class SolutionPool:
    """Solutions that crossovers combine.

    Attributes
    ----------
    solutions
        Plans of every solution.
    """

    def __init__(self, data: ProblemData, size: int, solutions: list[dict[int, Plan]] | None = None) -> None:
        self.data, self.size = data, size
        self.solutions: list[dict[int, Plan]] = [] if solutions is None else list(solutions)

    def add(self, plans: dict[int, Plan]) -> None:
        """Keep a solution: in place of the most similar one that is no better, if the pool is full."""
        routes = [
            [route_of(m, kind, mine[m]) for m in sorted(mine) for kind in (DATA, MODEL)] for mine in self.solutions
        ]
        new = [route_of(m, kind, plans[m]) for m in sorted(plans) for kind in (DATA, MODEL)]
        if new in routes:
            return
        if len(self.solutions) < self.size:
            self.solutions.append(plans)
            return
        value = score(self.data, plans, "mean")
        unlike = {
            i: sum(a != b for a, b in zip(mine, new, strict=True))
            for i, mine in enumerate(routes)
            if score(self.data, self.solutions[i], "mean") >= value
        }
        if unlike:
            self.solutions[min(unlike, key=lambda i: unlike[i])] = plans
