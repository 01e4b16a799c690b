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
    visited: Bools,
    b: Index,
    p: Index,
    node: NDArray[np.integer],
) -> Bools:
    """Tell for each candidate whether an unvisited path leads from `node` to `destination`, shape (R,).

    Mostly the tree's path from the node is free. Where it is not, unvisited satellites are searched layer by layer
    until the tree's path from one of them is free, or nothing is left.

    Parameters
    ----------
    slot, tree
        Row of the tables and tree to the destination of each candidate, shape (R,).
    visited
        Satellites seen by each packet, shape (B, P, N + 1).
    b, p
        The packet of each candidate, shape (R,).
    node
        Unvisited satellite to start from, shape (R,).
    """
    reached: Bools = np.isfinite(tables.go_s[tree, node])
    reached &= ~visited[b[:, None], p[:, None], tables.path_relays[tree, node]].any(1)
    left = np.flatnonzero(~reached)
    if len(left):
        reached[left] = _search(tables, slot[left], tree[left], visited[b[left], p[left]], node[left])
    return reached


def _search(tables: SlotTables, slot: Index, tree: Index, visited: Bools, node: NDArray[np.integer]) -> Bools:
    """Grow the set of unvisited satellites around `node` until the tree's path from one of them is free."""
    rows = np.arange(len(node))
    closed, width = visited.copy(), visited.shape[1]
    closed[:, -1] = True
    closed[rows, node] = True
    found = np.zeros(len(node), dtype=bool)
    row, front = rows, node.astype(np.int64)
    while len(front):
        onward = tables.target[slot[row], front]
        next_row, flat = np.repeat(row, onward.shape[1]), onward.ravel().astype(np.int64)
        new = ~closed[next_row, flat]
        keys = np.unique(next_row[new] * width + flat[new])
        row, front = keys // width, keys % width
        closed[row, front] = True
        free = ~visited[row[:, None], tables.path_relays[tree[row], front]].any(1)
        found[row[free & np.isfinite(tables.go_s[tree[row], front])]] = True
        keep = ~found[row]
        row, front = row[keep], front[keep]
    return found
