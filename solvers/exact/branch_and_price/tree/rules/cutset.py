"""Cutset branching: a packet crosses a cutset by an arc near this one, or by one of the rest.

The arcs left, without those on cycles, lead from layer to layer, so that a path crosses the cutset between two layers
at most once: by this arc and those of the cutset that are nearer to it than to any other that the LP solution uses, or
by one of the rest. Where a task has many routes side by side, taking a single arc from it changes nothing.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from solvers.exact.branch_and_price.tree.rules.base import WHOLE, BranchingDecision, Candidate, TaskPoint
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData


class CutsetBranching:
    """Divides a packet's paths by where they cross a cutset, near one arc of each set of paths."""

    name = "cutset"
    fallback = False
    local_to_segments = False

    def candidates(self, point: TaskPoint) -> Iterator[Candidate]:
        """Return a division for every set of paths that some arcs are common to."""
        for kind in (DATA, MODEL):
            if len(point.fractions.routes[kind]) > 1:
                yield from self._of_packet(point, kind)

    def _of_packet(self, point: TaskPoint, kind: int) -> Iterator[Candidate]:
        data, mask, load = point.data, point.domain.arcs[kind], point.flow[kind]
        groups = _arcs_by_paths(point, kind)
        if not groups:
            return
        flows, arcs = point.fractions.flows[kind], np.flatnonzero(mask[: data.arcs])
        flow = np.array([flows.get(r, 0.0) for r in arcs.tolist()])
        layer = _layers(data, arcs)
        low, high = layer[data.tail[arcs]], layer[data.head[arcs]]
        places, index = np.unique(np.concatenate([data.tail[arcs], data.head[arcs]]), return_inverse=True)
        ends = index.reshape(2, -1)
        graph = csr_array((np.ones(len(arcs)), (ends[0], ends[1])), shape=(len(places), len(places)))
        for group in groups:
            inner = [r for r in group if layer[data.tail[r]] < layer[data.head[r]]]
            if not inner:
                continue
            r = max(inner, key=lambda r: float(load[r]))
            cutset = np.flatnonzero((low <= layer[data.tail[r]]) & (high > layer[data.tail[r]]))
            share = flows[r] / float(flow[cutset].sum())
            if not WHOLE <= share <= 1 - WHOLE:
                continue  # whatever else crosses carries nothing: one child would keep the point
            here, carries = arcs[cutset] == r, flow[cutset] > 0
            near, far = (_steps(graph, ends, cutset[at]) for at in (here, carries & ~here))
            this = here | (~carries & (near[cutset] < far[cutset]))
            contested, settings = load[r] > flows[r] + WHOLE, point.settings
            score = (settings.arc_weight if contested else settings.uncontested_arc_weight) * min(share, 1 - share)
            keep, drop = (BranchingDecision(kind=kind, without=arcs[cutset[at]]) for at in (~this, this))
            what = f"{self.name} of {('data', 'model')[kind]}", r
            yield Candidate(score, point.task, what, share, keep, drop, kind)


def _arcs_by_paths(point: TaskPoint, kind: int) -> list[list[int]]:
    """Return the arcs left that some, not all, paths of a packet use, grouped by which."""
    routes = point.fractions.routes[kind]
    signs: dict[int, list[int]] = {}
    for i, (_, _, used) in enumerate(routes):
        for r in used.tolist():
            signs.setdefault(r, []).append(i)
    groups: dict[tuple[int, ...], list[int]] = {}
    for r, sign in signs.items():
        if r < point.data.arcs and len(sign) < len(routes) and point.domain.arcs[kind][r]:
            groups.setdefault(tuple(sign), []).append(r)
    return list(groups.values())


def _steps(graph: csr_array, ends: Ints, near: Ints) -> Floats:
    """Return how many steps the two ends of every arc are away from some arcs, added, shape (arcs,)."""
    steps = dijkstra(graph, directed=False, indices=np.unique(ends[:, near]), unweighted=True, min_only=True)
    return np.asarray(steps[ends].sum(axis=0))


def _layers(data: ProblemData, arcs: Ints) -> Ints:
    """Return a number per node that rises along every arc but those on cycles, where it stays, shape (nodes,)."""
    size = 2 * data.nodes
    graph = csr_array((np.ones(len(arcs)), (data.tail[arcs], data.head[arcs])), shape=(size, size))
    _, part = connected_components(graph, connection="strong")
    tail, head = part[data.tail[arcs]], part[data.head[arcs]]
    tail, head = tail[tail != head], head[tail != head]
    layer = np.zeros(size, dtype=np.int64)
    while True:
        before = layer.copy()
        np.maximum.at(layer, head, layer[tail] + 1)
        if (layer == before).all():
            return np.asarray(layer[part])
