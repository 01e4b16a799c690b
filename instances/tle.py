"""Satellites from two-line element sets, moved by SGP4.

Positions are in SGP4's frame (true equator, mean equinox of date), which is inertial to within precession; only the
ground track depends on it. Planes, slots and links are derived from the elements at the set's epoch, see
`TleSet.links`.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sgp4.api import Satrec, SatrecArray
from sgp4.conveniences import sat_epoch_datetime

from fitting.jsonfile import read_text
from instances.checks import InstanceError
from instances.constellation import Array
from instances.ground import as_utc
from instances.isl import LinkPlan

JULIAN_DATE_2000 = 2451544.5
"""Julian date of 2000-01-01T00:00:00 UTC."""
MOST_ECCENTRIC = 0.99
"""Beyond it no satellite stays with the Earth; SGP4 stops at 1."""
INCLINATION_GAP_DEG, ALTITUDE_GAP_M = 1.0, 25e3
_FIELDS = {
    "1": (
        (18, 20, 0.0, 99.0, "the last two digits of a year"),
        (20, 32, 1.0, 366.999999999, "a day of the year"),
        (33, 43, -1.0, 1.0, "half the change of the mean motion, revolutions/day²"),
    ),
    "2": (
        (8, 16, 0.0, 180.0, "an inclination in [0, 180]°"),
        (17, 25, 0.0, 360.0, "a right ascension in [0, 360]°"),
        (26, 33, 0.0, 9999999.0, "the digits of an eccentricity"),
        (34, 42, 0.0, 360.0, "an argument of perigee in [0, 360]°"),
        (43, 51, 0.0, 360.0, "a mean anomaly in [0, 360]°"),
        (52, 63, 1e-3, 18.0, "a mean motion in (0, 18] revolutions/day"),
    ),
}
"""Columns (start, stop) of the fields of each line, what they may be, in numbers and in words."""


class TleError(InstanceError):
    """Element sets that cannot be read or no longer describe an orbit."""


@dataclass(frozen=True)
class TleSet:
    """Satellites of a file of element sets.

    Attributes
    ----------
    names
        Unique names, n of them: the ids.
    lines
        The two lines of each.
    epoch
        Time 0, UTC; the latest epoch of the sets by default.
    plane_gap_deg
        Satellites whose ascending nodes are farther apart than this, degrees, start a new plane.
    source
        File that they were read from, for messages and `meta`.
    """

    names: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    epoch: datetime
    plane_gap_deg: float = 2.0
    source: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Satellite ids: the names."""
        return self.names

    @property
    def total(self) -> int:
        """Number of satellites."""
        return len(self.names)

    @cached_property
    def _records(self) -> SatrecArray:
        return SatrecArray([Satrec.twoline2rv(*pair) for pair in self.lines])

    def _states(self, times_s: Array) -> tuple[Array, Array]:
        """Positions, m, and velocities, m/s, shape (k, n, 3)."""
        start = as_utc(self.epoch) - datetime(2000, 1, 1, tzinfo=UTC)
        days = np.full(len(times_s), JULIAN_DATE_2000 + start.days)
        errors, place, speed = self._records.sgp4(days, (start.seconds + times_s) / 86400.0)
        errors[~np.isfinite(place).all(axis=-1)] = 1
        if errors.any():
            which, when = np.argwhere(errors)[0]
            raise TleError(
                f"{self.source or 'elements'}: {self.names[which]} has no orbit "
                f"{times_s[when]:g} s after {self.epoch:%FT%TZ} "
                f"(SGP4 error {errors[which, when]}: the elements are too old or the satellite has decayed)"
            )
        return 1e3 * place.transpose(1, 0, 2), 1e3 * speed.transpose(1, 0, 2)

    def positions_m(self, times_s: ArrayLike) -> Array:
        """Positions by SGP4, m.

        Parameters
        ----------
        times_s
            Times since `epoch`, s; a number or shape (k,).

        Returns
        -------
        ndarray
            Shape (n, 3) for a number, else (k, n, 3).

        Raises
        ------
        TleError
            If SGP4 gives up on a satellite.
        """
        times = np.asarray(times_s, dtype=float)
        out = self._states(np.atleast_1d(times))[0]
        return out[0] if times.ndim == 0 else out

    @cached_property
    def _planes(self) -> list[list[list[int]]]:
        """Planes of each shell, satellites in the order of flight."""
        (place,), (speed,) = self._states(np.zeros(1))
        normal = np.cross(place, speed)
        radius = np.linalg.norm(place, axis=1)
        inclination = np.degrees(np.arccos(normal[:, 2] / np.linalg.norm(normal, axis=1)))
        node = np.degrees(np.arctan2(normal[:, 0], -normal[:, 1])) % 360.0
        along = _argument_of_latitude(place, normal)
        shells = [
            group
            for tilt in _split(np.arange(self.total), inclination, INCLINATION_GAP_DEG)
            for group in _split(tilt, radius, ALTITUDE_GAP_M)
        ]
        return [
            [
                plane[np.argsort(along[plane])].tolist()
                for plane in _split(shell, node, self.plane_gap_deg, period=360.0)
            ]
            for shell in shells
        ]

    def planes_and_slots(self) -> tuple[list[int], list[int]]:
        """Plane and slot of every satellite, planes numbered through all shells."""
        planes, slots = [0] * self.total, [0] * self.total
        for number, plane in enumerate(plane for shell in self._planes for plane in shell):
            for slot, satellite in enumerate(plane):
                planes[satellite], slots[satellite] = number, slot
        return planes, slots

    @cached_property
    def shell_numbers(self) -> NDArray[np.intp]:
        """Shell of every satellite, from 0, told apart as in `links`."""
        numbers = np.zeros(self.total, dtype=np.intp)
        for number, shell in enumerate(self._planes):
            numbers[[satellite for plane in shell for satellite in plane]] = number
        return numbers

    @cached_property
    def links(self) -> LinkPlan:
        """Links that the terminals hold: the neighbours in the plane, and one satellite of each adjacent plane.

        Shells are told apart by inclination (1°) and distance from the Earth's centre (25 km), planes by their
        ascending nodes. Planes are adjacent where their nodes are at most 1.5 times the shell's median distance
        apart, so a star keeps its seam; between adjacent planes satellites are paired so that the sum of distances
        at the epoch is least.
        """
        place = self.positions_m(0.0)
        rows: list[tuple[int, int, str]] = []
        for shell in self._planes:
            for plane in shell:
                for here, ahead in zip(plane, plane[1:] + plane[:1], strict=True):
                    rows += [(here, ahead, "fore"), (ahead, here, "aft")]
            for left, right in self._adjacent(shell):
                distance = np.linalg.norm(place[left][:, None] - place[right][None], axis=-1)
                for a, b in zip(*linear_sum_assignment(distance), strict=True):
                    rows += [(left[a], right[b], "right"), (right[b], left[a], "left")]
        return LinkPlan.from_rows(rows)

    def _adjacent(self, shell: list[list[int]]) -> list[tuple[list[int], list[int]]]:
        """Pairs of planes that lie next to each other, the one of larger right ascension second."""
        if len(shell) < 2:
            return []
        (place,), (speed,) = self._states(np.zeros(1))
        normals = np.array([np.cross(place[plane], speed[plane]).mean(axis=0) for plane in shell])
        nodes = np.degrees(np.arctan2(normals[:, 0], -normals[:, 1])) % 360.0
        order = np.argsort(nodes)
        gaps = (nodes[np.roll(order, -1)] - nodes[order]) % 360.0
        pairs = zip(order.tolist(), np.roll(order, -1).tolist(), gaps.tolist(), strict=True)
        reach = 1.5 * float(np.median(gaps))
        return [(shell[a], shell[b]) for a, b, gap in pairs if gap <= reach]


