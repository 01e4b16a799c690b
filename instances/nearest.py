"""Links to the nearest satellites, of other shells or of any plane, chosen anew at every time."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from instances.constellation import EARTH_RADIUS_M, Array
from instances.isl import LinkPlan, LinkRules, link_state

Pairs = NDArray[np.intp]


def nearest_pairs(frame: Array, groups: NDArray[np.intp], rules: LinkRules) -> Pairs:
    """Pairs of satellites of different groups that link at one time, no satellite more than its terminals allow.

    The shortest pair that may be up comes first, then the next one whose satellites both have a terminal left: no two
    satellites without a link to each other would both gain by one.

    Parameters
    ----------
    frame
        Positions, m, shape (n, 3).
    groups
        Number of the group of each satellite, shape (n,): its shell, or itself where any other may be linked to.
    rules
        Clearance, range, latitude cut-off, and the terminals: `nearest_links` or `inter_shell_links`.

    Returns
    -------
    ndarray
        Indices (a, b) with a < b, ascending, shape (p, 2).
    """
    known = np.flatnonzero(~np.isnan(frame[:, 0]))
    highest = float(np.sqrt(np.nanmax(np.einsum("ij,ij->i", frame, frame))))
    sight = 2.0 * np.sqrt(max(highest**2 - (EARTH_RADIUS_M + rules.clearance_m) ** 2, 0.0))
    found = known[cKDTree(frame[known]).query_pairs(min(rules.max_range_m, float(sight)), output_type="ndarray")]
    found = np.sort(found[groups[found[:, 0]] != groups[found[:, 1]]], axis=1).astype(np.intp)
    if not len(found):
        return found.reshape(-1, 2)
    plan = LinkPlan(found[:, 0], found[:, 1], (), np.ones(len(found), dtype=bool))
    length, up = link_state(frame, plan, rules)
    found, length = found[up], length[up]
    free = np.full(len(frame), rules.nearest_links or rules.inter_shell_links)
    chosen = []
    for a, b in found[np.lexsort((found[:, 1], found[:, 0], length))].tolist():
        if free[a] and free[b]:
            free[[a, b]] -= 1
            chosen.append((a, b))
    return np.array(sorted(chosen), dtype=np.intp).reshape(-1, 2)


def with_nearest_links(
    plan: LinkPlan, positions_m: Array, groups: NDArray[np.intp], rules: LinkRules
) -> tuple[LinkPlan, NDArray[np.bool_]]:
    """Add the pairs of all times to a plan, both directions of a pair side by side.

    Parameters
    ----------
    plan
        The links that stay.
    positions_m
        Positions, m, shape (k, n, 3).
    groups, rules
        As in `nearest_pairs`.

    Returns
    -------
    plan, up
        The plan with the added links, their direction empty, and which of them are held when, shape (k, added).
    """
    frames = [nearest_pairs(frame, groups, rules) for frame in positions_m]
    pairs = np.unique(np.concatenate(frames), axis=0)
    both = np.stack([pairs, pairs[:, ::-1]], axis=1).reshape(-1, 2)
    size = len(groups)
    held = np.array([np.isin(pairs @ (size, 1), frame @ (size, 1)) for frame in frames]).reshape(-1, len(pairs))
    added = LinkPlan(
        np.concatenate([plan.source, both[:, 0]]),
        np.concatenate([plan.target, both[:, 1]]),
        (*plan.direction, *("" for _ in both)),
        np.concatenate([plan.cross, np.ones(len(both), dtype=bool)]),
    )
    return added, np.repeat(held, 2, axis=1)
