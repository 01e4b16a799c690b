"""`linear`: any linear row over decisions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from typing import Any, ClassVar

from fitting.checks import short
from formulation.rules import fields, schemas
from formulation.rules.linear_form import SENSES, OffloadRatio, Row, Sent, Serve, Use, Variable
from formulation.rules.routes import links_on
from formulation.rules.rule import TOLERANCE, Broken, ProblemError, Rule
from formulation.solution import Solution
from formulation.volumes import effective_ratio
from instances import Instance

NEEDS: Mapping[str, tuple[str, ...]] = {
    "use": ("task", "packet", "link"),
    "serve": ("task", "computing"),
    "sent": ("task", "packet"),
    "offload_ratio": ("task",),
}
"""The keys of a term, by its variable."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One decision with its coefficient.

    Attributes
    ----------
    variable
        `use` (the packet is sent over the link), `serve` (c(m) is the satellite), `sent` (the packet exists), each 0 or
        1, or `offload_ratio`.
    task
        The task's satellite.
    coefficient
        Its factor.
    packet, link, computing
        `data` or `model`; (from, to); the computing satellite: as the variable needs them, else None.
    """

    variable: str
    task: str
    coefficient: float
    packet: str | None = None
    link: tuple[str, str] | None = None
    computing: str | None = None

    def __post_init__(self) -> None:
        """Validate and normalise."""
        needed = NEEDS[fields.CHECKS.choice("variable", self.variable, NEEDS)]
        for key in ("task", "packet", "link", "computing"):
            if (getattr(self, key) is None) == (key in needed):
                verb = "needs" if key in needed else "has no"
                raise ProblemError(f"variable {self.variable!r} {verb} {key!r}; its keys: {', '.join(needed)}")
        object.__setattr__(self, "coefficient", fields.CHECKS.number("coefficient", self.coefficient))
        fields.CHECKS.text("task", self.task)
        if self.packet is not None:
            fields.CHECKS.choice("packet", self.packet, ("data", "model"))
        if self.computing is not None:
            fields.CHECKS.text("computing", self.computing)
        if self.link is not None:
            object.__setattr__(self, "link", fields.links("link", [self.link])[0])

    def decision(self) -> Variable:
        """Return the decision in the linear form."""
        if self.variable == "use" and self.packet and self.link:
            return Use((self.task,), (self.packet,), (self.link,))
        if self.variable == "serve" and self.computing:
            return Serve((self.task,), (self.computing,))
        if self.variable == "sent" and self.packet:
            return Sent((self.task,), (self.packet,))
        return OffloadRatio((self.task,))

    def value(self, solution: Solution) -> float:
        """Return what the decision is in a solution."""
        decision = next(one for one in solution.tasks if one.satellite == self.task)
        if self.variable == "offload_ratio":
            return effective_ratio(decision)
        if self.variable == "serve":
            return float(decision.computing_satellite == self.computing)
        sent = decision.sends_data if self.packet == "data" else decision.sends_model
        path = (decision.data_path if self.packet == "data" else decision.model_path) or ()
        return float(sent and (self.variable == "sent" or self.link in links_on(path)))

    def document(self) -> dict[str, Any]:
        """Return the term's file form."""
        values = {f.name: getattr(self, f.name) for f in dataclass_fields(self)}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items() if v is not None}


_TERM_SCHEMA = {
    "type": "object",
    "properties": {
        "variable": {"enum": list(NEEDS)},
        "task": {"type": "string"},
        "packet": {"enum": ["data", "model"]},
        "link": schemas.LINK,
        "computing": {"type": "string"},
        "coefficient": {"type": "number"},
    },
    "required": ["variable", "task", "coefficient"],
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class Linear(Rule):
    """Σ coefficient · decision (<=, >=, ==) rhs.

    Attributes
    ----------
    terms
        `Term`s, or their file form.
    sense
        `<=`, `>=` or `==`.
    rhs
        Right-hand side.
    """

    kind: ClassVar[str] = "linear"
    title: ClassVar[str] = "a linear row over decisions"
    terms: tuple[Term, ...] = field(metadata={"schema": {"type": "array", "items": _TERM_SCHEMA, "minItems": 1}})
    sense: str = field(metadata={"schema": {"enum": list(SENSES)}})
    rhs: float = field(metadata={"schema": {"type": "number"}})

    def _validate(self) -> None:
        fields.CHECKS.choice("sense", self.sense, SENSES)
        self._set(rhs=fields.CHECKS.number("rhs", self.rhs))
        if not isinstance(self.terms, list | tuple) or not self.terms:
            raise ProblemError(f"terms must be a list of at least one term, got {short(self.terms)}")
        self._set(terms=tuple(_term(item, f"terms[{i}]") for i, item in enumerate(self.terms)))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        for i, term in enumerate(self.terms):
            try:
                fields.tasks_of(instance, (term.task,))
                fields.links_of(instance, () if term.link is None else (term.link,))
                fields.computing_of(instance, () if term.computing is None else (term.computing,))
            except ProblemError as error:
                raise ProblemError(f"terms[{i}]: {error}") from None

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        parts = [term.coefficient * term.value(solution) for term in self.terms]
        excess = sum(parts) - self.rhs
        slack = TOLERANCE * max(abs(self.rhs), *(abs(term.coefficient) for term in self.terms))
        above, below = excess > slack and self.sense != ">=", excess < -slack and self.sense != "<="
        if above or below:
            yield None, sum(parts), self.rhs

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        yield Row("", tuple((term.coefficient, term.decision()) for term in self.terms), self.sense, self.rhs)


def _term(item: Any, where: str) -> Term:
    """Return a term, from its file form where it is one."""
    if isinstance(item, Term):
        return item
    known = [f.name for f in dataclass_fields(Term)]
    if not isinstance(item, dict):
        raise ProblemError(f"{where} must be an object, got {type(item).__name__}")
    for key in item:
        if key not in known:
            raise ProblemError(f"{where}: unknown key {key!r}; allowed: {', '.join(known)}")
    for key in ("variable", "task", "coefficient"):
        if key not in item:
            raise ProblemError(f"{where}: key {key!r} is missing")
    try:
        return Term(**item)
    except ProblemError as error:
        raise ProblemError(f"{where}.{error}") from None
