"""`computing_tasks`: how many tasks a computing satellite serves."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Row, Serve
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class ComputingTasks(Rule):
    """At most so many tasks with c(m) = each of these computing satellites, whether or not they offload frames.

    Attributes
    ----------
    limit
        Tasks a computing satellite.
    satellites
        Which computing satellites.
    """

    kind: ClassVar[str] = "computing_tasks"
    title: ClassVar[str] = "most tasks of each computing satellite"
    limit: int = field(metadata=schemas.COUNT)
    satellites: fields.Ids = field(default=fields.ALL, metadata=schemas.IDS)

    def _validate(self) -> None:
        self._set(limit=fields.CHECKS.whole("limit", self.limit, 0))
        self._set(satellites=fields.ids("satellites", self.satellites))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.computing_of(instance, self.satellites)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        count = Counter(decision.computing_satellite for decision in solution.tasks)
        for c in fields.computing_of(instance, self.satellites):
            if count[c] > self.limit:
                yield None, float(count[c]), float(self.limit)

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        tasks = fields.tasks_of(instance, fields.ALL)
        if self.limit >= len(tasks):
            return
        for c in fields.computing_of(instance, self.satellites):
            yield Row(c, ((1.0, Serve(tasks, (c,))),), "<=", float(self.limit))
