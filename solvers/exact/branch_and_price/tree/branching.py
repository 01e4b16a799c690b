"""What one task does in a point of the relaxation, and the ways to divide a node of the tree (`branch`) by it.

Children divide a node's solutions. Of one task,

- *end*: c(m) is this candidate, or another;
- *mode*: this packet mode, or another;
- *link*: every path of a packet passes the task's side and, where c(m) is settled, that side too. Going inwards from
  either side for as long as one arc is left, one comes to a place that every path passes and may leave by several
  arcs: by this one, or by another;
- *passage*: the arcs left, without those on cycles, lead from layer to layer, so that a path passes a border between
  layers at most once: by this arc and those of the border that are nearer to it than to any other that the point uses,
  or by one of the rest. Where a task has many routes side by side, taking a single arc from it changes nothing;
- *segment*: the data work lies in the segments up to this one, or in those above it. A solution is in some segment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.fractions import TaskFractions
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData

WHOLE = 1e-6
"""Fractions above one less this count as whole."""
OF_CASES, OF_LINKS, OF_UNSHARED_LINKS, OF_PIECES = 3.0, 2.0, 0.5, 1.0
"""How promising a divided share is by what it is a share of."""


@dataclass(frozen=True, eq=False)
class BranchingDecision:
    """What one child keeps of a task.

    Attributes
    ----------
    cases
        The (position of the segment, end) that stay, or None for all.
    kind, without
        Whose paths lose which arcs.
    """

    cases: frozenset[tuple[int, int]] | None = None
    kind: int = DATA
    without: Ints | None = None

    def apply(self, domain: TaskDomain) -> None:
        """Take what is not kept out of a domain."""
        if self.cases is not None:
            for i, segment in enumerate(domain.segments):
                segment.ends = [c for c in segment.ends if (i, c) in self.cases]
            domain.gather()
        if self.without is not None:
            domain.arcs[self.kind][self.without] = False
            for segment in domain.segments if self.kind == DATA else ():
                segment.arcs[self.without] = False


@dataclass(frozen=True, eq=False)
class Candidate:
    """A way to divide a node: of which task, by what, and what one child and the other keep of it.

    Attributes
    ----------
    share
        Of what `this` keeps, in the node's point, among what the two children divide.
    """

    score: float
    task: int
    what: tuple[int | str, ...]
    share: float
    this: BranchingDecision
    other: BranchingDecision

    @property
    def key(self) -> tuple[int | str, ...]:
        """What is divided, alike in all nodes of a tree; what is near a passage's arc differs from node to node."""
        return self.task, *self.what


def candidates_of(
    data: ProblemData, levels: list[Ints], domains: list[TaskDomain], fractions: list[TaskFractions]
) -> list[Candidate]:
    """Return the ways to divide a node, the most promising first; those that divide nothing only if there is no other.

    Parameters
    ----------
    data, levels
        Of the proof.
    domains
        Of the node.
    fractions
        In the node's point.
    """
    loads = _loads(data, fractions)
    found = [
        candidate
        for m, (domain, mine) in enumerate(zip(domains, fractions, strict=True))
        for candidate in _of_task(data, levels, domain, mine, m, loads)
    ]
    found.sort(key=lambda candidate: -candidate.score)
    best: dict[tuple[int | str, ...], Candidate] = {}
    for candidate in found:
        best.setdefault(candidate.key, candidate)
    return [candidate for candidate in best.values() if candidate.score > 0] or list(best.values())


def _loads(data: ProblemData, fractions: list[TaskFractions]) -> list[Floats]:
    """Return the flow on every resource per kind, shape (resources,)."""
    loads = [np.zeros(data.resources) for _ in (DATA, MODEL)]
    for mine in fractions:
        for kind in (DATA, MODEL):
            for share, _, used in mine.routes[kind]:
                loads[kind][used] += share
    return loads


def _of_task(
    data: ProblemData, levels: list[Ints], domain: TaskDomain, mine: TaskFractions, m: int, loads: list[Floats]
) -> Iterator[Candidate]:
    cases = [(i, c) for i, segment in enumerate(domain.segments) for c in segment.ends]
    known = set(cases)  # the node may have lost cases by its bound since the point was found
    mine = replace(mine, segments={case: value for case, value in mine.segments.items() if case in known})
    ends = {case: case[1] for case in cases}
    modes = {case: domain.segments[case[0]].mode for case in cases}
    found = [
        candidate for name, labels in (("end", ends), ("mode", modes)) for candidate in _of_cases(mine, m, name, labels)
    ]
    for kind in (DATA, MODEL):
        if len(mine.routes[kind]) > 1:
            found += _of_packet(data, levels, domain, mine, m, kind)
            found += _of_passage(data, domain, mine, m, kind, loads[kind])
    yield from [candidate for candidate in found if candidate.score > 0] or _of_pieces(mine, m, cases) or found


def _of_cases(
    mine: TaskFractions, m: int, name: str, labels: dict[tuple[int, int], int] | dict[tuple[int, int], str]
) -> list[Candidate]:
    """Divide by what cases are labelled with: the label of the largest share, or another."""
    fractions: dict[int | str, float] = {}
    for case, value in mine.segments.items():
        fractions[labels[case]] = fractions.get(labels[case], 0.0) + value
    if not fractions:
        return []
    label, share = max(fractions.items(), key=lambda item: item[1])
    if share >= 1 - WHOLE:
        return []
    this = frozenset(case for case, other in labels.items() if other == label)
    both = BranchingDecision(this), BranchingDecision(frozenset(labels) - this)
    return [Candidate(OF_CASES * min(share, 1 - share), m, (name, label), share, *both)]


