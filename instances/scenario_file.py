"""The scenario file: JSON, SI units, unknown keys rejected, decibels only in the radio's data sheet.

Only ``format``, ``version``, ``name`` and ``constellation`` (or ``tle``) are needed; everything else has the default of
`Scenario`. A path of element sets is read relative to the file.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from fitting import curve_from_dict, curve_to_dict
from fitting.checks import short
from fitting.errors import LeosplitError
from fitting.jsonfile import read_json, require_format, require_keys, write_json
from instances.assignment import Drawn, Listed, Matched, Roles, Selection
from instances.checks import CHECKS, InstanceError, number, numbers, text, whole
from instances.constellation import Constellation, parse_constellation
from instances.failures import Failures
from instances.ground import Region
from instances.instance import Accuracy
from instances.isl import LinkRules
from instances.link_budget import RADIOS, LinkTechnology, OpticalLink, RadioLink, ShannonLink, to_decibel
from instances.scenario import Bursts, LinkOverride, Scenario
from instances.series import Orbits
from instances.task_model import Hardware, TaskModel
from instances.tle import TleSet, read_tle

FORMAT = "leosplit-scenario"
VERSION = 1
SELECTIONS: Mapping[str, type[Selection]] = {"count": Drawn, "ids": Listed, "pattern": Matched, "region": Region}
RADIO_KEYS = (
    "frequency_hz",
    "power_w",
    "transmit_gain_dbi",
    "receive_gain_dbi",
    "pointing_loss_db",
    "noise_temperature_k",
    "eb_n0_required_db",
    "margin_db",
)
_OPTIONAL = (
    *("j2", "plane_gap_deg", "rules", "radio", "roles", "arrivals", "task_model", "hardware", "accuracy"),
    *("overrides", "failures", "epoch", "t0_s", "slot_s", "span_s", "seed", "meta"),
)
_T = TypeVar("_T", LinkRules, TaskModel, Hardware, Bursts, Region)


def read_scenario(path: str | Path) -> Scenario:
    """Read and validate a scenario file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    LeosplitError
        One sentence: file, place, what is allowed, what was given.
    """
    try:
        return scenario_from_dict(read_json(path), Path(path).parent)
    except LeosplitError as error:
        place = "" if str(error).startswith(str(path)) else f"{path}: "
        raise InstanceError(f"{place}{error}") from None


def scenario_from_dict(document: Any, directory: Path | None = None) -> Scenario:
    """Build a scenario from its file's JSON document.

    Parameters
    ----------
    document
        What `json.load` returns for a scenario file.
    directory
        Where the file lies, for the path of element sets.
    """
    source = "tle" if isinstance(document, dict) and "tle" in document else "constellation"
    require_keys(document, "scenario", ["format", "version", "name", source], _OPTIONAL)
    require_format(document, FORMAT, VERSION)
    epoch = CHECKS.date("epoch", document["epoch"]) if "epoch" in document else None
    values: dict[str, Any] = {"name": document["name"], "orbits": _orbits(document, directory or Path(), epoch)}
    readers = {
        "rules": lambda value: _numbers_of(LinkRules, value, "rules"),
        "roles": _roles,
        "arrivals": lambda value: Bursts(math.inf) if value == "every_slot" else _numbers_of(Bursts, value, "arrivals"),
        "task_model": lambda value: _numbers_of(TaskModel, value, "task_model"),
        "hardware": lambda value: _numbers_of(Hardware, value, "hardware"),
        "accuracy": _accuracy,
        "overrides": _overrides,
        "failures": _failures,
    }
    values |= {key: read(document[key]) for key, read in readers.items() if key in document}
    values |= {key: document[key] for key in ("t0_s", "slot_s", "span_s", "seed", "meta") if key in document}
    if "radio" in document:
        values["technology"] = _radio(document["radio"])
    return Scenario(epoch=epoch, **values)


def _numbers_of(cls: type[_T], document: Any, where: str) -> _T:
    """Build a dataclass whose fields are numbers or lists of numbers."""
    required = [f.name for f in fields(cls) if f.default is MISSING]
    require_keys(document, where, required, [f.name for f in fields(cls) if f.default is not MISSING])
    values: dict[str, Any] = {}
    for f in fields(cls):
        if f.name in document:
            place, value = f"{where}.{f.name}", document[f.name]
            if f.default is MISSING or isinstance(f.default, tuple):
                length = None if f.name == "residual_levels_bpp" else 2
                integral = f.default is not MISSING and isinstance(f.default[0], int)
                listed = numbers(place, value, length)
                values[f.name] = tuple(whole(place, item, 1) for item in listed) if integral else listed
            else:
                values[f.name] = (
                    whole(place, value, min(1, f.default)) if isinstance(f.default, int) else number(place, value)
                )
    return cls(**values)


def _orbits(document: Mapping[str, Any], directory: Path, epoch: datetime | None) -> Orbits:
    if "tle" in document:
        gap = number("plane_gap_deg", document.get("plane_gap_deg", 2.0), above=0.0)
        return read_tle(directory / text("tle", document["tle"]), epoch=epoch, plane_gap_deg=gap)
    j2 = CHECKS.flag("j2", document.get("j2", False))
    return parse_constellation(text("constellation", document["constellation"]), j2=j2)


def _roles(document: Any) -> Roles:
    require_keys(document, "roles", ["remote_sensing", "computing"])
    return Roles(*(_selection(document[key], f"roles.{key}") for key in ("remote_sensing", "computing")))


def _selection(document: Any, where: str) -> Selection:
    if not isinstance(document, dict) or len(document) != 1 or next(iter(document)) not in SELECTIONS:
        raise InstanceError(f"{where} must be an object with one of {', '.join(SELECTIONS)}, got {short(document)}")
    kind, value = next(iter(document.items()))
    if kind == "count":
        return Drawn(whole(f"{where}.count", value, 1))
    if kind == "pattern":
        return Matched(text(f"{where}.pattern", value))
    return Listed(_ids(value, f"{where}.ids")) if kind == "ids" else _numbers_of(Region, value, f"{where}.region")


def _ids(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InstanceError(f"{where} must be a list of satellite ids, got {short(value)}")
    return tuple(text(f"{where}[{k}]", item) for k, item in enumerate(value))


def _accuracy(document: Any) -> Accuracy:
    require_keys(document, "accuracy", ["large", "small"])
    large, small = (curve_from_dict(document[key], f"accuracy.{key}") for key in ("large", "small"))
    return Accuracy(large, small)


def _overrides(document: Any) -> tuple[LinkOverride, ...]:
    if not isinstance(document, list):
        raise InstanceError(f"overrides must be a list, got {short(document)}")
    for k, item in enumerate(document):
        require_keys(item, f"overrides[{k}]", ["from", "to", "rate_bps"])
    return tuple(LinkOverride(item["from"], item["to"], item["rate_bps"]) for item in document)


def _failures(document: Any) -> Failures:
    require_keys(document, "failures", [], [f.name for f in fields(Failures)])
    links = document.get("links", [])
    if not isinstance(links, list) or any(not isinstance(pair, list) or len(pair) != 2 for pair in links):
        raise InstanceError(f"failures.links must be a list of pairs of ids, got {short(links)}")
    pairs = [_ids(pair, f"failures.links[{k}]") for k, pair in enumerate(links)]
    rates = {key: document[key] for key in ("link_rate", "satellite_rate", "mean_outage_s") if key in document}
    dead = _ids(document.get("satellites", []), "failures.satellites")
    return Failures(tuple((a, b) for a, b in pairs), dead, **rates)


def _radio(document: Any) -> LinkTechnology:
    """Read a link technology: a name of `RADIOS`, or an object with its kind and numbers."""
    if isinstance(document, str):
        if document not in RADIOS:
            raise InstanceError(f"radio {document!r} is unknown; it is one of {', '.join(RADIOS)}")
        return RADIOS[document]
    kind = document.get("kind") if isinstance(document, dict) else None
    needed = {"radio": RADIO_KEYS, "shannon": (*RADIO_KEYS, "bandwidth_hz"), "optical": ("rate_bps",)}
    spare = {"radio": ["max_rate_bps"], "shannon": [], "optical": ["max_range_m"]}
    if kind not in needed:
        raise InstanceError(f"radio must be a name or an object with kind {', '.join(needed)}, got {short(document)}")
    require_keys(document, "radio", ["kind", *needed[kind]], spare[kind])
    values = {key: number(f"radio.{key}", value) for key, value in document.items() if key != "kind"}
    if kind == "optical":
        return OpticalLink(values.pop("rate_bps"), **values)
    width = values.pop("bandwidth_hz", None)
    radio = RadioLink.from_db(**values)
    return radio if width is None else ShannonLink(radio, width)


def scenario_to_dict(scenario: Scenario) -> dict[str, Any]:
    """Render a scenario as its file's JSON document.

    Raises
    ------
    InstanceError
        If its orbits or its link technology are of a user's own class, which no file can hold.
    """
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": scenario.name}
    orbits = scenario.orbits
    if isinstance(orbits, Constellation):
        document |= {"constellation": orbits.code, "j2": orbits.j2}
    elif isinstance(orbits, TleSet):
        document |= {"tle": orbits.source, "plane_gap_deg": orbits.plane_gap_deg}
    else:
        raise InstanceError(f"scenario {scenario.name!r}: orbits of class {type(orbits).__name__} have no file form")
    every = math.isinf(scenario.arrivals.per_hour)
    document |= {
        "rules": {key: value for key, value in asdict(scenario.rules).items() if math.isfinite(value)},
        "radio": _radio_to_dict(scenario.technology),
        "roles": {key: _selection_to_dict(getattr(scenario.roles, key)) for key in ("remote_sensing", "computing")},
        "arrivals": "every_slot" if every else asdict(scenario.arrivals),
        "task_model": asdict(scenario.task_model),
        "hardware": asdict(scenario.hardware),
        "accuracy": {key: curve_to_dict(getattr(scenario.accuracy, key)) for key in ("large", "small")},
        "overrides": [{"from": o.source, "to": o.target, "rate_bps": o.rate_bps} for o in scenario.overrides],
        "failures": {key: value for key, value in asdict(scenario.failures).items() if value is not None},
        "epoch": f"{scenario.start.isoformat()}",
        **{key: getattr(scenario, key) for key in ("t0_s", "slot_s", "span_s", "seed")},
        "meta": dict(scenario.meta),
    }
    return document


def _selection_to_dict(choice: Selection) -> dict[str, Any]:
    kind = next(kind for kind, cls in SELECTIONS.items() if isinstance(choice, cls))
    return {kind: asdict(choice) if isinstance(choice, Region) else next(iter(asdict(choice).values()))}


def _radio_to_dict(technology: LinkTechnology) -> str | dict[str, Any]:
    for name, known in RADIOS.items():
        if technology == known:
            return name
    if isinstance(technology, OpticalLink):
        document: dict[str, Any] = {"kind": "optical", "rate_bps": technology.class_rate_bps}
        return document | ({"max_range_m": technology.max_range_m} if math.isfinite(technology.max_range_m) else {})
    if isinstance(technology, ShannonLink):
        return {**_data_sheet(technology.radio), "kind": "shannon", "bandwidth_hz": technology.bandwidth_hz}
    if isinstance(technology, RadioLink):
        cap = {"max_rate_bps": technology.max_rate_bps} if math.isfinite(technology.max_rate_bps) else {}
        return {"kind": "radio", **_data_sheet(technology), **cap}
    raise InstanceError(f"link technology of class {type(technology).__name__} has no file form")


def _data_sheet(radio: RadioLink) -> dict[str, float]:
    """Decibels of a radio, the arguments of `RadioLink.from_db`; rounded, so that 34.41 stays 34.41."""
    return {
        "frequency_hz": radio.frequency_hz,
        "power_w": radio.power_w,
        "transmit_gain_dbi": round(to_decibel(radio.transmit_gain), 10),
        "receive_gain_dbi": round(to_decibel(radio.receive_gain), 10),
        "pointing_loss_db": -round(to_decibel(radio.pointing_loss), 10),
        "noise_temperature_k": radio.noise_temperature_k,
        "eb_n0_required_db": round(to_decibel(radio.eb_n0_required), 10),
        "margin_db": round(to_decibel(radio.margin), 10),
    }


def write_scenario(scenario: Scenario, path: str | Path) -> None:
    """Write a scenario file; it reads back to the same slots (rates of a radio outside `RADIOS`: to 1e-10).

    The path of element sets is written as seen from the file.
    """
    document = scenario_to_dict(scenario)
    if "tle" in document and not Path(document["tle"]).is_absolute():
        document["tle"] = Path(os.path.relpath(document["tle"], Path(path).parent)).as_posix()
    write_json(document, path)
