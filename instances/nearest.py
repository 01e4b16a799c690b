"""Links to the nearest satellites, of other shells or of any plane, chosen anew at every time."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from instances.constellation import EARTH_RADIUS_M, Array
from instances.isl import LinkPlan, LinkRules, link_state

Pairs = NDArray[np.intp]
FIRST_REACH_M = 5e5
"""Longest pairs that are looked at first, m; then twice as long ones, and so on."""


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
    open_ = np.flatnonzero(~np.isnan(frame[:, 0]))
    highest = float(np.sqrt(np.nanmax(np.einsum("ij,ij->i", frame, frame))))
    sight = 2.0 * np.sqrt(max(highest**2 - (EARTH_RADIUS_M + rules.clearance_m) ** 2, 0.0))
    limit = min(rules.max_range_m, float(sight))
    free = np.full(len(frame), rules.nearest_links or rules.inter_shell_links)
    chosen: set[tuple[int, int]] = set()
    done, reach = -1.0, min(FIRST_REACH_M, limit)
    while len(open_) > 1:  # shorter pairs first: who has no terminal left needs no longer ones
        for a, b in _candidates(frame, open_, groups, rules, (done, reach)):
            if free[a] and free[b] and (a, b) not in chosen:
                free[[a, b]] -= 1
                chosen.add((a, b))
        if reach >= limit:
            break
        open_ = open_[free[open_] > 0]
        done, reach = reach, min(2.0 * reach, limit)
    return np.array(sorted(chosen), dtype=np.intp).reshape(-1, 2)


def _candidates(
    frame: Array, among: Pairs, groups: NDArray[np.intp], rules: LinkRules, between_m: tuple[float, float]
) -> list[tuple[int, int]]:
    """Pairs of different groups among some satellites that may be up, in a range of lengths, the shortest first."""
    found = among[cKDTree(frame[among]).query_pairs(between_m[1], output_type="ndarray")]
    found = np.sort(found[groups[found[:, 0]] != groups[found[:, 1]]], axis=1).astype(np.intp)
    if not len(found):
        return []
    plan = LinkPlan(found[:, 0], found[:, 1], (), np.ones(len(found), dtype=bool))
    length, up = link_state(frame, plan, rules)
    up &= length >= between_m[0]
    found, length = found[up], length[up]
    return [(a, b) for a, b in found[np.lexsort((found[:, 1], found[:, 0], length))].tolist()]


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
    held = np.array([np.isin(pairs @ (size, 1), frame @ (size, 1)) for frame in frames]).reshape(
        len(frames), len(pairs)
    )
    added = LinkPlan(
        np.concatenate([plan.source, both[:, 0]]),
        np.concatenate([plan.target, both[:, 1]]),
        (*plan.direction, *("" for _ in both)),
        np.concatenate([plan.cross, np.ones(len(both), dtype=bool)]),
    )
    return added, np.repeat(held, 2, axis=1)
