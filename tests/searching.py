"""Searches of branch and price that have begun, for tests of their parts."""

from dataclasses import replace

from formulation import Problem, Solution
from instances import Instance
from solvers.backends.program import Limits
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.branch_and_price.heuristics.base import Timing
from solvers.exact.branch_and_price.heuristics.diving import Diving
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.refinement import create_segments
from solvers.exact.branch_and_price.settings import Settings
from solvers.exact.branch_and_price.state import SearchState
from solvers.exact.branch_and_price.tree.search import TreeSearch
from solvers.exact.trace import Trace
from solvers.network.data import ProblemData


def search_of(
    problem: Instance | Problem,
    packets: Solution | None = None,
    objective: str = "mean",
    limits: Limits | None = None,
    settings: Settings | None = None,
) -> BranchAndPrice:
    """Return a search without an incumbent."""
    state = SearchState(ProblemData(problem, packets), objective, limits or Limits(), Trace(), settings=settings)
    return BranchAndPrice(state)


def begun(
    problem: Instance | Problem,
    packets: Solution | None = None,
    objective: str = "mean",
    limits: Limits | None = None,
    settings: Settings | None = None,
    descents: int = 1,
) -> BranchAndPrice:
    """Return a search with a poor incumbent, and segments at it."""
    search = search_of(problem, packets, objective, limits, settings)
    start(search, descents)
    create_segments(search.state)
    return search


def start(search: BranchAndPrice, descents: int) -> None:
    """Let so many best responses look for an incumbent."""
    effort = search.state.effort
    search.state.effort = replace(effort, descents=descents)
    search._run_heuristics(Timing.START, 0)
    search.state.effort = effort


def tree_of(search: BranchAndPrice) -> TreeSearch:
    """Return a tree over a search whose root has not been relaxed yet, without heuristics."""
    return TreeSearch(search.state, search.generation, search.generation.solve_root())


def diving_of(search: BranchAndPrice) -> Diving:
    """Return diving in the restricted master of a search."""
    return Diving(search.state, search.generation, ColumnFilter(search.generation.master))


def arcs_left(state: SearchState) -> int:
    """Return the number of arcs in the domains."""
    return sum(int(mask.sum()) for domain in state.domains for mask in domain.arcs)
