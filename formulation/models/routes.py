"""The part that (4) and (7) share: routes as flows, and congestion on links and relays.

A packet of kind k of task m follows links (i, j). Flow conservation is written from m's side for both kinds, so the
model packet's flow runs from c(m) to m under the same constraint with the sign turned.

Cycles are not forbidden by rows: they only lengthen a path, so no optimum needs one, and reading a solution back
drops any that tolerance let through.
"""

from collections import defaultdict
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pyomo.environ as pyo

from formulation.models.data import KINDS
from instances import Instance

Expressions = Mapping[tuple[str, ...], Any]


def add_routes(m: Any, instance: Instance) -> None:
    """Add route variables to a model that has TASKS, SERVED and `sent[kind, m]` (variable or parameter).

    Adds
    ----
    LINKS
        (kind, m, i, j): links a packet may use (never back into its own task's satellite).
    use[kind, m, i, j] ∈ {0, 1}
        The packet follows the link.
    serve[m, c] ∈ {0, 1}, ends[kind, m, c] ∈ [0, 1]
        c(m) = c; the packet ends (data) or starts (model) there. Both kinds share one c(m).
    one_server, same_server, has_end
        Σ_c serve = 1; ends ≤ serve; Σ_c ends = sent.
    route (4e), (4f)
        Flow conservation of one unit per packet that is sent.
    """
    m.LINKS = pyo.Set(
        initialize=packet_links(instance),
        dimen=4,
        doc="(kind, m, i, j): links that a packet may use",
    )
    m.use = pyo.Var(m.LINKS, domain=pyo.Binary, doc="the packet is sent over the link")
    m.serve = pyo.Var(m.SERVED, domain=pyo.Binary, doc="c(m) = c")
    m.ends = pyo.Var(KINDS, m.SERVED, bounds=(0, 1), doc="the packet ends (data) or starts (model) at c")
    m.nobody = pyo.Var(bounds=(0, 0), doc="makes rows that cannot hold: Pyomo takes no constant ones")

    @m.Constraint(m.TASKS, doc="one c(m)")
    def one_server(m: Any, name: str) -> Any:
        return _row(m, sum(m.serve[name, c] for t, c in m.SERVED if t == name) == 1)

    @m.Constraint(KINDS, m.SERVED, doc="both packets at c(m)")
    def same_server(m: Any, kind: str, name: str, c: str) -> Any:
        return m.ends[kind, name, c] <= m.serve[name, c]

    @m.Constraint(KINDS, m.TASKS, doc="a sent packet has an end")
    def has_end(m: Any, kind: str, name: str) -> Any:
        return _row(m, sum(m.ends[kind, name, c] for t, c in m.SERVED if t == name) == m.sent[kind, name])

    add_conservation(m, instance, "route", m.use, m.sent, m.ends, KINDS)


def packet_links(instance: Instance) -> list[tuple[str, str, str, str]]:
    """Return (kind, m, i, j) of every link that a packet may use: never back into its own task's satellite."""
    return [
        (kind, task.satellite, link.source, link.target)
        for kind in KINDS
        for task in instance.tasks
        for link in instance.links
        if task.satellite != (link.target if kind == "data" else link.source)
    ]


def _row(m: Any, row: Any) -> Any:
    """Return a row as it is; one with nothing to decide is left out, or cannot hold."""
    if not isinstance(row, bool):
        return row
    return pyo.Constraint.Skip if row else m.nobody >= 1


def add_conservation(
    m: Any, instance: Instance, name: str, flow: Any, amount: Any, end: Any, kinds: tuple[str, ...]
) -> None:
    """Add flow conservation for `flow[kind, m, i, j]`, of value `amount[kind, m]` and absorbed by `end[kind, m, c]`."""
    into: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    out: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for key in m.LINKS:
        kind, task, i, j = key
        if kind in kinds:
            out[kind, task, i].append(flow[key])
            into[kind, task, j].append(flow[key])

    def rule(m: Any, kind: str, task: str, node: str) -> Any:
        places = (kind, task, node)
        net = pyo.quicksum(out[places]) - pyo.quicksum(into[places])
        supply = amount[kind, task] if node == task else 0
        absorbed = end[kind, task, node] if (task, node) in m.SERVED else 0
        return _row(m, (net if kind == "data" else -net) == supply - absorbed)

    tasks = [task.satellite for task in instance.tasks]
    nodes = [satellite.id for satellite in instance.satellites]
    m.add_component(name, pyo.Constraint(kinds, tasks, nodes, rule=rule, doc="(4e), (4f)"))


