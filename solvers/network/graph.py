"""The node-split graph of a network, searched from either end.

It has a node *in_i* = i and a node *out_i* = n + i for each satellite; link (i, j) is the arc out_i → in_j, and passing
through i is the arc in_i → out_i. A path from out_m to in_c therefore counts exactly the inner satellites as relays.
Model packets take the same graph with every arc turned, so that both kinds are searched from the task's side.
"""

from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from instances.network import Network
from solvers.network.arrays import DATA, SMALLEST_S, Floats, Ints


class SplitGraph:
    """Arcs and searches; whoever subclasses it says what arcs and further resources cost.

    Attributes
    ----------
    nodes, links
        Numbers of satellites and links.
    tail, head
        Nodes of the split graph that every arc joins: links, then one relay for every satellite, shape (arcs,).
    per_bit, fixed
        What a resource costs a packet that is alone on it [s/bit], [s], shape (resources,); arcs come first.
    """

    per_bit: Floats
    fixed: Floats

    def __init__(self, network: Network) -> None:
        nodes, relays = network.nodes, np.arange(network.nodes)
        self.nodes, self.links = nodes, len(network.source)
        self.tail = np.concatenate([network.source.astype(np.int64) + nodes, relays])
        self.head = np.concatenate([network.target.astype(np.int64), relays + nodes])
        size = 2 * nodes
        self._order = [np.lexsort((self.head, self.tail)), np.lexsort((self.tail, self.head))]
        starts = [self.tail, self.head]
        self._first = [np.concatenate([[0], np.cumsum(np.bincount(s, minlength=size))]) for s in starts]
        self._index = [self.head[self._order[0]], self.tail[self._order[1]]]
        self._keys = [(a * size + b)[order] for a, b, order in zip(starts, starts[::-1], self._order, strict=True)]

    @property
    def arcs(self) -> int:
        """Number of arcs of the split graph: links, then one relay for every satellite."""
        return self.links + self.nodes

    def search(
        self, weight: Floats, start: int, reverse: bool, allowed: Any = None, offsets: Any = None
    ) -> tuple[Floats, Any]:
        """Run Dijkstra over the node-split graph.

        Parameters
        ----------
        weight
            Weight of each resource, shape (resources,), ≥ 0; inf where it may not be used.
        start
            Node of the split graph.
        reverse
            Follow arcs backwards.
        allowed
            Mask of resources, or None for all.
        offsets
            In place of `start`: (nodes, costs ≥ 0) to start from.

        Returns
        -------
        cost, before
            Shape (2 · nodes,): cost to each node, and the node before it.
        """
        side = int(reverse)
        values = np.maximum(weight, SMALLEST_S)[self._order[side]]
        keep = np.isfinite(values)
        if allowed is not None:
            keep &= allowed[self._order[side]]
        size = 2 * self.nodes
        index, first = self._index[side], self._first[side]
        if not keep.all():
            counts = np.concatenate([[0], np.cumsum(keep)])
            values, index, first = values[keep], index[keep], counts[first]
        if offsets is not None:
            nodes, costs = offsets
            values = np.concatenate([values, np.maximum(costs, SMALLEST_S)])
            index, first = np.concatenate([index, nodes]), np.append(first, first[-1] + len(nodes))
            start, size = size, size + 1
        graph = csr_array((values, index, first), shape=(size, size))
        cost, before = dijkstra(graph, indices=start, return_predecessors=True)
        return cost[: 2 * self.nodes], before

    def arcs_at(self, place: int, reverse: bool) -> Ints:
        """Return the resources that leave a node of the split graph, or (reverse) that enter it."""
        side = int(reverse)
        return self._order[side][self._first[side][place] : self._first[side][place + 1]]

    def end_of(self, end: Any, kind: int) -> Any:
        """Return the split node of a computing satellite: in_c for data, out_c for model packets."""
        return end + (0 if kind == DATA else self.nodes)

    def path_arcs(self, before: Any, end: int, start: int, kind: int) -> Ints:
        """Return the resources of the path that a search from the task's side found, from the task's end on."""
        path = [int(end)]
        while path[-1] != start:
            path.append(int(before[path[-1]]))
        return self.between(np.array(path[::-1]), kind)

    def between(self, path: Ints, kind: int) -> Ints:
        """Return the resources between consecutive nodes of a path that starts on the task's side."""
        keys = path[:-1] * (2 * self.nodes) + path[1:]
        return self._order[kind][np.searchsorted(self._keys[kind], keys)]

    def leaving(self, kind: int, nodes: Ints) -> tuple[Ints, Ints]:
        """Return the resources by which a search from the task's side leaves these nodes, node by node.

        Returns
        -------
        resources, first
            The i-th node's are `resources[first[i]:first[i + 1]]`.
        """
        begin = self._first[kind][nodes]
        count = self._first[kind][nodes + 1] - begin
        first = np.concatenate([[0], np.cumsum(count)])
        places = np.repeat(begin - first[:-1], count) + np.arange(first[-1])
        return self._order[kind][places], first
