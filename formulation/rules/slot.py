"""Rules over the slots of a scenario, where tasks, links and roles come and go."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from fitting.checks import short
from formulation.rules.fields import ALL, ProblemError
from formulation.rules.linear import Linear
from formulation.rules.rule import Rule
from instances import Instance


def require_satellites(rules: Iterable[Rule], ids: Iterable[str]) -> None:
    """Refuse rules that name satellites of no slot.

    Raises
    ------
    ProblemError
        Naming the first.
    """
    known = set(ids)
    for i, rule in enumerate(rules):
        for name in _satellites(rule):
            if name not in known:
                raise ProblemError(f"rules[{i}] must name satellites of the scenario, got {short(name)}")


def in_slot(rule: Rule, instance: Instance) -> Rule | None:
    """Return what a rule asks of one slot: tasks, links and computing satellites that it does not have ask nothing.

    None where nothing is left.
    """
    tasks = {task.satellite for task in instance.tasks}
    if isinstance(rule, Linear):
        kept = tuple(
            term
            for term in rule.terms
            if term.task in tasks
            and (term.link is None or instance.has_link(*term.link))
            and (term.computing is None or term.computing in instance.computing)
        )
        return replace(rule, terms=kept) if kept else None
    present: dict[str, Any] = {
        "tasks": tasks,
        "links": {(link.source, link.target) for link in instance.links},
        "satellites": {satellite.id for satellite in instance.satellites},
    }
    if rule.kind == "computing_tasks":
        present["satellites"] = set(instance.computing)
    changes: dict[str, Any] = {}
    for field in fields(rule):
        value = getattr(rule, field.name)
        if field.name in present and value != ALL:
            changes[field.name] = tuple(item for item in value if item in present[field.name])
    try:
        return replace(rule, **changes)
    except ProblemError:  # too few are left to ask anything of
        return None


def _satellites(rule: Rule) -> Iterator[str]:
    """Yield every satellite that a rule names."""
    if isinstance(rule, Linear):
        for term in rule.terms:
            yield from (term.task, *(term.link or ()), *([term.computing] if term.computing else []))
        return
    for name in ("tasks", "satellites"):
        value = getattr(rule, name, ALL)
        yield from () if value == ALL else value
    links = getattr(rule, "links", ALL)
    for link in () if links == ALL else links:
        yield from link
