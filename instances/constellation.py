"""Walker constellations: their codes, circular orbits and positions over time.

The code is ``Type:Altitude km:Inclination:T/P/F`` (IRTF draft draft-piraux-space-constellation-code), with type ``D``
(delta, ascending nodes over 360°) or ``S`` (star, over 180°); shells are joined by ``+``. Satellite ``s`` of plane
``p`` starts at the argument of latitude 2π (s/S + F p/T) and the right ascension p · spread/P. A star whose planes do
not share 180° evenly tells their distance behind another colon: Iridium's are ``S:780:86.4:66/6/3:31.6``, with 22° left
at the seam.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.errors import LeosplitError
from instances.published import PUBLISHED

EARTH_RADIUS_M = 6_371_000.0
"""Mean radius of the Earth (IUGG), m: the sphere that line of sight and altitude refer to."""
EQUATORIAL_RADIUS_M = 6_378_137.0
"""Equatorial radius (WGS 84), m: the one that J2 refers to."""
EARTH_MU = 3.986004418e14
"""Standard gravitational parameter of the Earth (WGS 84), m³/s²."""
EARTH_J2 = 1.08262668e-3
"""Second zonal harmonic of the Earth (EGM96)."""
MINIMUM_ALTITUDE_KM = 160.0
"""Below this a circular orbit decays within days."""
MAXIMUM_ALTITUDE_KM = 100_000.0
"""Above this the Moon and the Sun, which are left out, shape the orbit."""
MAXIMUM_SATELLITES = 100_000
"""More than any constellation that was filed; what a code may ask for."""

Array = NDArray[np.float64]

_SHELL = re.compile(
    r"(?P<kind>[A-Za-z]+):(?P<altitude>[^:]+):(?P<inclination>[^:]+):(?P<total>-?\d{1,9})/(?P<planes>-?\d{1,9})/(?P<phasing>-?\d{1,9})"
    r"(?::(?P<spacing>[^:]+))?"
)
_FORM = "TYPE:ALTITUDE_KM:INCLINATION:T/P/F with TYPE D or S, for example S:780:86.4:66/6/1"


class ConstellationError(LeosplitError):
    """A constellation that cannot exist or cannot be read."""


@dataclass(frozen=True)
class Shell:
    """One Walker shell of circular orbits.

    Attributes
    ----------
    kind
        ``"delta"`` (ascending nodes spread over 360°) or ``"star"`` (over 180°, with a seam).
    altitude_km
        Height over the mean Earth radius, km; at least 160.
    inclination_deg
        Inclination, degrees, in [0, 180].
    total, planes, phasing
        Walker's T, P and F: satellites, planes and phasing factor, F in [0, P − 1].
    spacing_deg
        Distance of neighbouring planes in right ascension, degrees, for a star; None shares the spread evenly.
    """

    kind: Literal["delta", "star"]
    altitude_km: float
    inclination_deg: float
    total: int
    planes: int
    phasing: int
    spacing_deg: float | None = None

    def __post_init__(self) -> None:
        """Reject what cannot be a shell, in one sentence each."""
        where = f"constellation {self.code}"
        if not self.altitude_km >= MINIMUM_ALTITUDE_KM:
            raise ConstellationError(f"{where}: altitude {self.altitude_km:g} km is not at least 160 km")
        if not self.altitude_km <= MAXIMUM_ALTITUDE_KM:
            raise ConstellationError(f"{where}: altitude {self.altitude_km:g} km is above 100000 km")
        if self.total > MAXIMUM_SATELLITES:
            raise ConstellationError(f"{where}: T = {self.total} is more than {MAXIMUM_SATELLITES} satellites")
        if not 0.0 <= self.inclination_deg <= 180.0:
            raise ConstellationError(f"{where}: inclination {self.inclination_deg:g}° is not in [0, 180]")
        if self.planes < 1 or self.total < 1 or self.total % self.planes:
            order = ""
            if 0 < self.total < self.planes and self.planes % self.total == 0:
                order = f"; T comes first: {self.planes}/{self.total}/{self.phasing} has {self.total} planes"
            raise ConstellationError(
                f"{where}: T = {self.total} satellites cannot be divided by P = {self.planes} planes{order}"
            )
        if not 0 <= self.phasing < self.planes:
            raise ConstellationError(
                f"{where}: F = {self.phasing} is not in [0, {self.planes - 1}] (P = {self.planes})"
            )

        spacing = self.spacing_deg
        if spacing is not None and (self.kind != "star" or not 0.0 < spacing * max(1, self.planes - 1) < 360.0):
            raise ConstellationError(
                f"{where}: a distance between planes of {spacing:g}° is for a star whose planes fit within 360°"
            )

    @property
    def code(self) -> str:
        """The shell's code, for example ``D:550:53:1584/72/39``."""
        size = f"{self.total}/{self.planes}/{self.phasing}"
        spacing = "" if self.spacing_deg is None else f":{self.spacing_deg:.12g}"
        return f"{self.kind[0].upper()}:{self.altitude_km:.12g}:{self.inclination_deg:.12g}:{size}{spacing}"

    @property
    def per_plane(self) -> int:
        """Satellites in each plane, S = T/P."""
        return self.total // self.planes

    @property
    def semi_major_axis_m(self) -> float:
        """Orbital radius a, m."""
        return EARTH_RADIUS_M + 1e3 * self.altitude_km

    @property
    def mean_motion_rad_s(self) -> float:
        """Two-body mean motion √(μ/a³), rad/s."""
        return math.sqrt(EARTH_MU / self.semi_major_axis_m**3)

    @property
    def spread_rad(self) -> float:
        """The range of right ascensions that the planes share, rad."""
        if self.spacing_deg is not None:
            return math.radians(self.spacing_deg * self.planes)
        return 2.0 * math.pi if self.kind == "delta" else math.pi

    @property
    def plane_chord_m(self) -> float:
        """Distance of neighbours in a plane, 2a sin(π/S), m; 0 with one satellite a plane."""
        return 2.0 * self.semi_major_axis_m * math.sin(math.pi / self.per_plane) if self.per_plane > 1 else 0.0

    def line_of_sight_m(self, clearance_m: float) -> float:
        """Longest chord between two satellites that stays `clearance_m` (m) over the ground, m.

        Parameters
        ----------
        clearance_m
            Height that the chord must keep, m; 0 if it exceeds the altitude.
        """
        square = self.semi_major_axis_m**2 - (EARTH_RADIUS_M + clearance_m) ** 2
        return 2.0 * math.sqrt(square) if square > 0.0 else 0.0

    def drift_rad_s(self, j2: bool) -> tuple[float, float]:
        """Secular rates of right ascension and of argument of latitude, rad/s.

        Parameters
        ----------
        j2
            Whether the oblateness acts: first-order secular rates of a circular orbit (Vallado, *Fundamentals of
            Astrodynamics and Applications*, 4th ed., section 9.6.1). Without it 0 and the two-body mean motion.
        """
        n = self.mean_motion_rad_s
        if not j2:
            return 0.0, n
        k = 1.5 * EARTH_J2 * (EQUATORIAL_RADIUS_M / self.semi_major_axis_m) ** 2
        inclination = math.radians(self.inclination_deg)
        return -k * n * math.cos(inclination), n * (1.0 + k * (3.0 - 4.0 * math.sin(inclination) ** 2))

    def summary(self) -> str:
        """One line a reader recognises the shell by: kind, altitude, planes × satellites, period."""
        period = 2.0 * math.pi / self.mean_motion_rad_s / 60.0
        return (
            f"{self.code}: Walker {self.kind}, {self.planes} planes × {self.per_plane} satellites, "
            f"{self.altitude_km:g} km, {self.inclination_deg:g}°, period {period:.1f} min, "
            f"neighbours in a plane {self.plane_chord_m / 1e3:.0f} km apart"
        )


