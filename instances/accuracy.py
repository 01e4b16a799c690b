"""Accuracy curves and targets of one's own in a generated instance."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fitting import Triangulated, is_surface, read_curve, surface_from_dict
from fitting.jsonfile import read_json
from instances.instance import Accuracy, Instance, Task
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
        Files of f and g, one curve each; `meta` names them as the source. With f of two inputs, triangulated, the
        feature bits of every task become a decision within the points' range of feature rates.
    large_map_min, small_map_min
        Targets A^L and A^S of every task, mAP in [0, 1].

    Raises
    ------
    CurveError, JsonError
        If a file cannot be read or is not a curve.
    InstanceError
        If a target is out of range.
    """
    surface = None if large is None else _surface(large)
    curves = _curves(instance.accuracy, None if surface else large, small)
    if surface is not None:
        curves = Accuracy(surface.at(surface.feature_range[1]), curves.small, surface)
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
        tasks=tuple(replace(task, **given, **_features(task, surface)) for task in instance.tasks),
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
        accuracy.surface if large is None else None,
    )


def _surface(path: Path) -> Triangulated | None:
    """Return the triangulated function of a file, or None where it holds something else."""
    document = read_json(path)
    return surface_from_dict(document, str(path)) if is_surface(document) else None


def _features(task: Task, surface: Triangulated | None) -> dict[str, Any]:
    """Return the range of feature bits that a triangulated function spans, as a field of a task."""
    if surface is None:
        return {}
    low, high = surface.feature_range
    return {"feature_bits_per_frame_range": (low * task.pixels_per_frame, high * task.pixels_per_frame)}
