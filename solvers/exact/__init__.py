"""Exact solutions: every claim of optimality carries its bound."""

from solvers.backends.errors import SolverError
from solvers.backends.program import Limits
from solvers.exact.packets import PacketResult, solve_data_packets, solve_model_packets
from solvers.exact.sensitivity import RatioCurve, Worth, ratio_curves, worths
from solvers.exact.solve import solve_full, solve_routing

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
