"""The best offload ratio of a task in closed form, once its routes and all loads are known.

Loads count packets, not bits, so a task's ρ changes no other task's delay. With both packets sent,
T(ρ) = T^M + extraction·ρ + max(data_fixed + data_slope·ρ, small·(1 - ρ)) is convex and piecewise linear: its
minimum is where the two sides of the max meet if extraction < small, else at ρ = 0.
"""

from collections import Counter
from dataclasses import dataclass, replace

from formulation import Problem, Solution, as_problem, check, design_packets, evaluate
from formulation.packets import PacketDesign
from formulation.solution import snap_ratio
from formulation.volumes import computing_rate, walk
from instances import Instance, Task
from instances.constants import LIGHT_M_PER_S


@dataclass(frozen=True)
class TaskRates:
    """Computing times of a task [s], each at the ratio where it is largest.

    Attributes
    ----------
    extraction_s
        t^fe at ρ = 1.
    small_s
        t^S at ρ = 0.
    large_s
        t^L at ρ = 1, per candidate computing satellite.
    """

    extraction_s: float
    small_s: float
    large_s: dict[str, float]


def task_rates(instance: Instance, task: Task) -> TaskRates:
    """Return the task's computing times."""
    own = computing_rate(instance, task.satellite)
    large = {c: task.frames * task.large_ops_per_frame / computing_rate(instance, c) for c in instance.candidates(task)}
    extraction = task.volume_bits * task.feature_ops_per_bit / own
    return TaskRates(extraction, task.frames * task.small_ops_per_frame / own, large)


def best_ratio(rates: TaskRates, computing: str, data_fixed_s: float, data_slope_s: float) -> float:
    """Return the ρ of least delay with both packets sent.

    Parameters
    ----------
    rates, computing
        The task's computing times and its c(m).
    data_fixed_s, data_slope_s
        T^D = data_fixed_s + data_slope_s·ρ [s].
    """
    if rates.extraction_s >= rates.small_s or data_fixed_s >= rates.small_s:
        return 0.0
    return float((rates.small_s - data_fixed_s) / (rates.small_s + data_slope_s + rates.large_s[computing]))


def with_ratio(instance: Instance, solution: Solution, design: PacketDesign, m: int, ratio: float) -> Solution:
    """Return the solution with task number m at another ρ, its packets as (5) and (6) say."""
    task, decision, ratio = instance.tasks[m], solution.tasks[m], snap_ratio(ratio)
    decision = replace(
        decision,
        offload_ratio=ratio,
        residual_shares=design.residual_shares(ratio, 1 + len(task.residual_levels_bpp)),
        data_path=decision.data_path if ratio > 0 else None,
        model_path=decision.model_path if ratio < 1 else None,
        model_packet_bits=design.model_packet_bits or 0.0 if ratio < 1 else 0.0,
    )
    return replace(solution, tasks=(*solution.tasks[:m], decision, *solution.tasks[m + 1 :]))


def best_ratios(problem: Instance | Problem, solution: Solution) -> Solution:
    """Put every ρ at its closed-form optimum for the solution's routes, within its limits; no task's delay rises.

    Tasks with a single packet keep their ρ. A packet that the optimum does not need is dropped. A solution that breaks
    no rule is returned as it is where its best ρ would break one.
    """
    problem = as_problem(problem)
    instance = problem.instance
    served = Counter(d.computing_satellite for d in solution.tasks if d.sends_data)
    data = [d.data_path if d.sends_data else None for d in solution.tasks]
    on_link = Counter((k.source, k.target) for path in data if path for k in walk(instance, path))
    at_relay = Counter(node for path in data if path for node in path[1:-1])
    improved = solution
    for m, (task, decision) in enumerate(zip(instance.tasks, solution.tasks, strict=True)):
        if not (decision.sends_data and decision.sends_model and decision.data_path):
            continue
        design = design_packets(instance, task)
        fixed = seconds_per_bit = 0.0
        for link in walk(instance, decision.data_path):
            fixed += link.length_m / LIGHT_M_PER_S
            seconds_per_bit += on_link[link.source, link.target] / link.rate_bps
        for node in decision.data_path[1:-1]:
            seconds_per_bit += at_relay[node] * instance.satellite(node).relay_s_per_bit
        slope = seconds_per_bit * design.data_bits_per_ratio
        rates, c = task_rates(instance, task), decision.computing_satellite
        if problem.share_computing:
            rates = replace(rates, large_s=rates.large_s | {c: served[c] * rates.large_s[c]})
        low, high = task.offload_ratio_range
        ratio = min(max(best_ratio(rates, c, fixed, slope), low), high)  # T is convex in ρ where both packets are sent
        improved = with_ratio(instance, improved, design, m, ratio)
    before, after = (evaluate(problem, one) for one in (solution, improved))
    if after.mean_s > before.mean_s or after.max_s > before.max_s:
        return solution
    if problem.rules and check(problem, improved) and not check(problem, solution):
        return solution
    return improved