def _argument_of_latitude(place: Array, normal: Array) -> Array:
    """Angle from the ascending node along the orbit, rad in [0, 2π), shape (n,)."""
    node = np.stack([-normal[:, 1], normal[:, 0], np.zeros(len(normal))], axis=1)
    ahead = np.cross(normal, node) / np.linalg.norm(normal, axis=1, keepdims=True)
    angle = np.arctan2(np.einsum("ij,ij->i", place, ahead), np.einsum("ij,ij->i", place, node))
    return np.asarray(angle % (2.0 * np.pi))


def _split(members: NDArray[np.intp], value: Array, gap: float, period: float | None = None) -> list[NDArray[np.intp]]:
    """Sort members by value and cut where neighbours are farther apart than `gap`, around a circle if periodic."""
    order = members[np.argsort(value[members], kind="stable")]
    cuts = np.flatnonzero(np.diff(value[order]) > gap) + 1
    parts = np.split(order, cuts)
    if period is not None and len(parts) > 1 and value[order[0]] + period - value[order[-1]] <= gap:
        parts[0] = np.concatenate([parts.pop(), parts[0]])
    return parts


def read_tle(path: str | Path, *, epoch: datetime | None = None, plane_gap_deg: float = 2.0) -> TleSet:
    """Read a file of two-line element sets, with or without name lines.

    Parameters
    ----------
    path
        The file.
    epoch
        Time 0, UTC; by default the latest epoch of the sets.
    plane_gap_deg
        See `TleSet`.

    Raises
    ------
    TleError
        With the number of the line that cannot be read.
    """
    return parse_tle(read_text(path), str(path), epoch=epoch, plane_gap_deg=plane_gap_deg)


