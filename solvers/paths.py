"""Shortest paths on the arrays of an instance, by SciPy's Dijkstra, relay times included.

A relay's time belongs to the inner satellites of a path. It is put on the links that leave a satellite; the start's
own share, the same on every path, is taken off again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from instances.network import Network

Floats = NDArray[np.float64]
SMALLEST_S = 1e-15  # keeps a free link an edge in SciPy's sparse graphs


@dataclass(frozen=True, eq=False)
class ShortestPaths:
    """All shortest paths from (or, reversed, to) one node.

    Attributes
    ----------
    cost_s
        Cost to each node [s], shape (satellites,); inf where there is no path.
    """

    network: Network
    start: int
    reverse: bool
    cost_s: Floats
    _before: NDArray[np.int32]

    def path(self, node: int) -> tuple[str, ...] | None:
        """Return the satellite ids of the path in the direction of travel, or None if there is none."""
        if not np.isfinite(self.cost_s[node]):
            return None
        nodes = [node]
        while nodes[-1] != self.start:
            nodes.append(int(self._before[nodes[-1]]))
        ids = [self.network.ids[i] for i in nodes]
        return tuple(ids if self.reverse else reversed(ids))


def shortest_paths(
    network: Network, start: str, link_s: Floats, relay_s: Floats, *, reverse: bool = False
) -> ShortestPaths:
    """Find the cheapest paths from a satellite, or to it if `reverse`.

    Parameters
    ----------
    network
        The instance's arrays.
    start
        Id of the fixed end.
    link_s
        Cost of each link [s], shape (links,), ≥ 0.
    relay_s
        Cost of passing through each satellite [s], shape (satellites,), ≥ 0.
    reverse
        Search paths that end at `start`.
    """
    node = network.index[start]
    if reverse:
        order, first = network.reverse_order, network.reverse_first
        weight = np.maximum(link_s + relay_s[network.target], SMALLEST_S)[order]
        graph = csr_matrix((weight, network.source[order], first), shape=(network.nodes, network.nodes))
    else:
        weight = np.maximum(link_s + relay_s[network.source], SMALLEST_S)
        graph = csr_matrix((weight, network.target, network.first), shape=(network.nodes, network.nodes))
    cost, before = dijkstra(graph, indices=node, return_predecessors=True)
    cost = cost - relay_s[node]
    cost[node] = 0.0
    return ShortestPaths(network, node, reverse, cost, before)


def packet_paths(network: Network, start: str, bits: float, *, reverse: bool = False) -> ShortestPaths:
    """Find the paths of least uncongested delay for a packet of this size."""
    link_s = bits * network.seconds_per_bit + network.propagation_s
    return shortest_paths(network, start, link_s, bits * network.relay_s_per_bit, reverse=reverse)
