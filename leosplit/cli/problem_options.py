"""What is asked of an instance: one set of options, the same on every command that takes instances."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from formulation import Problem, Rule
    from instances import Instance


class Objective(StrEnum):
    """What problem (4) minimises."""

    mean = "mean"
    max = "max"


RuleOption = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="JSON", help='A rule, such as \'{"kind": "hops", "limit": 6}\'; repeatable.'),
]
RulesOption = Annotated[Path | None, typer.Option("--rules", metavar="FILE", help="JSON file with a list of rules.")]
ObjectiveOption = Annotated[
    Objective | None,
    typer.Option("--objective", help="Minimise the weighted mean or the largest delay; mean, or what the file asks."),
]
ShareOption = Annotated[
    bool | None,
    typer.Option("--share-computing/--no-share-computing", help="Divide F_c by the tasks that c serves."),
]
FramesOption = Annotated[
    bool | None,
    typer.Option("--whole-frames/--no-whole-frames", help="Offload whole frames at every level."),
]
OPTIONS = {
    "rule": RuleOption,
    "rules": RulesOption,
    "objective": ObjectiveOption,
    "share_computing": ShareOption,
    "whole_frames": FramesOption,
}


@dataclass(frozen=True)
class Asked:
    """What the options ask for; what they leave open is the file's.

    Attributes
    ----------
    objective, share_computing, whole_frames
        As in `Problem`, or None.
    rules
        Rules beside those of the file.
    """

    objective: str | None = None
    share_computing: bool | None = None
    whole_frames: bool | None = None
    rules: "tuple[Rule, ...]" = ()

    def of(self, given: "Instance | Problem") -> "Problem":
        """Return a problem with what is asked.

        Raises
        ------
        ProblemError
            If a rule does not fit the instance.
        """
        from formulation import as_problem

        problem = as_problem(given)
        changes: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("objective", "share_computing", "whole_frames")
            if getattr(self, name) is not None
        }
        return replace(problem, rules=(*problem.rules, *self.rules), **changes)

    def of_slot(self, instance: "Instance") -> "Problem":
        """Return the problem of one slot: what rules ask of tasks and links that it does not have is left out."""
        from formulation.rules.slot import in_slot

        kept = (in_slot(rule, instance) for rule in self.rules)
        return replace(self, rules=tuple(rule for rule in kept if rule is not None)).of(instance)

    @property
    def parameters(self) -> dict[str, Any]:
        """What is asked, as parameters of a study (`leosplit.sweeps.parameters`)."""
        from formulation import rule_to_dict

        given = {name: getattr(self, name) for name in ("objective", "share_computing", "whole_frames")}
        given["rules"] = [rule_to_dict(rule) for rule in self.rules] or None
        return {name: value for name, value in given.items() if value is not None}

    def read(self, file: Path) -> "Problem":
        """Read an instance file and return its problem with what is asked."""
        from formulation import read_problem

        return self.of(read_problem(file))


def _asked(
    rule: list[str] | None,
    rules: Path | None,
    objective: Objective | None,
    share_computing: bool | None,
    whole_frames: bool | None,
) -> Asked:
    found: tuple[Rule, ...] = ()
    if rules is not None:
        from formulation import read_rules

        found += read_rules(rules)
    if rule:
        from fitting.jsonfile import parse_json
        from formulation import rule_from_dict

        found += tuple(rule_from_dict(parse_json(text, "--rule"), "--rule") for text in rule)
    return Asked(None if objective is None else objective.value, share_computing, whole_frames, found)


def takes_problem(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `OPTIONS`; it takes them as one `Asked`, its parameter `asked`."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "asked"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in OPTIONS.items()]
    parameters = [*(parameter.replace(kind=keyword) for parameter in own), *added]

    def wrapped(**values: Any) -> None:
        asked = _asked(**{name: values.pop(name) for name in OPTIONS})
        command(asked=asked, **values)

    wrapped.__doc__ = command.__doc__
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped
