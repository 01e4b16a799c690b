"""What one more choice would save: the second-best onward link of every satellite, foreseen beside the shortest path.

A packet that goes to a neighbour is foreseen to follow the shortest path from there. It will decide again, though:
where that path is crowded, it can leave it at the neighbour. `Detours` prices that second choice under the shared plan.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp.tables import Floats, Ints, SlotTables

if TYPE_CHECKING:
    from formulation.dec_pomdp.core import Index, RoutingCore
    from formulation.dec_pomdp.plan import SharedPlan


def second_actions(tables: SlotTables) -> Ints:
    """Return for each tree and satellite the action of the best way that leaves the tree's path there, (T, N + 1).

    The rest of that way is the tree's path from the satellite that the action leads to, and does not come back. Where
    there is none the entry is A, the number of actions.
    """
    nodes, degree = tables.nodes, tables.degree
    slot = np.zeros(len(tables.go_s), dtype=np.int64)
    for k, trees in enumerate(tables.tree):
        slot[trees[trees >= 0]] = k
    here = np.arange(nodes)
    found = np.full((len(slot), nodes + 1), degree, dtype=np.int32)
    for t, k in enumerate(slot.tolist()):
        there = tables.target[k, :nodes]
        links = here[:, None] * degree + np.arange(degree)
        cost = tables.seconds_per_bit[k, links] + tables.relay_s_per_bit[k, there] + tables.go_s_per_bit[t, there]
        comes_back = np.zeros(there.shape, dtype=bool)
        for hop in range(tables.path_relays.shape[2]):  # one at a time: all at once take N × A × H
            comes_back |= tables.path_relays[t, there, hop] == here[:, None]
        first = links == tables.path_links[t, :nodes, :1]
        cost = np.where((there < nodes) & ~comes_back & ~first & np.isfinite(cost), cost, np.inf)
        best = cost.argmin(1)
        found[t, :nodes] = np.where(np.isfinite(cost[here, best]), best, degree)
    return found


class Detours:
    """Prices the second choice at each neighbour.

    Parameters
    ----------
    core, plan
        The episodes and their shared plan.
    """

    def __init__(self, core: "RoutingCore", plan: "SharedPlan") -> None:
        self.core, self.plan = core, plan
        self.action = core.tables.second_actions

    def cost(
        self, b: "Index", p: "Index", link: NDArray[np.integer], relay: NDArray[np.integer], legal: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return the cost by way of each neighbour and its second choice, shape (R, A), inf where there is none.

        Parameters
        ----------
        b, p
            The packets, shape (R,).
        link, relay, legal
            Link to each neighbour, the neighbour as a relay (N where the packet arrives), and the mask, shape (R, A).

        Returns
        -------
        alone_s, foreseen_s
            In an empty network, and with what it would add to the others' plans and they to it [s].
        """
        core, tables = self.core, self.core.tables
        slot, tree, bits = core.packets.slot[b][:, None], core.tree[b, p][:, None], core.packets.bits[b, p][:, None]
        action = self.action[tree, relay]
        known = legal & (action < core.stay) & (relay < tables.nodes)
        second = np.where(known, relay * core.stay + action, tables.seconds_per_bit.shape[1] - 1)
        after = np.where(known, tables.target[slot, relay, np.minimum(action, core.stay - 1)], tables.nodes)
        known &= ~core.visited[b[:, None], p[:, None], after] & (after != core.at[b, p][:, None])
        arrives = after == core.packets.destination[b, p][:, None]
        inner = np.where(arrives, tables.nodes, after)
        tail_relays = tables.path_relays[tree, after]
        known &= ~core.visited[b[:, None, None], p[:, None, None], tail_relays].any(2)
        links = np.concatenate([link[..., None], second[..., None], tables.path_links[tree, after]], axis=2)
        relays = np.concatenate([relay[..., None], inner[..., None], tail_relays], axis=2)
        others, own, _, _ = self.plan.predicted(b, p, links, relays)
        per_bit = tables.seconds_per_bit[slot, link] + tables.seconds_per_bit[slot, second]
        per_bit += tables.relay_s_per_bit[slot, relay] + tables.relay_s_per_bit[slot, inner]
        flight = tables.propagation_s[slot, link] + tables.propagation_s[slot, second]
        go = np.where(known, bits * tables.go_s_per_bit[tree, after] + tables.go_s[tree, after], np.inf)
        alone = bits * per_bit + flight + go
        return alone, alone + others + own * bits
