"""`same_computing`: tasks that share one computing satellite."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Row, Serve
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class SameComputing(Rule):
    """All these tasks have the same c(m).

    Attributes
    ----------
    tasks
        Which tasks.
    """

    kind: ClassVar[str] = "same_computing"
    title: ClassVar[str] = "tasks with one c(m)"
    tasks: fields.Ids = field(default=fields.ALL, metadata=schemas.SEVERAL_IDS)

    def _validate(self) -> None:
        self._set(tasks=fields.ids("tasks", self.tasks, 2))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.tasks_of(instance, self.tasks)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        tasks = set(fields.tasks_of(instance, self.tasks))
        chosen = {d.computing_satellite for d in solution.tasks if d.satellite in tasks}
        if len(chosen) > 1:
            yield None, float(len(chosen)), 1.0

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        for a, b in pairwise(fields.tasks_of(instance, self.tasks)):
            for c in instance.computing:
                terms = ((1.0, Serve((a,), (c,))), (-1.0, Serve((b,), (c,))))
                yield Row(f"{a} and {b} at {c}", terms, "==", 0.0)
