"""How each of `OBJECTIVES` is modelled."""

from collections.abc import Callable, Mapping
from typing import Any

import pyomo.environ as pyo


def _weighted_mean(m: Any) -> Any:
    total = sum(m.weight[name] for name in m.TASKS)
    return pyo.quicksum(m.weight[name] * m.delay[name] for name in m.TASKS) / total


def _largest(m: Any) -> Any:
    m.largest = pyo.Var(domain=pyo.NonNegativeReals, doc="largest delay [time unit]")
    m.is_largest = pyo.Constraint(m.TASKS, rule=lambda m, name: m.largest >= m.delay[name], doc="largest >= delay")
    return m.largest


MODELLED: Mapping[str, Callable[[Any], Any]] = {"mean": _weighted_mean, "max": _largest}
"""What is minimised, by the names of `OBJECTIVES`."""


def add_objective(m: Any) -> None:
    """Minimise the problem's objective over `delay[m]` [time unit]."""
    m.service_delay = pyo.Objective(expr=MODELLED[m.problem.objective](m), doc="objective [time unit]")
