"""Exact solutions: every claim of optimality carries its bound.

Names are loaded on first use: best response shares the arrays of the proof and needs neither Pyomo nor HiGHS.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solvers.exact.errors import SolverError
    from solvers.exact.highs import Limits
    from solvers.exact.packets import PacketResult, solve_data_packets, solve_model_packets
    from solvers.exact.sensitivity import RatioCurve, Worth, ratio_curves, worths
    from solvers.exact.solve import solve_full, solve_routing

_MODULES = {
    "Limits": "highs",
    "PacketResult": "packets",
    "RatioCurve": "sensitivity",
    "SolverError": "errors",
    "Worth": "sensitivity",
    "ratio_curves": "sensitivity",
    "solve_data_packets": "packets",
    "solve_full": "solve",
    "solve_model_packets": "packets",
    "solve_routing": "solve",
    "worths": "sensitivity",
}

__all__ = [
    "Limits",
    "PacketResult",
    "RatioCurve",
    "SolverError",
    "Worth",
    "ratio_curves",
    "solve_data_packets",
    "solve_full",
    "solve_model_packets",
    "solve_routing",
    "worths",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"solvers.exact.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'solvers.exact' has no attribute {name!r}")
