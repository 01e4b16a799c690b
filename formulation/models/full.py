"""Problem (4), reduced: packet sizes from (5) and (6) substituted, ρ, c(m) and both routes decided."""

from typing import Any

import pyomo.environ as pyo

from formulation.models.data import KINDS, add_data, full_sizes
from formulation.models.delay import add_delay
from formulation.models.joint import add_joint_packets
from formulation.models.levels import add_level_transmission
from formulation.models.objective import add_objective
from formulation.models.routes import Expressions, add_conservation, add_routes, add_transmission
from formulation.models.rules import add_rules
from formulation.packets import design_packets
from formulation.problem import Problem, as_problem
from instances import Instance

FORMULATIONS = ("bit-flow", "textbook", "load-indexed", "joint")
"""Names of the models of (4). All have the same optimum; they differ in the strength of their relaxations.

`textbook`: each product of ρ with a link's use by its big-M inequality alone. `bit-flow`: the product is a flow of its
own. `load-indexed`: bit-flow, with congestion by levels instead of pairs. `joint`: bit-flow with the packets' sizes as
variables under (4b), (4c), (4d) instead of (5) and (6) substituted.
"""


def build_full_model(problem: Instance | Problem, formulation: str = "bit-flow") -> Any:
    """Build problem (4) as a mixed-integer linear program: bit-flow lifting by default.

    Times are in units of `time_unit_s` [s]. kind is data or model; i, j, k are satellites.

    | part | index | what it is |
    |---|---|---|
    | TASKS, SERVED, LINKS | m; (m, c); (kind, m, i, j) | sets: tasks, who may serve, links a packet may use |
    | packet_size, time_per_bit, propagation, relay_time, extraction_time, small_time, large_time, weight | | data
      (`add_data`), mutable |
    | offload_ratio | m | ρ_m ∈ `offload_ratio_range` |
    | sent | kind, m | 1 where the packet exists |
    | data_mode, model_mode | m | ρ_m ≤ sent[data, m], 1 - ρ_m ≤ sent[model, m] |
    | use, serve, ends; one_server, same_server, has_end, route | | c(m) and the routes, (4e), (4f) (`add_routes`) |
    | flow | data, m, i, j | ρ_m · use ∈ [0, 1]; flow_on_route: flow ≤ use |
    | offloaded | data, m, c | ρ_m · ends ∈ [0, 1]; flow_end: offloaded ≤ ends |
    | bit_flow | data, m, k | flow conservation of value ρ_m, absorbed by offloaded (`textbook`: product, big-M) |
    | transmission | kind, m | (1), (2) with congestion (`add_transmission`; `load-indexed`: `add_level_transmission`) |
    | makespan, extraction, local_side, remote_side, delay | m | (3), with a shared F_c where asked (`add_delay`) |
    | rule, deadline | (rule, place); m | rules and deadlines (`add_rules`) |
    | service_delay | | minimise the weighted mean or the largest delay (`add_objective`) |

    With `joint` or whole frames, sizes are variables under (4b), (4c), (4d) with flows of their own
    (`add_joint_packets`): in whole frames D^D_m is no multiple of ρ_m.

    Raises
    ------
    ValueError
        If there is no such formulation, or it has no whole frames.
    """
    problem = as_problem(problem)
    instance, whole = problem.instance, problem.whole_frames
    _require_formulation(formulation, whole)
    m = pyo.ConcreteModel(name="full")
    m.problem, m.instance = problem, instance
    m.designs = {task.satellite: design_packets(instance, task) for task in instance.tasks}
    kinds = KINDS if formulation == "joint" else ("data",) if whole else ()
    add_data(m, problem, full_sizes(problem, m.designs, kinds), dict.fromkeys(m.designs))

    limits = {task.satellite: task.offload_ratio_range for task in instance.tasks}
    m.offload_ratio = pyo.Var(m.TASKS, bounds=lambda m, name: limits[name], doc="ρ_m")
    m.sent = pyo.Var(KINDS, m.TASKS, domain=pyo.Binary, doc="the packet exists")
    m.data_mode = pyo.Constraint(
        m.TASKS, rule=lambda m, name: m.offload_ratio[name] <= m.sent["data", name], doc="ρ_m > 0 needs the data packet"
    )
    m.model_mode = pyo.Constraint(
        m.TASKS,
        rule=lambda m, name: 1 - m.offload_ratio[name] <= m.sent["model", name],
        doc="ρ_m < 1 needs the model packet",
    )
    _fix_forbidden_packets(m)

    add_routes(m, instance)
    data_links = pyo.Set(initialize=[key for key in m.LINKS if key[0] == "data"], dimen=4)
    m.flow = pyo.Var(data_links, bounds=(0, 1), doc="ρ_m where the data packet is sent over the link")
    m.offloaded = pyo.Var(["data"], m.SERVED, bounds=(0, 1), doc="ρ_m where c(m) = c")
    m.flow_on_route = pyo.Constraint(
        m.flow.index_set(), rule=lambda m, *key: m.flow[key] <= m.use[key], doc="flow <= use"
    )
    m.flow_end = pyo.Constraint(
        m.SERVED, rule=lambda m, *key: m.offloaded["data", key] <= m.ends["data", key], doc="offloaded <= ends"
    )
    if formulation == "textbook":
        _add_big_m_products(m)
    else:
        amount = {("data", name): m.offload_ratio[name] for name in m.TASKS}
        add_conservation(m, instance, "bit_flow", m.flow, amount, m.offloaded, ("data",))

    load: Expressions = {key: m.flow[key] if key[0] == "data" else m.use[key] for key in m.LINKS}
    end: Expressions = {(k, *key): (m.offloaded if k == "data" else m.ends)[k, *key] for k in KINDS for key in m.SERVED}
    if kinds:
        load, end = add_joint_packets(m, instance, load, end, kinds=kinds, whole_frames=whole)
    (add_level_transmission if formulation == "load-indexed" else add_transmission)(m, load, end)
    m.share_at = pyo.Expression(m.SERVED, rule=lambda m, *key: m.offloaded["data", key], doc="ρ_m where c(m) = c")
    add_delay(m)
    add_rules(m)
    add_objective(m)
    return m


def _require_formulation(formulation: str, whole_frames: bool) -> None:
    allowed = tuple(name for name in FORMULATIONS if not (whole_frames and name == "textbook"))
    if formulation not in allowed:
        with_frames = " with whole_frames" if whole_frames else ""
        raise ValueError(f"formulation{with_frames} must be one of {', '.join(allowed)}, got {formulation!r}")


def _fix_forbidden_packets(m: Any) -> None:
    """Fix to 0 the packets that accuracy forbids."""
    for name, design in m.designs.items():
        if not design.can_offload:
            m.sent["data", name].fix(0)
        if not design.can_stay:
            m.sent["model", name].fix(0)


def _add_big_m_products(m: Any) -> None:
    """Add flow ≥ ρ + use - 1 and its like at the ends: the products ρ · use with 1 as the big-M."""
    m.product = pyo.Constraint(
        m.flow.index_set(),
        rule=lambda m, *key: m.flow[key] >= m.offload_ratio[key[1]] + m.use[key] - 1,
        doc="flow >= ρ_m + use - 1",
    )
    m.product_at_end = pyo.Constraint(
        m.SERVED,
        rule=lambda m, t, c: m.offloaded["data", t, c] >= m.offload_ratio[t] + m.ends["data", t, c] - 1,
        doc="offloaded >= ρ_m + ends - 1",
    )
