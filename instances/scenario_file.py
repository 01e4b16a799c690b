"""The scenario file: JSON, SI units, unknown keys rejected, decibels only in the radio's data sheet.

Only ``format``, ``version``, ``name`` and ``constellation`` (or ``tle``) are needed; everything else has the default of
`Scenario`. A path of element sets is read relative to the file.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from fitting import curve_from_dict, curve_to_dict
from fitting.checks import short
from fitting.errors import LeosplitError
from fitting.jsonfile import read_json, require_format, require_keys, write_json
from instances.assignment import Drawn, Listed, Matched, Roles, Selection
from instances.catalogue import TleSet, read_tle
from instances.checks import CHECKS, InstanceError, number, numbers, text, whole
from instances.constellation import Constellation, parse_constellation
from instances.failures import Failures
from instances.ground import Region
from instances.instance import Accuracy
from instances.isl import LinkRules
from instances.link_list import read_links
from instances.radio_classes import technology_from_document, technology_to_document
from instances.satellite_filter import SatelliteFilter
from instances.scenario import Bursts, LinkOverride, Scenario
from instances.series import Orbits
from instances.stations import Downlink, GroundStation, InView
from instances.task_model import Hardware, TaskModel

FORMAT = "leosplit-scenario"
VERSION = 1
SELECTIONS: Mapping[str, type[Selection]] = {
    "count": Drawn,
    "ids": Listed,
    "pattern": Matched,
    "region": Region,
    "stations": InView,
}
_OPTIONAL = (
    *("j2", "satellites", "rules", "links", "radio", "roles", "arrivals", "task_model", "hardware", "accuracy"),
    *("downlink", "overrides", "failures", "epoch", "t0_s", "slot_s", "span_s", "seed", "meta"),
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
        "rules": _rules,
        "links": lambda value: _links(value, directory or Path(), values["orbits"].ids),
        "roles": _roles,
        "arrivals": lambda value: Bursts(math.inf) if value == "every_slot" else _numbers_of(Bursts, value, "arrivals"),
        "task_model": lambda value: _numbers_of(TaskModel, value, "task_model"),
        "hardware": lambda value: _numbers_of(Hardware, value, "hardware"),
        "accuracy": _accuracy,
        "downlink": _downlink,
        "overrides": _overrides,
        "failures": _failures,
    }
    values |= {key: read(document[key]) for key, read in readers.items() if key in document}
    values |= {key: document[key] for key in ("t0_s", "slot_s", "span_s", "seed", "meta") if key in document}
    if "radio" in document:
        values["technology"] = technology_from_document(document["radio"])
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
        only = _filter(document.get("satellites", {}))
        return read_tle(directory / text("tle", document["tle"]), epoch=epoch, only=only)
    if "satellites" in document:
        raise InstanceError("satellites chooses from element sets; a constellation has none")
    j2 = CHECKS.flag("j2", document.get("j2", False))
    return parse_constellation(text("constellation", document["constellation"]), j2=j2)


def _filter(document: Any) -> SatelliteFilter:
    """Read what is taken of a catalogue."""
    require_keys(document, "satellites", [], [f.name for f in fields(SatelliteFilter)])
    values = dict(document)
    for key in ("names", "numbers"):
        if key in values:
            values[key] = _ids(values[key], f"satellites.{key}")
    for key in ("newest", "drop_decayed"):
        if key in values:
            CHECKS.flag(f"satellites.{key}", values[key])
    return SatelliteFilter(**values)


def _rules(document: Any) -> LinkRules:
    """Read the link rules, whose shift may be a word."""
    nearest = isinstance(document, dict) and document.get("cross_shift") == "nearest"
    shift = document.get("cross_shift", 0) if isinstance(document, dict) and not nearest else 0
    whole("rules.cross_shift", shift, -1_000_000, 1_000_000)
    rest = (
        {key: value for key, value in document.items() if key != "cross_shift"}
        if isinstance(document, dict)
        else document
    )
    return replace(_numbers_of(LinkRules, rest, "rules"), cross_shift="nearest" if nearest else int(shift))


def _links(document: Any, directory: Path, ids: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Read links of one's own: the path of a file, or a list of pairs."""
    if isinstance(document, str):
        return read_links(directory / text("links", document), ids)
    return _pairs(document, "links")


def _pairs(document: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(document, list) or any(not isinstance(pair, list) or len(pair) != 2 for pair in document):
        raise InstanceError(f"{where} must be a list of pairs of ids, got {short(document)}")
    pairs = [_ids(pair, f"{where}[{k}]") for k, pair in enumerate(document)]
    return tuple((a, b) for a, b in pairs)


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
    if kind == "stations":
        return InView(_stations(value, f"{where}.stations"))
    return Listed(_ids(value, f"{where}.ids")) if kind == "ids" else _numbers_of(Region, value, f"{where}.region")


def _stations(document: Any, where: str) -> tuple[GroundStation, ...]:
    if not isinstance(document, list):
        raise InstanceError(f"{where} must be a list of ground stations, got {short(document)}")
    for k, item in enumerate(document):
        needed = ["name", "latitude_deg", "longitude_deg"]
        require_keys(item, f"{where}[{k}]", needed, ["minimum_elevation_deg", "height_m"])
    return tuple(GroundStation(**item) for item in document)


def _downlink(document: Any) -> Downlink:
    require_keys(document, "downlink", ["stations"], ["rate_bps", "bits_per_frame", "longest_wait_s"])
    rest = {key: value for key, value in document.items() if key != "stations"}
    return Downlink(_stations(document["stations"], "downlink.stations"), **rest)


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
    pairs = _pairs(document.get("links", []), "failures.links")
    rates = {key: document[key] for key in ("link_rate", "satellite_rate", "mean_outage_s") if key in document}
    dead = _ids(document.get("satellites", []), "failures.satellites")
    return Failures(pairs, dead, **rates)


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
        document |= {"tle": orbits.source}
        if orbits.only != SatelliteFilter():
            document["satellites"] = orbits.only.document()
    else:
        raise InstanceError(f"scenario {scenario.name!r}: orbits of class {type(orbits).__name__} have no file form")
    every = math.isinf(scenario.arrivals.per_hour)
    document |= {
        "rules": {key: value for key, value in asdict(scenario.rules).items() if value != math.inf},
        **({} if scenario.links is None else {"links": [list(pair) for pair in scenario.links]}),
        "radio": technology_to_document(scenario.technology),
        "roles": {key: _selection_to_dict(getattr(scenario.roles, key)) for key in ("remote_sensing", "computing")},
        "arrivals": "every_slot" if every else asdict(scenario.arrivals),
        "task_model": asdict(scenario.task_model),
        "hardware": asdict(scenario.hardware),
        "accuracy": {key: curve_to_dict(getattr(scenario.accuracy, key)) for key in ("large", "small")},
        **({} if scenario.downlink is None else {"downlink": asdict(scenario.downlink)}),
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


def write_scenario(scenario: Scenario, path: str | Path) -> None:
    """Write a scenario file; it reads back to the same slots (rates of a radio outside `RADIOS`: to 1e-10).

    The path of element sets is written as seen from the file.
    """
    document = scenario_to_dict(scenario)
    if "tle" in document and not Path(document["tle"]).is_absolute():
        document["tle"] = Path(os.path.relpath(document["tle"], Path(path).parent)).as_posix()
    write_json(document, path)
