"""What passes between the solvers and their backends: a program on arrays, limits, an outcome."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.result import Termination

Floats = NDArray[np.float64]
Watch = Callable[[float | None, float | None], bool]
"""Called with incumbent and bound; True asks the solver to stop."""


@dataclass(frozen=True)
class Program:
    """A mixed-integer linear program: minimise cost·x + offset, lower ≤ x ≤ upper, row_lower ≤ A x ≤ row_upper.

    Attributes
    ----------
    cost, lower, upper, integer
        Shape (columns,).
    matrix
        A, shape (rows, columns).
    row_lower, row_upper
        Shape (rows,).
    offset
        Constant of the objective.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]
    matrix: Any
    row_lower: Floats
    row_upper: Floats
    offset: float = 0.0


@dataclass(frozen=True)
class Limits:
    """When and how a solver stops.

    Attributes
    ----------
    time_s
        Time limit [s], or None.
    mip_gap
        Relative gap at which a solution counts as optimal.
    threads
        Threads of the solver; 1 keeps its runs reproducible. From 2 on branch and price takes two processes.
    memory_gib
        Resident memory at which the run is stopped [GiB], or None.
    options
        Options of the solver, by its own names.
    log
        File that the solver's log is appended to, or None.
    """

    time_s: float | None = None
    mip_gap: float = 1e-6
    threads: int = 1
    memory_gib: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    log: Path | None = None

    @property
    def incumbent_gap(self) -> float:
        """The asked gap over the incumbent, as most solvers count it, in place of over the bound."""
        return self.mip_gap / (1 + self.mip_gap) if math.isfinite(self.mip_gap) else 1.0


@dataclass(frozen=True)
class Outcome:
    """What a solver said.

    Attributes
    ----------
    termination
        Why it stopped.
    values
        Best point, shape (columns,), or None.
    objective, bound
        Its objective and the proven lower bound, or None.
    version
        Version of the solver.
    duals
        Row duals of a linear program, or None.
    pressed
        Whether Ctrl-C came while it ran.
    """

    termination: Termination
    values: Floats | None
    objective: float | None
    bound: float | None
    version: str
    duals: Floats | None = None
    message: str = ""
    pressed: bool = False
