"""A problem's rules on arrays: what they take out of the graph, and the rows that are left.

A rule comes as rows over decisions (`formulation.rules.linear_form`). A row that allows nothing of what it counts takes
links, relays and candidates out at once; the others become `rows.Row`. Rows over ρ or bits, and rows that a dropped
packet may break, have no place here: `priced_part` leaves them out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from formulation import Problem
from formulation.rules import linear_form as form
from instances import Instance
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.rows import Row

KINDS = {"data": DATA, "model": MODEL}
PACKETS = (form.Use, form.Relay, form.Ends, form.Sent)
PRICED = (*PACKETS, form.Serve, form.Indicator)


def priced_part(problem: Problem) -> Problem:
    """Return what of a problem branch and price knows: a relaxation, or the problem itself.

    Rules that `rows.Row` does not express and limits of ρ are left out, and whole frames where anything else is asked
    beside them.
    """
    instance = problem.instance
    if "offload_ratio_range" in problem.variants():
        free = tuple(replace(task, offload_ratio_range=(0.0, 1.0)) for task in instance.tasks)
        instance = replace(instance, tasks=free)
    rules = tuple(rule for rule in problem.rules if _priced(rule.rows(instance)))
    part = replace(problem, instance=instance, rules=rules)
    return part if set(part.variants()) == {"whole_frames"} else replace(part, whole_frames=False)


def _priced(rows: Iterator[form.Row]) -> bool:
    for row in rows:
        for sign in _signs(row.sense):
            for coefficient, variable in row.terms:
                if not isinstance(variable, PRICED) or (isinstance(variable, PACKETS) and sign * coefficient < 0):
                    return False
    return True


def _signs(sense: str) -> tuple[float, ...]:
    """Return the factors by which a row becomes rows of sense <=."""
    return {"<=": (1.0,), ">=": (-1.0,), "==": (1.0, -1.0)}[sense]


@dataclass(frozen=True)
class Closed:
    """What rules take out: per (task, kind) the resources, and per task the candidates that may not serve."""

    resources: dict[tuple[int, int], Ints]
    ends: dict[int, set[int]]


class RuleArrays:
    """The rules of one problem over the positions of tasks, candidates and resources.

    Attributes
    ----------
    closed
        What is taken out.
    rows
        The other rows.
    groups
        Own variables of the rows, and how many of a group may be 1.
    """

    def __init__(self, problem: Problem) -> None:
        self._places = _Places(problem.instance)
        self.rows: list[Row] = []
        self.groups: list[tuple[Ints, int]] = []
        out: dict[tuple[int, int], list[Ints]] = {}
        ends: dict[int, set[int]] = {}
        for name, rule in problem.named_rules.items():
            own: dict[str, int] = {}
            first = sum(len(group) for group, _ in self.groups)
            for row in rule.rows(problem.instance):
                for sign in _signs(row.sense):
                    self._take(name, row, sign, (own, first), out, ends)
        self.closed = Closed({key: np.unique(np.concatenate(parts)) for key, parts in out.items()}, ends)

    def _take(
        self,
        name: str,
        row: form.Row,
        sign: float,
        own: tuple[dict[str, int], int],
        out: dict[tuple[int, int], list[Ints]],
        ends: dict[int, set[int]],
    ) -> None:
        terms = [(sign * coefficient, variable) for coefficient, variable in row.terms]
        if all(isinstance(variable, form.Indicator) for _, variable in terms):
            known, first = own
            keys = [known.setdefault(variable.key, first + len(known)) for _, variable in terms]  # type: ignore[union-attr]
            self.groups.append((np.array(keys), int(sign * row.rhs)))
            return
        built = self._row(name, terms, sign * row.rhs, own)
        if built.high == 0 and not built.own and not built.sent and not built.ends and _positive(built):
            for key, (used, _) in built.use.items():
                out.setdefault(key, []).append(used)
            for m, c in built.serve:
                ends.setdefault(m, set()).add(c)
            return
        self.rows.append(built)

    def _row(
        self, name: str, terms: list[tuple[float, form.Variable]], high: float, own: tuple[dict[str, int], int]
    ) -> Row:
        use: dict[tuple[int, int], list[tuple[Ints, Any]]] = {}
        ends, sent, serve, opened = (dict[Any, float]() for _ in range(4))
        places, (known, first) = self._places, own
        for coefficient, variable in terms:
            if isinstance(variable, form.Indicator):
                opened[known.setdefault(variable.key, first + len(known))] = coefficient
            elif isinstance(variable, form.Serve):
                for m in map(places.task, variable.tasks):
                    for c in places.positions(m, variable.computing):
                        serve[m, c] = serve.get((m, c), 0.0) + coefficient
            elif isinstance(variable, PACKETS):
                for m, kind in product(map(places.task, variable.tasks), (KINDS[k] for k in variable.packets)):
                    if isinstance(variable, form.Sent):
                        sent[m, kind] = sent.get((m, kind), 0.0) + coefficient
                    elif isinstance(variable, form.Ends):
                        for c in places.positions(m, variable.computing):
                            ends[m, kind, c] = ends.get((m, kind, c), 0.0) + coefficient
                    else:
                        used = places.resources(variable, m)
                        use.setdefault((m, kind), []).append((used, np.full(len(used), coefficient)))
        joined = {
            key: (np.concatenate([used for used, _ in parts]), np.concatenate([value for _, value in parts]))
            for key, parts in use.items()
        }
        return Row(name, high, joined, ends, sent, serve, opened)


def _positive(row: Row) -> bool:
    return all((value > 0).all() for _, value in row.use.values()) and all(value > 0 for value in row.serve.values())


class _Places:
    """Positions of tasks, links, relays and candidates."""

    def __init__(self, instance: Instance) -> None:
        self._network = instance.network
        self._tasks = {task.satellite: m for m, task in enumerate(instance.tasks)}
        self._candidates = [{c: i for i, c in enumerate(instance.candidates(task))} for task in instance.tasks]
        self._known: dict[Any, Ints] = {}

    def task(self, satellite: str) -> int:
        return self._tasks[satellite]

    def positions(self, m: int, computing: tuple[str, ...]) -> list[int]:
        """Return the positions of those satellites that are candidates of task m."""
        mine = self._candidates[m]
        return [mine[c] for c in computing if c in mine]

    @cached_property
    def _links(self) -> dict[tuple[str, str], int]:
        network = self._network
        pairs = zip(network.source.tolist(), network.target.tolist(), strict=True)
        return {(network.ids[i], network.ids[j]): r for r, (i, j) in enumerate(pairs)}

    def resources(self, variable: Any, m: int) -> Ints:
        """Return the resources of links, or of relays; task m's own satellite relays none of its packets."""
        if isinstance(variable, form.Use):
            key: Any = variable.links
            if key not in self._known:
                self._known[key] = np.array([self._links[link] for link in variable.links], dtype=np.int64)
            return self._known[key]
        links = len(self._network.source)
        nodes = [self._network.index[satellite] for satellite in variable.satellites]
        return np.array([links + node for node in nodes], dtype=np.int64)
