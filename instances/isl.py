"""Inter-satellite links of a constellation: who may link to whom, and which links are up when.

Directions: `fore` is the satellite ahead in the plane, `aft` the one behind; `right` is the plane of larger right
ascension, `left` the one of smaller.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instances.constellation import EARTH_RADIUS_M, Array, Constellation, ConstellationError, Shell


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
        Terminals of each satellite for links to the nearest satellites of other shells; none by default. See
        `instances.inter_shell`.
    """

    clearance_m: float = 80e3
    max_range_m: float = math.inf
    latitude_cutoff_deg: float = 70.0
    inter_shell_links: int = 0

    def __post_init__(self) -> None:
        """Reject values out of range."""
        if not (math.isfinite(self.clearance_m) and self.clearance_m >= 0.0):
            raise ConstellationError(f"link rules: clearance_m {self.clearance_m!r} is not a finite length >= 0")
        if not self.max_range_m > 0.0:
            raise ConstellationError(f"link rules: max_range_m {self.max_range_m!r} is not a length > 0")
        if not 0.0 < self.latitude_cutoff_deg <= 90.0:
            raise ConstellationError(f"link rules: latitude_cutoff_deg {self.latitude_cutoff_deg!r} is not in (0, 90]")
        if not 0 <= self.inter_shell_links <= 100:
            raise ConstellationError(f"link rules: inter_shell_links {self.inter_shell_links!r} is not in [0, 100]")


@dataclass(frozen=True)
class LinkPlan:
    """The directed links that terminals could hold, up or not.

    Attributes
    ----------
    source, target
        Indices into the satellites, shape (l,).
    direction
        `fore`, `aft`, `left` or `right` for each link; empty for links between shells.
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


def grid_rows(
    planes: int, per_plane: int, *, shift: int = 0, closed: bool = True, first: int = 0
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
    """
    rows: list[tuple[int, int, str]] = []
    for plane in range(planes):
        for slot in range(per_plane):
            here = first + plane * per_plane + slot
            ahead = first + plane * per_plane + (slot + 1) % per_plane
            rows += [(here, ahead, "fore"), (ahead, here, "aft")]
            if plane + 1 < planes:
                beside = first + (plane + 1) * per_plane + slot
            elif closed and planes > 1:
                beside = first + (slot + shift) % per_plane
            else:
                continue
            rows += [(here, beside, "right"), (beside, here, "left")]
    return rows


def constellation_links(constellation: Constellation) -> LinkPlan:
    """List the links of every shell: two in the plane, two to the adjacent planes.

    A star's seam has no links, and shells have none among them: those come and go, see `instances.inter_shell`.
    """
    rows: list[tuple[int, int, str]] = []
    first = 0
    for shell in constellation.shells:
        closed = shell.kind == "delta"
        rows += grid_rows(shell.planes, shell.per_plane, shift=shell.phasing, closed=closed, first=first)
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
    nearest = np.clip(-np.einsum("ij,ij->i", start, step) / square, 0.0, 1.0)
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
