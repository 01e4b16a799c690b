"""Searches for one packet's route to one end that look no farther than they must.

Loads only make routes longer, so the nodes v that a route of cost ≤ L can use have d(start, v) + d(v, end) ≤ L in an
empty network. A `Corridor` holds the nodes of the split graph in the order of that sum: what a search needs is a
prefix, with the arcs that leave its nodes. L is known before the search: what the route costs now that was the best
before. Several searches, with both weightings, are one call of SciPy's Dijkstra on the disjoint union of their graphs.
A route depends only on the loads within L: a corridor remembers what it has found under which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from solvers.network.arrays import SMALLEST_S, Floats, Ints
from solvers.network.graph import SplitGraph

Indices = NDArray[np.int32]
TIMES = (2, 1)
"""How often a packet's bits count for every packet of others that it meets: marginal and selfish cost."""
ROUNDING = 1e-9
"""Relative amount by which a limit is raised, as sums depend on their order; and absolute [s], for `SMALLEST_S`."""
MARGIN = 1.5
"""How much farther than asked a corridor reaches that has to grow."""
MOST_KNOWN = 500
"""Number of answers that a corridor remembers."""
BARRED = 2**16 - 1
"""In place of the load where a packet may not go."""
LARGEST = float(np.finfo(np.float64).max)


class Vicinity:
    """One packet of one task in an empty network, seen from the task's side.

    Attributes
    ----------
    graph, kind, start, ends
        The graph, the kind of packet, and the nodes where searches begin and end, one for each candidate.
    weight
        Weights of all resources at ρ = 1 [s], shape (resources,).
    own_arcs
        Mask of the resources that the packet may use.
    bits, served
        Its size at ρ = 1, and what it uses beside its path at each candidate.
    alone_s
        Cost of the cheapest route to each candidate end at ρ = 1 [s], inf where there is none.
    """

    def __init__(
        self,
        graph: SplitGraph,
        kind: int,
        start: int,
        ends: Ints,
        weight: Floats,
        own_arcs: NDArray[np.bool_],
        bits: float,
        served: list[Ints],
    ) -> None:
        self.graph, self.kind, self.start, self.ends = graph, kind, start, ends
        self.weight, self.own_arcs, self.bits, self.served = weight, own_arcs, bits, served
        self.cost, self.before = graph.search(weight, start, bool(kind), own_arcs)
        self.alone_s: list[float] = self.cost[ends].tolist()
        self._corridors: dict[int, Corridor] = {}

    def corridor(self, c: int) -> "Corridor":
        """Return the corridor to an end that has a route."""
        if c not in self._corridors:
            self._corridors[c] = Corridor(self, c)
        return self._corridors[c]


@dataclass(frozen=True, eq=False)
class Query:
    """A search for one route under present loads.

    Attributes
    ----------
    bits
        Size of the packet.
    load
        Packets of others on the arcs that matter, or `BARRED`, shape (arcs,).
    size
        Number of the corridor's nodes that matter.
    limit
        No cheapest route costs more [s].
    """

    corridor: "Corridor"
    bits: float
    load: NDArray[np.uint16]
    size: int
    limit: float

    @cached_property
    def key(self) -> tuple[float, bytes]:
        """What the answer depends on, but for rounding."""
        return float(f"{self.bits:.11g}"), self.load.tobytes()

    def weights(self) -> Floats:
        """Return the weights of the arcs by marginal and selfish cost, shape (weightings, arcs); one if they agree."""
        corridor, arcs = self.corridor, len(self.load)
        open_ = self.load < BARRED
        times = TIMES if (self.load[open_] > 0).any() else TIMES[:1]
        counted = np.multiply.outer(np.array(times), self.load.astype(np.int64)) + 1
        weights = self.bits * counted * corridor.per_bit[:arcs] + corridor.fixed[:arcs]
        return np.where(open_, np.maximum(weights, SMALLEST_S), np.inf)


