"""Load-indexed congestion: a resource's packets are counted by which of its levels is on.

For every link (and relay) that several packets may use, at[…, k] = 1 iff the packet uses it while exactly k packets of
its kind do, and amount[…, k] ≤ at[…, k] is its load then:

    Σ_k at_k = use,  Σ_k amount_k = load,  Σ_m at_{m,k} = k · full_k,  at_{m,k} ≤ full_k,  Σ_k full_k ≤ 1.

The transmission is Σ_k k · amount_k: no big-M, and the convex hull of each resource taken alone.
"""

from collections import defaultdict
from typing import Any

import pyomo.environ as pyo

from formulation.models.routes import Expressions, add_transmission_times, relayed


def add_level_transmission(m: Any, load: Expressions, end: Expressions) -> None:
    """Add `transmission[kind, m]` with load-indexed congestion; parameters as in `routes.add_transmission`."""
    m.packet_load = load
    uses = {(k, a, f"{i}->{j}"): m.use[k, a, i, j] for k, a, i, j in m.LINKS}
    loads = {(k, a, f"{i}->{j}"): load[k, a, i, j] for k, a, i, j in m.LINKS}
    cost = {f"{i}->{j}": m.time_per_bit[i, j] for i, j in m.time_per_bit}
    uses |= relayed(m, m.use, m.ends)
    loads |= relayed(m, load, end)
    cost |= {node: m.relay_time[node] for node in m.relay_time}
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for k, a, r in uses:
        users[k, r].append(a)
    indices = [(k, a, r, n) for k, a, r in uses for n in range(1, len(users[k, r]) + 1)]
    m.at_level = pyo.Var(
        pyo.Set(initialize=indices, dimen=4), domain=pyo.Binary, doc="the packet is there with n - 1 others of its kind"
    )
    m.amount = pyo.Var(m.at_level.index_set(), bounds=(0, 1), doc="its load then")
    full = [(k, r, n) for (k, r), names in users.items() for n in range(1, len(names) + 1)]
    m.full = pyo.Var(pyo.Set(initialize=full, dimen=3), bounds=(0, 1), doc="just n packets are there")
    packets = pyo.Set(initialize=list(uses), dimen=3, doc="(kind, m, r): resources a packet may use")
    m.PACKETS_AT = packets

    def levels(key: tuple[str, str, str]) -> range:
        return range(1, len(users[key[0], key[2]]) + 1)

    m.level_of_use = pyo.Constraint(
        packets,
        rule=lambda m, *key: sum(m.at_level[*key, n] for n in levels(key)) == uses[key],
        doc="Σ_n at_level = use",
    )
    m.level_of_load = pyo.Constraint(
        packets, rule=lambda m, *key: sum(m.amount[*key, n] for n in levels(key)) == loads[key], doc="Σ_n amount = load"
    )
    m.amount_at_level = pyo.Constraint(
        m.at_level.index_set(), rule=lambda m, *key: m.amount[key] <= m.at_level[key], doc="amount <= at_level"
    )
    m.level_is_full = pyo.Constraint(
        m.full.index_set(),
        rule=lambda m, k, r, n: sum(m.at_level[k, a, r, n] for a in users[k, r]) == n * m.full[k, r, n],
        doc="Σ_m at_level = n full",
    )
    m.level_is_on = pyo.Constraint(
        m.at_level.index_set(),
        rule=lambda m, k, a, r, n: m.at_level[k, a, r, n] <= m.full[k, r, n],
        doc="at_level <= full",
    )
    m.one_level = pyo.Constraint(
        list(users),
        rule=lambda m, k, r: sum(m.full[k, r, n] for n in range(1, len(users[k, r]) + 1)) <= 1,
        doc="Σ_n full <= 1",
    )
    terms: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for k, a, r, n in indices:
        terms[k, a].append(m.packet_size[k, a] * cost[r] * n * m.amount[k, a, r, n])
    for k, a, i, j in m.LINKS:
        terms[k, a].append(m.propagation[i, j] * m.use[k, a, i, j])
    add_transmission_times(m, terms)
