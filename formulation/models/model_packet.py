"""Problem (6): the least model packet that meets the small model's mAP target."""

from typing import Any

import pyomo.environ as pyo

from instances import Instance


def build_model_packet_model(instance: Instance) -> Any:
    """Build problem (6) for every task.

    Variables: D[m], the model packet in bit, (4d) D^min ≤ D[m] ≤ D^max.
    Minimise Σ_m D[m] subject to (6b) g(D[m]) ≥ A^S_m, as D[m] ≥ g⁻¹(A^S_m), the least packet that meets the target.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Where no packet meets the target, (6b) asks for more than D^max and the model is infeasible.
    """
    m = pyo.ConcreteModel(name="model_packet")
    tasks = {task.satellite: task for task in instance.tasks}
    m.instance = instance
    m.TASKS = pyo.Set(initialize=list(tasks))
    m.model_packet_bits = pyo.Var(m.TASKS, bounds=lambda m, name: tasks[name].model_packet_bits_range)

    @m.Constraint(m.TASKS, doc="(6b)")
    def small_map(m: Any, name: str) -> Any:
        task = tasks[name]
        least = instance.accuracy_of(task).small.inverse(task.small_map_min, *task.model_packet_bits_range)
        if least is None:
            least = 1 + 2 * task.model_packet_bits_range[1]
        return m.model_packet_bits[name] >= least

    m.total_bits = pyo.Objective(expr=sum(m.model_packet_bits[name] for name in m.TASKS))
    return m
