"""Problem (7): c(m) and the routes of every packet, at given offload ratios and packet sizes."""

from typing import Any

import pyomo.environ as pyo

from formulation.models.routes import KINDS, add_objective, add_routes, add_transmission
from formulation.models.units import in_time_units, time_unit_s
from formulation.solution import Solution, bind
from formulation.volumes import computing_rate, data_packet_bits
from instances import Instance


def build_routing_model(instance: Instance, packets: Solution, objective: str = "mean") -> Any:
    """Build problem (7) as a mixed-integer linear model.

    Variables: those of `add_routes`; makespan[m] ≥ 0.
    Minimise the mean (or largest) of (3)
    delay[m] = T^M_m + t^fe_m + makespan[m], makespan ≥ T^D_m + t^L_m, makespan ≥ t^S_m,
    with ρ_m, D^D_m, D^M_m constant and every packet that exists routed, (4e), (4f). Times are in units of `time_unit_s`
    [s].

    Parameters
    ----------
    instance
        The problem.
    packets
        Its ρ, residual shares and model packets are taken; its c(m) and paths are not.
    objective
        `mean` or `max`.
    """
    bind(instance, packets)
    m = pyo.ConcreteModel(name="routing")
    tasks = {task.satellite: task for task in instance.tasks}
    fixed = {decision.satellite: decision for decision in packets.tasks}
    sent = {("data", name): int(decision.sends_data) for name, decision in fixed.items()}
    sent |= {("model", name): int(decision.sends_model) for name, decision in fixed.items()}
    size = {("data", name): data_packet_bits(tasks[name], decision) for name, decision in fixed.items()}
    size |= {("model", name): decision.model_packet_bits for name, decision in fixed.items()}
    m.time_unit_s = time_unit_s(instance, size, {name: decision.offload_ratio for name, decision in fixed.items()})
    timed = in_time_units(instance, m.time_unit_s)
    own = {name: computing_rate(timed, name) for name in tasks}

    m.packets = packets
    m.TASKS = pyo.Set(initialize=list(tasks))
    m.sent = pyo.Param(KINDS, m.TASKS, initialize=sent)
    add_routes(m, instance)
    add_transmission(m, timed, size, lambda *key: m.use[key], m.ends)
    m.makespan = pyo.Var(m.TASKS, domain=pyo.NonNegativeReals)

    def duration(name: str, ops_per_frame: float, share: float, rate: float) -> float:
        return share * tasks[name].frames * ops_per_frame / rate

    @m.Constraint(m.TASKS, doc="(3), small model")
    def local_side(m: Any, name: str) -> Any:
        return m.makespan[name] >= duration(
            name, tasks[name].small_ops_per_frame, 1 - fixed[name].offload_ratio, own[name]
        )

    @m.Constraint(m.TASKS, doc="(3), large model")
    def remote_side(m: Any, name: str) -> Any:
        ops, ratio = tasks[name].large_ops_per_frame, fixed[name].offload_ratio
        served = [c for t, c in m.SERVED if t == name]
        large = sum(duration(name, ops, ratio, computing_rate(timed, c)) * m.ends["data", name, c] for c in served)
        return m.makespan[name] >= m.transmission["data", name] + large

    @m.Expression(m.TASKS, doc="(3)")
    def delay(m: Any, name: str) -> Any:
        extraction = tasks[name].volume_bits * tasks[name].feature_ops_per_bit / own[name] * fixed[name].offload_ratio
        return m.transmission["model", name] + extraction + m.makespan[name]

    add_objective(m, instance, objective)
    return m
