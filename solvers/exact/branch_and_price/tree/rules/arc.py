"""Arc branching: a packet leaves the first place where its paths may part by this arc, or by another.

Every path of a packet passes the task's side and, where c(m) is settled, that side too. Going inwards from either side
for as long as one arc is left, one comes to a place that every path passes and may leave by several arcs.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.tree.rules.base import WHOLE, BranchingDecision, Candidate, TaskPoint
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.data import ProblemData


class ArcBranching:
    """Divides a packet's paths from the task's side, and from the other one where that is settled."""

    name = "arc"
    fallback = False
    local_to_segments = False

    def candidates(self, point: TaskPoint) -> Iterator[Candidate]:
        """Return a division for every side from which paths part."""
        for kind in (DATA, MODEL):
            if len(point.fractions.routes[kind]) > 1:
                yield from self._of_packet(point, kind)

    def _of_packet(self, point: TaskPoint, kind: int) -> Iterator[Candidate]:
        data, m, settings = point.data, point.task, point.settings
        flows, start = point.fractions.flows[kind], data.start_of(m, kind)
        ends = data.end_of(data.tasks[m].ends[point.domain.ends], kind).tolist()
        for place in [start, *(ends if len(ends) == 1 else [])]:
            reverse = (place != start) == (kind == DATA)
            found = divergence(data, point.domain.arcs[kind], place, reverse, flows, {start, *ends})
            if found is None:
                continue
            arc, others = found
            total = sum(flows.get(r, 0.0) for r in (arc, *others.tolist()))
            share = flows.get(arc, 0.0) / total if total > 0 else 1.0
            contested = bool((point.load_levels[kind][[arc, *others]] > 1).any())
            weight = settings.arc_weight if contested else settings.uncontested_arc_weight
            score = 0.0 if share >= 1 - WHOLE else weight * min(share, 1 - share)
            keep, drop = (BranchingDecision(kind=kind, without=lost) for lost in (others, np.array([arc])))
            yield Candidate(score, m, (f"{self.name} of {('data', 'model')[kind]}", arc), share, keep, drop, kind)


def divergence(
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
