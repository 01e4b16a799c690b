"""Whether a packet can still get to its destination without seeing a satellite twice: exact, and mostly cheap."""

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp.tables import SlotTables

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]


def can_reach(
    tables: SlotTables,
    slot: Index,
    tree: Index,
    destination: Index,
    visited: Bools,
    b: Index,
    p: Index,
    node: NDArray[np.integer],
) -> Bools:
    """Tell for each candidate whether an unvisited path leads from `node` to `destination`, shape (R,).

    Three checks, each only for what the one before left open: the tree's path is free; the path by way of some
    neighbour is free; a search over all unvisited satellites.

    Parameters
    ----------
    slot, tree, destination
        Row of the tables, tree and destination of each candidate, shape (R,).
    visited
        Satellites seen by each packet, shape (B, P, N + 1).
    b, p
        The packet of each candidate, shape (R,).
    node
        Unvisited satellite to start from, shape (R,).
    """
    reached = ~visited[b[:, None], p[:, None], tables.path_relays[tree, node]].any(1)
    open_ = np.flatnonzero(~reached)
    if len(open_):
        rows = open_[:, None]
        onward = tables.target[slot[open_], node[open_]]
        free = (onward < tables.nodes) & ~visited[b[rows], p[rows], onward]
        tails = tables.path_relays[tree[rows], onward]
        free &= ~visited[b[rows][..., None], p[rows][..., None], tails].any(2)
        free &= np.isfinite(tables.go_s[tree[rows], onward])
        reached[open_] = free.any(1)
        open_ = open_[~reached[open_]]
    if len(open_):
        reached[open_] = _search(tables, slot[open_], destination[open_], visited[b[open_], p[open_]], node[open_])
    found: Bools = reached & np.isfinite(tables.go_s[tree, node])
    return found


def _search(tables: SlotTables, slot: Index, destination: Index, visited: Bools, node: NDArray[np.integer]) -> Bools:
    """Grow the set of satellites within reach of `node` on unvisited ones until it stands still."""
    rows = np.arange(len(node))
    blocked = visited.copy()
    blocked[:, -1] = True
    reached = np.zeros_like(blocked)
    reached[rows, node] = True
    front_row, front = rows, node.astype(np.int64)
    while len(front):
        onward = tables.target[slot[front_row], front]
        row = np.repeat(front_row, onward.shape[1])
        flat = onward.ravel()
        new = ~blocked[row, flat] & ~reached[row, flat]
        keys = np.unique(row[new] * blocked.shape[1] + flat[new])
        front_row, front = keys // blocked.shape[1], keys % blocked.shape[1]
        reached[front_row, front] = True
    found: Bools = reached[rows, destination]
    return found
