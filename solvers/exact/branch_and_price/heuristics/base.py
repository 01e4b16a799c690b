"""What heuristics have in common: when they are called, with what, and how two processes share their work."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from solvers.exact.branch_and_price.column_generation import ColumnGeneration
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.master.fractions import TaskFractions
from solvers.exact.branch_and_price.parallel import ForkedWorker
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.descent import descend
from solvers.network.traffic import Plan


class Timing(StrEnum):
    """When heuristics are called."""

    START = "start"
    ROOT = "root"
    BEFORE_TREE = "before the tree"
    NODE = "node"


@dataclass(frozen=True, eq=False)
class Context:
    """What a heuristic is called with.

    Attributes
    ----------
    timing, count
        When, and how often that has been before: rounds of the root, nodes of the tree.
    domains
        What is left: at the root, or at the node.
    bound
        At the root the Lagrangian bound, whose pricing problems have a plan for every task.
    column_filter, fractions
        The columns of the restricted master, and the LP solution; None where there is none.
    """

    state: SearchState
    generation: ColumnGeneration
    timing: Timing
    count: int
    domains: list[TaskDomain]
    bound: LagrangianBound | None = None
    column_filter: ColumnFilter | None = None
    fractions: list[TaskFractions] | None = None


class Heuristic(Protocol):
    """Looks for a better incumbent, and hands what it finds to `SearchState.try_solution` under its name.

    It stops when `SearchState.finished`, and draws random numbers from `SearchState.rng` only.

    Attributes
    ----------
    name
        The source of its solutions in the trace.
    timings
        When it is called.
    """

    name: str
    timings: frozenset[Timing]

    def run(self, context: Context) -> None:
        """Look for better solutions."""
        ...


def run_heuristics(heuristics: tuple[Heuristic, ...], context: Context) -> None:
    """Call the heuristics of a timing one after the other, for as long as the search is not finished."""
    for heuristic in heuristics:
        if context.timing in heuristic.timings:
            if context.state.finished() and context.state.plans:
                return
            heuristic.run(context)


def improve(state: SearchState, order: list[int], plans: dict[int, Plan] | None, source: str) -> dict[int, Plan] | None:
    """Try what best response reaches from plans, or from an empty network; return that."""
    stop, needed = state.limit_reached, not state.plans
    reached = descend(state.data, state.domains, state.objective, order, plans, stop=stop, needed=needed)
    state.try_solution(reached, source)
    return reached


def in_parallel(state: SearchState, processes: int, work: Callable[[bool], None], source: str) -> None:
    """Do this work in one process, or in two at once; it is told whether it runs in this one."""

    def in_worker() -> tuple[dict[int, Plan], list[dict[int, Plan]], Counter[str]]:
        state.become_worker()
        state.trace.counts.clear()
        before = list(state.solutions.solutions)
        work(False)
        new = [plans for plans in state.solutions.solutions if not any(plans is old for old in before)]
        return state.plans, new, state.trace.counts

    if processes == 1:
        work(True)
        return
    with ForkedWorker(in_worker) as worker:
        work(True)
        back = None if state.must_return else worker.result()
    if back is not None:
        state.try_solution(back[0], source)
        for plans in back[1]:
            state.solutions.add(plans)
        state.trace.take(back[2])
