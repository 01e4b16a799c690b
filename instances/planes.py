"""Shells and planes of a real catalogue, found by density among mean elements at one time.

Operators hold a plane's satellites within hundredths of a degree of inclination, a kilometre of semi-major axis and a
degree of right ascension; satellites that climb, sink or drift are spread thinly between the planes. A plane is thus a
density cluster (DBSCAN; Ester, Kriegel, Sander, Xu, KDD 1996) of mean inclination, semi-major axis and right ascension
of the ascending node, all at the same time, so that drift since each satellite's epoch does not matter. Looser
constellations are found by doubling the neighbourhood until half of the satellites have a plane and a wider one places
few more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sgp4.api import Satrec

from instances.constellation import EARTH_RADIUS_M, Array

NEIGHBOURHOOD = (0.02, 1e3, 0.3)
"""Half-widths at scale 1: inclination, degrees; semi-major axis, m; right ascension, degrees."""
HEIGHT_M = NEIGHBOURHOOD[1]
SCALES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
MEMBERS = 3
"""Satellites within a neighbourhood that make it dense."""
GAIN = 1.1
"""A wider neighbourhood is taken while it places this many times as many satellites."""
THIN = 3
"""A plane with this many times fewer satellites than a close one is none."""
SHELL_INCLINATION_DEG, SHELL_ALTITUDE_M = 0.1, 10e3
"""Planes closer than both, times the scale, share a shell."""
MOTION, NODE, BUNCHED = "climbs or sinks", "between planes", "bunched in its orbit"
"""Why a satellite is off station."""

Members = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MeanElements:
    """SGP4's mean elements of n satellites at one time.

    Attributes
    ----------
    semi_major_axis_m
        From the mean motion, drag included, m, shape (n,).
    inclination_deg, node_deg
        Inclination and right ascension of the ascending node, degrees, shape (n,).
    along_deg
        Mean argument of latitude, degrees in [0, 360), shape (n,).
    """

    semi_major_axis_m: Array
    inclination_deg: Array
    node_deg: Array
    along_deg: Array

    @classmethod
    def at(cls, records: Sequence[Satrec], day: float, fraction: float) -> "MeanElements":
        """Move every satellite's elements to one time.

        Parameters
        ----------
        records
            SGP4's records, n of them.
        day, fraction
            The time as a Julian date, UTC.
        """
        rows = np.empty((len(records), 4))
        for row, record in zip(rows, records, strict=True):
            record.sgp4(day, fraction)
            row[:] = record.am * record.radiusearthkm * 1e3, record.im, record.Om, record.om + record.mm
        axis, *angles = rows.T
        inclination, node, along = np.degrees(angles)
        return cls(axis, inclination, node % 360.0, along % 360.0)


@dataclass(frozen=True, eq=False)
class Plane:
    """Satellites that follow one another on one orbit.

    Attributes
    ----------
    members
        Indices of its satellites in the order of flight, by mean argument of latitude.
    node_deg
        Right ascension of the ascending node, circular mean, degrees.
    width_deg
        Difference of its largest and smallest right ascension, degrees.
    axis_m, inclination_deg
        Medians of semi-major axis, m, and inclination, degrees.
    """

    members: Members
    node_deg: float
    width_deg: float
    axis_m: float
    inclination_deg: float

    @classmethod
    def of(cls, members: Members, elements: MeanElements) -> "Plane":
        """Make the plane of given satellites, in any order."""
        ordered = members[np.argsort(elements.along_deg[members], kind="stable")]
        centre = _circular_mean(elements.node_deg[ordered])
        offsets = _wrapped(elements.node_deg[ordered] - centre)
        axis, tilt = elements.semi_major_axis_m[ordered], elements.inclination_deg[ordered]
        return cls(ordered, centre, float(np.ptp(offsets)), float(np.median(axis)), float(np.median(tilt)))


@dataclass(frozen=True, eq=False)
class CatalogueShell:
    """Planes of one altitude and inclination.

    Attributes
    ----------
    planes
        In the order of their right ascension.
    """

    planes: tuple[Plane, ...]

    @property
    def total(self) -> int:
        """Number of satellites."""
        return sum(len(plane.members) for plane in self.planes)

    @property
    def altitude_km(self) -> float:
        """Median height of the planes' mean orbits over the mean Earth radius, km."""
        return (float(np.median([plane.axis_m for plane in self.planes])) - EARTH_RADIUS_M) / 1e3

    @property
    def inclination_deg(self) -> float:
        """Median inclination of the planes, degrees."""
        return float(np.median([plane.inclination_deg for plane in self.planes]))

    @cached_property
    def spacing_deg(self) -> float:
        """Median distance of neighbouring planes in right ascension, degrees; 360 with one plane."""
        nodes = np.array([plane.node_deg for plane in self.planes])
        return float(np.median((np.roll(nodes, -1) - nodes) % 360.0)) if len(nodes) > 1 else 360.0

    def summary(self) -> str:
        """One line: planes × satellites, altitude, inclination, how wide planes are."""
        sizes = sorted(len(plane.members) for plane in self.planes)
        widths = [plane.width_deg for plane in self.planes]
        each = f"{sizes[0]}" if sizes[0] == sizes[-1] else f"{sizes[0]}-{sizes[-1]}"
        apart = f", {self.spacing_deg:.1f}° apart" if len(self.planes) > 1 else ""
        return (
            f"{len(self.planes)} planes × {each} satellites ({self.total}), {self.altitude_km:.1f} km, "
            f"{self.inclination_deg:.2f}°; planes {min(widths):.2f}-{max(widths):.2f}° wide in right ascension{apart}"
        )


