"""Where satellites are over the ground, and regions of it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from instances.checks import InstanceError, numbers
from instances.constellation import EARTH_RADIUS_M, Array


def as_utc(when: datetime) -> datetime:
    """Return the time in UTC; a time without a zone is UTC."""
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def sidereal_angle_rad(when: datetime, times_s: Array | float = 0.0) -> Array:
    """Greenwich mean sidereal time, rad (Meeus, *Astronomical Algorithms*, 2nd ed., equation 12.4; IAU 1982).

    UTC stands for UT1, which differs by less than 0.9 s: 0.4 km at the equator.

    Parameters
    ----------
    when
        The time, UTC.
    times_s
        Times after it, s, any shape; the result has the same.
    """
    start = as_utc(when) - datetime(2000, 1, 1, 12, tzinfo=UTC)
    days = start.days + (start.seconds + start.microseconds / 1e6 + np.asarray(times_s, dtype=float)) / 86400.0
    centuries = days / 36525.0
    degrees = 280.46061837 + 360.98564736629 * days + centuries**2 * (0.000387933 - centuries / 38_710_000.0)
    return np.asarray(np.radians(degrees % 360.0))


def earth_fixed_m(positions_m: Array, times_s: Array, epoch: datetime) -> Array:
    """Turn positions from SGP4's frame into the one that turns with the Earth.

    The frame is ITRS but for polar motion (10 m) and UT1 − UTC, see `sidereal_angle_rad`.

    Parameters
    ----------
    positions_m
        Positions whose x axis points to the mean equinox of date, m, shape (k, n, 3).
    times_s
        Times since the epoch, s, shape (k,).
    epoch
        Time 0, UTC.

    Returns
    -------
    ndarray
        Positions, m, shape (k, n, 3).
    """
    turn = sidereal_angle_rad(epoch, times_s)[:, None]
    x, y, z = np.moveaxis(positions_m, -1, 0)
    return np.stack([x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn), z], axis=-1)


def ground_track_deg(positions_m: Array, times_s: Array, epoch: datetime) -> tuple[Array, Array]:
    """Geocentric latitude and longitude under satellites.

    Parameters
    ----------
    positions_m
        Inertial positions, m, shape (k, n, 3); their x axis points to the equinox.
    times_s
        Times since the epoch, s, shape (k,).
    epoch
        Time 0, UTC.

    Returns
    -------
    latitude, longitude
        Degrees in [−90, 90] and [−180, 180), shape (k, n).
    """
    x, y, z = np.moveaxis(positions_m, -1, 0)
    turn = sidereal_angle_rad(epoch, times_s)
    longitude = np.degrees(np.arctan2(y, x) - turn[:, None])
    return np.degrees(np.arctan2(z, np.hypot(x, y))), (longitude + 180.0) % 360.0 - 180.0


def great_circle_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance over the ground of two points (longitude, latitude), degrees, on the mean sphere, m."""
    (lon1, lat1), (lon2, lat2) = (tuple(math.radians(value) for value in point) for point in (a, b))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2.0 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


@dataclass(frozen=True)
class Region:
    """A box of latitudes and longitudes; it crosses the date line where west is larger than east.

    Attributes
    ----------
    latitude_deg
        South and north, degrees.
    longitude_deg
        West and east, degrees in [−180, 180].
    """

    latitude_deg: tuple[float, float]
    longitude_deg: tuple[float, float]

    def __post_init__(self) -> None:
        """Reject ranges that are none."""
        south, north = numbers("latitude_deg", self.latitude_deg, 2, low=-90.0, high=90.0)
        west, east = numbers("longitude_deg", self.longitude_deg, 2, low=-180.0, high=180.0)
        if south > north:
            raise InstanceError(f"latitude_deg must be [south, north], got [{south:g}, {north:g}]")
        object.__setattr__(self, "latitude_deg", (south, north))
        object.__setattr__(self, "longitude_deg", (west, east))

    def covers(self, latitude_deg: Array, longitude_deg: Array) -> NDArray[np.bool_]:
        """Tell which points lie inside, same shape as given."""
        south, north = self.latitude_deg
        west, east = self.longitude_deg
        inside = (longitude_deg >= west, longitude_deg <= east)
        between = inside[0] & inside[1] if west <= east else inside[0] | inside[1]
        return np.asarray((latitude_deg >= south) & (latitude_deg <= north) & between)
