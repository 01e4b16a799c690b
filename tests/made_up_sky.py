"""Made-up catalogues with the faults of real ones: drift, satellites that climb or sink, trains, spares, old epochs."""

import math
from dataclasses import dataclass, field

import numpy as np
from sgp4.api import WGS72, Satrec
from sgp4.exporter import export_tle

EPOCH_DAYS_1949 = 27699.0  # 2025-11-01T00:00:00Z since 1949-12-31
MU_KM3_MIN2 = 398600.8 * 3600.0  # WGS 72
EQUATOR_KM = 6378.135


@dataclass
class MadeUpSky:
    """Collect satellites; mean elements are given at day 0 and written as of an epoch up to two days before it.

    Attributes
    ----------
    seed
        Draws epochs and the scatter within planes.
    names, text
        What was collected, and its lines.
    """

    seed: int = 0
    names: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def add(self, name: str, altitude_km: float, inclination_deg: float, node_deg: float, along_deg: float) -> None:
        """Add a satellite by its height over the equator, inclination, node and argument of latitude at day 0."""
        age_days = float(self.rng.uniform(0.0, 2.0))
        motion = math.sqrt(MU_KM3_MIN2 / (EQUATOR_KM + altitude_km) ** 3)
        tilt = math.radians(inclination_deg)
        probe = self._record(motion, tilt, 0.0, 0.0, 0.0)
        minutes = -1440.0 * age_days
        node = math.radians(node_deg) + probe.nodedot * minutes
        along = math.radians(along_deg) + (probe.mdot + probe.argpdot) * minutes
        record = self._record(motion, tilt, node % (2 * math.pi), along % (2 * math.pi), -age_days)
        self.names.append(name)
        self.text += [name, *export_tle(record)]

    def _record(self, motion: float, tilt: float, node: float, along: float, days: float) -> Satrec:
        record = Satrec()
        number = len(self.names) + 1
        orbit = (0.0, 0.0, 0.0, 1e-7, 0.0, tilt, along, motion, node)
        record.sgp4init(WGS72, "i", number, EPOCH_DAYS_1949 + days, *orbit)
        return record

    def shell(
        self, tag: str, planes: int, each: int, altitude_km: float, inclination_deg: float, **more: float
    ) -> None:
        """Add planes around the equator, or `spacing_deg` apart, scattered by `scatter_deg` in their node."""
        spacing, scatter = more.get("spacing_deg", 360.0 / planes), more.get("scatter_deg", 0.2)
        phase = more.get("phase_deg", 0.5 * 360.0 / each)
        for plane in range(planes):
            for slot in range(each):
                node = 10.0 + plane * spacing + float(self.rng.uniform(-scatter, scatter))
                height = altitude_km + float(self.rng.uniform(-0.2, 0.2))
                self.add(f"{tag} {plane}-{slot}", height, inclination_deg, node, 360.0 / each * slot + phase * plane)

    def climbers(self, count: int, from_km: float, to_km: float, inclination_deg: float) -> None:
        """Add satellites spread over altitude and node."""
        for k, height in enumerate(np.linspace(from_km, to_km, count)):
            self.add(f"CLIMBER {k}", float(height), inclination_deg, *self.rng.uniform(0.0, 360.0, 2).tolist())

    def train(self, count: int, altitude_km: float, inclination_deg: float, node_deg: float) -> None:
        """Add satellites that follow one another closely, as after a launch."""
        for k in range(count):
            self.add(f"TRAIN {k}", altitude_km, inclination_deg, node_deg, 1.5 * k)

    def catalogue(self) -> str:
        """Return all three-line sets."""
        return "\n".join(self.text) + "\n"


def mixed_text(seed: int = 1) -> str:
    """Two shells 8 km and 0.16° apart, climbing satellites, a train at a parking orbit, spares between planes."""
    sky = MadeUpSky(seed)
    sky.shell("UP", 24, 12, 547.4, 53.05)
    sky.shell("LOW", 24, 10, 540.0, 53.21)
    sky.climbers(40, 350.0, 539.0, 53.05)
    sky.train(20, 356.0, 53.05, 200.0)
    for k in range(5):
        sky.add(f"SPARE {k}", 547.4, 53.05, 10.0 + 15.0 * (k + 0.5), 40.0 * k)
    for k in range(4):  # three kilometres below, drifting from one plane to the next
        sky.add(f"DRIFT {k}", 543.0, 53.05, 16.0, 90.0 * k)
    return sky.catalogue()