@dataclass(frozen=True, eq=False)
class Sky:
    """Shells and planes of a catalogue, and what belongs to none.

    Attributes
    ----------
    shells
        The largest first.
    off_station
        Index of each satellite without a plane, and the reason.
    total
        Number of satellites.
    """

    shells: tuple[CatalogueShell, ...]
    off_station: dict[int, str]
    total: int

    @property
    def placed(self) -> int:
        """Number of satellites with a plane."""
        return self.total - len(self.off_station)

    def summary(self) -> list[str]:
        """One line for each shell, and one for what is off station."""
        lines = [f"shell {k}: {shell.summary()}" for k, shell in enumerate(self.shells)]
        if self.off_station:
            reasons = list(self.off_station.values())
            parts = [f"{reasons.count(one)} {one}" for one in (MOTION, NODE, BUNCHED) if one in reasons]
            lines.append(f"off station: {len(reasons)} of {self.total} satellites: {', '.join(parts)}")
        return lines

    def warnings(self) -> list[str]:
        """Name the planes that are wider than half the distance to the next one."""
        return [
            f"shell {k}: the plane at {plane.node_deg:.1f}° is {plane.width_deg:.1f}° wide in right ascension, more "
            f"than half of the {shell.spacing_deg:.1f}° between planes"
            for k, shell in enumerate(self.shells)
            for plane in shell.planes
            if plane.width_deg > 0.5 * shell.spacing_deg
        ]


def find_planes(elements: MeanElements) -> Sky:
    """Find shells and planes.

    Parameters
    ----------
    elements
        Mean elements of all satellites at one time.
    """
    total = len(elements.node_deg)
    found = first = _at_scale(elements, SCALES[0], MEMBERS)
    for scale in SCALES[1:]:
        wider = _at_scale(elements, scale, MEMBERS)
        if 2 * found.placed >= total and wider.placed <= GAIN * found.placed:
            return found
        found = wider
    if 2 * found.placed >= total:
        return found
    return first if first.placed else _at_scale(elements, SCALES[0], 2)  # perhaps two satellites a plane


def told_planes(elements: MeanElements, per_plane: int) -> Sky:
    """Take planes as a file tells them: the first `per_plane` satellites, the next ones, and so on."""
    order = np.arange(len(elements.node_deg))
    planes = [Plane.of(order[k : k + per_plane], elements) for k in range(0, len(order), per_plane)]
    return Sky((CatalogueShell(tuple(sorted(planes, key=lambda plane: plane.node_deg))),), {}, len(order))


def _at_scale(elements: MeanElements, scale: float, members: int) -> Sky:
    """Find planes with one width of the neighbourhood."""
    off: dict[int, str] = {}
    planes: list[Plane] = []
    for cluster in _clusters(elements, scale, members):
        axis = elements.semi_major_axis_m[cluster]
        steady = np.abs(axis - np.median(axis)) <= scale * HEIGHT_M
        off |= dict.fromkeys(cluster[~steady].tolist(), MOTION)
        if 2 * steady.sum() > len(cluster) and steady.sum() >= members:
            planes.append(Plane.of(cluster[steady], elements))
        else:
            off |= dict.fromkeys(cluster.tolist(), MOTION)
    shells = []
    for group in _shells(planes, scale):
        kept = _thinned(group if members < MEMBERS else _spread_out(group, elements, off), scale, off)
        if kept:
            shells.append(CatalogueShell(tuple(sorted(kept, key=lambda plane: plane.node_deg))))
    shells.sort(key=lambda shell: -shell.total)
    placed = {k for shell in shells for plane in shell.planes for k in plane.members.tolist()}
    for k in range(len(elements.node_deg)):
        if k not in placed and k not in off:
            off[k] = _reason(k, elements, shells, scale)
    return Sky(tuple(shells), off, len(elements.node_deg))


