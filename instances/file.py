"""The instance file: read, write, hash. One public reader, one public writer."""

import hashlib
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from fitting import curve_from_dict, curve_to_dict, is_surface, surface_from_dict, surface_to_dict
from fitting.errors import LeosplitError
from fitting.jsonfile import dump_json, read_json, require_format, require_keys, write_json
from instances.checks import CHECKS, InstanceError
from instances.instance import Accuracy, Instance, Link, Satellite, Task

FORMAT = "leosplit-instance"
VERSION = 1
_FILE_KEYS = {"source": "from", "target": "to"}
VARIANT_FIELDS = ("weight", "deadline_s", "offload_ratio_range", "joule_per_op", "transmit_w")
"""Fields that only variants of the problem use: a file without them is that of the plain problem."""
_T = TypeVar("_T", Satellite, Link, Task, Instance)


def _file_key(name: str) -> str:
    return _FILE_KEYS.get(name, name)


def _build(cls: type[_T], values: Any, where: str) -> _T:
    """Construct a value object, putting the place in front of what it says is wrong."""
    try:
        arguments: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**arguments)
    except InstanceError as error:
        raise InstanceError(f"{where}.{error}" if where else str(error)) from None


def _part(cls: type[_T], document: Any, where: str, **readers: Callable[[Any, str], Any]) -> _T:
    required = [_file_key(f.name) for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    optional = [_file_key(f.name) for f in fields(cls) if _file_key(f.name) not in required]
    require_keys(document, where, required, optional)
    values = {f.name: document[_file_key(f.name)] for f in fields(cls) if _file_key(f.name) in document}
    for name, reader in readers.items():
        if name in values:
            values[name] = reader(values[name], f"{where}.{name}")
    return _build(cls, values, where)


def _accuracy(document: Any, where: str) -> Accuracy:
    require_keys(document, where, ["large", "small"])
    small = curve_from_dict(document["small"], f"{where}.small")
    if is_surface(document["large"]):
        surface = surface_from_dict(document["large"], f"{where}.large")
        return Accuracy(surface.at(surface.feature_range[1]), small, surface)
    return Accuracy(curve_from_dict(document["large"], f"{where}.large"), small)


def _task(document: Any, where: str) -> Task:
    """Read a task; with a range of feature bits, these are decided when the instance is built."""
    key, limits = "feature_bits_per_frame", "feature_bits_per_frame_range"
    if isinstance(document, dict) and limits in document:
        if key in document:
            raise InstanceError(f"{where} must have {key} or {limits}, not both")
        document = {**document, key: 0.0}
    return _part(Task, document, where, accuracy=_accuracy)


def _list(document: Any, where: str) -> list[Any]:
    if not isinstance(document, list):
        raise InstanceError(f"{where} must be a list, got {type(document).__name__}")
    return document


def instance_from_dict(document: Any, where: str = "") -> Instance:
    """Build an instance from its file's JSON document.

    Parameters
    ----------
    document
        What `json.load` returns for an instance file.
    where
        File name to put in front of an error message.

    Raises
    ------
    LeosplitError
        One sentence: place, what is allowed, what was given. A `problem` block is refused: dropping its rules would
        change what is asked; `formulation.problem_from_dict` reads it.
    """
    try:
        if isinstance(document, dict) and "problem" in document:
            raise InstanceError("the file asks for a variant in its key 'problem': read it by formulation.read_problem")
        required = ["format", "version", "name", "satellites", "links", "tasks", "accuracy"]
        require_keys(document, "instance", required, ["meta", "residual_accuracy", "time_s"])
        require_format(document, FORMAT, VERSION)
        CHECKS.free_form("meta", document.get("meta", {}))
        values = {key: value for key, value in document.items() if key not in ("format", "version")}
        for key, cls in (("satellites", Satellite), ("links", Link)):
            items = enumerate(_list(document[key], key))
            values[key] = [_part(cls, item, f"{key}[{i}]") for i, item in items]  # type: ignore[type-var]
        values["tasks"] = [_task(item, f"tasks[{i}]") for i, item in enumerate(_list(document["tasks"], "tasks"))]
        values["accuracy"] = _accuracy(document["accuracy"], "accuracy")
        return _build(Instance, values, "")
    except LeosplitError as error:
        raise InstanceError(f"{where}: {error}" if where else str(error)) from None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _accuracy_to_dict(accuracy: Accuracy) -> dict[str, Any]:
    large = curve_to_dict(accuracy.large) if accuracy.surface is None else surface_to_dict(accuracy.surface)
    return {"large": large, "small": curve_to_dict(accuracy.small)}


def _part_to_dict(part: Satellite | Link | Task) -> dict[str, Any]:
    """Render a part, leaving out what is None, and the fields of variants at their default."""
    values = {f.name: getattr(part, f.name) for f in fields(part)}
    plain = {f.name: f.default for f in fields(part) if f.name in VARIANT_FIELDS}
    document = {
        _file_key(name): _plain(value) for name, value in values.items() if name not in plain or value != plain[name]
    }
    if isinstance(part, Task) and part.accuracy is not None:
        document["accuracy"] = _accuracy_to_dict(part.accuracy)
    if isinstance(part, Task) and part.feature_bits_per_frame_range is not None:
        del document["feature_bits_per_frame"]
    return {key: value for key, value in document.items() if value is not None}


def instance_to_dict(instance: Instance) -> dict[str, Any]:
    """Render an instance as its file's JSON document; optional keys at their default are left out."""
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": instance.name}
    if instance.meta:
        document["meta"] = dict(instance.meta)
    if instance.time_s is not None:
        document["time_s"] = instance.time_s
    if instance.residual_accuracy != "mean_residual":
        document["residual_accuracy"] = instance.residual_accuracy
    for key in ("satellites", "links", "tasks"):
        document[key] = [_part_to_dict(part) for part in getattr(instance, key)]
    document["accuracy"] = _accuracy_to_dict(instance.accuracy)
    return document


def read_instance(path: str | Path) -> Instance:
    """Read and validate an instance file.

    Raises
    ------
    LeosplitError
        One sentence: file, place, what is allowed, what was given.
    """
    return instance_from_dict(read_json(path), str(path))


def write_instance(instance: Instance, path: str | Path) -> None:
    """Write an instance file; reading it back gives an equal instance."""
    write_json(instance_to_dict(instance), path)


def instance_sha256(instance: Instance) -> str:
    """Return the SHA-256 of the file that `write_instance` writes, in hexadecimal."""
    return hashlib.sha256(dump_json(instance_to_dict(instance)).encode()).hexdigest()
