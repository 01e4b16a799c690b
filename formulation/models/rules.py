"""Rules, deadlines and limits of ρ as rows of the models of (4) and (7).

Every row is read off the rules' linear form (`formulation.rules.linear_form`): one translation serves all kinds.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any

import pyomo.environ as pyo

from formulation.problem import Problem
from formulation.rules.linear_form import (
    Bits,
    Ends,
    Indicator,
    Offloaded,
    OffloadRatio,
    Relay,
    Row,
    Sent,
    Serve,
    Use,
    Variable,
)

SCALE = 1e3
"""Largest number of a row over continuous decisions, well above a solver's feasibility tolerance."""


def add_rules(m: Any) -> None:
    """Add the problem's rules and deadlines to a model that has routes, packet sizes and delays.

    Sets: RULE_ROWS, (name of the rule, place of the row).
    Variables: indicator[name, key] ∈ [0, 1], of rules that have such; order[kind, m, k], where routes must be kept from
    cycles (`_add_simple_paths`).
    Constraints: rule[name, place], the rows; deadline[m], T_m ≤ `deadline_s`.
    """
    problem = m.problem
    rows = {(name, row.place): row for name, rule in problem.named_rules.items() for row in rule.rows(problem.instance)}
    indicators = {(name, v.key) for (name, _), row in rows.items() for _, v in row.terms if isinstance(v, Indicator)}
    m.RULE_ROWS = pyo.Set(initialize=list(rows), dimen=2, doc="(rule, what the row is about)")
    m.indicator = pyo.Var(sorted(indicators), bounds=(0, 1), doc="variables of single rules")
    passing = _Passing(m)

    @m.Constraint(m.RULE_ROWS, doc="rules")
    def rule(m: Any, name: str, place: str) -> Any:
        row = rows[name, place]
        scale = _scale(m, row)
        total = pyo.quicksum(scale * c * one for c, variable in row.terms for one in _sum(m, name, variable, passing))
        return _compare(m, total, row.sense, scale * row.rhs)

    deadlines = {task.satellite: task.deadline_s for task in problem.instance.tasks if task.deadline_s is not None}
    m.deadline = pyo.Constraint(
        list(deadlines), rule=lambda m, name: m.delay[name] <= deadlines[name] / m.time_unit_s, doc="T_m <= deadline_s"
    )
    detours = {packet for row in rows.values() for packet in _rewarded(row)}
    if detours:
        _add_simple_paths(m, problem, detours)


def _compare(m: Any, total: Any, sense: str, rhs: float) -> Any:
    """Return a row; one without variables is left out where it holds, and cannot hold where it does not."""
    if isinstance(total, int | float):
        holds = {"<=": total <= rhs, ">=": total >= rhs, "==": total == rhs}[sense]
        return pyo.Constraint.Skip if holds else m.nobody >= 1
    if sense == "==":
        return total == rhs
    return total <= rhs if sense == "<=" else total >= rhs


def _scale(m: Any, row: Row) -> float:
    """Return the factor of a row: 1 where it only counts, else what makes its largest number `SCALE`."""
    largest = [abs(row.rhs)]
    for coefficient, variable in row.terms:
        if isinstance(variable, Bits):
            sizes = (pyo.value(m.packet_size[kind, name]) for kind in variable.packets for name in variable.tasks)
            largest.append(abs(coefficient) * max(sizes))
        elif isinstance(variable, OffloadRatio | Offloaded):
            largest.append(abs(coefficient))
    most = max(largest)
    return SCALE / most if len(largest) > 1 and most > 0 else 1.0


class _Passing:
    """What passes through a satellite of each packet, collected from the links on first use."""

    def __init__(self, m: Any) -> None:
        self._m = m
        self._into: dict[tuple[str, str, str], list[Any]] = {}

    def __getitem__(self, key: tuple[str, str, str]) -> list[Any]:
        if not self._into:
            into = defaultdict(list)
            for kind, task, i, j in self._m.LINKS:
                into[kind, task, j if kind == "data" else i].append(self._m.use[kind, task, i, j])
            self._into = into
        return self._into.get(key, [])


def _sum(m: Any, rule: str, variable: Variable, passing: _Passing) -> Iterator[Any]:
    """Yield the Pyomo expressions whose sum a variable of the linear form stands for."""
    if isinstance(variable, Use | Bits):
        for kind, task, (i, j) in product(variable.packets, variable.tasks, variable.links):
            if (kind, task, i, j) in m.LINKS:
                key = (kind, task, i, j)
                yield m.use[key] if isinstance(variable, Use) else m.packet_size[key[:2]] * m.packet_load[key]
    elif isinstance(variable, Relay):
        for kind, task, node in product(variable.packets, variable.tasks, variable.satellites):
            if node != task:
                yield from passing[kind, task, node]
                if (task, node) in m.SERVED:
                    yield -m.ends[kind, task, node]
    elif isinstance(variable, Serve | Ends | Offloaded):
        for task, c in product(variable.tasks, variable.computing):
            if (task, c) in m.SERVED:
                yield from _at_server(m, variable, task, c)
    elif isinstance(variable, Sent):
        yield from (m.sent[kind, task] for kind, task in product(variable.packets, variable.tasks))
    elif isinstance(variable, OffloadRatio):
        yield from (m.offload_ratio[task] for task in variable.tasks)
    else:
        yield m.indicator[rule, variable.key]


def _at_server(m: Any, variable: Serve | Ends | Offloaded, task: str, c: str) -> Iterator[Any]:
    if isinstance(variable, Serve):
        yield m.serve[task, c]
    elif isinstance(variable, Ends):
        yield from (m.ends[kind, task, c] for kind in variable.packets)
    else:
        yield m.share_at[task, c]


def _rewarded(row: Row) -> Iterator[tuple[str, str]]:
    """Yield (kind, task) of packets that a row would let run in circles: it asks for links or relays, not for few."""
    for coefficient, variable in row.terms:
        if isinstance(variable, Use | Relay | Bits) and (row.sense == "==" or (row.sense == ">=") == (coefficient > 0)):
            yield from product(variable.packets, variable.tasks)


def _add_simple_paths(m: Any, problem: Problem, packets: set[tuple[str, str]]) -> None:
    """Forbid cycles to packets that a rule rewards for links, by the rows of Miller, Tucker and Zemlin.

    Journal of the ACM 7 (1960), doi 10.1145/321043.321046.
    order[kind, m, k] ∈ [0, K - 1] rises by one along a link that is used; a satellite is entered once at most.
    """
    nodes = [satellite.id for satellite in problem.instance.satellites]
    m.order = pyo.Var(sorted(packets), nodes, bounds=(0, len(nodes) - 1), doc="place of a satellite on a route")
    links = [key for key in m.LINKS if (key[0], key[1]) in packets]
    m.rising = pyo.Constraint(
        links,
        rule=lambda m, k, t, i, j: m.order[k, t, j] >= m.order[k, t, i] + 1 - len(nodes) * (1 - m.use[k, t, i, j]),
        doc="(4e), (4f): no cycles",
    )
    into: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for kind, task, i, j in links:
        into[kind, task, j].append(m.use[kind, task, i, j])
    m.entered_once = pyo.Constraint(
        list(into), rule=lambda m, *key: pyo.quicksum(into[key]) <= 1, doc="(4e), (4f): a satellite is entered once"
    )
