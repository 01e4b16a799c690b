"""The feasibility checker: lists what a solution violates. It shares no code with the models."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from formulation.delay import large_map
from formulation.solution import RATIO_TOLERANCE, Solution, TaskDecision, bind
from instances import Instance, Task

MAP_TOLERANCE = 1e-6
SHARE_SUM_TOLERANCE = 1e-6
SHARE_TOLERANCE = 1e-9
PACKET_TOLERANCE = 1e-9
FRAME_TOLERANCE = 1e-6
"""What a number of frames may differ from a whole one."""
ROUNDING = 1e-12
"""What floating point may add to a sum or a mAP that lies exactly at its tolerance."""

Value = float | str | None


@dataclass(frozen=True)
class Violation:
    """One broken constraint.

    Attributes
    ----------
    task
        The task's satellite.
    constraint
        Equation number or rule.
    value, limit
        What was found and what is allowed.
    """

    task: str
    constraint: str
    value: Value
    limit: Value


def _ratio_and_shares(decision: TaskDecision) -> Iterator[tuple[str, Value, Value]]:
    rho = decision.offload_ratio
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


def check(instance: Instance, solution: Solution, *, whole_frames: bool = False) -> tuple[Violation, ...]:
    """List every constraint of (4) that the solution breaks, within the stated tolerances.

    Tolerances: mAP 1e-6; shares sum to ρ within 1e-6, each ≥ -1e-9; packet bounds 1e-9 relative; ρ 1e-9; 1e-6 frames.

    Parameters
    ----------
    whole_frames
        Ask for a whole number of offloaded frames in all and at every level too.

    Raises
    ------
    SolutionError
        If the solution does not speak of this instance at all.
    """
    bind(instance, solution)
    found = []
    for task, decision in zip(instance.tasks, solution.tasks, strict=True):
        for source in (
            _ratio_and_shares(decision),
            _accuracy(instance, task, decision),
            _paths(instance, task, decision),
            _whole_frames(task, decision) if whole_frames else (),
        ):
            found += [Violation(task.satellite, *broken) for broken in source]
    return tuple(found)
