"""`disjoint`: routes that share no link or no relay."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Relay, Row, Use
from formulation.rules.routes import links_on, relays_on, routes_of
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance

WHAT = ("links", "satellites")


@dataclass(frozen=True, kw_only=True)
class Disjoint(Rule):
    """No two routes of these tasks' packets share a link, or a satellite that relays both.

    With one task and both packets, its data route and its model route are disjoint. Satellites where a route begins or
    ends do not relay it: several of these tasks may have the same c(m).

    Attributes
    ----------
    tasks
        Which tasks.
    packets
        `data`, `model` or `both`.
    what
        `links` (directed) or `satellites`.
    """

    kind: ClassVar[str] = "disjoint"
    title: ClassVar[str] = "routes that share no link or relay"
    tasks: fields.Ids = field(default=fields.ALL, metadata=schemas.IDS)
    packets: str = field(default="both", metadata=schemas.PACKETS)
    what: str = field(default="links", metadata={"schema": {"enum": list(WHAT)}})

    def _validate(self) -> None:
        fields.CHECKS.choice("packets", self.packets, fields.PACKETS)
        fields.CHECKS.choice("what", self.what, WHAT)
        self._set(tasks=fields.ids("tasks", self.tasks))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.tasks_of(instance, self.tasks)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        parts = links_on if self.what == "links" else relays_on
        routes = list(routes_of(solution, fields.tasks_of(instance, self.tasks), self.packets))
        count: Counter[tuple[str, str] | str] = Counter(part for _, _, path in routes for part in parts(path))
        for shared in count.values():
            if shared > 1:
                yield None, float(shared), 1.0

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        tasks, packets = fields.tasks_of(instance, self.tasks), fields.PACKETS[self.packets]
        if len(tasks) * len(packets) < 2:
            return
        if self.what == "links":
            for link in fields.links_of(instance, fields.ALL):
                yield Row(f"{link[0]} -> {link[1]}", ((1.0, Use(tasks, packets, (link,))),), "<=", 1.0)
            return
        for node in fields.satellites_of(instance, fields.ALL):
            yield Row(node, ((1.0, Relay(tasks, packets, (node,))),), "<=", 1.0)
