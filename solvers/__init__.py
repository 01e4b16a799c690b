"""How it is answered: exact optima, schemes and optimality gaps."""

from solvers.result import Progress, ProgressCallback, Result, Termination, relative_gap
from solvers.schemes import SCHEMES, SchemeError, SchemeOptions, find_scheme, run_scheme

__all__ = [
    "SCHEMES",
    "Progress",
    "ProgressCallback",
    "Result",
    "SchemeError",
    "SchemeOptions",
    "Termination",
    "find_scheme",
    "relative_gap",
    "run_scheme",
]
