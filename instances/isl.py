"""Inter-satellite links of a constellation: who may link to whom, and which links are up when.

Directions: `fore` is the satellite ahead in the plane, `aft` the one behind; `right` is the plane of larger right
ascension, `left` the one of smaller.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from instances.constellation import EARTH_RADIUS_M, MAXIMUM_ALTITUDE_KM, Array, Constellation, ConstellationError, Shell

MOST_TERMINALS = 100
"""More than any satellite carries."""


@dataclass(frozen=True)
class LinkRules:
    """When a link between two satellites is up.

    Attributes
    ----------
    clearance_m
        Height over the ground that the chord must keep, m; 80 km of air by default.
    max_range_m
        Longest link, m; ``inf`` leaves it to the line of sight.
    latitude_cutoff_deg
        Links between planes are up only while both ends are below this absolute latitude, degrees; 90 switches it off.
    inter_shell_links
        Terminals of each satellite for links to the nearest satellites of other shells; none by default. A satellite of
        a catalogue that is off station counts as a shell of its own. See `instances.nearest`.
    cross_shift
        Slots by which the neighbour in the next plane of a Walker shell is ahead, 0 by default, or ``"nearest"``: the
        one that is nearest on average over an orbit. Catalogues always pair the nearest.
    nearest_links
        Terminals of each satellite for links to the nearest satellites of any plane, in place of the grid; 0 keeps the
        grid. See `instances.nearest`.
    """

    clearance_m: float = 80e3
    max_range_m: float = math.inf
    latitude_cutoff_deg: float = 70.0
    inter_shell_links: int = 0
    cross_shift: int | Literal["nearest"] = 0
    nearest_links: int = 0

    def __post_init__(self) -> None:
        """Reject values out of range."""
        if not 0.0 <= self.clearance_m <= 1e3 * MAXIMUM_ALTITUDE_KM:
            raise ConstellationError(
                f"link rules: clearance_m {self.clearance_m!r} is not a length in [0, {1e3 * MAXIMUM_ALTITUDE_KM:g}] m"
            )
        if not self.max_range_m > 0.0:
            raise ConstellationError(f"link rules: max_range_m {self.max_range_m!r} is not a length > 0")
        if not 0.0 < self.latitude_cutoff_deg <= 90.0:
            raise ConstellationError(f"link rules: latitude_cutoff_deg {self.latitude_cutoff_deg!r} is not in (0, 90]")
        for name in ("inter_shell_links", "nearest_links"):
            if not 0 <= getattr(self, name) <= MOST_TERMINALS:
                raise ConstellationError(f"link rules: {name} {getattr(self, name)!r} is not in [0, {MOST_TERMINALS}]")
        if self.inter_shell_links and self.nearest_links:
            raise ConstellationError(
                "link rules: nearest_links replaces all other links, so inter_shell_links must be 0"
            )
        shift = self.cross_shift
        if shift != "nearest" and (isinstance(shift, bool) or not isinstance(shift, int) or abs(shift) > 10**6):
            raise ConstellationError(
                f"link rules: cross_shift {shift!r} is neither a whole number of slots nor 'nearest'"
            )


@dataclass(frozen=True)
class LinkPlan:
    """The directed links that terminals could hold, up or not.

    Attributes
    ----------
    source, target
        Indices into the satellites, shape (l,).
    direction
        `fore`, `aft`, `left` or `right` for each link; empty for links that belong to no grid.
    cross
        Whether the link joins two planes, shape (l,).
    """

    source: NDArray[np.intp]
    target: NDArray[np.intp]
    direction: tuple[str, ...]
    cross: NDArray[np.bool_]

    @classmethod
    def from_rows(cls, rows: list[tuple[int, int, str]]) -> "LinkPlan":
        """Build the plan from (source, target, direction); of links with equal ends the first is kept."""
        unique: dict[tuple[int, int], str] = {}
        for source, target, direction in rows:
            if source != target:
                unique.setdefault((source, target), direction)
        ends = np.array(list(unique), dtype=np.intp).reshape(-1, 2)
        names = tuple(unique.values())
        cross = np.array([name in ("left", "right") for name in names], dtype=bool)
        return cls(ends[:, 0], ends[:, 1], names, cross)

    @classmethod
    def from_pairs(
        cls, pairs: Iterable[tuple[str, str]], ids: Sequence[str], planes: Sequence[int | None]
    ) -> "LinkPlan":
        """Build the plan of a list of one's own, both directions of every pair.

        Parameters
        ----------
        pairs
            Ids of the two ends of each link.
        ids, planes
            Ids of all satellites and their planes; a link between planes is subject to the latitude cut-off.

        Raises
        ------
        ConstellationError
            If an id is unknown or a satellite is linked to itself.
        """
        index = {name: k for k, name in enumerate(ids)}
        rows: list[tuple[int, int, str]] = []
        for a, b in pairs:
            for end in (a, b):
                if end not in index:
                    raise ConstellationError(f"links: {end!r} is no satellite of the scenario, such as {ids[0]!r}")
            if a == b:
                raise ConstellationError(f"links: {a!r} cannot be linked to itself")
            rows += [(index[a], index[b], ""), (index[b], index[a], "")]
        made = cls.from_rows(rows)
        ends = zip(made.source.tolist(), made.target.tolist(), strict=True)
        cross = np.array([planes[a] is None or planes[a] != planes[b] for a, b in ends], dtype=bool)
        return replace(made, cross=cross)


def grid_rows(
    planes: int, per_plane: int, *, shift: int = 0, closed: bool = True, first: int = 0, ahead: int = 0
) -> list[tuple[int, int, str]]:
    """Links of a grid of planes: two in the plane, one to each adjacent plane.

    Parameters
    ----------
    planes, per_plane
        P and S; satellite (p, s) has the index ``first + p·S + s``.
    shift
        Right of (P − 1, s) is (0, (s + shift) mod S): Walker's F.
    closed
        Whether the last plane links to the first (delta); a star has a seam there.
    first
        Index of satellite (0, 0).
    ahead
        Slots by which the neighbour in the next plane is ahead.
    """
    rows: list[tuple[int, int, str]] = []
    for plane in range(planes):
        for slot in range(per_plane):
            here = first + plane * per_plane + slot
            front = first + plane * per_plane + (slot + 1) % per_plane
            rows += [(here, front, "fore"), (front, here, "aft")]
            if plane + 1 < planes:
                beside = first + (plane + 1) * per_plane + (slot + ahead) % per_plane
            elif closed and planes > 1:
                beside = first + (slot + shift + ahead) % per_plane
            else:
                continue
            rows += [(here, beside, "right"), (beside, here, "left")]
    return rows


def nearest_shift(shell: Shell) -> int:
    """Return the slots by which the nearest satellite of the next plane is ahead, on average over an orbit.

    Between planes ΔΩ apart, satellites at arguments of latitude u and u + δ are on average nearest where
    δ + ΔΩ cos i is least; Walker's phasing gives δ = 2π (F/T + n/S) for the one n slots ahead.
    """
    turn = shell.spread_rad / shell.planes * math.cos(math.radians(shell.inclination_deg))
    lead = 2.0 * math.pi * shell.phasing / shell.total + turn
    return round(-lead * shell.per_plane / (2.0 * math.pi))


def constellation_links(constellation: Constellation, cross_shift: int | Literal["nearest"] = 0) -> LinkPlan:
    """List the links of every shell: two in the plane, two to the adjacent planes.

    A star's seam has no links, and shells have none among them: those come and go, see `instances.nearest`.

    Parameters
    ----------
    constellation
        The shells.
    cross_shift
        See `LinkRules`.
    """
    rows: list[tuple[int, int, str]] = []
    first = 0
    for shell in constellation.shells:
        closed = shell.kind == "delta"
        ahead = nearest_shift(shell) if cross_shift == "nearest" else cross_shift
        rows += grid_rows(shell.planes, shell.per_plane, shift=shell.phasing, closed=closed, first=first, ahead=ahead)
        first += shell.total
    return LinkPlan.from_rows(rows)


def link_state(positions_m: Array, plan: LinkPlan, rules: LinkRules) -> tuple[Array, NDArray[np.bool_]]:
    """Length of every planned link, and whether it is up.

    Parameters
    ----------
    positions_m
        Positions, m, shape (k, n, 3) or (n, 3).
    plan
        The links that could exist, l of them.
    rules
        Clearance, range and latitude cut-off.

    Returns
    -------
    length_m, up
        Chords in m and whether the link is up, shape (k, l) or (l,).
    """
    frames = positions_m if positions_m.ndim == 3 else positions_m[None]
    forward, index = _unordered(plan)
    a, b = plan.source[forward], plan.target[forward]
    length = np.empty((len(frames), len(a)))
    up = np.empty(length.shape, dtype=bool)
    cutoff = math.sin(math.radians(rules.latitude_cutoff_deg)) if rules.latitude_cutoff_deg < 90.0 else math.inf
    for k, frame in enumerate(frames):  # one slot at a time keeps the arrays in the cache
        length[k], up[k] = _chords(frame, a, b, plan.cross[forward], rules, cutoff)
    length, up = length[:, index], up[:, index]
    return (length, up) if positions_m.ndim == 3 else (length[0], up[0])


def _unordered(plan: LinkPlan) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """One representative of each unordered pair, and each link's representative."""
    low, high = np.minimum(plan.source, plan.target), np.maximum(plan.source, plan.target)
    _, forward, index = np.unique(np.stack([low, high], axis=1), axis=0, return_index=True, return_inverse=True)
    return forward, index.reshape(-1)


