"""Links of planes found in a catalogue: neighbours in the plane, and one satellite of each plane beside it."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from instances.constellation import EARTH_RADIUS_M, Array
from instances.isl import LinkPlan
from instances.planes import MeanElements, Members, Plane, Sky

PHASES = np.radians(np.arange(0.0, 360.0, 10.0))
"""Places along the orbit where a pair of satellites is compared."""
Row = tuple[int, int, str]


def plane_links(sky: Sky, elements: MeanElements, clearance_m: float) -> LinkPlan:
    """List the links that stay: two in the plane, one to each plane beside it.

    Satellites of neighbouring planes are paired one to one by what separates them on average over an orbit, the
    difference of their mean arguments of latitude plus that of their right ascensions times cos i. Who has no partner
    within the spacing of the larger plane has none: a spare takes no other satellite's link. A pair whose chord
    would not clear the Earth all around the orbit is left out, so a star keeps its seam.

    Parameters
    ----------
    sky
        Shells and planes.
    elements
        Mean elements at the same time.
    clearance_m
        Height over the ground that a chord must keep, m.
    """
    rows: list[Row] = []
    for shell in sky.shells:
        for plane in shell.planes:
            here = plane.members.tolist()
            for a, b in zip(here, here[1:] + here[:1], strict=True):
                rows += [(a, b, "fore"), (b, a, "aft")]
        for left, right in zip(shell.planes, shell.planes[1:] + shell.planes[:1], strict=True):
            if left is not right:
                rows += _across(left, right, elements, clearance_m)
    return LinkPlan.from_rows(rows)


def _across(left: Plane, right: Plane, elements: MeanElements, clearance_m: float) -> list[Row]:
    """Pair the satellites of two planes, the right one of larger right ascension."""
    turn = (right.node_deg - left.node_deg) % 360.0
    lean = turn * np.cos(np.radians(0.5 * (left.inclination_deg + right.inclination_deg)))
    apart = elements.along_deg[right.members][None, :] - elements.along_deg[left.members][:, None] + lean
    apart = np.abs((apart + 180.0) % 360.0 - 180.0)
    reach = 360.0 / max(len(left.members), len(right.members))
    chosen = linear_sum_assignment(np.minimum(apart, reach) ** 2)
    near = apart[chosen] < reach
    a, b = left.members[chosen[0][near]], right.members[chosen[1][near]]
    seen = _always_seen(a, b, elements, clearance_m)
    rows: list[Row] = []
    for one, other in zip(a[seen].tolist(), b[seen].tolist(), strict=True):
        rows += [(one, other, "right"), (other, one, "left")]
    return rows


def _always_seen(a: Members, b: Members, elements: MeanElements, clearance_m: float) -> NDArray[np.bool_]:
    """Tell which pairs see each other all around the orbit, shape (k,), circular orbits assumed."""
    offset = np.radians(elements.along_deg[b] - elements.along_deg[a])
    start, end = _places(a, PHASES[:, None] * np.ones(len(a)), elements), _places(b, PHASES[:, None] + offset, elements)
    step = end - start
    square = np.maximum(np.einsum("kij,kij->ki", step, step), 1.0)
    nearest = np.clip(-np.einsum("kij,kij->ki", start, step) / square, 0.0, 1.0)
    closest = start + nearest[..., None] * step
    height = np.sqrt(np.einsum("kij,kij->ki", closest, closest)) - EARTH_RADIUS_M
    return np.asarray((height >= clearance_m).all(axis=0))


def _places(which: Members, along_rad: Array, elements: MeanElements) -> Array:
    """Positions on circular orbits, m, shape (k, n, 3)."""
    axis = elements.semi_major_axis_m[which]
    node, tilt = np.radians(elements.node_deg[which]), np.radians(elements.inclination_deg[which])
    x, y = np.cos(along_rad), np.sin(along_rad)
    level = y * np.cos(tilt)
    return np.asarray(
        np.stack(
            [
                axis * (x * np.cos(node) - level * np.sin(node)),
                axis * (x * np.sin(node) + level * np.cos(node)),
                axis * y * np.sin(tilt),
            ],
            axis=-1,
        )
    )
