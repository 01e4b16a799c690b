"""Parameters of a study's instances: what they are made of, and what is varied in them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from fitting.checks import Checks, short
from fitting.errors import LeosplitError
from fitting.jsonfile import read_bytes
from formulation import OBJECTIVES, Problem, as_problem, read_problem, rule_to_dict
from formulation.problem_file import rules_from_list
from instances import Instance
from instances.constellation import MAXIMUM_SATELLITES
from instances.generate import generate_torus, require_torus
from instances.presets import make_preset

SOURCES = ("preset", "file", "torus")
MADE: Mapping[str, tuple[str, ...]] = {
    "tasks": ("preset", "torus"),
    "computing": ("preset", "torus"),
    "constellation": ("preset",),
    "radio": ("preset",),
}
"""What an instance is made from beside its source, and the sources that take it."""


class ParameterError(LeosplitError):
    """A parameter of a study that is unknown or out of range."""


_CHECKS = Checks(ParameterError)


def scale_volume(instance: Instance, factor: float) -> Instance:
    """Multiply the frames of every task, rounded to whole frames."""
    tasks = tuple(replace(task, frames=max(1, round(task.frames * factor))) for task in instance.tasks)
    return replace(instance, tasks=tasks)


def scale_computing(instance: Instance, factor: float) -> Instance:
    """Multiply the capacity F_c of every computing satellite."""
    satellites = tuple(
        replace(satellite, ops_per_s=satellite.ops_per_s * factor)
        if satellite.role == "computing" and satellite.ops_per_s is not None
        else satellite
        for satellite in instance.satellites
    )
    return replace(instance, satellites=satellites)


def scale_rates(instance: Instance, factor: float) -> Instance:
    """Multiply the rate of every link."""
    return replace(instance, links=tuple(replace(link, rate_bps=link.rate_bps * factor) for link in instance.links))


def set_large_map(instance: Instance, target: float) -> Instance:
    """Give every task this target A^L."""
    return replace(instance, tasks=tuple(replace(task, large_map_min=target) for task in instance.tasks))


def set_small_map(instance: Instance, target: float) -> Instance:
    """Give every task this target A^S."""
    return replace(instance, tasks=tuple(replace(task, small_map_min=target) for task in instance.tasks))


EDITS: Mapping[str, Callable[[Instance, float], Instance]] = {
    "volume_scale": scale_volume,
    "computing_scale": scale_computing,
    "rate_scale": scale_rates,
    "large_map_min": set_large_map,
    "small_map_min": set_small_map,
}
"""What can be varied in any instance, by the name of its axis."""

ASKED = ("objective", "share_computing", "whole_frames", "rules")
"""What is asked of an instance: fields of `Problem`; one value of `rules` is a list of rules in their file form."""

AXES = (*MADE, *EDITS, *ASKED)
"""Names of all axes but the sources."""


def check_parameter(name: str, value: Any, directory: Path) -> Any:
    """Return one value of a parameter as it is kept in the store.

    Parameters
    ----------
    name
        Name of the parameter.
    value
        The value in the study file.
    directory
        Where relative file names start.

    Raises
    ------
    ParameterError
        One sentence.
    """
    if name == "file":
        path = (directory / _CHECKS.text("instances.file", value)).resolve()
        read_problem(path)
        return {"path": str(path), "sha256": hashlib.sha256(read_bytes(path)).hexdigest()}
    if name in ASKED:
        return _asked(name, value)
    if name in ("preset", "constellation", "radio"):
        return _CHECKS.text(f"instances.{name}", value)
    if name in ("tasks", "computing"):
        return _CHECKS.whole(f"instances.{name}", value, 1, MAXIMUM_SATELLITES)
    if name == "torus":
        if not isinstance(value, list) or len(value) != 2:
            raise ParameterError(f"instances.torus must be two whole numbers such as [6, 6], got {short(value)}")
        rows, columns = (_CHECKS.whole("instances.torus", size, 1, MAXIMUM_SATELLITES) for size in value)
        require_torus(rows, columns)
        return [rows, columns]
    return _CHECKS.number(f"instances.{name}", value, above=0.0, high=1e15)


def _asked(name: str, value: Any) -> Any:
    """Return a field of `Problem` as it is kept: rules in their file form."""
    if name == "rules":
        return [rule_to_dict(rule) for rule in rules_from_list(value, "instances.rules")]
    if name == "objective":
        return _CHECKS.choice("instances.objective", value, OBJECTIVES)
    return _CHECKS.flag(f"instances.{name}", value)


def build_problem(parameters: Mapping[str, Any], seed: int, objective: str | None = None) -> Problem:
    """Make the problem of one run.

    Parameters
    ----------
    parameters
        Values by name, as `check_parameter` returns them.
    seed
        Seed of presets and tori; files ignore it.
    objective
        What is minimised where the parameters do not say; that of the file, or the mean, where this is None.

    Raises
    ------
    LeosplitError
        If the parameters make no problem, or an instance file has changed since the study began.
    """
    sources = {name: _frozen(parameters[name]) for name in (*SOURCES, *MADE) if name in parameters}
    problem = _source(tuple(sources.items()), seed)
    instance = problem.instance
    for name, edit in EDITS.items():
        if name in parameters:
            instance = edit(instance, parameters[name])
    asked = {name: parameters[name] for name in ASKED if name in parameters}
    asked = ({} if objective is None else {"objective": objective}) | asked
    if "rules" in asked:
        asked["rules"] = (*problem.rules, *rules_from_list(asked["rules"]))
    return replace(problem, instance=instance, **asked)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted(value.items()))
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=8)
def _source(sources: tuple[tuple[str, Any], ...], seed: int) -> Problem:
    """Make a problem before it is edited; the last few are kept, for runs that differ in scheme only."""
    made = dict(sources)
    if "file" in made:
        given = dict(made["file"])
        path = Path(given["path"])
        if hashlib.sha256(read_bytes(path)).hexdigest() != given["sha256"]:
            raise ParameterError(f"{path}: has changed since the study began")
        return read_problem(path)
    if "torus" in made:
        allowed = {name: made[name] for name in ("tasks", "computing") if name in made}
        return as_problem(generate_torus(*made["torus"], seed=seed, **allowed))
    preset = made.pop("preset")
    return as_problem(make_preset(preset, seed=seed, **made))
