"""Ephemeris files of STK (Systems Tool Kit), ``.e``: one satellite's positions over time.

Positions are written in ``TEMEOfDate``, the true equator and mean equinox of date. That is the frame of SGP4, and the
one in which longitudes are right ascensions less Greenwich *mean* sidereal time, as they are everywhere here: in
``J2000`` the same numbers would lie 0.3° to the side over the ground, the precession since the year 2000.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fitting.jsonfile import read_text
from fitting.whole_file import write_text
from instances.checks import InstanceError
from instances.constellation import Array
from instances.ground import as_utc
from instances.scenario import Scenario

FRAME = "TEMEOfDate"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Ephemeris:
    """One satellite's positions.

    Attributes
    ----------
    epoch
        Time 0, UTC.
    frame
        Coordinate system, as STK calls it.
    times_s
        Times since the epoch, s, shape (k,).
    positions_m
        Positions, m, shape (k, 3).
    """

    epoch: datetime
    frame: str
    times_s: Array
    positions_m: Array


def write_stk_ephemerides(
    scenario: Scenario, directory: str | Path, *, satellites: Sequence[str] | None = None
) -> list[Path]:
    """Write one ``.e`` file a satellite, a point for each slot and one for the end of the span.

    Parameters
    ----------
    scenario
        The scenario.
    directory
        Where to; made if it is missing. A file is named after its satellite, with ``_`` for what file names cannot
        hold.
    satellites
        Ids to write; all by default.

    Returns
    -------
    list of Path
        The files.
    """
    ids = scenario.orbits.ids
    wanted = ids if satellites is None else satellites
    index = {name: k for k, name in enumerate(ids)}
    unknown = [name for name in wanted if name not in index]
    if unknown:
        raise InstanceError(f"{unknown[0]!r} is no satellite of the scenario")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    times = scenario.time_s(np.arange(scenario.count + 1))
    positions = scenario.orbits.positions_m(times)
    files = [folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.e" for name in wanted]
    if len(set(files)) < len(files):
        raise InstanceError("satellite ids that differ only in special characters would share an ephemeris file")
    for name, path in zip(wanted, files, strict=True):
        write_text(path, _render(Ephemeris(scenario.start, FRAME, times, positions[:, index[name]])), "ascii")
    return files


def _render(ephemeris: Ephemeris) -> str:
    when = as_utc(ephemeris.epoch)
    head = (
        "stk.v.11.0",
        "BEGIN Ephemeris",
        f"NumberOfEphemerisPoints {len(ephemeris.times_s)}",
        f"ScenarioEpoch {when.day} {_MONTHS[when.month - 1]} {when.year} {when:%H:%M:%S.%f}",
        "InterpolationMethod Lagrange",
        "InterpolationSamplesM1 5",
        "CentralBody Earth",
        f"CoordinateSystem {ephemeris.frame}",
        "DistanceUnit Meters",
        "EphemerisTimePos",
    )
    rows = np.column_stack([ephemeris.times_s, ephemeris.positions_m]).tolist()
    points = (" ".join(f"{value:.16e}" for value in row) for row in rows)
    return "\n".join([*head, *points, "END Ephemeris", ""])


def read_stk_ephemeris(path: str | Path) -> Ephemeris:
    """Read a ``.e`` file with positions in metres or kilometres (`EphemerisTimePos` or `EphemerisTimePosVel`).

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InstanceError
        With the number of the line that cannot be read.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    if not lines[0].startswith("stk.v."):
        raise InstanceError(f"{path}, line 1: an STK ephemeris starts with stk.v., got {lines[0][:20]!r}")
    keys: dict[str, str] = {}
    rows: list[list[float]] = []
    for number, line in enumerate(lines[1:], 2):
        if line == "END Ephemeris":
            break
        if "EphemerisTimePos" not in keys:
            key, _, value = line.partition(" ")
            keys["EphemerisTimePos" if key.startswith("EphemerisTimePos") else key] = value.strip()
        elif line:
            try:
                rows.append([float(item) for item in line.split()[:4]])
            except ValueError:
                raise InstanceError(f"{path}, line {number}: expected four numbers, got {line[:40]!r}") from None
            if len(rows[-1]) < 4:
                raise InstanceError(f"{path}, line {number}: expected four numbers, got {line[:40]!r}")
    else:
        raise InstanceError(f"{path}: END Ephemeris is missing")
    if str(len(rows)) != keys.get("NumberOfEphemerisPoints", str(len(rows))):
        raise InstanceError(f"{path}: {len(rows)} points, announced are {keys['NumberOfEphemerisPoints']}")
    units = {"Meters": 1.0, "Kilometers": 1e3}
    unit = keys.get("DistanceUnit", "Meters")
    if unit not in units:
        raise InstanceError(f"{path}: DistanceUnit must be one of {', '.join(units)}, got {unit!r}")
    table = np.array(rows, dtype=float).reshape(-1, 4)
    epoch = _epoch(keys.get("ScenarioEpoch", ""), path)
    return Ephemeris(epoch, keys.get("CoordinateSystem", "Fixed"), table[:, 0], units[unit] * table[:, 1:])


def _epoch(text: str, path: str | Path) -> datetime:
    match = re.fullmatch(r"(\d+) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d)(\.\d*)?", text)
    if match is None or match[2] not in _MONTHS:
        raise InstanceError(f"{path}: ScenarioEpoch must look like 18 Oct 2025 00:00:00.0, got {text!r}")
    day, year, hour, minute, second = (int(match[k]) for k in (1, 3, 4, 5, 6))
    micro = round(float(match[7] or "0") * 1e6) if match[7] not in (None, ".") else 0
    return datetime(year, _MONTHS.index(match[2]) + 1, day, hour, minute, second, micro, tzinfo=UTC)
