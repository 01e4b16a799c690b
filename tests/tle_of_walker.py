"""Element sets that describe the orbits of a Walker constellation, for tests against SGP4."""

import math

from sgp4.api import WGS72, Satrec
from sgp4.exporter import export_tle

from instances.constellation import EARTH_J2, EQUATORIAL_RADIUS_M, Constellation

EPOCH_DAYS_1949 = 27699.0  # 2025-11-01T00:00:00Z since 1949-12-31


def equivalent_tle(sky: Constellation) -> str:
    """Three-line sets with the same mean orbits: Kozai's mean motion, no eccentricity, no drag."""
    text, number = [], 0
    for shell in sky.shells:
        inclination = math.radians(shell.inclination_deg)
        oblateness = 1.5 * EARTH_J2 * (EQUATORIAL_RADIUS_M / shell.semi_major_axis_m) ** 2
        motion = shell.mean_motion_rad_s * (1.0 + oblateness * (1.0 - 1.5 * math.sin(inclination) ** 2))
        for plane in range(shell.planes):
            for slot in range(shell.per_plane):
                number += 1
                phase = slot / shell.per_plane + shell.phasing * plane / shell.total
                node = shell.spread_rad * plane / shell.planes
                record = Satrec()
                angles = (0.0, inclination, 2.0 * math.pi * (phase % 1.0), motion * 60.0, node)
                record.sgp4init(WGS72, "i", number, EPOCH_DAYS_1949, 0.0, 0.0, 0.0, 0.0, *angles)
                text += [f"WALKER {plane}-{slot}", *export_tle(record)]
    return "\n".join(text) + "\n"
