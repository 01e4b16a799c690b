"""Problem (4), reduced: packet sizes from (5) and (6) substituted, ρ, c(m) and both routes decided."""

from typing import Any

import pyomo.environ as pyo

from formulation.models.joint import add_joint_packets
from formulation.models.levels import add_level_transmission
from formulation.models.routes import KINDS, add_conservation, add_objective, add_routes, add_transmission
from formulation.models.units import in_time_units, time_unit_s
from formulation.packets import design_packets
from formulation.volumes import computing_rate
from instances import Instance

FORMULATIONS = ("bit-flow", "textbook", "load-indexed", "joint")
"""Names of the models of (4). All have the same optimum; they differ in the strength of their relaxations.

`textbook`: each product of ρ with a link's use by its big-M inequality alone. `bit-flow`: the product is a flow of its
own. `load-indexed`: bit-flow, with congestion by levels instead of pairs. `joint`: bit-flow with the packets' sizes as
variables under (4b), (4c), (4d) instead of (5) and (6) substituted.
"""


def build_full_model(
    instance: Instance,
    objective: str = "mean",
    formulation: str = "bit-flow",
    share_computing: bool = False,
    *,
    whole_frames: bool = False,
) -> Any:
    """Build problem (4) as a mixed-integer linear model: bit-flow lifting by default.

    D^D_m = B_m ρ_m with B_m from (5); D^M_m from (6). The product of ρ_m and a link's use is a flow of its own:
    flow[m, i, j] ∈ [0, use], conserved with value ρ_m and absorbed by offloaded[m, c] ≤ ends[data, m, c].

    Variables: offload_ratio[m] ∈ [0, 1]; sent[kind, m] ∈ {0, 1}; flow; offloaded; those of `add_routes`.
    Packet modes: ρ_m ≤ sent[data, m], 1 - ρ_m ≤ sent[model, m]; a packet that accuracy forbids is fixed to 0.
    Minimise the mean (or largest) of (3)
    delay[m] = T^M_m + t^fe_m + makespan[m], makespan ≥ T^D_m + t^L_m, makespan ≥ t^S_m.
    Times (makespan, transmission, extraction, delay, the objective) are in units of `time_unit_s` [s], sizes in shares.

    Parameters
    ----------
    instance
        The problem.
    objective
        `mean` or `max`.
    formulation
        One of `FORMULATIONS`.
    share_computing
        Divide F_c by the number of tasks that c serves.
    whole_frames
        Offload whole frames at every level: N_m σ_{m,s} integer. D^D_m is then no multiple of ρ_m: it is a variable,
        linked to the counts, with a flow of its own on the links (`add_joint_packets`).

    Raises
    ------
    ValueError
        If `objective` is neither `mean` nor `max`, there is no such formulation, or it has no whole frames.
    """
    allowed = tuple(name for name in FORMULATIONS if not (whole_frames and name == "textbook"))
    if formulation not in allowed:
        with_frames = " with whole_frames" if whole_frames else ""
        raise ValueError(f"formulation{with_frames} must be one of {', '.join(allowed)}, got {formulation!r}")
    m = pyo.ConcreteModel(name="full")
    tasks = {task.satellite: task for task in instance.tasks}
    m.designs = {name: design_packets(instance, task) for name, task in tasks.items()}
    size = {("data", name): design.data_bits_per_ratio for name, design in m.designs.items()}
    size |= {("model", name): design.model_packet_bits or 0.0 for name, design in m.designs.items()}
    alone = {("data", name): size["data", name] if d.can_offload else None for name, d in m.designs.items()}
    alone |= {("model", name): size["model", name] if d.can_stay else None for name, d in m.designs.items()}
    m.time_unit_s = time_unit_s(instance, alone)
    timed = in_time_units(instance, m.time_unit_s)
    own = {name: computing_rate(timed, name) for name in tasks}

    m.TASKS = pyo.Set(initialize=list(tasks))
    m.offload_ratio = pyo.Var(m.TASKS, bounds=(0, 1))
    m.sent = pyo.Var(KINDS, m.TASKS, domain=pyo.Binary)
    add_routes(m, instance)
    m.flow = pyo.Var(pyo.Set(initialize=[key for key in m.LINKS if key[0] == "data"], dimen=4), bounds=(0, 1))
    m.offloaded = pyo.Var(["data"], m.SERVED, bounds=(0, 1))
    m.makespan = pyo.Var(m.TASKS, domain=pyo.NonNegativeReals)

    m.data_mode = pyo.Constraint(m.TASKS, rule=lambda m, name: m.offload_ratio[name] <= m.sent["data", name])
    m.model_mode = pyo.Constraint(m.TASKS, rule=lambda m, name: 1 - m.offload_ratio[name] <= m.sent["model", name])
    for name, design in m.designs.items():
        if not design.can_offload:
            m.sent["data", name].fix(0)
        if not design.can_stay:
            m.sent["model", name].fix(0)
    m.flow_on_route = pyo.Constraint(m.flow.index_set(), rule=lambda m, *key: m.flow[key] <= m.use[key])
    m.flow_end = pyo.Constraint(m.SERVED, rule=lambda m, *key: m.offloaded["data", key] <= m.ends["data", key])
    if formulation == "textbook":
        _add_big_m_products(m)
    else:
        amount = {("data", name): m.offload_ratio[name] for name in tasks}
        add_conservation(m, instance, "bit_flow", m.flow, amount, m.offloaded, ("data",))
    add = add_level_transmission if formulation == "load-indexed" else add_transmission
    if formulation == "joint" or whole_frames:
        kinds = KINDS if formulation == "joint" else ("data",)
        add_joint_packets(m, timed, size, kinds=kinds, whole_frames=whole_frames, add=add)
    else:
        end = {("data", *key): m.offloaded["data", key] for key in m.SERVED}
        end |= {("model", *key): m.ends["model", key] for key in m.SERVED}
        add(m, timed, size, lambda *key: m.flow[key] if key[0] == "data" else m.use[key], end)

    def others(name: str, c: str) -> list[str]:
        return [b for b, server in m.SERVED if server == c and b != name]

    if share_computing:
        served = [(a, b, c) for a, c in m.SERVED for b in others(a, c)]
        m.shared_server = pyo.Var(pyo.Set(initialize=served, dimen=3), bounds=(0, 1))
        m.server_congestion = pyo.Constraint(
            m.shared_server.index_set(),
            rule=lambda m, a, b, c: m.shared_server[a, b, c] >= m.offloaded["data", a, c] + m.ends["data", b, c] - 1,
        )

    @m.Expression(m.TASKS, doc="t^fe_m")
    def extraction(m: Any, name: str) -> Any:
        return tasks[name].volume_bits * tasks[name].feature_ops_per_bit / own[name] * m.offload_ratio[name]

    @m.Constraint(m.TASKS, doc="(3), small model")
    def local_side(m: Any, name: str) -> Any:
        whole = tasks[name].frames * tasks[name].small_ops_per_frame / own[name]
        return m.makespan[name] >= whole * (1 - m.offload_ratio[name])

    @m.Constraint(m.TASKS, doc="(3), large model")
    def remote_side(m: Any, name: str) -> Any:
        work = tasks[name].frames * tasks[name].large_ops_per_frame
        rates = {c: work / computing_rate(timed, c) for t, c in m.SERVED if t == name}
        large = sum(rate * m.offloaded["data", name, c] for c, rate in rates.items())
        if share_computing:
            large += sum(rate * m.shared_server[name, b, c] for c, rate in rates.items() for b in others(name, c))
        return m.makespan[name] >= m.transmission["data", name] + large

    m.delay = pyo.Expression(
        m.TASKS, rule=lambda m, name: m.transmission["model", name] + m.extraction[name] + m.makespan[name], doc="(3)"
    )
    add_objective(m, instance, objective)
    return m


def _add_big_m_products(m: Any) -> None:
    """Add flow ≥ ρ + use - 1 and its like at the ends: the products ρ · use with 1 as the big-M."""
    m.product = pyo.Constraint(
        m.flow.index_set(), rule=lambda m, *key: m.flow[key] >= m.offload_ratio[key[1]] + m.use[key] - 1
    )
    m.product_at_end = pyo.Constraint(
        m.SERVED, rule=lambda m, t, c: m.offloaded["data", t, c] >= m.offload_ratio[t] + m.ends["data", t, c] - 1
    )