def _chords(
    frame: Array, a: NDArray[np.intp], b: NDArray[np.intp], cross: NDArray[np.bool_], rules: LinkRules, cutoff: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Chords of pairs (a, b) at one time, and whether rules let them be up."""
    start, step = frame[a], frame[b] - frame[a]
    square = np.einsum("ij,ij->i", step, step)
    along = -np.einsum("ij,ij->i", start, step)
    nearest = np.clip(np.divide(along, square, out=np.zeros_like(along), where=square > 0.0), 0.0, 1.0)
    closest = start + nearest[:, None] * step
    clear = np.einsum("ij,ij->i", closest, closest) >= (EARTH_RADIUS_M + rules.clearance_m) ** 2
    length: Array = np.sqrt(square)
    polar = np.abs(frame[:, 2]) > cutoff * np.sqrt(np.einsum("ij,ij->i", frame, frame))
    return length, clear & (length <= rules.max_range_m) & ~(cross & (polar[a] | polar[b]))


def require_plane_links(constellation: Constellation, rules: LinkRules) -> None:
    """Refuse shells whose planes can never hold a link.

    Raises
    ------
    ConstellationError
        With the numbers of every such shell.
    """
    problems = [problem for shell in constellation.shells if (problem := plane_link_problem(shell, rules))]
    if problems:
        raise ConstellationError("; ".join(problems))


def plane_link_problem(shell: Shell, rules: LinkRules) -> str | None:
    """Say, with the numbers, why neighbours in a plane can never link; None if they can.

    A shell whose planes hold too few satellites for a line of sight is most often one with T/P/F in the wrong order.
    """
    if shell.per_plane == 1:
        return f"{shell.code}: one satellite a plane ({shell.planes} planes), so no links in a plane"
    sight, chord = shell.line_of_sight_m(rules.clearance_m), shell.plane_chord_m
    reach = min(sight, rules.max_range_m)
    what = "of max_range_m" if rules.max_range_m < sight else f"over {rules.clearance_m / 1e3:.0f} km of air"
    if shell.per_plane > 2 and chord <= reach:
        return None
    return (
        f"{shell.code}: no link in a plane: {shell.per_plane} satellites a plane are {chord / 1e3:.0f} km apart, "
        f"but a link {what} reaches {reach / 1e3:.0f} km; "
        f"are T/P/F in this order ({shell.planes} planes × {shell.per_plane} satellites)?"
    )
