"""JSON Schema (2020-12) of the instance file and of the curves in it.

The schema says what a single value may be; rules that tie places together (unique ids, links between known
satellites, ascending levels) are the reader's.
"""

from collections.abc import Iterable
from typing import Any

from fitting import FAMILIES
from instances.instance import DIRECTIONS, RESIDUAL_ACCURACIES, ROLES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NUMBER: dict[str, Any] = {"type": "number"}
NON_NEGATIVE: dict[str, Any] = {"type": "number", "minimum": 0}
POSITIVE: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0}
SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}


def closed_object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object with these keys and no others."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def array(items: dict[str, Any], at_least: int = 0, at_most: int | None = None) -> dict[str, Any]:
    """Return the schema of a list."""
    schema: dict[str, Any] = {"type": "array", "items": items, "minItems": at_least}
    return schema if at_most is None else schema | {"maxItems": at_most}


def _family(kind: str, parameters: Iterable[str]) -> dict[str, Any]:
    return closed_object(
        {
            "kind": {"const": kind},
            "parameters": closed_object(dict.fromkeys(parameters, NUMBER)),
            "domain": array(NUMBER, 2, 2),
        }
    )


def _curve() -> dict[str, Any]:
    piecewise = {"kind": {"const": "piecewise_linear"}, "x": array(NUMBER, 2), "y": array(NUMBER, 2)}
    families = [_family(kind, family.names()) for kind, family in FAMILIES.items()]
    return {"oneOf": [closed_object(piecewise), *families]}


def _satellite() -> dict[str, Any]:
    optional = {
        "ops_per_s": POSITIVE,
        "utilization": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "relay_s_per_bit": NON_NEGATIVE,
        "position_m": array(NUMBER, 3, 3),
        "plane": {"type": "integer", "minimum": 0},
        "slot": {"type": "integer", "minimum": 0},
        "joule_per_op": NON_NEGATIVE,
        "transmit_w": NON_NEGATIVE,
    }
    computes = {"properties": {"role": {"const": "relay"}}}
    schema = closed_object({"id": TEXT, "role": {"enum": list(ROLES)}}, optional)
    return schema | {"if": computes, "else": {"required": ["ops_per_s", "utilization"]}}


def _link() -> dict[str, Any]:
    required = {"from": TEXT, "to": TEXT, "rate_bps": POSITIVE, "length_m": NON_NEGATIVE}
    return closed_object(required, {"direction": {"enum": list(DIRECTIONS)}})


def _task() -> dict[str, Any]:
    required = {
        "satellite": TEXT,
        "frames": {"type": "integer", "minimum": 1},
        "pixels_per_frame": POSITIVE,
        "bits_per_pixel": POSITIVE,
        "feature_bits_per_frame": NON_NEGATIVE,
        "feature_ops_per_bit": NON_NEGATIVE,
        "small_ops_per_frame": POSITIVE,
        "large_ops_per_frame": POSITIVE,
        "residual_levels_bpp": array(POSITIVE, 1),
        "model_packet_bits_range": array(NON_NEGATIVE, 2, 2),
        "large_map_min": SHARE,
        "small_map_min": SHARE,
    }
    optional = {
        "computing_satellite": TEXT,
        "accuracy": {"$ref": "#/$defs/accuracy"},
        "feature_bits_per_frame_range": array(NON_NEGATIVE, 2, 2),
        "weight": POSITIVE,
        "deadline_s": POSITIVE,
        "offload_ratio_range": array(SHARE, 2, 2),
    }
    schema = closed_object(required, optional)
    schema["required"].remove("feature_bits_per_frame")
    features = ("feature_bits_per_frame", "feature_bits_per_frame_range")
    return schema | {"oneOf": [{"required": [name]} for name in features]}


def instance_schema() -> dict[str, Any]:
    """Return the JSON Schema of the instance file."""
    required = {
        "format": {"const": "leosplit-instance"},
        "version": {"const": 1},
        "name": TEXT,
        "satellites": array({"$ref": "#/$defs/satellite"}),
        "links": array({"$ref": "#/$defs/link"}),
        "tasks": array({"$ref": "#/$defs/task"}, 1),
        "accuracy": {"$ref": "#/$defs/accuracy"},
    }
    optional = {
        "meta": {"type": "object"},
        "time_s": NUMBER,
        "residual_accuracy": {"enum": list(RESIDUAL_ACCURACIES)},
    }
    curve = {"$ref": "#/$defs/curve"}
    defs = {
        "satellite": _satellite(),
        "link": _link(),
        "task": _task(),
        "accuracy": closed_object({"large": {"oneOf": [curve, {"$ref": "#/$defs/surface"}]}, "small": curve}),
        "surface": closed_object({"kind": {"const": "triangulated"}, "points": array(array(NUMBER, 3, 3), 3)}),
        "curve": _curve(),
    }
    title = "leosplit instance: one slot's network, tasks and accuracy curves"
    return {"$schema": DIALECT, "title": title, **closed_object(required, optional), "$defs": defs}
