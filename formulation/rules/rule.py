"""What every rule is: a frozen value with a file form, a check and a linear form."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from formulation.rules.fields import CHECKS, ProblemError
from formulation.rules.linear_form import Row
from formulation.solution import Solution
from formulation.violation import Value
from instances import Instance

TOLERANCE = 1e-6
"""Relative amount by which a sum of continuous decisions may pass a limit."""

Broken = tuple[str | None, Value, Value]
"""Task or None, value, limit."""


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """One further constraint on (4) and (7). A kind is one subclass in one file, entered in `RULES`.

    Fields of a subclass are the keys of its file form; a field without a default is required, and its metadata hold
    the JSON Schema of the key (`schema`). `__post_init__` validates what needs no instance.

    Attributes
    ----------
    name
        What violations call the rule; its kind where left out.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    name: str | None = field(default=None, metadata={"schema": {"type": "string", "minLength": 1}})

    def __post_init__(self) -> None:
        """Validate the fields.

        Raises
        ------
        ProblemError
            One sentence.
        """
        if self.name is not None:
            CHECKS.text("name", self.name)
        self._validate()

    @abstractmethod
    def _validate(self) -> None:
        """Check and normalise the subclass's own fields."""

    @abstractmethod
    def bind(self, instance: Instance) -> None:
        """Refuse ids, links and tasks that the instance does not have.

        Raises
        ------
        ProblemError
            One sentence.
        """

    @abstractmethod
    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:
        """Yield what a solution breaks, counted on its routes alone: this shares nothing with `rows`."""

    @abstractmethod
    def rows(self, instance: Instance) -> Iterator[Row]:
        """Yield the rule as rows over decisions; rows that cannot bind may be left out."""

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def exceeds(value: float, limit: float) -> bool:
    """Tell whether a sum of continuous decisions passes its limit by more than the tolerance."""
    return value > limit + TOLERANCE * max(abs(limit), 1e-9)


__all__ = ["TOLERANCE", "Broken", "ProblemError", "Rule", "exceeds"]
