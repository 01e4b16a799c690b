"""Commodities: the packets that share resources, one per segment for data packets."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.network.arrays import DATA, MODEL


class Commodities:
    """Who may use resources: the segments of all tasks for data packets, then the tasks for model packets.

    Attributes
    ----------
    segments
        (task, segment) of the first commodities.
    task, kind
        Of every commodity.
    first
        Position of each task's first segment, and the number of segments at last.
    """

    def __init__(self, domains: list[TaskDomain]) -> None:
        self.segments: list[tuple[int, Segment]] = [
            (m, segment) for m, domain in enumerate(domains) for segment in domain.segments
        ]
        n = len(domains)
        self.first = np.concatenate([[0], np.cumsum([len(domain.segments) for domain in domains])]).astype(np.int64)
        self.task = np.concatenate([[m for m, _ in self.segments], np.arange(n)]).astype(np.int64)
        self.kind = np.repeat([DATA, MODEL], [len(self.segments), n])

    def model(self, m: int) -> int:
        """Return the commodity that is m's model packet."""
        return len(self.segments) + m


def allowed_arcs(domains: list[TaskDomain]) -> NDArray[np.bool_]:
    """Return which commodity may use which resource, shape (commodities, resources)."""
    segments = [segment for domain in domains for segment in domain.segments]
    data = [
        segment.arcs if segment.sends_data and segment.ends else np.zeros_like(segment.arcs) for segment in segments
    ]
    return np.stack([*data, *(domain.arcs[MODEL] for domain in domains)])
