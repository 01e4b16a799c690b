"""From a `Solution` to the start values of a Pyomo model of (4) or (7)."""

from itertools import pairwise
from typing import Any

from formulation.solution import Solution, bind


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
            for kind, sent in (("data", decision.sends_data), ("model", decision.sends_model)):
                if not model.sent[kind, name].fixed:
                    model.sent[kind, name].set_value(int(sent))
    chosen = {decision.satellite: decision.computing_satellite for decision in solution.tasks}
    for key in model.LINKS:
        model.use[key].set_value(int(key in used))
    for name, c in model.SERVED:
        model.serve[name, c].set_value(int(chosen[name] == c))
