"""`open_computing`: how many computing satellites serve anybody, which is where to place them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Indicator, Row, Serve
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class OpenComputing(Rule):
    """At most so many computing satellites serve anybody. For placement, give every candidate the role `computing`.

    Linear form: an indicator open[c] >= serve[m, c] for every task, Σ_c open[c] <= limit. At whole `serve` the least
    open[c] are 0 or 1, so that they need not be binary.

    Attributes
    ----------
    limit
        Computing satellites that may serve.
    """

    kind: ClassVar[str] = "open_computing"
    title: ClassVar[str] = "most computing satellites that serve anybody"
    limit: int = field(metadata=schemas.COUNT)

    def _validate(self) -> None:
        self._set(limit=fields.CHECKS.whole("limit", self.limit, 0))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        return

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        count = len({decision.computing_satellite for decision in solution.tasks})
        if count > self.limit:
            yield None, float(count), float(self.limit)

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        if self.limit >= min(len(instance.computing), len(instance.tasks)):
            return
        for task in instance.tasks:
            for c in instance.candidates(task):
                terms = ((1.0, Serve((task.satellite,), (c,))), (-1.0, Indicator(c)))
                yield Row(f"{task.satellite} at {c}", terms, "<=", 0.0)
        yield Row("", tuple((1.0, Indicator(c)) for c in instance.computing), "<=", float(self.limit))
