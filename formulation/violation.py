"""One broken constraint, as the checker says it."""

from dataclasses import dataclass

Value = float | str | None


@dataclass(frozen=True)
class Violation:
    """One broken constraint.

    Attributes
    ----------
    task
        The task's satellite, or None where a rule is not about one task.
    constraint
        Equation number, field of the task, or `rule NAME`.
    value, limit
        What was found and what is allowed.
    """

    task: str | None
    constraint: str
    value: Value
    limit: Value
