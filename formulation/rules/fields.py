"""Field checks of rules: one sentence with field, what is allowed and what was given."""

from collections.abc import Mapping, Sequence
from typing import Any

from fitting.checks import Checks, repeated, short
from fitting.errors import LeosplitError
from formulation.rules.linear_form import Pair
from instances import Instance

ALL = "all"
PACKETS: Mapping[str, tuple[str, ...]] = {"data": ("data",), "model": ("model",), "both": ("data", "model")}
"""The kinds of packets that each value of a rule's field `packets` means."""

Ids = tuple[str, ...] | str
Links = tuple[Pair, ...] | str


class ProblemError(LeosplitError):
    """A problem that cannot be one: one sentence with place, what is allowed and what was given."""


CHECKS = Checks(ProblemError)


def ids(name: str, value: Any, at_least: int = 1) -> Ids:
    """Return `value` as a tuple of different ids, or "all".

    Raises
    ------
    ProblemError
        If it is something else, or too short.
    """
    if value == ALL:
        return ALL
    found = value if isinstance(value, list | tuple) else None
    if found is None or not all(isinstance(item, str) and item for item in found):
        raise ProblemError(f"{name} must be 'all' or a list of ids, got {short(value)}")
    _require_different(name, found, at_least)
    return tuple(found)


def links(name: str, value: Any, at_least: int = 1) -> Links:
    """Return `value` as a tuple of different links, each (from, to), or "all"; `{"from": …, "to": …}` is read too."""
    if value == ALL:
        return ALL
    pairs: list[Any] = []
    for item in value if isinstance(value, list | tuple) else [None]:
        ends = (item["from"], item["to"]) if isinstance(item, dict) and set(item) == {"from", "to"} else item
        if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(isinstance(end, str) for end in ends):
            raise ProblemError(f"{name} must be 'all' or a list of links, each [from, to], got {short(value)}")
        pairs.append(tuple(ends))
    _require_different(name, pairs, at_least)
    return tuple(pairs)


def _require_different(name: str, values: Sequence[Any], at_least: int) -> None:
    if len(values) < at_least:
        raise ProblemError(f"{name} must be 'all' or hold at least {at_least}, got {short(values)}")
    twice = repeated(values)
    if twice is not None:
        raise ProblemError(f"{name} must not repeat itself, {short(twice)} stands twice")


def tasks_of(instance: Instance, value: Ids) -> tuple[str, ...]:
    """Return the tasks that a field means, in file order.

    Raises
    ------
    ProblemError
        If one is no task of the instance.
    """
    return _known("tasks", value, [task.satellite for task in instance.tasks], "tasks")


def satellites_of(instance: Instance, value: Ids) -> tuple[str, ...]:
    """Return the satellites that a field means, in file order."""
    return _known("satellites", value, [satellite.id for satellite in instance.satellites], "satellites")


def computing_of(instance: Instance, value: Ids) -> tuple[str, ...]:
    """Return the computing satellites that a field means, in file order."""
    return _known("satellites", value, list(instance.computing), "computing satellites")


def links_of(instance: Instance, value: Links) -> tuple[Pair, ...]:
    """Return the links that a field means, in file order."""
    return _known("links", value, [(link.source, link.target) for link in instance.links], "links")


def _known(field: str, value: Any, known: list[Any], what: str) -> tuple[Any, ...]:
    if value == ALL:
        return tuple(known)
    wanted, inside = set(value), set(known)
    for item in value:
        if item not in inside:
            raise ProblemError(f"{field} must be {what} of the instance, got {item!r}")
    return tuple(item for item in known if item in wanted)
