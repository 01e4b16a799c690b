"""From a `Solution` to the start values of a Pyomo model of (4) or (7)."""

from itertools import pairwise
from typing import Any

from formulation.solution import Solution, TaskDecision, bind
from formulation.whole_frames import least_whole_frames, nearest_count


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
