"""From a solved Pyomo model back to a `Solution`."""

from dataclasses import replace
from typing import Any

import pyomo.environ as pyo

from formulation.solution import Solution, SolutionError, TaskDecision, snap_ratio


def solution_from_model(model: Any) -> Solution:
    """Read the decisions out of a solved model of (4) or (7), with whatever constraints a user has added.

    Links are followed from each packet's start, so a cycle that tolerance let through is dropped.

    Raises
    ------
    SolutionError
        If the model holds no values, or its links do not lead to a computing satellite.
    """
    if not hasattr(model, "use"):
        raise SolutionError(f"model {model.name!r} has no routes: only models of (4) and (7) hold a solution")
    decisions = []
    for index, task in enumerate(model.instance.tasks):
        name = task.satellite
        serve = {c: _value(model.serve[name, c]) for t, c in model.SERVED if t == name}
        chosen = max(serve, key=lambda c: serve[c])
        if model.name == "full":
            decision = _full_decision(model, name, chosen, len(task.residual_levels_bpp) + 1)
        else:
            decision = replace(model.packets.tasks[index], computing_satellite=chosen, data_path=None, model_path=None)
        if decision.sends_data:
            decision = replace(decision, data_path=_follow(model, "data", name, chosen))
        if decision.sends_model:
            decision = replace(decision, model_path=_follow(model, "model", name, chosen)[::-1])
        decisions.append(decision)
    return Solution(model.instance.name, tuple(decisions))


def _value(component: Any) -> float:
    value = pyo.value(component, exception=False)
    if value is None:
        raise SolutionError(f"{component.name} has no value: solve the model and load its solution first")
    return float(value)


def _full_decision(model: Any, name: str, chosen: str, levels: int) -> TaskDecision:
    rho = min(max(_value(model.offload_ratio[name]), 0.0), 1.0)
    for kind, end in (("data", 0.0), ("model", 1.0)):
        if _value(model.sent[kind, name]) < 0.5:
            rho = end
    rho = snap_ratio(rho)
    design = model.designs[name]
    shares = design.residual_shares(rho, levels)
    if hasattr(model, "frames_at"):
        frames = next(task.frames for task in model.instance.tasks if task.satellite == name)
        counts = [round(_value(model.frames_at[name, s])) for s in range(levels)]
        rho, shares = sum(counts) / frames, tuple(count / frames for count in counts)
    bits = design.model_packet_bits if design.can_stay and rho < 1 else 0.0
    return TaskDecision(name, chosen, rho, shares, bits, None, None)


def _follow(model: Any, kind: str, name: str, chosen: str) -> tuple[str, ...]:
    """Walk the used links from m to c(m), against their direction for the model packet, without cycles."""
    step: dict[str, list[str]] = {}
    for link in model.instance.links:
        i, j = link.source, link.target
        if (kind, name, i, j) in model.LINKS and _value(model.use[kind, name, i, j]) > 0.5:
            here, there = (i, j) if kind == "data" else (j, i)
            step.setdefault(here, []).append(there)
    came: dict[str, str | None] = {name: None}
    queue = [name]
    for here in queue:
        for there in step.get(here, []):
            if there not in came:
                came[there] = here
                queue.append(there)
    if chosen not in came:
        raise SolutionError(f"task {name}: the model's {kind} links do not join it with {chosen}")
    path = [chosen]
    while (before := came[path[-1]]) is not None:
        path.append(before)
    return tuple(reversed(path))
