"""One satellite's mean elements as catalogues publish them: what SGP4 starts from."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sgp4.api import WGS72, Satrec

from instances.checks import InstanceError

DAY_0 = datetime(1949, 12, 31, tzinfo=UTC)
"""Time from which SGP4 counts the days of an epoch."""
JULIAN_DAY_0 = 2433281.5
"""Julian date of `DAY_0`."""
MOST_ECCENTRIC = 0.99
"""Beyond it no satellite stays with the Earth; SGP4 stops at 1."""
DEGREES = math.pi / 180.0
REVOLUTIONS_PER_DAY = 2.0 * math.pi / 1440.0
"""One revolution a day, rad/min."""


class TleError(InstanceError):
    """Element sets that cannot be read or no longer describe an orbit."""


@dataclass(frozen=True)
class ElementSet:
    """Mean elements of one satellite at an epoch, in the units that SGP4 takes.

    Attributes
    ----------
    name, number
        Its name, empty if it has none, and its catalogue number as text.
    epoch_days
        Epoch, days since `DAY_0`, UTC.
    motion_rad_per_min
        Kozai's mean motion, rad/min.
    eccentricity, inclination_rad, node_rad, perigee_rad, anomaly_rad
        Eccentricity, inclination, right ascension of the ascending node, argument of perigee and mean anomaly.
    drag, motion_dot, motion_ddot
        B*, 1/Earth radii, and derivatives of the mean motion, rad/min² and rad/min³ (SGP4 does not use these two).
    line
        Line of the file where it ends, for messages.
    """

    name: str
    number: str
    epoch_days: float
    motion_rad_per_min: float
    eccentricity: float
    inclination_rad: float
    node_rad: float
    perigee_rad: float
    anomaly_rad: float
    drag: float
    motion_dot: float = 0.0
    motion_ddot: float = 0.0
    line: int = 0

    @property
    def epoch(self) -> datetime:
        """The epoch, UTC."""
        return DAY_0 + timedelta(days=self.epoch_days)

    def record(self) -> Satrec:
        """Return SGP4's record, initialised."""
        record = Satrec()
        angles = (self.perigee_rad, self.inclination_rad, self.anomaly_rad, self.motion_rad_per_min, self.node_rad)
        rates = (self.drag, self.motion_dot, self.motion_ddot, self.eccentricity)
        record.sgp4init(WGS72, "i", 0, self.epoch_days, *rates, *angles)
        return record


def require_perigee(record: Satrec, place: str) -> None:
    """Refuse elements whose orbit goes through the ground.

    Parameters
    ----------
    record
        SGP4's record.
    place
        File and line, for the message.

    Raises
    ------
    TleError
        With eccentricity, mean motion and perigee.
    """
    perigee_km = record.altp * record.radiusearthkm
    if record.ecco >= MOST_ECCENTRIC or not perigee_km >= 0.0:
        raise TleError(
            f"{place}: an eccentricity of {record.ecco:.7f} at {record.no_kozai / REVOLUTIONS_PER_DAY:.8g} "
            f"revolutions/day puts the perigee at {perigee_km:.0f} km; at least 0 km is needed"
        )
