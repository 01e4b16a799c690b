"""The problem as a value: an instance, what is minimised, and every variant that is asked of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from fitting.checks import repeated, short
from formulation.objectives import OBJECTIVES
from formulation.rules import ProblemError, Rule
from formulation.rules.fields import CHECKS
from instances import Instance


@dataclass(frozen=True)
class Problem:
    """Problem (4) or (7) with everything that is asked: what evaluator, models, solvers and schemes take.

    Attributes
    ----------
    instance
        Network, tasks and curves. Weights, deadlines and limits of ρ are fields of its tasks.
    objective
        One of `OBJECTIVES`.
    share_computing
        Divide F_c by n_c, the number of tasks with ρ > 0 at c(m): t^L_m counts n_c times.
    whole_frames
        Offload whole frames, in all and at every level.
    rules
        Further constraints; names are unique.

    Raises
    ------
    ProblemError
        If the objective or a rule's name is unknown or taken, or a rule does not fit the instance.
    """

    instance: Instance
    objective: str = "mean"
    share_computing: bool = False
    whole_frames: bool = False
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        CHECKS.choice("objective", self.objective, OBJECTIVES)
        CHECKS.flag("share_computing", self.share_computing)
        CHECKS.flag("whole_frames", self.whole_frames)
        object.__setattr__(self, "rules", tuple(self.rules))
        for i, rule in enumerate(self.rules):
            if not isinstance(rule, Rule):
                raise ProblemError(f"rules[{i}] must be a Rule, got {short(rule)}")
        twice = repeated(rule.name for rule in self.rules if rule.name is not None)
        if twice is not None:
            raise ProblemError(f"rules: names must be unique, {short(twice)} stands twice")
        for i, rule in enumerate(self.rules):
            try:
                rule.bind(self.instance)
            except ProblemError as error:
                raise ProblemError(f"rules[{i}].{error}") from None

    def __repr__(self) -> str:
        asked = [self.objective]
        asked += [name for name in ("share_computing", "whole_frames") if getattr(self, name)]
        asked += [f"rule {name}" for name in self.named_rules]
        return f"Problem({self.instance.name!r}: {', '.join(asked)})"

    @cached_property
    def named_rules(self) -> dict[str, Rule]:
        """The rules by name; one without a name is called by its kind, the second of a kind `KIND-2`."""
        taken = {rule.name for rule in self.rules if rule.name is not None}
        found: dict[str, Rule] = {}
        count: Counter[str] = Counter()
        for rule in self.rules:
            name = rule.name
            while name is None or (rule.name is None and name in taken):
                count[rule.kind] += 1
                name = rule.kind if count[rule.kind] == 1 else f"{rule.kind}-{count[rule.kind]}"
            found[name] = rule
        return found

    @property
    def weights(self) -> tuple[float, ...]:
        """w_m of every task."""
        return tuple(task.weight for task in self.instance.tasks)

    @property
    def without_rules(self) -> "Problem":
        """The problem without rules, deadlines and limits of ρ: its optimum is a lower bound on that of this one."""
        tasks = tuple(replace(t, deadline_s=None, offload_ratio_range=(0.0, 1.0)) for t in self.instance.tasks)
        return replace(self, instance=replace(self.instance, tasks=tasks), rules=())

    def variants(self) -> Iterator[str]:
        """Yield what the problem asks beyond the plain one of (4) with its mean or maximum, whole frames included."""
        yield from (name for name in ("share_computing", "whole_frames") if getattr(self, name))
        yield from (f"rule {name}" for name in self.named_rules)
        tasks = self.instance.tasks
        if self.objective == "mean" and any(task.weight != tasks[0].weight for task in tasks):
            yield "weight"
        if any(task.deadline_s is not None for task in tasks):
            yield "deadline_s"
        if any(task.offload_ratio_range != (0.0, 1.0) for task in tasks):
            yield "offload_ratio_range"

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked beyond sections (1) to (7): no options, rules, weights, deadlines or limits of ρ."""
        return next(self.variants(), None) is None


def as_problem(asked: Instance | Problem) -> Problem:
    """Return a problem as it is, an instance as the plain problem on it.

    Raises
    ------
    ProblemError
        If it is neither.
    """
    if isinstance(asked, Problem):
        return asked
    if isinstance(asked, Instance):
        return Problem(asked)
    raise ProblemError(f"a Problem or an Instance is needed, got {type(asked).__name__}")


__all__ = ["Problem", "ProblemError", "as_problem"]
