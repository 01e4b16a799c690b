"""Algorithm 1: bisection over ρ, with whatever routes the packets in between (arXiv 2605.04565, Section V-B)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from formulation import Evaluation, Solution, TaskDecision, evaluate
from instances import Instance
from solvers.assignment import Assignment
from solvers.routing import Router

ITERATIONS = 20
STOPS = ("best", "first_rise")


def pack(instance: Instance, assignments: Sequence[Assignment], ratios: Sequence[float]) -> Solution:
    """Return the packets of (5) and (6) at these ρ with the assigned c(m), routes still open.

    Parameters
    ----------
    assignments, ratios
        One a task, in file order.
    """
    decisions = []
    for task, assignment, ratio in zip(instance.tasks, assignments, ratios, strict=True):
        shares = assignment.design.residual_shares(ratio, 1 + len(task.residual_levels_bpp))
        bits = assignment.design.model_packet_bits or 0.0 if ratio < 1 else 0.0
        chosen = assignment.computing_satellite
        decisions.append(TaskDecision(task.satellite, chosen, ratio, shares, bits, None, None))
    return Solution(instance.name, tuple(decisions))


def _record(iteration: int, evaluation: Evaluation, ratios: Sequence[float]) -> dict[str, Any]:
    """Return what one iteration did; an idle time is how long one side waits for the other [s]."""
    sides = [(task.t_S, task.T_D + task.t_L) for task in evaluation.tasks]
    return {
        "iteration": iteration,
        "mean_delay_s": evaluation.mean_s,
        "offload_ratio": list(ratios),
        "idle_computing_s": [max(local - remote, 0.0) for local, remote in sides],
        "idle_remote_sensing_s": [max(remote - local, 0.0) for local, remote in sides],
    }


def bisect(
    instance: Instance,
    assignments: Sequence[Assignment],
    router: Router,
    *,
    iterations: int = ITERATIONS,
    stop: str = "best",
    objective: str = "mean",
) -> tuple[Solution, tuple[dict[str, Any], ...]]:
    """Search ρ for all tasks together.

    Every task starts at ρ = ½ between 0 and 1. In each iteration the packets are designed, routed and timed; where
    t^S > T^D + t^L the task's ρ goes up, else down, by halving what is left. Forced tasks keep their ρ.

    Parameters
    ----------
    router
        Called once an iteration.
    stop
        `best` runs all iterations and returns the best iterate; `first_rise` stops when the delay rises, as the
        source's text has it, and returns the iterate before.
    objective
        `mean` or `max`: which delay is best.

    Returns
    -------
    solution, trace
        The chosen iterate, and a record of every iteration.

    Raises
    ------
    NoSolution
        From the router.
    """
    if stop not in STOPS:
        raise ValueError(f"stop must be one of {', '.join(STOPS)}, got {stop!r}")
    low, high = [0.0] * len(assignments), [1.0] * len(assignments)
    ratios = [0.5 if a.forced_ratio is None else a.forced_ratio for a in assignments]
    best: tuple[float, Solution] | None = None
    trace = []
    for iteration in range(iterations):
        solution = router(instance, pack(instance, assignments, ratios))
        evaluation = evaluate(instance, solution)
        trace.append(_record(iteration, evaluation, ratios))
        value = evaluation.objective_s(objective)
        if best is not None and stop == "first_rise" and value > best[0]:
            break
        if best is None or value < best[0]:
            best = value, solution
        ratios = list(ratios)
        for m, task in enumerate(evaluation.tasks):
            if assignments[m].forced_ratio is None:
                ends = low if task.t_S > task.T_D + task.t_L else high
                ends[m] = ratios[m]
                ratios[m] = (low[m] + high[m]) / 2
    if best is None:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    return replace(best[1], meta={"iterations": len(trace)}), tuple(trace)