@dataclass(frozen=True)
class Constellation:
    """One or more Walker shells; planes are numbered through all shells.

    Attributes
    ----------
    shells
        The shells, in the order of the code. Links between shells are an option, `LinkRules.inter_shell_links`.
    j2
        Whether orbits drift by the Earth's oblateness.
    """

    shells: tuple[Shell, ...]
    j2: bool = False

    def __post_init__(self) -> None:
        """Ask for at least one shell."""
        if not self.shells:
            raise ConstellationError("constellation: at least one shell is needed")

    @property
    def code(self) -> str:
        """The code of all shells, joined by ``+``."""
        return "+".join(shell.code for shell in self.shells)

    @property
    def total(self) -> int:
        """Number of satellites."""
        return sum(shell.total for shell in self.shells)

    @property
    def ids(self) -> tuple[str, ...]:
        """Satellite ids ``"plane-slot"``, by plane, then slot."""
        return tuple(f"{plane}-{slot}" for plane, slot in zip(*self.planes_and_slots(), strict=True))

    def planes_and_slots(self) -> tuple[list[int], list[int]]:
        """Plane and slot of every satellite, in the order of `ids`."""
        planes: list[int] = []
        slots: list[int] = []
        first = 0
        for shell in self.shells:
            planes += [first + p for p in range(shell.planes) for _ in range(shell.per_plane)]
            slots += list(range(shell.per_plane)) * shell.planes
            first += shell.planes
        return planes, slots

    @property
    def shell_numbers(self) -> NDArray[np.intp]:
        """Shell of every satellite, from 0, in the order of `ids`."""
        return np.repeat(np.arange(len(self.shells)), [shell.total for shell in self.shells])

    def positions_m(self, times_s: ArrayLike) -> Array:
        """Positions in an Earth-centred inertial frame whose x axis is the right ascension of plane 0 at t = 0.

        Parameters
        ----------
        times_s
            Times since the epoch, s; a number or shape (k,).

        Returns
        -------
        ndarray
            Positions, m; shape (n, 3) for a number, else (k, n, 3), satellites in the order of `ids`.
        """
        times = np.asarray(times_s, dtype=float)
        out = np.concatenate([_shell_positions(shell, np.atleast_1d(times), self.j2) for shell in self.shells], axis=1)
        return out[0] if times.ndim == 0 else out

    def summary(self) -> str:
        """One line for each shell, see `Shell.summary`."""
        return "\n".join(shell.summary() for shell in self.shells)


