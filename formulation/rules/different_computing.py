"""`different_computing`: tasks of which no two share a computing satellite."""

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
class DifferentComputing(Rule):
    """The c(m) of these tasks are pairwise different.

    Attributes
    ----------
    tasks
        Which tasks.
    """

    kind: ClassVar[str] = "different_computing"
    title: ClassVar[str] = "tasks with pairwise different c(m)"
    tasks: fields.Ids = field(default=fields.ALL, metadata=schemas.SEVERAL_IDS)

    def _validate(self) -> None:
        self._set(tasks=fields.ids("tasks", self.tasks, 2))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.tasks_of(instance, self.tasks)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        tasks = set(fields.tasks_of(instance, self.tasks))
        count = Counter(d.computing_satellite for d in solution.tasks if d.satellite in tasks)
        for c in instance.computing:
            if count[c] > 1:
                yield None, float(count[c]), 1.0

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        tasks = fields.tasks_of(instance, self.tasks)
        for c in instance.computing:
            yield Row(c, ((1.0, Serve(tasks, (c,))),), "<=", 1.0)
