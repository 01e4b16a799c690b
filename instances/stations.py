"""Ground stations: where they are, which satellites they see, and when."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from instances.checks import CHECKS, InstanceError
from instances.constellation import EQUATORIAL_RADIUS_M, Array
from instances.ground import earth_fixed_m
from instances.series import Orbits, known_positions_m

FLATTENING = 1.0 / 298.257223563
"""Flattening of the Earth (WGS 84)."""
STEP_S = 30.0
"""Time between looks for contacts, s; a spline through the elevations finds rise and set between them."""
MARGIN_DEG = 3.0
"""A pass whose highest look is this far below the least elevation may still reach it between two looks."""


@dataclass(frozen=True)
class GroundStation:
    """An antenna on the ground.

    Attributes
    ----------
    name
        Its name.
    latitude_deg, longitude_deg
        Geodetic latitude and longitude (WGS 84), degrees.
    minimum_elevation_deg
        Least elevation over the horizon at which it works, degrees in [0, 90).
    height_m
        Height over the ellipsoid, m.
    """

    name: str
    latitude_deg: float
    longitude_deg: float
    minimum_elevation_deg: float = 10.0
    height_m: float = 0.0

    def __post_init__(self) -> None:
        """Reject what is no place on the Earth."""
        CHECKS.text("station.name", self.name)
        CHECKS.number("station.latitude_deg", self.latitude_deg, -90.0, 90.0)
        CHECKS.number("station.longitude_deg", self.longitude_deg, -180.0, 360.0)
        CHECKS.number("station.height_m", self.height_m, -500.0, 10e3)
        if not 0.0 <= CHECKS.number("station.minimum_elevation_deg", self.minimum_elevation_deg) < 90.0:
            raise InstanceError(f"station.minimum_elevation_deg must be in [0, 90), got {self.minimum_elevation_deg:g}")

    @property
    def position_m(self) -> Array:
        """Position in the frame that turns with the Earth, m, shape (3,)."""
        north, east = math.radians(self.latitude_deg), math.radians(self.longitude_deg)
        squash = (1.0 - FLATTENING) ** 2
        bend = EQUATORIAL_RADIUS_M / math.sqrt(math.cos(north) ** 2 + squash * math.sin(north) ** 2)
        level = (bend + self.height_m) * math.cos(north)
        up = (squash * bend + self.height_m) * math.sin(north)
        return np.array([level * math.cos(east), level * math.sin(east), up])

    def elevation_deg(self, fixed_m: Array) -> Array:
        """Elevation of points over the horizon.

        Parameters
        ----------
        fixed_m
            Positions in the frame that turns with the Earth, m, shape (..., 3).

        Returns
        -------
        ndarray
            Degrees in [−90, 90], shape (...).
        """
        north, east = math.radians(self.latitude_deg), math.radians(self.longitude_deg)
        zenith = np.array([math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)])
        ray = fixed_m - self.position_m
        return np.asarray(np.degrees(np.arcsin(np.clip(ray @ zenith / np.linalg.norm(ray, axis=-1), -1.0, 1.0))))

    def sees(self, fixed_m: Array) -> NDArray[np.bool_]:
        """Tell which points are at or over the least elevation, shape (...)."""
        return np.asarray(self.elevation_deg(fixed_m) >= self.minimum_elevation_deg)


@dataclass(frozen=True)
class InView:
    """Satellites that any of these stations sees in a slot.

    Attributes
    ----------
    stations
        The stations, at least one.
    """

    stations: tuple[GroundStation, ...]

    def __post_init__(self) -> None:
        """Ask for a station."""
        object.__setattr__(self, "stations", tuple(self.stations))
        if not self.stations:
            raise InstanceError("stations must hold at least one station")

    def covers(self, fixed_m: Array) -> NDArray[np.bool_]:
        """Tell which points are in view, shape (n,), of positions that turn with the Earth, m, shape (n, 3)."""
        return np.asarray(np.any([station.sees(fixed_m) for station in self.stations], axis=0))


@dataclass(frozen=True)
class Contact:
    """A satellite in view of a station.

    Attributes
    ----------
    satellite, station
        Their names.
    begin_s, end_s
        When it begins and ends, s after the epoch; cut at the ends of the time that was searched.
    """

    satellite: str
    station: str
    begin_s: float
    end_s: float


def contacts(
    orbits: Orbits, stations: Sequence[GroundStation], epoch: datetime, begin_s: float, end_s: float
) -> tuple[Contact, ...]:
    """Find all contacts in a span of time, by the propagation that the network uses.

    Parameters
    ----------
    orbits
        The satellites.
    stations
        The ground stations.
    epoch
        Time 0, UTC.
    begin_s, end_s
        The span, s after the epoch.

    Returns
    -------
    tuple of Contact
        By station, satellite and time.
    """
    times = np.linspace(begin_s, end_s, max(4, math.ceil((end_s - begin_s) / STEP_S) + 1))
    fixed = earth_fixed_m(known_positions_m(orbits, times), times, epoch)
    found = []
    for station in stations:
        over = np.nan_to_num(station.elevation_deg(fixed) - station.minimum_elevation_deg, nan=-90.0)
        for k in np.flatnonzero(over.max(axis=0) > -MARGIN_DEG).tolist():
            found += [Contact(orbits.ids[k], station.name, begin, end) for begin, end in _spans(times, over[:, k])]
    return tuple(found)


def _spans(times: Array, over: Array) -> list[tuple[float, float]]:
    """Intervals in which a spline through `over` is positive."""
    spline = CubicSpline(times, over)
    cuts = [float(times[0]), *(float(root) for root in spline.roots(extrapolate=False)), float(times[-1])]
    return [(a, b) for a, b in pairwise(cuts) if b > a and float(spline(0.5 * (a + b))) > 0.0]


@dataclass(frozen=True)
class Downlink:
    """What happens to results after the paper's delay: sent to the ground at the next contact. Not in the paper.

    Attributes
    ----------
    stations
        The ground stations, at least one.
    rate_bps
        Rate of the downlink, bit/s.
    bits_per_frame
        Size of the result of one frame, bit.
    longest_wait_s
        How far contacts are searched after a task is done, s.
    """

    stations: tuple[GroundStation, ...]
    rate_bps: float = 100e6
    bits_per_frame: float = 8e3
    longest_wait_s: float = 6.0 * 3600.0

    def __post_init__(self) -> None:
        """Reject what cannot be."""
        object.__setattr__(self, "stations", tuple(self.stations))
        if not self.stations:
            raise InstanceError("downlink.stations must hold at least one station")
        CHECKS.number("downlink.rate_bps", self.rate_bps, above=0.0)
        CHECKS.number("downlink.bits_per_frame", self.bits_per_frame, 0.0)
        CHECKS.number("downlink.longest_wait_s", self.longest_wait_s, 0.0, 7 * 86400.0)

    def windows(
        self, orbits: Orbits, epoch: datetime, begin_s: float, end_s: float
    ) -> Mapping[str, tuple[tuple[float, float], ...]]:
        """Return when each satellite sees any station, s after the epoch, overlaps joined."""
        spans: dict[str, list[tuple[float, float]]] = {}
        for one in contacts(orbits, self.stations, epoch, begin_s, end_s):
            spans.setdefault(one.satellite, []).append((one.begin_s, one.end_s))
        return {name: _joined(sorted(items)) for name, items in spans.items()}

    def done_s(self, windows: Sequence[tuple[float, float]], ready_s: float, frames: float) -> float | None:
        """Return when the results of `frames` frames that are ready at a time are on the ground, s; None if never.

        Parameters
        ----------
        windows
            Contacts of the satellite that holds them, from `windows`.
        ready_s
            When they are ready, s after the epoch.
        frames
            How many frames' results.
        """
        left_s = frames * self.bits_per_frame / self.rate_bps
        for begin, end in windows:
            start = max(begin, ready_s)
            if end <= start or start > ready_s + self.longest_wait_s:
                continue
            if start + left_s <= end:
                return start + left_s
            left_s -= end - start
        return None


def _joined(spans: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Join intervals, sorted by their begin, that overlap."""
    out: list[tuple[float, float]] = []
    for begin, end in spans:
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return tuple(out)
