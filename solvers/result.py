"""The one result shape of every solver and scheme."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from formulation import Solution

GAP_TOLERANCE = 1e-9
BOUND_TOLERANCE = 1e-6
"""Relative amount by which a bound may pass the objective of a solution through a solver's tolerances."""
CONTRADICTION = "contradiction: "
"""How a message begins that says that a bound and a solution cannot both be right."""


class Termination(StrEnum):
    """Why a run stopped; whether it holds a solution is another fact."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    INTERRUPTED = "interrupted"
    INFEASIBLE = "infeasible"
    ERROR = "error"


@dataclass(frozen=True)
class Progress:
    """State of a running solver.

    Attributes
    ----------
    elapsed_s
        Since the start [s].
    incumbent_s, bound_s
        Best objective and best bound so far [s], or None.
    phase
        What is being done.
    """

    elapsed_s: float
    incumbent_s: float | None
    bound_s: float | None
    phase: str = ""


ProgressCallback = Callable[[Progress], None]
"""Called with the state of a running solver as it changes."""


def is_below_bound(objective_s: float | None, bound_s: float | None) -> bool:
    """Tell whether a solution's objective is below a lower bound by more than tolerance: one of both is wrong."""
    return objective_s is not None and bound_s is not None and bound_s > objective_s * (1 + BOUND_TOLERANCE) + 1e-9


def relative_gap(objective_s: float | None, bound_s: float | None) -> float | None:
    """Return (objective - bound) / bound, with negatives within tolerance as 0; None where either is missing."""
    if objective_s is None or bound_s is None or not math.isfinite(bound_s) or not math.isfinite(objective_s):
        return None
    if bound_s <= 0:
        return 0.0 if objective_s <= GAP_TOLERANCE else None
    gap = (objective_s - bound_s) / bound_s
    return 0.0 if -GAP_TOLERANCE <= gap < 0 else gap


@dataclass(frozen=True)
class Result:
    """What a solver or a scheme returns.

    Attributes
    ----------
    termination
        Why it stopped. `feasible`: a heuristic ended as it should, without a proof.
    solution
        Best solution, or None.
    objective_s
        Its service delay by the evaluator [s], or None.
    bound_s
        Proven lower bound on the optimum [s], or None.
    build_s, solve_s
        Time for building models and tables, and for everything after [s].
    solver, solver_version
        Who answered.
    seed
        Seed that reproduces the run.
    trace
        Records of the run (iterations of a bisection, incumbent and bound of a solver), each a plain dict.
    message
        One sentence where there is something to say: why infeasible, what failed.
    statistics
        Counts of the run (nodes, columns, cuts, LP runs and iterations, incumbents by source) and the seconds of each
        of its phases.
    """

    termination: Termination
    solution: Solution | None = None
    objective_s: float | None = None
    bound_s: float | None = None
    build_s: float = 0.0
    solve_s: float = 0.0
    solver: str = ""
    solver_version: str = ""
    seed: int | None = None
    trace: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    message: str = ""
    statistics: Mapping[str, float] = field(default_factory=dict, hash=False, compare=False)

    @property
    def gap(self) -> float | None:
        """(objective - bound) / bound, or None."""
        return relative_gap(self.objective_s, self.bound_s)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it; limits among the solver's own options, which do so too, are named in `message`."""
        return self.termination is Termination.INTERRUPTED and not self.message

    @property
    def decision_s(self) -> float:
        """Building and solving together [s]."""
        return self.build_s + self.solve_s
