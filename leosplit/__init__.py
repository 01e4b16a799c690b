"""Optimization modelling for large-small model collaboration over LEO satellite networks.

The public names of the packages, loaded on first use: importing this package alone costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fitting import LeosplitError, fit_curve, piecewise_linear
    from formulation import (
        Problem,
        Solution,
        check,
        evaluate,
        read_problem,
        read_solution,
        write_problem,
        write_solution,
    )
    from instances import Instance, make_preset, read_instance, write_instance
    from leosplit.sweeps import read_results
    from solvers.exact import solve_full, solve_routing
    from solvers.result import Result
    from solvers.schemes import SchemeOptions, run_scheme

__version__ = "0.1.0"

_ROOMS = {
    "LeosplitError": "fitting",
    "fit_curve": "fitting",
    "piecewise_linear": "fitting",
    "Problem": "formulation",
    "Solution": "formulation",
    "check": "formulation",
    "evaluate": "formulation",
    "read_problem": "formulation",
    "read_solution": "formulation",
    "write_problem": "formulation",
    "write_solution": "formulation",
    "Instance": "instances",
    "make_preset": "instances",
    "read_instance": "instances",
    "write_instance": "instances",
    "Result": "solvers.result",
    "SchemeOptions": "solvers.schemes",
    "run_scheme": "solvers.schemes",
    "solve_full": "solvers.exact",
    "solve_routing": "solvers.exact",
    "read_results": "leosplit.sweeps",
}

__all__ = [
    "Instance",
    "LeosplitError",
    "Problem",
    "Result",
    "SchemeOptions",
    "Solution",
    "check",
    "evaluate",
    "fit_curve",
    "make_preset",
    "piecewise_linear",
    "read_instance",
    "read_problem",
    "read_results",
    "read_solution",
    "run_scheme",
    "solve_full",
    "solve_routing",
    "write_instance",
    "write_problem",
    "write_solution",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'leosplit' has no attribute {name!r}")
