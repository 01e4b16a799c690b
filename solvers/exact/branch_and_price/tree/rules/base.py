"""What branching rules have in common: the point they see, decisions, candidates."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.fractions import TaskFractions
from solvers.exact.branch_and_price.settings import BranchingSettings
from solvers.network.arrays import DATA, Floats, Ints
from solvers.network.data import ProblemData

WHOLE = 1e-6
"""Fractions above one less this count as whole."""
Case = tuple[int, int]
"""Position of a segment, end."""


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

    cases: frozenset[Case] | None = None
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
    score
        How promising it is before any LP has been solved; 0 where it divides nothing.
    what
        Name of what is divided, and which.
    fraction
        Of what `this` keeps, in the node's point, among what the two children divide.
    kind
        The packet that it concerns, or -1.
    """

    score: float
    task: int
    what: tuple[int | str, ...]
    fraction: float
    this: BranchingDecision
    other: BranchingDecision
    kind: int = -1

    @property
    def key(self) -> tuple[int | str, ...]:
        """What is divided, alike in all nodes of a tree; a cutset's other arcs differ from node to node."""
        return self.task, *self.what


@dataclass(frozen=True, eq=False)
class TaskPoint:
    """One task in the LP solution of a node.

    Attributes
    ----------
    data, load_levels, settings
        Of the search.
    domain, fractions
        What is left of the task, and what it does.
    flow
        Of all tasks on every resource, per kind, shape (resources,).
    """

    data: ProblemData
    load_levels: list[Ints]
    settings: BranchingSettings
    task: int
    domain: TaskDomain
    fractions: TaskFractions
    flow: list[Floats]

    @property
    def cases(self) -> list[Case]:
        """The segments and ends that are left."""
        return [(i, c) for i, segment in enumerate(self.domain.segments) for c in segment.ends]


class BranchingRule(Protocol):
    """Proposes ways to divide a node by one task.

    The children of a candidate must keep every solution of the node between them.

    Attributes
    ----------
    name
        First word of what its candidates divide.
    fallback
        Whether it is asked only where no other rule divides the task's fractions.
    local_to_segments
        Whether what it divides loses its meaning when segments are split, and with it its pseudocosts.
    """

    name: str
    fallback: bool
    local_to_segments: bool

    def candidates(self, point: TaskPoint) -> Iterable[Candidate]:
        """Return candidates."""
        ...


def by_label(point: TaskPoint, name: str, labels: dict[Case, int] | dict[Case, str]) -> list[Candidate]:
    """Divide by what cases are labelled with: the label of the largest fraction, or another."""
    fractions: dict[int | str, float] = {}
    for case, value in point.fractions.segments.items():
        fractions[labels[case]] = fractions.get(labels[case], 0.0) + value
    if not fractions:
        return []
    label, share = max(fractions.items(), key=lambda item: item[1])
    if share >= 1 - WHOLE:
        return []
    this = frozenset(case for case, other in labels.items() if other == label)
    both = BranchingDecision(this), BranchingDecision(frozenset(labels) - this)
    score = point.settings.assignment_weight * min(share, 1 - share)
    return [Candidate(score, point.task, (name, label), share, *both)]
