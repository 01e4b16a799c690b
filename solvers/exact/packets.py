"""Problems (5) and (6) alone: closed form where it suffices, any solver where it is asked for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyomo.environ as pyo

from formulation import build_data_packet_model, build_model_packet_model
from instances import Instance
from solvers.exact.backends import solve_model
from solvers.exact.highs import Limits
from solvers.exact.infeasible import why_data_infeasible, why_model_infeasible
from solvers.result import Termination


@dataclass(frozen=True)
class PacketResult:
    """What solving (5) or (6) returns; mirrors `Result` in bits.

    Attributes
    ----------
    termination
        Why it stopped.
    objective_bits, bound_bits
        Sum of the packets over the tasks, and its lower bound [bit], or None.
    tasks
        Per task: `satellite` and `data_packet_bits` with `residual_shares`, or `model_packet_bits`.
    build_s, solve_s, solver, solver_version, message
        As in `Result`.
    """

    termination: Termination
    objective_bits: float | None = None
    bound_bits: float | None = None
    tasks: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    build_s: float = 0.0
    solve_s: float = 0.0
    solver: str = ""
    solver_version: str = ""
    message: str = ""


def _solve(model: Any, solver: str, limits: Limits, rows: Any, started: float) -> PacketResult:
    build_s = time.perf_counter() - started
    outcome = solve_model(model, solver, limits)
    found = outcome.objective is not None
    return PacketResult(
        termination=outcome.termination,
        objective_bits=float(pyo.value(model.total_bits)) if found else None,
        bound_bits=outcome.bound,
        tasks=tuple(rows()) if found else (),
        build_s=build_s,
        solve_s=time.perf_counter() - started - build_s,
        solver=solver,
        solver_version=outcome.version,
        message=outcome.message,
    )


def solve_data_packets(
    instance: Instance,
    offload_ratio: float | Sequence[float] = 0.5,
    *,
    solver: str = "highs",
    limits: Limits | None = None,
) -> PacketResult:
    """Solve (5): the least data packets at given offload ratios.

    Parameters
    ----------
    instance
        The problem.
    offload_ratio
        ρ for all tasks, or one per task, shape (tasks,).
    solver, limits
        As in `solve_full`.
    """
    started = time.perf_counter()
    given = [offload_ratio] * len(instance.tasks) if isinstance(offload_ratio, int | float) else offload_ratio
    ratios = tuple(float(value) for value in given)
    reason = why_data_infeasible(instance, ratios)
    if reason is not None:
        return PacketResult(Termination.INFEASIBLE, solver=solver, message=reason)
    model = build_data_packet_model(instance, ratios)

    def rows() -> list[dict[str, Any]]:
        return [
            {
                "satellite": task.satellite,
                "offload_ratio": ratio,
                "data_packet_bits": float(pyo.value(model.data_packet_bits[task.satellite])),
                "residual_shares": [
                    float(pyo.value(model.residual_share[task.satellite, s]))
                    for s in range(1 + len(task.residual_levels_bpp))
                ],
            }
            for task, ratio in zip(instance.tasks, ratios, strict=True)
        ]

    return _solve(model, solver, limits or Limits(), rows, started)


def solve_model_packets(instance: Instance, *, solver: str = "highs", limits: Limits | None = None) -> PacketResult:
    """Solve (6): the least model packets."""
    started = time.perf_counter()
    reason = why_model_infeasible(instance)
    if reason is not None:
        return PacketResult(Termination.INFEASIBLE, solver=solver, message=reason)
    model = build_model_packet_model(instance)

    def rows() -> list[dict[str, Any]]:
        return [
            {
                "satellite": task.satellite,
                "model_packet_bits": float(pyo.value(model.model_packet_bits[task.satellite])),
            }
            for task in instance.tasks
        ]

    return _solve(model, solver, limits or Limits(), rows, started)