def parse_tle(text: str, where: str, *, epoch: datetime | None = None, plane_gap_deg: float = 2.0) -> TleSet:
    """Parse element sets from text; `where` names it in messages, the rest is as in `read_tle`."""
    rows = [(number, line.rstrip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    names: list[str] = []
    pairs: list[tuple[str, str]] = []
    last = rows[-1][0] if rows else 0
    while rows:
        name = ""
        if not re.match(r"1 [ \dA-Z]{5}", rows[0][1]):
            name = rows.pop(0)[1].removeprefix("0 ").strip()
        if len(rows) < 2:
            raise TleError(
                f"{where}, line {last}: the last element set is not complete: two lines of 69 characters are needed"
            )
        first, second = _checked(where, *rows.pop(0), "1"), _checked(where, *rows[0], "2")
        if first[2:7] != second[2:7]:
            raise TleError(
                f"{where}, line {rows[0][0]}: catalogue number {second[2:7]} does not match {first[2:7]} above"
            )
        rows_done = rows.pop(0)[0]
        name = name or first[2:7].strip()
        if name in names:
            if first[2:7] == pairs[names.index(name)][0][2:7]:
                raise TleError(f"{where}, line {rows_done}: satellite {name!r} stands twice")
            name = f"{name} [{first[2:7].strip()}]"
        names.append(name)
        _check_orbit(first, second, f"{where}, line {rows_done}")
        pairs.append((first, second))
    if not pairs:
        raise TleError(f"{where}: no element sets")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TleError(f"{where}: satellite {twice!r} stands twice")
    latest = max(sat_epoch_datetime(Satrec.twoline2rv(*pair)) for pair in pairs)
    rounded = latest.replace(microsecond=0) + timedelta(seconds=latest.microsecond > 0)
    return TleSet(tuple(names), tuple(pairs), epoch or rounded, plane_gap_deg, where)


def _check_orbit(first: str, second: str, place: str) -> None:
    """Refuse elements that SGP4 cannot start from, or whose orbit goes through the ground."""
    try:
        record = Satrec.twoline2rv(first, second)
    except ValueError as error:
        raise TleError(f"{place}: not an element set: {error}") from None
    perigee_km = record.altp * record.radiusearthkm
    if record.ecco >= MOST_ECCENTRIC or not perigee_km >= 0.0:
        motion = record.no_kozai * 1440.0 / (2.0 * math.pi)
        raise TleError(
            f"{place}: columns 27-33: an eccentricity of {record.ecco:.7f} at {motion:.8g} revolutions/day "
            f"puts the perigee at {perigee_km:.0f} km; at least 0 km is needed"
        )


def _checked(where: str, number: int, line: str, kind: str) -> str:
    """One line of a set, if its number, length, check sum and fields are right."""
    place = f"{where}, line {number}"
    if not line.startswith(f"{kind} "):
        raise TleError(f"{place}: line {kind} of an element set must start with '{kind} ', got {line[:12]!r}")
    if len(line) != 69:
        raise TleError(f"{place}: a line of an element set has 69 characters, this one {len(line)}")
    total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10
    if line[68] != str(total):
        raise TleError(f"{place}: check sum is {line[68]}, the digits add up to {total}")
    for start, stop, low, high, what in _FIELDS[kind]:
        columns, found = f"{place}: columns {start + 1}-{stop}", line[start:stop]
        if re.fullmatch(r" *[-+]?[\d ]*\.?\d+ *", found) is None:
            raise TleError(f"{columns} hold no number: {found!r}")
        if not low <= float(found.replace(" ", "")) <= high:
            raise TleError(f"{columns} must be {what}, got {found!r}")
    for start, stop in ((44, 52), (53, 61)) if kind == "1" else ():
        if re.fullmatch(r"[-+ ][\d ]{5}[-+ ]\d", line[start:stop]) is None:
            raise TleError(
                f"{place}: columns {start + 1}-{stop} must look like 12345-6 (0.12345e-6), got {line[start:stop]!r}"
            )
    return line