def add_transmission(m: Any, load: Expressions, end: Expressions) -> None:
    """Add congestion and the transmission delays (1), (2) as the expression `transmission[kind, m]`.

    On a link (or relay) that m shares with n other packets of its kind, its bits count 1 + n times. Every ordered
    pair (m, m') has its own term: shared ≥ load_m + use_m' - 1, shared ≥ 0. The bound 1 on the load is the big-M.

    Parameters
    ----------
    load
        load[kind, m, i, j]: the packet's load on a link, at most `use` of it; its bits are packet_size · load.
    end
        end[kind, m, c]: the load that ends (data) or starts (model) at c.
    """
    m.packet_load = load
    through_use = relayed(m, m.use, m.ends)
    through_load = relayed(m, load, end)
    pairs = list(permutations(m.TASKS, 2))
    shared_links = [(k, a, b, i, j) for k, a, i, j in m.LINKS for a2, b in pairs if a2 == a and (k, b, i, j) in m.LINKS]
    shared_relays = [
        (k, a, b, n) for k, a, n in through_load for a2, b in pairs if a2 == a and (k, b, n) in through_use
    ]
    m.shared_link = pyo.Var(
        pyo.Set(initialize=shared_links, dimen=5), bounds=(0, 1), doc="load of m on a link that m' uses too"
    )
    m.shared_relay = pyo.Var(
        pyo.Set(initialize=shared_relays, dimen=4), bounds=(0, 1), doc="load of m at a relay that relays m' too"
    )

    @m.Constraint(m.shared_link.index_set(), doc="congestion on a link")
    def link_congestion(m: Any, kind: str, a: str, b: str, i: str, j: str) -> Any:
        return m.shared_link[kind, a, b, i, j] >= load[kind, a, i, j] + m.use[kind, b, i, j] - 1

    @m.Constraint(m.shared_relay.index_set(), doc="congestion at a relay")
    def relay_congestion(m: Any, kind: str, a: str, b: str, n: str) -> Any:
        return m.shared_relay[kind, a, b, n] >= through_load[kind, a, n] + through_use[kind, b, n] - 1

    terms: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for kind, a, i, j in m.LINKS:
        terms[kind, a] += [
            m.packet_size[kind, a] * m.time_per_bit[i, j] * load[kind, a, i, j],
            m.propagation[i, j] * m.use[kind, a, i, j],
        ]
    for kind, a, b, i, j in shared_links:
        terms[kind, a].append(m.packet_size[kind, a] * m.time_per_bit[i, j] * m.shared_link[kind, a, b, i, j])
    for (kind, a, n), passing in through_load.items():
        terms[kind, a].append(m.packet_size[kind, a] * m.relay_time[n] * passing)
    for kind, a, b, n in shared_relays:
        terms[kind, a].append(m.packet_size[kind, a] * m.relay_time[n] * m.shared_relay[kind, a, b, n])
    add_transmission_times(m, terms)


def add_transmission_times(m: Any, terms: Mapping[tuple[str, str], list[Any]]) -> None:
    """Add the sum of a packet's terms as the expression `transmission[kind, m]`."""
    m.transmission = pyo.Expression(
        KINDS, m.TASKS, rule=lambda m, *key: pyo.quicksum(terms.get(key, [])), doc="(1), (2) [time unit]"
    )


def relayed(m: Any, load: Expressions, end: Expressions) -> dict[tuple[str, str, str], Any]:
    """Return what of (kind, m) is relayed at each satellite with a relay time: it passes and does not end there."""
    at: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for kind, task, i, j in m.LINKS:
        node = j if kind == "data" else i
        if node in m.relay_time and node != task:
            at[kind, task, node].append(load[kind, task, i, j])
    return {
        (kind, task, node): pyo.quicksum(terms) - (end[kind, task, node] if (task, node) in m.SERVED else 0)
        for (kind, task, node), terms in at.items()
    }
