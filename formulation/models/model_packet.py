"""Problem (6): the least model packet that meets the small model's mAP target."""

from typing import Any

import pyomo.environ as pyo

from formulation.models.units import SMALLEST_BITS, power_of_ten
from formulation.problem import Problem, as_problem
from instances import Instance


def build_model_packet_model(problem: Instance | Problem) -> Any:
    """Build problem (6) for every task.

    Variables: size_share[m], the model packet D[m] over D^max, (4d) D^min ≤ D[m] ≤ D^max.
    Minimise Σ_m D[m], in units of `bit_unit` [bit], subject to (6b) g(D[m]) ≥ A^S_m, as D[m] ≥ g⁻¹(A^S_m), the least
    packet that meets the target.

    Returns
    -------
    pyomo.environ.ConcreteModel
        With `model_packet_bits[m]` and `total_bits` as expressions. Where no packet meets the target, (6b)
        asks for more than D^max and the model is infeasible.
    """
    instance = as_problem(problem).instance
    m = pyo.ConcreteModel(name="model_packet")
    tasks = {task.satellite: task for task in instance.tasks}
    m.instance = instance
    m.TASKS = pyo.Set(initialize=list(tasks))
    highest = {name: max(task.model_packet_bits_range[1], SMALLEST_BITS) for name, task in tasks.items()}
    m.bit_unit = power_of_ten(sum(highest.values()))
    m.size_share = pyo.Var(
        m.TASKS, bounds=lambda m, name: tuple(bits / highest[name] for bits in tasks[name].model_packet_bits_range)
    )

    @m.Constraint(m.TASKS, doc="(6b)")
    def small_map(m: Any, name: str) -> Any:
        task = tasks[name]
        least = instance.accuracy_of(task).small.inverse(task.small_map_min, *task.model_packet_bits_range)
        return m.size_share[name] >= (2.0 if least is None else least / highest[name])

    m.model_packet_bits = pyo.Expression(
        m.TASKS, rule=lambda m, name: highest[name] * m.size_share[name], doc="D^M_m [bit]"
    )
    m.total_bits = pyo.Expression(expr=sum(m.model_packet_bits[name] for name in m.TASKS))
    m.total = pyo.Objective(expr=m.total_bits / m.bit_unit)
    return m
