"""CZML for Cesium: satellites on their orbits, links as they come and go, and routes in time.

Positions turn with the Earth (Cesium's frame FIXED, ITRS to within half a kilometre), sampled and interpolated by
Lagrange polynomials of degree 5. Cesium's INERTIAL is the frame of the year 2000, to which SGP4's would have to be
precessed: some 40 km today.
Format: https://github.com/AnalyticalGraphicsInc/czml-writer/wiki/CZML-Guide.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.whole_file import write_text
from instances.checks import InstanceError
from instances.ground import as_utc, earth_fixed_m
from instances.instance import Instance
from instances.presets import EPOCH, SLOT_S
from instances.scenario import Scenario

Packet = dict[str, Any]
Paths = Mapping[tuple[str, str], Sequence[str]]
"""Satellite ids of each route, by satellite of the task and kind of the packet (``data`` or ``model``)."""

SAMPLE_S = 120.0
"""Longest time between samples of a position, s: 8° of a low orbit, metres of error at degree 5."""
COLOURS: Mapping[str, list[int]] = {
    "remote_sensing": [230, 159, 0, 255],
    "relay": [200, 200, 200, 255],
    "computing": [213, 94, 0, 255],
    "link": [120, 160, 200, 90],
    "data": [0, 158, 115, 255],
    "model": [86, 180, 233, 255],
}


def scenario_packets(
    scenario: Scenario, start: int = 0, stop: int | None = None, routes: Mapping[int, Paths] | None = None
) -> list[Packet]:
    """Make the CZML packets of a scenario.

    Parameters
    ----------
    scenario
        The scenario.
    start, stop
        First slot, and the one to stop before; the whole span by default.
    routes
        Routes by slot, shown during it.

    Returns
    -------
    list of dict
        The document's packets; satellites have the colour of their role in the first slot where they have one.
    """
    slots = np.arange(start, scenario.count if stop is None else min(stop, scenario.count))
    if not len(slots):
        raise InstanceError(f"slots must be in [0, {scenario.count - 1}], got {start} to {stop}")
    begin = scenario.start + timedelta(seconds=float(scenario.time_s(start)))
    span_s = len(slots) * scenario.slot_s
    step = span_s / max(1, int(np.ceil(span_s / min(SAMPLE_S, max(scenario.slot_s, 1.0)))))
    offsets = np.arange(0.0, span_s + 0.5 * step, step)
    times = float(scenario.time_s(start)) + offsets
    positions = earth_fixed_m(scenario.orbits.positions_m(times), times, scenario.start)
    roles: dict[str, str] = {}
    for instance in scenario.slots(start, int(slots[-1]) + 1):
        for satellite in instance.satellites:
            if satellite.role != "relay":
                roles.setdefault(satellite.id, satellite.role)
    packets = [_document(scenario.name, begin, span_s)]
    for k, name in enumerate(scenario.orbits.ids):
        samples = np.column_stack([offsets, positions[:, k]]).round(3).ravel().tolist()
        packets.append(_satellite(name, roles.get(name, "relay"), {"epoch": _utc(begin), "cartesian": samples}))
    series = scenario.network(slots)
    edges = begin, scenario.slot_s
    seen: set[frozenset[int]] = set()
    for j, (a, b) in enumerate(zip(series.plan.source.tolist(), series.plan.target.tolist(), strict=True)):
        if frozenset((a, b)) not in seen and series.up[:, j].any():
            seen.add(frozenset((a, b)))
            packets.append(_link(series.ids[a], series.ids[b], _spans(series.up[:, j], *edges)))
    packets += _routes({slot - start: paths for slot, paths in (routes or {}).items()}, *edges, len(slots))
    return packets


def instance_packets(instance: Instance, routes: Paths | None = None, duration_s: float = SLOT_S) -> list[Packet]:
    """Make the CZML packets of one slot, in which satellites stand still over the ground, where the slot begins.

    Parameters
    ----------
    instance
        The slot; every satellite needs a position.
    routes
        Routes to show.
    duration_s
        Length of the slot, s.

    Raises
    ------
    InstanceError
        If a satellite has no position.
    """
    epoch = as_utc(datetime.fromisoformat(str(instance.meta.get("epoch", EPOCH))))
    begin = epoch + timedelta(seconds=instance.time_s or 0.0)
    packets = [_document(instance.name, begin, duration_s)]
    for satellite in instance.satellites:
        if satellite.position_m is None:
            raise InstanceError(f"satellite {satellite.id!r} has no position_m, which CZML needs")
        place = earth_fixed_m(np.array([[satellite.position_m]]), np.array([instance.time_s or 0.0]), epoch)
        packets.append(_satellite(satellite.id, satellite.role, {"cartesian": place[0, 0].round(3).tolist()}))
    seen: set[frozenset[str]] = set()
    for link in instance.links:
        if frozenset((link.source, link.target)) not in seen:
            seen.add(frozenset((link.source, link.target)))
            packets.append(_link(link.source, link.target, _spans(np.ones(1, dtype=bool), begin, duration_s)))
    return packets + _routes({0: routes or {}}, begin, duration_s, 1)


def write_czml(packets: Sequence[Packet], path: str | Path) -> None:
    """Write packets as a CZML file.

    Parameters
    ----------
    packets
        From `scenario_packets` or `instance_packets`.
    path
        The file, usually ``.czml``.
    """
    text = ",\n".join(json.dumps(packet, allow_nan=False, ensure_ascii=False) for packet in packets)
    write_text(path, f"[\n{text}\n]\n")


def _utc(when: datetime) -> str:
    return as_utc(when).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _interval(begin: datetime, first_s: float, last_s: float) -> str:
    return f"{_utc(begin + timedelta(seconds=first_s))}/{_utc(begin + timedelta(seconds=last_s))}"


def _spans(shown: NDArray[np.bool_], begin: datetime, slot_s: float) -> list[Packet]:
    """Intervals of equal visibility over consecutive slots."""
    cuts = [0, *(np.flatnonzero(np.diff(shown)) + 1).tolist(), len(shown)]
    return [
        {"interval": _interval(begin, a * slot_s, b * slot_s), "boolean": bool(shown[a])} for a, b in pairwise(cuts)
    ]


def _document(name: str, begin: datetime, span_s: float) -> Packet:
    interval = _interval(begin, 0.0, span_s)
    clock = {"interval": interval, "currentTime": _utc(begin), "multiplier": 60, "range": "LOOP_STOP"}
    return {"id": "document", "name": name, "version": "1.0", "clock": clock}


def _satellite(name: str, role: str, position: Packet) -> Packet:
    if "epoch" in position:
        position = {"interpolationAlgorithm": "LAGRANGE", "interpolationDegree": 5, **position}
    packet: Packet = {
        "id": name,
        "name": f"{name} ({role.replace('_', ' ')})",
        "position": {"referenceFrame": "FIXED", **position},
        "point": {"pixelSize": 4 if role == "relay" else 9, "color": {"rgba": COLOURS[role]}},
    }
    if role != "relay":
        packet["label"] = {"text": name, "font": "12px sans-serif", "pixelOffset": {"cartesian2": [12, -8]}}
    return packet


def _line(ids: Sequence[str], colour: list[int], width: float, dashed: bool, show: list[Packet]) -> Packet:
    colouring = {"color": {"rgba": colour}}
    return {
        "show": show,
        "positions": {"references": [f"{_escaped(name)}#position" for name in ids]},
        "arcType": "NONE",
        "width": width,
        "material": {"polylineDash": colouring} if dashed else {"solidColor": colouring},
    }


def _escaped(name: str) -> str:
    """Escape what has a meaning in a reference."""
    return "".join("\\" + char if char in "\\#." else char for char in name)


def _link(a: str, b: str, show: list[Packet]) -> Packet:
    return {"id": f"link {a} {b}", "name": f"{a} – {b}", "polyline": _line((a, b), COLOURS["link"], 1, False, show)}


def _routes(routes: Mapping[int, Paths], begin: datetime, slot_s: float, count: int) -> list[Packet]:
    """One packet for each route of each task, shown in the slots that use it."""
    used: dict[tuple[str, str, tuple[str, ...]], NDArray[np.bool_]] = {}
    for slot, paths in routes.items():
        for (satellite, kind), path in paths.items():
            used.setdefault((satellite, kind, tuple(path)), np.zeros(count, dtype=bool))[slot] = True
    return [
        {
            "id": f"route {number} {satellite} {kind}",
            "name": f"{kind} of {satellite}: {' → '.join(path)}",
            "polyline": _line(path, COLOURS[kind], 3, kind == "model", _spans(shown, begin, slot_s)),
        }
        for number, ((satellite, kind, path), shown) in enumerate(used.items())
    ]