def _of_pieces(mine: TaskFractions, m: int, cases: list[tuple[int, int]]) -> list[Candidate]:
    """Divide by the data work, where half of the share lies below."""
    order = sorted({i for (i, _), value in mine.segments.items() if value > WHOLE})
    if len(order) < 2:
        return []
    below = np.cumsum([sum(value for (i, _), value in mine.segments.items() if i == at) for at in order])
    place = min(int(np.searchsorted(below, 0.5)), len(order) - 2)
    this = frozenset(case for case in cases if case[0] <= order[place])
    share = float(below[place])
    both = BranchingDecision(this), BranchingDecision(frozenset(cases) - this)
    return [Candidate(OF_PIECES * min(share, 1 - share), m, ("segment", order[place]), share, *both)]


def _of_packet(
    data: ProblemData, levels: list[Ints], domain: TaskDomain, mine: TaskFractions, m: int, kind: int
) -> Iterator[Candidate]:
    """Divide a packet's paths from the task's side, and from the other one where that is settled."""
    flows, start = mine.flows[kind], data.start_of(m, kind)
    ends = data.end_of(data.tasks[m].ends[domain.ends], kind).tolist()
    for place in [start, *(ends if len(ends) == 1 else [])]:
        reverse = (place != start) == (kind == DATA)
        found = _divergence(data, domain.arcs[kind], place, reverse, flows, {start, *ends})
        if found is None:
            continue
        arc, others = found
        total = sum(flows.get(r, 0.0) for r in (arc, *others.tolist()))
        share = flows.get(arc, 0.0) / total if total > 0 else 1.0
        shared = bool((levels[kind][[arc, *others]] > 1).any())
        score = 0.0 if share >= 1 - WHOLE else (OF_LINKS if shared else OF_UNSHARED_LINKS) * min(share, 1 - share)
        yield _of_arc(score, m, kind, arc, share, others)


def _of_passage(
    data: ProblemData, domain: TaskDomain, mine: TaskFractions, m: int, kind: int, load: Floats
) -> Iterator[Candidate]:
    """Divide a packet's paths by where they pass a border between layers, near one arc of each set of routes."""
    flows = mine.flows[kind]
    signs: dict[int, list[int]] = {}
    for i, (_, _, used) in enumerate(mine.routes[kind]):
        for r in used.tolist():
            signs.setdefault(r, []).append(i)
    groups: dict[tuple[int, ...], list[int]] = {}
    for r, sign in signs.items():
        if r < data.arcs and len(sign) < len(mine.routes[kind]) and domain.arcs[kind][r]:
            groups.setdefault(tuple(sign), []).append(r)
    if not groups:
        return
    arcs = np.flatnonzero(domain.arcs[kind][: data.arcs])
    flow = np.array([flows.get(r, 0.0) for r in arcs.tolist()])
    layer = _layers(data, arcs)
    low, high = layer[data.tail[arcs]], layer[data.head[arcs]]
    places, index = np.unique(np.concatenate([data.tail[arcs], data.head[arcs]]), return_inverse=True)
    ends = index.reshape(2, -1)
    graph = csr_array((np.ones(len(arcs)), (ends[0], ends[1])), shape=(len(places), len(places)))
    for group in groups.values():
        inner = [r for r in group if layer[data.tail[r]] < layer[data.head[r]]]
        if not inner:
            continue
        r = max(inner, key=lambda r: float(load[r]))
        border = np.flatnonzero((low <= layer[data.tail[r]]) & (high > layer[data.tail[r]]))
        share = flows[r] / float(flow[border].sum())
        if not WHOLE <= share <= 1 - WHOLE:
            continue  # whatever else crosses carries nothing: one child would keep the point
        here, carries = arcs[border] == r, flow[border] > 0
        near, far = (_steps(graph, ends, border[at]) for at in (here, carries & ~here))
        this = here | (~carries & (near[border] < far[border]))
        score = (OF_LINKS if load[r] > flows[r] + WHOLE else OF_UNSHARED_LINKS) * min(share, 1 - share)
        both = (BranchingDecision(kind=kind, without=arcs[border[at]]) for at in (~this, this))
        yield Candidate(score, m, ("data passage" if kind == DATA else "model passage", r), share, *both)


def _steps(graph: csr_array, ends: Ints, near: Ints) -> Floats:
    """Return how many steps the two ends of every arc are away from some arcs, added, shape (arcs,)."""
    steps = dijkstra(graph, directed=False, indices=np.unique(ends[:, near]), unweighted=True, min_only=True)
    return np.asarray(steps[ends].sum(axis=0))


def _of_arc(score: float, m: int, kind: int, arc: int, share: float, others: Ints) -> Candidate:
    both = BranchingDecision(kind=kind, without=others), BranchingDecision(kind=kind, without=np.array([arc]))
    return Candidate(score, m, ("data" if kind == DATA else "model", arc), share, *both)


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


def _divergence(
    data: ProblemData, mask: NDArray[np.bool_], place: int, reverse: bool, flows: dict[int, float], stops: set[int]
) -> tuple[int, Ints] | None:
    """Go on from a place that every path passes for as long as one arc is left; return the main arc and the others."""
    far = data.tail if reverse else data.head
    while True:
        arcs = data.arcs_at(place, reverse)
        arcs = arcs[mask[arcs]]
        if len(arcs) > 1:
            main = max(arcs.tolist(), key=lambda r: flows.get(r, 0.0))
            return main, arcs[arcs != main]
        if len(arcs) == 0 or int(far[arcs[0]]) in stops:
            return None
        place = int(far[arcs[0]])
