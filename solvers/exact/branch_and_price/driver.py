"""Branch and price: incumbent, segments, column generation, a tree, again until primal and dual bound meet.

1. A first incumbent by best response (`heuristics.multistart`); then heuristics at the root, before the tree and at
   nodes (`heuristics`).
2. The domains (`domains`, `refinement`): the cases of each task, with intervals for its data work A_m, from what the
   cutoff allows it.
3. The relaxation: the LP of the load-indexed program over paths (`master`), which are generated as needed
   (`column_generation`). Its duals become multipliers, whose Lagrangian bound L (`pricing`) holds over *all* arcs in
   the domains and needs no trust in the solver.
4. Reduced-cost fixing (`pricing.fixing`): arcs, ends and segments whose reduced cost exceeds U - L leave the domains.
   Where the LP solution, or the incumbent, is charged too little by a chord, its segment is split. Steps 2-4 repeat
   while they pay: narrower segments make steeper chords, a higher L, fewer arcs.
5. A tree of such relaxations (`tree`). Where only inexact leaves are left, segments are split, and the tree goes on.
6. Where no split helps, a compact integer program over what is left (`compact`), or an enumeration in whole frames
   (`whole_frames`).

U is the *cutoff* (`state`). Every step keeps each solution better than it, so min(cutoff, bound over the domains) is a
lower bound on the optimum.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from solvers.exact.branch_and_price.column_generation import ColumnGeneration, Priced
from solvers.exact.branch_and_price.compact.solve import solve_compact
from solvers.exact.branch_and_price.domains.domain import initial_domains
from solvers.exact.branch_and_price.heuristics.base import Context, Heuristic, Timing, run_heuristics
from solvers.exact.branch_and_price.heuristics.crossover import Crossover
from solvers.exact.branch_and_price.heuristics.diving import NodeDiving, RootDiving
from solvers.exact.branch_and_price.heuristics.multistart import Multistart
from solvers.exact.branch_and_price.heuristics.rounding import PricingRounding, SolutionRounding
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.pricing.fixing import reduced_cost_fixing, single_task_fixing
from solvers.exact.branch_and_price.refinement import create_segments, refine_at, tighten_domains
from solvers.exact.branch_and_price.state import SearchState
from solvers.exact.branch_and_price.tree.branching import RULES
from solvers.exact.branch_and_price.tree.rules.base import BranchingRule
from solvers.exact.branch_and_price.tree.search import TreeSearch
from solvers.network.traffic import excess_of, score

HEURISTICS: tuple[Heuristic, ...] = (
    Multistart(),
    PricingRounding(),
    RootDiving(),
    Crossover(),
    SolutionRounding(),
    NodeDiving(),
)
"""The heuristics that run unless others are given, in this order."""


@dataclass(frozen=True)
class Extensions:
    """What takes part in a search.

    Attributes
    ----------
    heuristics, branching_rules
        Tuples of objects; what is left out does not run.
    finish
        Closes the gap where the tree could not.
    """

    heuristics: tuple[Heuristic, ...] = HEURISTICS
    branching_rules: tuple[BranchingRule, ...] = RULES
    finish: Callable[[SearchState], None] = field(default=solve_compact)


class BranchAndPrice:
    """One search over a state.

    Attributes
    ----------
    generation
        Column generation, with the last restricted master.
    """

    def __init__(self, state: SearchState, extensions: Extensions | None = None) -> None:
        self.state, self.extensions = state, extensions or Extensions()
        self.generation = ColumnGeneration(state)

    def run(self) -> None:
        """Search until the gap is closed or a limit is met.

        Without an incumbent that keeps the problem's rows, solutions up to `reach` are looked for first, then higher
        ones, up to what no solution exceeds.
        """
        state, data = self.state, self.state.data
        state.trace.phase = "best response"
        self._run_heuristics(Timing.START, 0)
        if math.isfinite(state.primal_bound):
            self.search_below_target()
            return
        value = score(data, state.plans, state.objective)[0] - data.penalty_s * excess_of(data, state.plans)
        state.reach = min(state.settings.root.reach * value, data.worst_s)
        while True:
            self.search_below_target()
            if state.limit_reached() or state.primal_bound <= state.reach or state.infeasible:
                return
            state.reach = data.worst_s if math.isinf(state.primal_bound) else math.inf
            state.domains = initial_domains(data)
            self.generation.rebuild_later()

    def search_below_target(self) -> None:
        """Search until nothing below the cutoff is left."""
        state = self.state
        if state.gap_closed:
            return
        self.root_loop()
        if not state.finished():
            self.tree_search()
        if not state.finished():
            self.root_loop()
        if not state.finished():
            self.extensions.finish(state)

    def _run_heuristics(self, timing: Timing, count: int, root: Priced | None = None) -> None:
        state, master = self.state, self.generation.master
        column_filter = None if master is None else ColumnFilter(master)
        bound = None if root is None else root[1]
        context = Context(state, self.generation, timing, count, state.domains, bound, column_filter)
        run_heuristics(self.extensions.heuristics, context)

    def root_loop(self) -> None:
        """Repeat column generation, heuristics, fixing, tightening and refinement while they pay."""
        state, settings = self.state, self.state.settings.root
        if not state.domains[0].segments:
            create_segments(state)
            state.add_load_levels(state.plans)
        tighten_domains(state)
        for number in range(settings.rounds):
            if state.finished():
                return
            before = state.dual_bound
            root = self.generation.solve_root()
            if state.finished():
                return
            self._run_heuristics(Timing.ROOT, number, root)
            if state.finished():
                return
            reduced_cost_fixing(state.data, state.domains, *root, state.cutoff)
            cutoff = state.cutoff if state.objective == "max" else math.inf
            single_task_fixing(state.data, state.domains, np.minimum(state.data.due_s, cutoff))
            tighten_domains(state)
            split = self.generation.split_loose(settings.split_share / len(state.domains))
            refined = refine_at(state, [state.plans])
            gained = state.dual_bound - before
            enough = settings.min_progress * (state.target - state.dual_bound)
            if gained < enough and not (number == 0 and (split or refined)):
                return

    def tree_search(self) -> None:
        """Search a tree, with chords and load levels refined wherever only inexact leaves are left."""
        state = self.state
        root = self.generation.solve_root()
        if state.finished():
            return
        state.trace.phase = "tree"
        self._run_heuristics(Timing.BEFORE_TREE, 0, root)
        tree = TreeSearch(state, self.generation, root, self.extensions.heuristics, self.extensions.branching_rules)
        tree.run()
        while not state.finished():
            before = [list(domain.segments) for domain in state.domains]
            if not refine_at(state, [state.plans, *tree.plans]):
                return
            tree.after_refinement(before)
            tree.run()
