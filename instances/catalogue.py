"""Real satellites: catalogues of element sets, moved by SGP4.

Positions are in SGP4's frame (true equator, mean equinox of date), which is inertial to within precession. Planes,
slots and links are derived from mean elements at time 0, see `instances.planes`.
"""

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sgp4.api import Satrec, SatrecArray

from fitting.jsonfile import read_text
from instances.assignment import matching
from instances.constellation import EARTH_RADIUS_M, Array
from instances.element_set import DAY_0, JULIAN_DAY_0, ElementSet, TleError
from instances.ground import as_utc
from instances.isl import LinkPlan, LinkRules
from instances.omm import looks_like_omm, parse_messages
from instances.plane_links import plane_links
from instances.planes import MeanElements, Sky, find_planes, told_planes
from instances.satellite_filter import SatelliteFilter
from instances.tle import SHOWN, parse_sets

OLD_DAYS = 14.0
"""Age of elements beyond which a satellite in a low orbit may be tens of kilometres from where they put it."""
STRAY_DAYS = 366.0
"""An epoch that is later than the median of all by more than this does not set time 0."""
SLACK = 0.02
"""Share by which a radius may leave the range from perigee to apogee: periodic terms and drag."""
REASONS = {
    1: "the eccentricity leaves [0, 1)",
    2: "the mean motion is below 0",
    3: "the perturbed eccentricity leaves [0, 1]",
    4: "the orbit has no positive parameter",
    6: "it has decayed",
}
"""What SGP4's error codes mean."""


