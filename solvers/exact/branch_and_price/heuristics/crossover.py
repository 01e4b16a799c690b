"""Crossover: a connected group of tasks copies its plans from another solution, annealing repairs the rest.

Dives end in many solutions of nearly equal value, which differ where tasks compete for routes and agree elsewhere. A
crossover takes over from another solution what a connected part of the tasks does in which the two differ, and anneals
over the paths of the column pool and of all solutions in the pool, so that a step needs no search in the graph
(`plan_table`). The result is improved by best response, which may find paths that were not generated yet, and replaces
the most similar solution of the pool among those no better.

The mean delay only: the maximum is no sum over tasks.
"""

import numpy as np

from solvers.exact.branch_and_price.heuristics.base import Context, Timing, improve, in_parallel
from solvers.exact.branch_and_price.heuristics.plan_table import Choice, PlanTable
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.traffic import score


class Crossover:
    """Before the tree: crossovers of the solution pool, until too many have brought no better incumbent."""

    name = "crossover"
    timings = frozenset({Timing.BEFORE_TREE})

    def run(self, context: Context) -> None:
        """Cross solutions as often as the number of tasks asks for."""
        state = context.state
        if state.effort.crossovers:
            state.solutions.add(state.plans)
            failures = state.effort.crossovers // state.processes
            in_parallel(state, state.processes, lambda _: self.run_crossovers(state, failures), self.name)

    def run_crossovers(self, state: SearchState, failures: int) -> None:
        """Cross solutions of the pool until so many crossovers have brought too little."""
        count, min_gain = 0, state.settings.crossover.min_gain
        while count < failures and len(state.solutions.solutions) > 1 and not state.finished():
            enough = state.primal_bound - min_gain * (state.primal_bound - state.dual_bound)
            self._cross_two(state)
            count = 0 if state.primal_bound < enough else count + 1

    def _cross_two(self, state: SearchState) -> None:
        """Cross two solutions, try what that leads to, and keep it."""
        state.trace.count("crossovers")
        settings, solutions = state.settings, state.solutions.solutions
        table = PlanTable(state.data, state.domains, state.columns.paths, solutions, settings.crossover)
        choices = [table.choice_of(plans) for plans in solutions]
        one, other = state.rng.choice(len(choices), 2, replace=False)
        child = self.mixed(table, choices[one], choices[other], state.rng)
        annealing = settings.ruin_recreate
        start = annealing.start_temperature * score(state.data, solutions[one], "mean")[0]
        temperatures = start, annealing.end_temperature
        steps = settings.crossover.sweeps * len(child[0])
        reached, _ = table.anneal(child, state.rng, temperatures, steps, state.limit_reached)
        plans = table.plans_of(reached)
        state.try_solution(plans, self.name)
        if not state.limit_reached():
            state.solutions.add(improve(state, list(range(len(plans))), plans, self.name) or plans)

    @staticmethod
    def mixed(table: PlanTable, choice: Choice, other: Choice, rng: np.random.Generator) -> Choice:
        """Return a choice that does as another one where a connected part of the tasks is concerned that differ."""
        mixed, differ = choice.copy(), np.flatnonzero((choice != other).any(axis=0))
        if len(differ) == 0:
            return mixed
        touching = table.touching(choice, differ) | table.touching(other, differ)
        part = np.zeros(len(differ), dtype=bool)
        part[int(rng.integers(len(differ)))] = True
        least, most = (int(share * len(differ)) for share in (table.settings.min_part, table.settings.max_part))
        size = int(rng.integers(least, most + 1))
        while part.sum() < size:
            reach = np.flatnonzero(touching[part].any(axis=0) & ~part)
            reach = reach if len(reach) else np.flatnonzero(~part)
            part[reach[int(rng.integers(len(reach)))]] = True
        taken = differ[part]
        mixed[:, taken] = other[:, taken]
        return mixed