def _shell_positions(shell: Shell, times: Array, j2: bool) -> Array:
    """Positions of one shell, m, shape (k, n, 3), by the angles' addition theorem."""
    plane, slot = np.divmod(np.arange(shell.total), shell.per_plane)
    node_rate, phase_rate = shell.drift_rad_s(j2)
    phase0 = 2.0 * math.pi * (slot / shell.per_plane + shell.phasing * plane / shell.total)
    phase = phase0[None, :] + phase_rate * times[:, None]
    node = (shell.spread_rad / shell.planes * plane)[None, :] + node_rate * times[:, None]
    along, across = shell.semi_major_axis_m * np.cos(phase), shell.semi_major_axis_m * np.sin(phase)
    cos_node, sin_node = np.cos(node), np.sin(node)
    inclination = math.radians(shell.inclination_deg)
    out = np.empty((*phase.shape, 3))
    level = across * math.cos(inclination)
    out[..., 0] = along * cos_node - level * sin_node
    out[..., 1] = along * sin_node + level * cos_node
    out[..., 2] = across * math.sin(inclination)
    return out


def parse_constellation(code: str, *, j2: bool = False) -> Constellation:
    """Read a constellation code.

    Parameters
    ----------
    code
        One or more shells ``TYPE:ALTITUDE_KM:INCLINATION:T/P/F`` joined by ``+``; TYPE is ``D`` (delta) or ``S``
        (star). Or a name of `instances.published.PUBLISHED`.
    j2
        Whether orbits drift by the Earth's oblateness.

    Raises
    ------
    ConstellationError
        If the code cannot be read or describes no possible shell.
    """
    known = PUBLISHED.get(code)
    parts = [part.strip() for part in (known.code if known else code).split("+")]
    if len(parts) > 1 and not all(parts):
        raise ConstellationError(f"constellation {code!r}: a shell is missing beside +")
    return Constellation(tuple(_parse_shell(part) for part in parts), j2=j2)


def _parse_shell(code: str) -> Shell:
    match = _SHELL.fullmatch(code)
    if match is None:
        raise ConstellationError(f"constellation {code!r}: expected {_FORM}, or one of {', '.join(PUBLISHED)}")
    kinds: dict[str, Literal["delta", "star"]] = {"D": "delta", "S": "star"}
    kind = kinds.get(match["kind"].upper())
    if kind is None:
        raise ConstellationError(f"constellation {code!r}: type {match['kind']!r} is not D (delta) or S (star)")
    try:
        altitude, inclination = float(match["altitude"]), float(match["inclination"])
        spacing = None if match["spacing"] is None else float(match["spacing"])
    except ValueError:
        raise ConstellationError(f"constellation {code!r}: altitude and inclination must be numbers; {_FORM}") from None
    total, planes, phasing = (int(match[key]) for key in ("total", "planes", "phasing"))
    return Shell(kind, altitude, inclination, total, planes, phasing, spacing)
