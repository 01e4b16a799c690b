"""Problems (5) and (6) alone: closed form where it suffices, any solver where it is asked for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyomo.environ as pyo

from formulation import Problem, as_problem, build_data_packet_model, build_model_packet_model
from formulation.whole_frames import best_whole_frames_map, least_whole_frames, nearest_count
from instances import Instance, Task
from solvers.backends.program import Limits
from solvers.backends.pyomo_backend import solve_model
from solvers.diagnosis import why_data_infeasible, why_model_infeasible
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

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it; see `Result.interrupted`."""
        return self.termination is Termination.INTERRUPTED and not self.message


def _solve(model: Any, solver: str, limits: Limits, rows: Any, started: float) -> PacketResult:
    build_s = time.perf_counter() - started
    outcome = solve_model(model, solver, limits)
    found = outcome.objective is not None
    return PacketResult(
        termination=outcome.termination,
        objective_bits=float(pyo.value(model.total_bits)) if found else None,
        bound_bits=None if outcome.bound is None else outcome.bound * model.bit_unit,
        tasks=tuple(rows()) if found else (),
        build_s=build_s,
        solve_s=time.perf_counter() - started - build_s,
        solver=solver,
        solver_version=outcome.version,
        message=outcome.message,
    )


def solve_data_packets(
    problem: Instance | Problem,
    offload_ratio: float | Sequence[float] = 0.5,
    *,
    solver: str = "highs",
    limits: Limits | None = None,
) -> PacketResult:
    """Solve (5): the least data packets at given offload ratios.

    Parameters
    ----------
    problem
        What is asked. In whole frames a ρ_m N_m that is not whole is rounded to the nearest whole number, which
        `message` then says, and rows have `frames_at_levels`.
    offload_ratio
        ρ for all tasks, or one per task, shape (tasks,).
    solver
        As in `solve_full`.
    limits
        Limits and options of the solver.
    """
    started = time.perf_counter()
    problem = as_problem(problem)
    instance, whole_frames = problem.instance, problem.whole_frames
    given = [offload_ratio] * len(instance.tasks) if isinstance(offload_ratio, int | float) else offload_ratio
    ratios = tuple(float(value) for value in given)
    rounded = ""
    if whole_frames:
        ratios, rounded = _whole(instance, ratios)
    reason = why_data_infeasible(instance, ratios)
    if reason is not None:
        return PacketResult(Termination.INFEASIBLE, solver=solver, message=reason)
    model = build_data_packet_model(problem, ratios)

    def frames(task: Task) -> dict[str, list[int]]:
        if not whole_frames:
            return {}
        levels = range(1 + len(task.residual_levels_bpp))
        return {"frames_at_levels": [round(pyo.value(model.frames_at[task.satellite, s])) for s in levels]}

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
                **frames(task),
            }
            for task, ratio in zip(instance.tasks, ratios, strict=True)
        ]

    result = _solve(model, solver, limits or Limits(), rows, started)
    if whole_frames and result.termination is Termination.INFEASIBLE:
        rounded = "; ".join(
            f"task {task.satellite}: (5b) asks large_map_min {task.large_map_min:.6g}, met by no "
            f"{nearest_count(task, ratio)} whole frames: they reach at most "
            f"{best_whole_frames_map(instance, task, nearest_count(task, ratio)):.6g}"
            for task, ratio in zip(instance.tasks, ratios, strict=True)
            if least_whole_frames(instance, task, nearest_count(task, ratio)) is None
        )
    return replace(result, message="; ".join(filter(None, (result.message, rounded))))


def _whole(instance: Instance, ratios: tuple[float, ...]) -> tuple[tuple[float, ...], str]:
    """Return ρ in whole frames, and which of them had to be rounded."""
    counts = [nearest_count(task, ratio) for task, ratio in zip(instance.tasks, ratios, strict=True)]
    words = [
        f"task {task.satellite}: ρ = {ratio:.6g} rounded to {count} of {task.frames} frames"
        for task, ratio, count in zip(instance.tasks, ratios, counts, strict=True)
        if abs(ratio * task.frames - count) > 1e-9 * task.frames
    ]
    whole = tuple(count / task.frames for task, count in zip(instance.tasks, counts, strict=True))
    return whole, "; ".join(words)


def solve_model_packets(
    problem: Instance | Problem, *, solver: str = "highs", limits: Limits | None = None
) -> PacketResult:
    """Solve (6): the least model packets."""
    started = time.perf_counter()
    instance = as_problem(problem).instance
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