@dataclass(frozen=True)
class TleSet:
    """Satellites of a catalogue.

    Attributes
    ----------
    names
        Unique names, n of them: the ids.
    sets
        The element set of each.
    epoch
        Time 0, UTC.
    source
        File that they were read from, for messages and `meta`.
    told
        Planes and satellites a plane, where the file tells them.
    only
        What was taken of the file.
    dropped
        Satellites that were left out because they have no orbit at time 0.
    """

    names: tuple[str, ...]
    sets: tuple[ElementSet, ...]
    epoch: datetime
    source: str = ""
    told: tuple[int, int] | None = None
    only: SatelliteFilter = field(default_factory=SatelliteFilter)
    dropped: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Satellite ids: the names."""
        return self.names

    @property
    def total(self) -> int:
        """Number of satellites."""
        return len(self.names)

    def __getstate__(self) -> dict[str, object]:
        """Return the fields alone: SGP4's records are made anew where another process takes the set over."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def _records(self) -> list[Satrec]:
        return [one.record() for one in self.sets]

    @cached_property
    def _radii_m(self) -> tuple[Array, Array]:
        """Least and largest radius that each satellite's elements allow, m, shape (n,)."""
        axis = np.array([record.a * record.radiusearthkm * 1e3 for record in self._records])
        shape = np.array([one.eccentricity for one in self.sets])
        return axis * (1.0 - shape) * (1.0 - SLACK), axis * (1.0 + shape) * (1.0 + SLACK)

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
            If satellites have no orbit at one of these times; all of them in one line.
        """
        times = np.asarray(times_s, dtype=float)
        place, _, bad = self._propagate(np.atleast_1d(times))
        if bad.any():
            raise TleError(self._lost(self._reasons(np.atleast_1d(times))))
        return place[0] if times.ndim == 0 else place

    def known_positions_m(self, times_s: Array) -> Array:
        """Positions by SGP4, m, shape (k, n, 3); NaN where a satellite has no orbit (any more)."""
        place, _, bad = self._propagate(times_s)
        place[bad] = np.nan
        return place

    def _propagate(self, times_s: Array) -> tuple[Array, NDArray[np.uint8], NDArray[np.bool_]]:
        """Positions, m, SGP4's error codes, and where there is no orbit, shapes (k, n, …)."""
        days, seconds = self._since(times_s)
        codes, place, _ = SatrecArray(self._records).sgp4(days, seconds / 86400.0)
        place *= 1e3
        low, high = self._radii_m
        with np.errstate(invalid="ignore", over="ignore"):
            radius = np.sqrt(np.einsum("nkj,nkj->nk", place, place))
            strange = ~((radius >= low[:, None]) & (radius <= high[:, None]))
        return place.transpose(1, 0, 2), codes.T, (strange | (codes != 0)).T

    def _reasons(self, times_s: Array) -> dict[int, str]:
        """Why each satellite that has no orbit at one of these times has none, at the first of them."""
        place, codes, bad = self._propagate(times_s)
        reasons: dict[int, str] = {}
        for k in np.flatnonzero(bad.any(axis=0)).tolist():
            when = int(np.argmax(bad[:, k]))
            code = int(codes[when, k])
            said = REASONS.get(code, f"SGP4 error {code}") if code else self._strange(k, place[when, k])
            reasons[k] = (
                f"{self.names[k]} {times_s[when]:g} s after {self.epoch:%FT%TZ}, "
                f"from elements of {self.sets[k].epoch:%FT%TZ}: {said}"
            )
        return reasons

    def _since(self, times_s: Array) -> tuple[Array, Array]:
        """Julian days of time 0, and seconds after them."""
        start = as_utc(self.epoch) - DAY_0
        return np.full(len(times_s), JULIAN_DAY_0 + start.days), start.seconds + start.microseconds / 1e6 + times_s

    def _strange(self, k: int, place_m: Array) -> str:
        radius_m, (low, high) = float(np.linalg.norm(place_m)), (radii[k] for radii in self._radii_m)
        if np.isfinite(radius_m) and radius_m < low:
            return f"it sinks to {radius_m / 1e3:.0f} km, below its perigee of {low / (1.0 - SLACK) / 1e3:.0f} km"
        return f"SGP4 puts it at {radius_m / 1e3:.6g} km, its apogee is at {high / (1.0 + SLACK) / 1e3:.0f} km"

    def _lost(self, reasons: dict[int, str]) -> str:
        """Name satellites without an orbit in one line, the first five with their reasons."""
        shown, more = list(reasons.values())[:SHOWN], [self.names[k] for k in list(reasons)[SHOWN:]]
        rest = f"; and {', '.join(more)}" if more else ""
        return (
            f"{self.source or 'elements'}: {len(reasons)} of {self.total} satellites have no orbit "
            f"(--drop-decayed leaves them out): {'; '.join(shown)}{rest}"
        )

    @cached_property
    def _ages_days(self) -> Array:
        """Age of each set at time 0, days, shape (n,)."""
        now = (as_utc(self.epoch) - DAY_0).total_seconds() / 86400.0
        return now - np.array([one.epoch_days for one in self.sets])

    @cached_property
    def elements(self) -> MeanElements:
        """Mean elements of all satellites at time 0."""
        (day,), (seconds,) = self._since(np.zeros(1))
        return MeanElements.at(self._records, float(day), float(seconds) / 86400.0)

    @cached_property
    def sky(self) -> Sky:
        """Shells and planes, and what is off station."""
        return find_planes(self.elements) if self.told is None else told_planes(self.elements, self.told[1])

    def planes_and_slots(self) -> tuple[list[int | None], list[int | None]]:
        """Plane and slot of every satellite, planes numbered through all shells; None off station."""
        planes: list[int | None] = [None] * self.total
        slots: list[int | None] = [None] * self.total
        for number, plane in enumerate(plane for shell in self.sky.shells for plane in shell.planes):
            for slot, satellite in enumerate(plane.members.tolist()):
                planes[satellite], slots[satellite] = number, slot
        return planes, slots

    @cached_property
    def shell_numbers(self) -> NDArray[np.intp]:
        """Shell of every satellite, from 0; each one off station is a shell of its own."""
        numbers = np.zeros(self.total, dtype=np.intp)
        for number, shell in enumerate(self.sky.shells):
            for plane in shell.planes:
                numbers[plane.members] = number
        for number, satellite in enumerate(self.sky.off_station, len(self.sky.shells)):
            numbers[satellite] = number
        return numbers

    @cached_property
    def links(self) -> LinkPlan:
        """Links that the terminals hold: the neighbours in the plane, and one satellite of each adjacent plane.

        See `instances.plane_links`; satellites off station have none.
        """
        return plane_links(self.sky, self.elements, LinkRules().clearance_m)

    def summary(self) -> str:
        """Lines on shells, planes, what is off station, and the age of the elements."""
        ages = self._ages_days
        span = f"elements {ages.min():.1f} to {ages.max():.1f} days old (median {np.median(ages):.1f})"
        return "\n".join([*self.sky.summary(), f"time 0 {self.epoch:%FT%TZ}; {span}"])

    def warnings(self) -> list[str]:
        """Sentences on what a reader of results should know: old elements, wide planes, satellites left out."""
        found = self.sky.warnings()
        if 2 * len(self.sky.off_station) > self.total:
            found.append(
                f"{len(self.sky.off_station)} of {self.total} satellites are in no plane and have no links of a grid: "
                "rules.nearest_links (--nearest K) links each to the nearest ones"
            )
        ages = self._ages_days
        for what, which in (("older than", ages > OLD_DAYS), ("later than time 0 by more than", ages < -OLD_DAYS)):
            if which.any():
                worst = int(np.argmax(np.abs(ages) * which))
                found.append(
                    f"elements of {which.sum()} satellites are {what} {OLD_DAYS:g} days, "
                    f"the most those of {self.names[worst]}: {abs(ages[worst]):.1f} days"
                )
        if self.dropped:
            found.append(f"left out without an orbit at time 0: {', '.join(self.dropped)}")
        if self.told is not None and self.told[0] * self.told[1] != self.total:
            planes, each = self.told
            found.append(
                f"the file tells of {planes} planes of {each} satellites, {planes * each}, and holds {self.total}"
            )
        return found


def read_tle(path: str | Path, *, epoch: datetime | None = None, only: SatelliteFilter | None = None) -> TleSet:
    """Read a catalogue: two- or three-line sets, ``tles.txt`` of Hypatia, or OMM as CSV, JSON or XML.

    Parameters
    ----------
    path
        The file.
    epoch
        Time 0, UTC; by default the latest epoch of the sets, full seconds, but for epochs more than a year after the
        median of all.
    only
        Which satellites are taken; all by default.

    Raises
    ------
    TleError
        With the number of the line that cannot be read, or all satellites that have no orbit at time 0.
    """
    return parse_tle(read_text(path), str(path), epoch=epoch, only=only)


