"""Problem (7): c(m) and the routes of every packet, at given offload ratios and packet sizes."""

from typing import Any

import pyomo.environ as pyo

from formulation.models.data import KINDS, add_data
from formulation.models.delay import add_delay
from formulation.models.objective import add_objective
from formulation.models.routes import add_routes, add_transmission
from formulation.models.rules import add_rules
from formulation.problem import Problem, as_problem
from formulation.solution import Solution, bind
from formulation.volumes import data_packet_bits, effective_ratio
from instances import Instance


def build_routing_model(problem: Instance | Problem, packets: Solution) -> Any:
    """Build problem (7) as a mixed-integer linear program.

    Times are in units of `time_unit_s` [s]. kind is data or model; i, j, k are satellites.

    | part | index | what it is |
    |---|---|---|
    | TASKS, SERVED, LINKS | m; (m, c); (kind, m, i, j) | sets: tasks, who may serve, links a packet may use |
    | packet_size, time_per_bit, propagation, relay_time, extraction_time, small_time, large_time, weight | | data
      (`add_data`), mutable |
    | offload_ratio, sent | m; kind, m | ρ_m and whether the packet exists, as given |
    | use, serve, ends; one_server, same_server, has_end, route | | c(m) and the routes, (4e), (4f) (`add_routes`) |
    | transmission | kind, m | (1), (2) with congestion (`add_transmission`) |
    | share_at | m, c | ρ_m ends[data, m, c] |
    | makespan, extraction, local_side, remote_side, delay | m | (3), with a shared F_c where asked (`add_delay`) |
    | rule, deadline | (rule, place); m | rules and deadlines (`add_rules`) |
    | service_delay | | minimise the weighted mean or the largest delay (`add_objective`) |

    Parameters
    ----------
    problem
        The problem.
    packets
        Its ρ, residual shares and model packets are taken; its c(m) and paths are not.
    """
    problem = as_problem(problem)
    instance = problem.instance
    bind(instance, packets)
    m = pyo.ConcreteModel(name="routing")
    m.problem, m.instance, m.packets = problem, instance, packets
    pairs = list(zip(instance.tasks, packets.tasks, strict=True))
    sizes = {("data", task.satellite): data_packet_bits(task, decision) for task, decision in pairs}
    sizes |= {("model", decision.satellite): decision.model_packet_bits for _, decision in pairs}
    ratios = {decision.satellite: effective_ratio(decision) for _, decision in pairs}
    sent = {("data", decision.satellite): int(decision.sends_data) for _, decision in pairs}
    sent |= {("model", decision.satellite): int(decision.sends_model) for _, decision in pairs}
    add_data(m, problem, sizes, ratios)

    m.offload_ratio = pyo.Param(m.TASKS, initialize=ratios, doc="ρ_m")
    m.sent = pyo.Param(KINDS, m.TASKS, initialize=sent, doc="the packet exists")
    add_routes(m, instance)
    add_transmission(m, {key: m.use[key] for key in m.LINKS}, m.ends)
    m.share_at = pyo.Expression(
        m.SERVED, rule=lambda m, *key: m.offload_ratio[key[0]] * m.ends["data", key], doc="ρ_m where c(m) = c"
    )
    add_delay(m)
    add_rules(m)
    add_objective(m)
    return m
