"""Accuracy curves and targets of one's own in a generated instance."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fitting import read_curve
from instances.instance import Accuracy, Instance
from instances.scenario import Scenario


def with_accuracy(
    instance: Instance,
    large: Path | None = None,
    small: Path | None = None,
    large_map_min: float | None = None,
    small_map_min: float | None = None,
) -> Instance:
    """Return the instance with other curves and targets; what is None stays.

    Parameters
    ----------
    instance
        The problem.
    large, small
        Files of f and g, one curve each; `meta` names them as the source.
    large_map_min, small_map_min
        Targets A^L and A^S of every task, mAP in [0, 1].

    Raises
    ------
    CurveError, JsonError
        If a file cannot be read or is not a curve.
    InstanceError
        If a target is out of range.
    """
    curves = _curves(instance.accuracy, large, small)
    targets = {"large_map_min": large_map_min, "small_map_min": small_map_min}
    given: dict[str, Any] = {name: value for name, value in targets.items() if value is not None}
    sources = dict(instance.meta.get("sources", {}))
    sources |= {
        f"accuracy.{name}": f"given: {path.name}" for name, path in (("large", large), ("small", small)) if path
    }
    sources |= dict.fromkeys(given, "given")
    return replace(
        instance,
        accuracy=curves,
        tasks=tuple(replace(task, **given) for task in instance.tasks),
        meta={**instance.meta, "sources": sources} if sources else instance.meta,
    )


def scenario_with_accuracy(
    scenario: Scenario,
    large: Path | None = None,
    small: Path | None = None,
    large_map_min: float | None = None,
    small_map_min: float | None = None,
) -> Scenario:
    """Return the scenario with other curves and targets, as `with_accuracy` does for an instance."""
    targets = {"large_map_min": large_map_min, "small_map_min": small_map_min}
    given: dict[str, Any] = {name: (value, value) for name, value in targets.items() if value is not None}
    curves = _curves(scenario.accuracy, large, small)
    return replace(scenario, accuracy=curves, task_model=replace(scenario.task_model, **given))


def _curves(accuracy: Accuracy, large: Path | None, small: Path | None) -> Accuracy:
    return Accuracy(
        accuracy.large if large is None else read_curve(large),
        accuracy.small if small is None else read_curve(small),
    )
