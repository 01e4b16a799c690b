"""`hops`: how long routes may be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Row, Use
from formulation.rules.routes import links_on, routes_of
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class Hops(Rule):
    """Each route has at most so many links.

    Attributes
    ----------
    limit
        Links a route.
    tasks
        Whose routes.
    packets
        `data`, `model` or `both`.
    """

    kind: ClassVar[str] = "hops"
    title: ClassVar[str] = "most links of a route"
    limit: int = field(metadata=schemas.COUNT)
    tasks: fields.Ids = field(default=fields.ALL, metadata=schemas.IDS)
    packets: str = field(default="both", metadata=schemas.PACKETS)

    def _validate(self) -> None:
        fields.CHECKS.choice("packets", self.packets, fields.PACKETS)
        self._set(limit=fields.CHECKS.whole("limit", self.limit, 0), tasks=fields.ids("tasks", self.tasks))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.tasks_of(instance, self.tasks)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        for task, _, path in routes_of(solution, fields.tasks_of(instance, self.tasks), self.packets):
            if len(links_on(path)) > self.limit:
                yield task, float(len(links_on(path))), float(self.limit)

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        links = fields.links_of(instance, fields.ALL)
        if self.limit >= len(instance.satellites) - 1:
            return
        for task in fields.tasks_of(instance, self.tasks):
            for kind in fields.PACKETS[self.packets]:
                yield Row(f"{kind} of {task}", ((1.0, Use((task,), (kind,), links)),), "<=", float(self.limit))