def parse_tle(text: str, where: str, *, epoch: datetime | None = None, only: SatelliteFilter | None = None) -> TleSet:
    """Parse a catalogue from text; `where` names it in messages, the rest is as in `read_tle`."""
    chosen, told = only or SatelliteFilter(), None
    if looks_like_omm(text):
        sets = parse_messages(text, where)
    else:
        sets, told = parse_sets(text, where)
    if not sets:
        raise TleError(f"{where}: no element sets")
    if chosen.newest:
        newest: dict[str, ElementSet] = {}
        for one in sets:
            if one.number not in newest or one.epoch_days > newest[one.number].epoch_days:
                newest[one.number] = one
        sets = list(newest.values())
    made = _named(sets, where)
    if told is not None and chosen != replace(SatelliteFilter(), drop_decayed=chosen.drop_decayed):
        told = None  # a part of the file no longer has the planes that it tells of
    made = replace(made, epoch=epoch or _latest(sets), told=told, only=chosen)
    made = _taken(made, _wanted(made, chosen))
    lost = made._reasons(np.zeros(1))
    if lost and not chosen.drop_decayed:
        raise TleError(made._lost(lost))
    if lost:
        dropped = tuple(made.names[k] for k in lost)
        made = replace(_taken(made, [k for k in range(made.total) if k not in lost]), dropped=dropped)
    if chosen.shell is not None:
        numbers = made.shell_numbers
        if chosen.shell >= len(made.sky.shells):
            raise TleError(f"{where}: satellites.shell must be below {len(made.sky.shells)}, got {chosen.shell}")
        made = _taken(made, np.flatnonzero(numbers == chosen.shell).tolist())
    return made


def _named(sets: list[ElementSet], where: str) -> TleSet:
    """Give every set a unique name."""
    lines: dict[str, int] = {}
    twice: list[str] = []
    for one in sets:
        if one.number in lines:
            name = repr(one.name or one.number)
            twice.append(
                f"lines {lines[one.number]} and {one.line}: satellite {name} (number {one.number}) stands twice"
            )
        lines.setdefault(one.number, one.line)
    if twice:
        more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        raise TleError(f"{where}, {twice[0]}{more}; --newest takes the newest set of each")
    count = Counter(one.name for one in sets)
    seen: set[str] = set()
    names = []
    for one in sets:
        name = one.name or one.number
        if count[one.name] > 1 and name in seen:
            name = f"{name} [{one.number}]"
        seen.add(name)
        names.append(name)
    if len(set(names)) < len(names):
        both = next(name for name, times in Counter(names).items() if times > 1)
        raise TleError(f"{where}: two satellites are called {both!r}")
    return TleSet(tuple(names), tuple(sets), datetime(2000, 1, 1, tzinfo=UTC), where)


def _latest(sets: list[ElementSet]) -> datetime:
    """Return the latest epoch that is not far from the others, in full seconds."""
    days = np.array([one.epoch_days for one in sets])
    latest = DAY_0 + timedelta(days=float(days[days <= np.median(days) + STRAY_DAYS].max()))
    return latest.replace(microsecond=0) + timedelta(seconds=latest.microsecond > 0)


def _wanted(made: TleSet, only: SatelliteFilter) -> list[int]:
    """Return the indices of the satellites that a filter takes, shells apart."""
    keep = np.ones(made.total, dtype=bool)
    if only.names:
        keep &= matching(only.names, made.names, f"{made.source}: satellites.names")
    if only.numbers:
        known = {one.number.lstrip("0"): k for k, one in enumerate(made.sets)}
        absent = [number for number in only.numbers if number.lstrip("0") not in known]
        if absent:
            raise TleError(f"{made.source}: satellites.numbers: there is no {', '.join(absent)}")
        keep &= np.isin(np.arange(made.total), [known[number.lstrip("0")] for number in only.numbers])
    if only.altitude_km is not None:
        axis = np.array([record.a * record.radiusearthkm * 1e3 for record in made._records])
        low, high = only.altitude_km
        keep &= (axis >= EARTH_RADIUS_M + 1e3 * low) & (axis <= EARTH_RADIUS_M + 1e3 * high)
    if only.inclination_deg is not None:
        tilt = np.degrees([one.inclination_rad for one in made.sets])
        keep &= (tilt >= only.inclination_deg[0]) & (tilt <= only.inclination_deg[1])
    if not keep.any():
        raise TleError(f"{made.source}: none of {made.total} satellites is as asked for: {only.document()}")
    return np.flatnonzero(keep).tolist()


def _taken(made: TleSet, which: list[int]) -> TleSet:
    """Return the satellites of these indices."""
    if len(which) == made.total:
        return made
    if not which:
        raise TleError(f"{made.source}: no satellite is left")
    return replace(made, names=tuple(made.names[k] for k in which), sets=tuple(made.sets[k] for k in which))
