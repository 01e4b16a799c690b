"""The feasibility checker: lists what a solution violates. It shares no code with the models."""

from collections.abc import Iterator
from itertools import pairwise

from formulation.delay import evaluate_sound, large_map
from formulation.problem import Problem, as_problem
from formulation.rules.rule import exceeds
from formulation.solution import RATIO_TOLERANCE, Solution, TaskDecision, bind
from formulation.violation import Value, Violation
from instances import Instance, Task

MAP_TOLERANCE = 1e-6
SHARE_SUM_TOLERANCE = 1e-6
SHARE_TOLERANCE = 1e-9
PACKET_TOLERANCE = 1e-9
FRAME_TOLERANCE = 1e-6
"""What a number of frames may differ from a whole one."""
ROUNDING = 1e-12
"""What floating point may add to a sum or a mAP that lies exactly at its tolerance."""


def _ratio_and_shares(task: Task, decision: TaskDecision) -> Iterator[tuple[str, Value, Value]]:
    rho = decision.offload_ratio
    low, high = task.offload_ratio_range
    if low > 0 and rho < low - RATIO_TOLERANCE:
        yield "offload_ratio_range", rho, low
    if high < 1 and rho > high + RATIO_TOLERANCE:
        yield "offload_ratio_range", rho, high
    if rho < -RATIO_TOLERANCE:
        yield "offload_ratio", rho, 0.0
    if rho > 1 + RATIO_TOLERANCE:
        yield "offload_ratio", rho, 1.0
    if abs(sum(decision.residual_shares) - rho) > SHARE_SUM_TOLERANCE + ROUNDING:
        yield "sum of residual_shares", sum(decision.residual_shares), rho
    smallest = min(decision.residual_shares)
    if smallest < -SHARE_TOLERANCE:
        yield "residual_shares", smallest, 0.0


def _accuracy(instance: Instance, task: Task, decision: TaskDecision) -> Iterator[tuple[str, Value, Value]]:
    if decision.sends_data:
        reached = large_map(instance, task, decision)
        if reached < task.large_map_min - MAP_TOLERANCE - ROUNDING:
            yield "(4b) large_map_min", reached, task.large_map_min
    if decision.sends_model:
        reached = float(instance.accuracy_of(task).small(decision.model_packet_bits))
        if reached < task.small_map_min - MAP_TOLERANCE - ROUNDING:
            yield "(4c) small_map_min", reached, task.small_map_min
        low, high = task.model_packet_bits_range
        if decision.model_packet_bits < low * (1 - PACKET_TOLERANCE):
            yield "(4d) model_packet_bits_range", decision.model_packet_bits, low
        if decision.model_packet_bits > high * (1 + PACKET_TOLERANCE):
            yield "(4d) model_packet_bits_range", decision.model_packet_bits, high


def _paths(instance: Instance, task: Task, decision: TaskDecision) -> Iterator[tuple[str, Value, Value]]:
    chosen = decision.computing_satellite
    if instance.satellite(chosen).role != "computing":
        yield "computing_satellite", instance.satellite(chosen).role, "computing"
    if task.computing_satellite not in (None, chosen):
        yield "computing_satellite", chosen, task.computing_satellite
    for key, path, needed, ends in (
        ("(4e) data_path", decision.data_path, decision.sends_data, (task.satellite, chosen)),
        ("(4f) model_path", decision.model_path, decision.sends_model, (chosen, task.satellite)),
    ):
        if path is None:
            if needed:
                yield key, None, f"a path from {ends[0]} to {ends[1]}"
            continue
        if not needed:
            yield key, "path of a packet that is not sent", None
        if (path[0], path[-1]) != ends:
            yield key, f"from {path[0]} to {path[-1]}", f"from {ends[0]} to {ends[1]}"
        for source, target in pairwise(path):
            if not instance.has_link(source, target):
                yield key, f"{source} to {target}", "an existing link"


def _whole_frames(task: Task, decision: TaskDecision) -> Iterator[tuple[str, Value, Value]]:
    named = [("offload_ratio", decision.offload_ratio)]
    named += [(f"residual_shares[{s}]", share) for s, share in enumerate(decision.residual_shares)]
    for key, share in named:
        frames = share * task.frames
        if abs(frames - round(frames)) > FRAME_TOLERANCE:
            yield f"whole frames: {key} of {task.frames}", frames, float(round(frames))


def _deadlines(problem: Problem, solution: Solution) -> Iterator[Violation]:
    """Yield late tasks; one whose route is broken has no delay, and is told for that."""
    if all(task.deadline_s is None for task in problem.instance.tasks):
        return
    for task, delay in zip(problem.instance.tasks, evaluate_sound(problem, solution), strict=True):
        if task.deadline_s is not None and delay is not None and exceeds(delay.T, task.deadline_s):
            yield Violation(task.satellite, "deadline_s", delay.T, task.deadline_s)


def _rules(problem: Problem, solution: Solution) -> Iterator[Violation]:
    for name, rule in problem.named_rules.items():
        for task, value, limit in rule.broken(problem.instance, solution):
            yield Violation(task, f"rule {name}", value, limit)


def check(problem: Instance | Problem, solution: Solution) -> tuple[Violation, ...]:
    """List every constraint of (4) and every rule that the solution breaks, within the stated tolerances.

    Tolerances: mAP 1e-6; shares sum to ρ within 1e-6, each ≥ -1e-9; packet bounds 1e-9 relative; ρ 1e-9; 1e-6 frames;
    deadlines, energy and linear rules 1e-6 relative. Rules over counts have none.

    Parameters
    ----------
    problem, solution
        The problem and its decisions.

    Raises
    ------
    SolutionError
        If the solution does not speak of this instance at all.
    """
    problem = as_problem(problem)
    instance = problem.instance
    bind(instance, solution)
    found = []
    for task, decision in zip(instance.tasks, solution.tasks, strict=True):
        for source in (
            _ratio_and_shares(task, decision),
            _accuracy(instance, task, decision),
            _paths(instance, task, decision),
            _whole_frames(task, decision) if problem.whole_frames else (),
        ):
            found += [Violation(task.satellite, *broken) for broken in source]
    broken_paths = any(v.constraint.startswith(("(4e)", "(4f)")) and v.limit == "an existing link" for v in found)
    found += _deadlines(problem, solution)
    if not broken_paths:  # energy is not defined over links that do not exist
        found += _rules(problem, solution)
    return tuple(found)