class Corridor:
    """Where routes of a packet to one end can run."""

    def __init__(self, vicinity: Vicinity, c: int) -> None:
        graph, kind = vicinity.graph, vicinity.kind
        self.vicinity, self.graph, self.kind = vicinity, graph, kind
        self.end, self.served = int(vicinity.ends[c]), vicinity.served[c]
        self.alone = self.best = graph.path_arcs(vicinity.before, self.end, vicinity.start, kind)
        self.radius = 0.0
        self._routes: dict[bytes, Ints] = {}
        self._known: dict[tuple[float, bytes], list[Ints]] = {}

    def _reach(self, radius: float) -> None:
        """Hold all nodes with d(start, v) + d(v, end) ≤ radius."""
        graph, near = self.graph, self.vicinity
        back, _ = graph.search(near.weight, self.end, not self.kind, near.own_arcs)
        through = near.cost + back
        nodes = np.flatnonzero(through <= min(radius, LARGEST))
        self.nodes = nodes[np.argsort(through[nodes], kind="stable")]
        self.through, self.radius = through[self.nodes], radius
        rank = np.full(len(through), len(nodes), dtype=np.int32)
        rank[self.nodes] = np.arange(len(nodes))
        self.resource, first = graph.leaving(self.kind, self.nodes)
        self.first = first.astype(np.int32)
        self.heads: Indices = rank[(graph.tail if self.kind else graph.head)[self.resource]]
        self.per_bit, self.fixed = graph.per_bit[self.resource], graph.fixed[self.resource]
        self.start_rank, self.end_rank = int(rank[near.start]), int(rank[self.end])

    def query(self, count: Ints, share: float, allowed: NDArray[np.bool_]) -> Query:
        """Prepare a search.

        Parameters
        ----------
        count
            Packets of others on every resource.
        share
            What part of the bits counts.
        allowed
            Mask of resources.
        """
        bits = self.vicinity.bits * share
        limit = self._limit(count, bits, allowed)
        if limit / share > self.radius:
            self._reach(MARGIN * limit / share)
        size = int(self.through.searchsorted(limit / share, side="right"))
        resource = self.resource[: self.first[size]]
        load = np.where(allowed[resource], count[resource], BARRED).astype(np.uint16)
        return Query(self, bits, load, size, min(limit, LARGEST))

    def _limit(self, count: Ints, bits: float, allowed: NDArray[np.bool_]) -> float:
        """Return the marginal cost of a route that was cheapest at some time [s]."""
        for used in (self.best, self.alone):
            if allowed[used].all():
                cost = bits * float((2 * count[used] + 1) @ self.graph.per_bit[used])
                return (cost + float(self.graph.fixed[used].sum())) * (1 + ROUNDING) + ROUNDING
        return float("inf")

    def answer(self, query: Query) -> list[Ints] | None:
        """Return the routes found for the same query before."""
        routes = self._known.get(query.key)
        if routes:
            self.best = routes[0]
        return routes

    def remember(self, query: Query, paths: list[list[int]]) -> None:
        """Keep the answer to a query, as paths of the corridor's nodes."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[query.key] = [self._route(path) for path in paths]

    def _route(self, path: list[int]) -> Ints:
        """Return the resources of a path: the same array for the same path."""
        nodes = self.nodes[path]
        key = nodes.tobytes()
        if key not in self._routes:
            self._routes[key] = np.concatenate([self.graph.between(nodes, self.kind), self.served])
        return self._routes[key]


def cheapest(queries: Sequence[Query]) -> list[list[Ints]]:
    """Return each query's cheapest routes, one for each weighting, or none where its end cannot be reached."""
    new = [query for query in queries if query.corridor.answer(query) is None]
    if new:
        _search(new)
    return [query.corridor.answer(query) or [] for query in queries]


def _search(queries: Sequence[Query]) -> None:
    """Search for all routes at once, in the union of their graphs, and let the corridors remember them."""
    values, heads, first = [], [], []
    begins: list[tuple[Query, int]] = []
    nodes = arcs = 0
    for query in queries:
        inner = np.minimum(query.corridor.heads[: len(query.load)], np.int32(query.size))
        for weights in query.weights():
            values.append(weights)
            heads.append(inner + np.int32(nodes))
            first.append(query.corridor.first[: query.size + 1] + np.int32(arcs))
            begins.append((query, nodes))
            nodes, arcs = nodes + query.size + 1, arcs + len(weights)  # the last node stands for all beyond
    first.append(np.array([arcs], dtype=np.int32))
    graph = csr_array((np.concatenate(values), np.concatenate(heads), np.concatenate(first)), shape=(nodes, nodes))
    starts, limit = [at + query.corridor.start_rank for query, at in begins], max(query.limit for query in queries)
    _, before, _ = dijkstra(graph, indices=starts, return_predecessors=True, min_only=True, limit=limit)
    previous: list[int] = before.tolist()
    paths: dict[int, list[list[int]]] = {}
    for query, at in begins:
        paths.setdefault(id(query), []).extend(_path(previous, at, query.corridor))
    for query in queries:
        query.corridor.remember(query, paths[id(query)])


def _path(previous: list[int], at: int, corridor: Corridor) -> list[list[int]]:
    """Return the path to a corridor's end whose nodes stand from `at` on, if there is one."""
    start, path = at + corridor.start_rank, [at + corridor.end_rank]
    while path[-1] >= 0 and path[-1] != start:
        path.append(previous[path[-1]])
    return [[node - at for node in path[::-1]]] if path[-1] == start else []
