"""Nodes of the tree (`branch`): open, and packed while they wait; and how they go on when segments have been cut."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers, dual_feasible, with_tolls
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.data import ProblemData


@dataclass(eq=False)
class Node:
    """What is left in one node: a lower bound over it, its domains, and multipliers to begin with."""

    bound: float
    domains: list[TaskDomain]
    multipliers: Multipliers


class PackedNode:
    """A node that waits, in a hundredth of the memory: masks as bits, multipliers without their zeros."""

    def __init__(self, bound: float, domains: list[TaskDomain], multipliers: Multipliers) -> None:
        self.bound, self._price = bound, csr_array(multipliers.price)
        self._multipliers = replace(multipliers, price=np.zeros((0, 0)), tolls=None)
        masks = [mask for domain in domains for mask in (*domain.arcs, *(segment.arcs for segment in domain.segments))]
        self._resources, self._bits = len(masks[0]), np.packbits(np.stack(masks), axis=1)
        nothing = np.zeros(0, dtype=bool)
        self._domains = [
            replace(domain.copy(), arcs=[], segments=[replace(segment, arcs=nothing) for segment in domain.segments])
            for domain in domains
        ]

    def node(self, data: ProblemData) -> Node:
        """Return the node."""
        masks = iter(np.unpackbits(self._bits, axis=1, count=self._resources).astype(bool))
        domains = []
        for kept in self._domains:
            arcs = [next(masks), next(masks)]
            segments = [replace(segment, ends=list(segment.ends), arcs=next(masks)) for segment in kept.segments]
            domains.append(replace(kept, arcs=arcs, segments=segments))
        multipliers = replace(self._multipliers, price=self._price.toarray())
        return Node(self.bound, domains, with_tolls(data, multipliers, multipliers.mu))

    def share(self, commodities: Commodities) -> None:
        """Take equal commodities in place of one's own, for their memory."""
        self._multipliers = replace(self._multipliers, commodities=commodities)

    def refined(self, commodities: Commodities, parents: list[list[int]], state: SearchState) -> "PackedNode":
        """Return the node with other segments, each of them part of one it had."""
        if all(len(mine) == len(domain.segments) for mine, domain in zip(parents, self._domains, strict=True)):
            self.share(commodities)  # as at fixed ratios, where segments have two delay bounds
            return self
        node = self.node(state.data)
        for domain, mine, now in zip(node.domains, parents, state.domains, strict=True):
            domain.segments = [
                domain.segments[i].part(new.low, new.high) for i, new in zip(mine, now.segments, strict=True)
            ]
        first = node.multipliers.commodities.first
        rows = [int(first[m]) + i for m, mine in enumerate(parents) for i in mine]
        rows += [node.multipliers.commodities.model(m) for m in range(len(parents))]
        thetas = [np.array([weight]) for weight in node.multipliers.weight]
        old = node.multipliers
        multipliers = dual_feasible(state.data, commodities, thetas, old.price[rows], state.objective, old.mu, old.late)
        return PackedNode(self.bound, node.domains, multipliers)


def parent_segments(before: list[Segment], after: list[Segment]) -> list[int]:
    """Return which of the earlier segments every later one is or was cut from."""
    kept = {id(old): i for i, old in enumerate(before)}

    def holds(old: Segment, new: Segment) -> bool:
        return old.mode == new.mode and old.low <= new.low and new.high <= old.high

    return [
        kept[id(new)] if id(new) in kept else next(i for i, old in enumerate(before) if holds(old, new))
        for new in after
    ]
