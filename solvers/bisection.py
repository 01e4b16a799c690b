"""Algorithm 1: bisection over ρ, with whatever routes the packets in between (arXiv 2605.04565, Section V-B)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from formulation import OBJECTIVES, Problem, Solution, TaskDecision, as_problem, evaluate
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


@dataclass(frozen=True, eq=False)
class Timed:
    """What one iteration's packets and routes come to, one number a task.

    Attributes
    ----------
    delay_s
        T_m [s].
    local_s, remote_s
        t^S and T^D + t^L [s]: what is balanced.
    answer
        Whatever the caller wants back for the best iterate.
    """

    delay_s: Sequence[float]
    local_s: Sequence[float]
    remote_s: Sequence[float]
    answer: Any

    def record(self, iteration: int, ratios: Sequence[float]) -> dict[str, Any]:
        """Return what the iteration did; an idle time is how long one side waits for the other [s]."""
        sides = list(zip(self.local_s, self.remote_s, strict=True))
        return {
            "iteration": iteration,
            "mean_delay_s": sum(self.delay_s) / len(self.delay_s),
            "offload_ratio": list(ratios),
            "idle_computing_s": [max(local - remote, 0.0) for local, remote in sides],
            "idle_remote_sensing_s": [max(remote - local, 0.0) for local, remote in sides],
        }


def value_of(problem: Problem) -> Callable[[Sequence[float]], float]:
    """Return the problem's objective as a function of all delays [s]."""
    return lambda delays: OBJECTIVES[problem.objective].value(delays, problem.weights)


def ranges_of(problem: Problem) -> list[tuple[float, ...]]:
    """Return the limits of every ρ."""
    return [task.offload_ratio_range for task in problem.instance.tasks]


def halve(
    assignments: Sequence[Assignment],
    time: Callable[[list[float]], Timed],
    value: Callable[[Sequence[float]], float],
    *,
    iterations: int = ITERATIONS,
    stop: str = "best",
    ranges: Sequence[tuple[float, ...]] | None = None,
) -> tuple[Any, tuple[dict[str, Any], ...]]:
    """Search ρ for all tasks together.

    Every task starts at ρ = ½ between 0 and 1. In each iteration the packets are designed, routed and timed; where
    t^S > T^D + t^L the task's ρ goes up, else down, by halving what is left. Forced tasks keep their ρ.

    Parameters
    ----------
    assignments
        Which tasks are forced.
    time
        Called once an iteration: designs, routes and times the packets at these ρ.
    value
        Objective [s] of the delays of all tasks.
    stop
        `best` runs all iterations and returns the best iterate; `first_rise` stops when the delay rises, as the
        source's text has it, and returns the iterate before.

    ranges
        (lower, upper) limit of each ρ; [0, 1] if left out.

    Returns
    -------
    answer, trace
        What `time` gave for the chosen iterate, and a record of every iteration.
    """
    if stop not in STOPS:
        raise ValueError(f"stop must be one of {', '.join(STOPS)}, got {stop!r}")
    low, high = ([limits[side] for limits in ranges or [(0.0, 1.0)] * len(assignments)] for side in (0, 1))
    ratios = [(low[m] + high[m]) / 2 if a.forced_ratio is None else a.forced_ratio for m, a in enumerate(assignments)]
    best: tuple[float, Any] | None = None
    trace = []
    for iteration in range(iterations):
        timed = time(ratios)
        trace.append(timed.record(iteration, ratios))
        reached = value(timed.delay_s)
        if best is not None and stop == "first_rise" and reached > best[0]:
            break
        if best is None or reached < best[0]:
            best = reached, timed.answer
        ratios = list(ratios)
        for m, (local, remote) in enumerate(zip(timed.local_s, timed.remote_s, strict=True)):
            if assignments[m].forced_ratio is None:
                ends = low if local > remote else high
                ends[m] = ratios[m]
                ratios[m] = (low[m] + high[m]) / 2
    if best is None:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    return best[1], tuple(trace)


def bisect(
    problem: Instance | Problem,
    assignments: Sequence[Assignment],
    router: Router,
    *,
    iterations: int = ITERATIONS,
    stop: str = "best",
) -> tuple[Solution, tuple[dict[str, Any], ...]]:
    """Run Algorithm 1 with any router; see `halve`.

    Parameters
    ----------
    router
        Called once an iteration.

    Returns
    -------
    solution, trace
        The chosen iterate, and a record of every iteration.

    Raises
    ------
    NoSolution
        From the router.
    """
    problem = as_problem(problem)

    def time(ratios: list[float]) -> Timed:
        solution = router(problem, pack(problem.instance, assignments, ratios))
        tasks = evaluate(problem, solution).tasks
        return Timed([t.T for t in tasks], [t.t_S for t in tasks], [t.T_D + t.t_L for t in tasks], solution)

    solution, trace = halve(
        assignments, time, value_of(problem), iterations=iterations, stop=stop, ranges=ranges_of(problem)
    )
    return replace(solution, meta={"iterations": len(trace)}), trace