def _clusters(elements: MeanElements, scale: float, members: int) -> list[Members]:
    """DBSCAN with a box as neighbourhood, right ascension around the circle."""
    unit = scale * np.array(NEIGHBOURHOOD)
    place = np.stack([elements.inclination_deg, elements.semi_major_axis_m, elements.node_deg], axis=1)
    place = (place - [*place[:, :2].min(axis=0), 0.0]) / unit
    turn = 360.0 / unit[2]
    place[:, 2] %= turn
    count = len(place)
    pairs = cKDTree(place, boxsize=[0.0, 0.0, turn]).query_pairs(1.0, p=np.inf, output_type="ndarray")
    core = np.bincount(pairs.ravel(), minlength=count) + 1 >= members
    inner = pairs[core[pairs].all(axis=1)]
    graph = coo_array((np.ones(len(inner), dtype=np.int8), (inner[:, 0], inner[:, 1])), shape=(count, count))
    label = np.where(core, connected_components(graph, directed=False)[1], -1)
    for here, there in ((0, 1), (1, 0)):  # the rim of a cluster joins it
        rim = pairs[core[pairs[:, here]] & ~core[pairs[:, there]]]
        label[rim[:, there]] = label[rim[:, here]]
    order = np.argsort(label, kind="stable")
    return [part for part in np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if label[part[0]] >= 0]


def _shells(planes: list[Plane], scale: float) -> list[list[Plane]]:
    """Group planes whose inclinations and altitudes are close to one another's, step by step."""
    groups: list[list[Plane]] = []
    for plane in planes:
        close = [
            group
            for group in groups
            if any(
                abs(plane.inclination_deg - other.inclination_deg) <= scale * SHELL_INCLINATION_DEG
                and abs(plane.axis_m - other.axis_m) <= scale * SHELL_ALTITUDE_M
                for other in group
            )
        ]
        groups = [group for group in groups if group not in close] + [[plane, *(p for group in close for p in group)]]
    return groups


def _spread_out(planes: list[Plane], elements: MeanElements, off: dict[int, str]) -> list[Plane]:
    """Drop trains: what leaves half of its orbit empty, and is thin or flies closer than the others do."""
    gaps = [_gaps_deg(plane, elements) for plane in planes]
    around = [bool(gap.max() <= 180.0) for gap in gaps]
    usual = float(
        np.median([float(np.median(gap)) for gap, whole in zip(gaps, around, strict=True) if whole] or [360.0])
    )
    largest = max((len(plane.members) for plane in planes), default=0)
    kept = []
    for plane, gap, whole in zip(planes, gaps, around, strict=True):
        if whole or (np.median(gap) >= 0.5 * usual and THIN * len(gap) > largest):
            kept.append(plane)
        else:
            off |= dict.fromkeys(plane.members.tolist(), BUNCHED)
    return kept


def _gaps_deg(plane: Plane, elements: MeanElements) -> Array:
    """Angles from each satellite to the one ahead, degrees."""
    along = elements.along_deg[plane.members]
    return np.asarray((np.roll(along, -1) - along) % 360.0)


def _thinned(planes: list[Plane], scale: float, off: dict[int, str]) -> list[Plane]:
    """Drop a plane closer to a larger one than half the usual distance, if it is thin or flies at another height."""
    if not planes:
        return planes
    largest = max(len(plane.members) for plane in planes)
    usual = CatalogueShell(
        tuple(sorted((p for p in planes if 2 * len(p.members) > largest), key=lambda plane: plane.node_deg))
    ).spacing_deg
    kept: list[Plane] = []
    for plane in sorted(planes, key=lambda plane: (-len(plane.members), plane.node_deg)):
        if any(
            (THIN * len(plane.members) <= len(other.members) or abs(plane.axis_m - other.axis_m) > scale * HEIGHT_M)
            and abs(_wrapped(plane.node_deg - other.node_deg)) < 0.5 * usual
            for other in kept
        ):
            off |= dict.fromkeys(plane.members.tolist(), NODE)
        else:
            kept.append(plane)
    return kept


def _reason(k: int, elements: MeanElements, shells: list[CatalogueShell], scale: float) -> str:
    """Say whether a satellite is at the altitude and inclination of a shell."""
    for shell in shells:
        for plane in shell.planes:
            if (
                abs(elements.semi_major_axis_m[k] - plane.axis_m) <= scale * HEIGHT_M
                and abs(elements.inclination_deg[k] - plane.inclination_deg) <= scale * SHELL_INCLINATION_DEG
            ):
                return NODE
    return MOTION


def _wrapped(angle_deg: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Angles in [−180, 180)."""
    return np.asarray((np.asarray(angle_deg) + 180.0) % 360.0 - 180.0)


def _circular_mean(angle_deg: Array) -> float:
    return math.degrees(np.angle(np.exp(1j * np.radians(angle_deg)).mean())) % 360.0
