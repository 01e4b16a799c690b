"""From a `Solution` to the start values of a Pyomo model of (4) or (7)."""

from collections import Counter
from itertools import pairwise
from typing import Any

from formulation.models.frames import residual_intervals_of
from formulation.solution import Solution, TaskDecision, bind
from formulation.whole_frames import least_whole_frames, nearest_count
from instances import Task


def set_start(model: Any, solution: Solution) -> None:
    """Give the discrete variables and ρ the values of a solution; solvers complete the rest.

    Parameters
    ----------
    model
        From `build_full_model` or `build_routing_model`.
    solution
        For the model's instance.

    Raises
    ------
    SolutionError
        If the solution does not speak of the instance.
    """
    bind(model.instance, solution)
    used = set()
    for decision in solution.tasks:
        name = decision.satellite
        for kind, path in (("data", decision.data_path), ("model", decision.model_path)):
            used |= {(kind, name, i, j) for i, j in pairwise(path or ())}
        if model.name == "full":
            model.offload_ratio[name].set_value(decision.offload_ratio)
            if hasattr(model, "frames_at"):
                _start_frames(model, decision)
            for kind, sent in (("data", decision.sends_data), ("model", decision.sends_model)):
                if not model.sent[kind, name].fixed:
                    model.sent[kind, name].set_value(int(sent))
    chosen = {decision.satellite: decision.computing_satellite for decision in solution.tasks}
    for key in model.LINKS:
        model.use[key].set_value(int(key in used))
    for name, c in model.SERVED:
        model.serve[name, c].set_value(int(chosen[name] == c))
    if hasattr(model, "at_level"):
        _start_levels(model, solution)


def _start_levels(model: Any, solution: Solution) -> None:
    """Start each link and relay at the level that the solution's packets load it to."""
    used = set()
    for decision in solution.tasks:
        for kind, path in (("data", decision.data_path), ("model", decision.model_path)):
            places = [f"{i}->{j}" for i, j in pairwise(path or ())] + list((path or ())[1:-1])
            used |= {(kind, decision.satellite, place) for place in places}
    load = Counter((kind, place) for kind, _, place in used)
    for kind, name, place, level in model.at_level:
        on = (kind, name, place) in used and load[kind, place] == level
        model.at_level[kind, name, place, level].set_value(int(on))


def _start_frames(model: Any, decision: TaskDecision) -> None:
    """Start at the whole number of frames next to ρ that keeps the packets which are sent."""
    name = decision.satellite
    task = next(task for task in model.instance.tasks if task.satellite == name)
    count = nearest_count(task, decision.offload_ratio)
    if decision.sends_data and decision.sends_model:
        count = min(max(count, 1), task.frames - 1)
    counts = least_whole_frames(model.instance, task, count)
    model.offload_ratio[name].set_value(count / task.frames)
    for s, frames in enumerate(counts or ()):
        model.frames_at[name, s].set_value(frames)
    if counts is not None and hasattr(model, "in_interval"):
        _start_interval(model, task, counts)


def _start_interval(model: Any, task: Task, counts: tuple[int, ...]) -> None:
    """Start in the interval of mean residuals that the counts lie in, but for rounding; without frames in none."""
    name, total = task.satellite, sum(counts)
    mean = sum(q * k for q, k in zip((0.0, *task.residual_levels_bpp), counts, strict=True)) / max(total, 1)
    intervals = residual_intervals_of(model.instance, task)
    near = min(range(len(intervals)), key=lambda j: max(intervals[j][0] - mean, mean - intervals[j][1]))
    for j in range(len(intervals)):
        if (name, j) in model.INTERVALS:
            model.in_interval[name, j].set_value(int(total > 0 and j == near))
