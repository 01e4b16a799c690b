"""The candidates of a node: what the branching rules propose, the most promising first."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.fractions import TaskFractions
from solvers.exact.branch_and_price.state import SearchState
from solvers.exact.branch_and_price.tree.rules.arc import ArcBranching
from solvers.exact.branch_and_price.tree.rules.assignment import AssignmentBranching
from solvers.exact.branch_and_price.tree.rules.base import BranchingRule, Candidate, TaskPoint
from solvers.exact.branch_and_price.tree.rules.cutset import CutsetBranching
from solvers.exact.branch_and_price.tree.rules.mode import ModeBranching
from solvers.exact.branch_and_price.tree.rules.segment import SegmentBranching
from solvers.network.arrays import DATA, MODEL, Floats
from solvers.network.data import ProblemData

RULES: tuple[BranchingRule, ...] = (
    AssignmentBranching(),
    ModeBranching(),
    ArcBranching(),
    CutsetBranching(),
    SegmentBranching(),
)
"""The rules that are asked unless others are given."""


def candidates_of(
    state: SearchState,
    domains: list[TaskDomain],
    fractions: list[TaskFractions],
    rules: tuple[BranchingRule, ...] = RULES,
) -> list[Candidate]:
    """Return the ways to divide a node, the most promising first; those that divide nothing only if there is no other.

    Parameters
    ----------
    domains
        Of the node.
    fractions
        In the node's point.
    rules
        What is asked; among equal scores the earlier task, packet and rule come first.
    """
    flow = _flow(state.data, fractions)
    found = []
    for m, (domain, mine) in enumerate(zip(domains, fractions, strict=True)):
        point = TaskPoint(state.data, state.load_levels, state.settings.branching, m, domain, mine, flow)
        known = set(point.cases)  # the node may have lost cases by its bound since the point was found
        segments = {case: value for case, value in mine.segments.items() if case in known}
        found += _of_task(replace(point, fractions=replace(mine, segments=segments)), rules)
    found.sort(key=lambda candidate: (-candidate.score, candidate.task))
    best: dict[tuple[int | str, ...], Candidate] = {}
    for candidate in found:
        best.setdefault(candidate.key, candidate)
    return [candidate for candidate in best.values() if candidate.score > 0] or list(best.values())


def _of_task(point: TaskPoint, rules: tuple[BranchingRule, ...]) -> list[Candidate]:
    def asked(fallback: bool) -> Iterator[Candidate]:
        for rule in rules:
            if rule.fallback is fallback:
                yield from rule.candidates(point)

    found = sorted(asked(False), key=lambda candidate: candidate.kind)
    return [candidate for candidate in found if candidate.score > 0] or list(asked(True)) or found


def _flow(data: ProblemData, fractions: list[TaskFractions]) -> list[Floats]:
    """Return the flow on every resource per kind, shape (resources,)."""
    flow = [np.zeros(data.resources) for _ in (DATA, MODEL)]
    for mine in fractions:
        for kind in (DATA, MODEL):
            for share, _, used in mine.routes[kind]:
                flow[kind][used] += share
    return flow
