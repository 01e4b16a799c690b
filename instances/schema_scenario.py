"""JSON Schema (2020-12) of the scenario file; what ties places together is the reader's, as in `instances.schema`."""

from dataclasses import MISSING, fields
from typing import Any

from instances.failures import Failures
from instances.isl import MOST_TERMINALS, LinkRules
from instances.link_budget import RADIOS
from instances.scenario_file import FORMAT, VERSION
from instances.schema import DIALECT, NON_NEGATIVE, NUMBER, POSITIVE, SHARE, TEXT, array, closed_object, instance_schema
from instances.task_model import Hardware, TaskModel
from instances.technology import TECHNOLOGIES

PAIR = array(NUMBER, 2, 2)
WHOLE: dict[str, Any] = {"type": "integer", "minimum": 1}
STATIONS = array(
    closed_object(
        {"name": TEXT, "latitude_deg": NUMBER, "longitude_deg": NUMBER},
        {"minimum_elevation_deg": NON_NEGATIVE, "height_m": NUMBER},
    ),
    1,
)


def _optional(cls: type, **special: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a dataclass all of whose fields are optional numbers, but for special ones."""
    return closed_object(
        {}, {f.name: special.get(f.name, NON_NEGATIVE) for f in fields(cls) if f.default is not MISSING}
    )


def _selection() -> dict[str, Any]:
    region = closed_object({"latitude_deg": PAIR, "longitude_deg": PAIR})
    kinds = {"count": WHOLE, "ids": array(TEXT), "pattern": TEXT, "region": region, "stations": STATIONS}
    return {"oneOf": [closed_object({kind: schema}) for kind, schema in kinds.items()]}


def _technology() -> dict[str, Any]:
    kinds = [closed_object(*kind.schema_parts()) for kind in TECHNOLOGIES.values()]
    part = {"$ref": "#/$defs/technology"}
    classes = closed_object({"in_plane": part, "cross_plane": part}, {"other": part})
    return {"oneOf": [{"enum": list(RADIOS)}, *kinds, classes]}


def _satellites() -> dict[str, Any]:
    flag = {"type": "boolean"}
    ranges: dict[str, Any] = {"altitude_km": PAIR, "inclination_deg": PAIR, "shell": {"type": "integer", "minimum": 0}}
    return closed_object(
        {}, {"names": array(TEXT), "numbers": array(TEXT), **ranges, "newest": flag, "drop_decayed": flag}
    )


def _rules() -> dict[str, Any]:
    terminals = {"type": "integer", "minimum": 0, "maximum": MOST_TERMINALS}
    shift = {"oneOf": [{"type": "integer"}, {"const": "nearest"}]}
    return _optional(LinkRules, inter_shell_links=terminals, nearest_links=terminals, cross_shift=shift)


def _arrivals() -> dict[str, Any]:
    bursts = closed_object({}, {"per_hour": NON_NEGATIVE, "tasks": array(WHOLE, 2, 2)})
    return {"oneOf": [{"const": "every_slot"}, bursts]}


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema of the scenario file."""
    levels = {"residual_levels_bpp": array(POSITIVE, 1), "model_packet_bits_range": PAIR, "frames": array(WHOLE, 2, 2)}
    targets: dict[str, Any] = dict.fromkeys(("large_map_min", "small_map_min"), array(SHARE, 2, 2))
    curve = {"$ref": "#/$defs/curve"}
    override = {"from": TEXT, "to": TEXT, "rate_bps": POSITIVE}
    failing: dict[str, Any] = {"links": array(array(TEXT, 2, 2)), "satellites": array(TEXT)}
    failing |= {"link_rate": SHARE, "satellite_rate": SHARE, "mean_outage_s": POSITIVE}
    optional: dict[str, Any] = {
        "constellation": TEXT,
        "tle": TEXT,
        "j2": {"type": "boolean"},
        "satellites": _satellites(),
        "rules": _rules(),
        "links": {"oneOf": [TEXT, array(array(TEXT, 2, 2))]},
        "radio": {"$ref": "#/$defs/technology"},
        "roles": closed_object({"remote_sensing": _selection(), "computing": _selection()}),
        "arrivals": _arrivals(),
        "task_model": _optional(TaskModel, **levels, **targets),
        "hardware": _optional(Hardware),
        "accuracy": closed_object({"large": curve, "small": curve}),
        "downlink": closed_object(
            {"stations": STATIONS},
            {"rate_bps": POSITIVE, "bits_per_frame": NON_NEGATIVE, "longest_wait_s": NON_NEGATIVE},
        ),
        "overrides": array(closed_object(override)),
        "failures": _optional(Failures, **failing),
        "epoch": TEXT,
        "t0_s": NUMBER,
        "slot_s": POSITIVE,
        "span_s": POSITIVE,
        "seed": {"type": "integer", "minimum": 0},
        "meta": {"type": "object"},
    }
    document = closed_object({"format": {"const": FORMAT}, "version": {"const": VERSION}, "name": TEXT}, optional)
    return {
        "$schema": DIALECT,
        "title": "leosplit scenario: orbits, links, radio and tasks over a span of slots",
        **document,
        "oneOf": [{"required": ["constellation"]}, {"required": ["tle"]}],
        "$defs": {"curve": instance_schema()["$defs"]["curve"], "technology": _technology()},
    }
