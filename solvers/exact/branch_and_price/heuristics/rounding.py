"""Rounding: every task takes the cheapest plan of its pricing problem, or its largest path of the LP solution."""

import numpy as np

from solvers.exact.branch_and_price.heuristics.base import Context, Timing, improve
from solvers.exact.branch_and_price.master.fractions import TaskFractions
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan, score


def cheapest_plans(data: ProblemData, bound: LagrangianBound) -> dict[int, Plan]:
    """Return what every task would do under the multipliers of a bound."""
    plans = {}
    for m, costs in enumerate(bound.tasks):
        c, q = min(costs.values, key=lambda key: costs.values[key])
        end, segment = int(data.tasks[m].ends[c]), bound.commodities.segments[q][1]
        sent = ((DATA, q, segment.sends_data), (MODEL, bound.commodities.model(m), segment.sends_model))
        packets = [
            data.path_arcs(costs.before[commodity], data.end_of(end, kind), data.start_of(m, kind), kind)
            if any_
            else None
            for kind, commodity, any_ in sent
        ]
        if packets[DATA] is not None:
            packets[DATA] = np.concatenate([packets[DATA], data.served(m, c)])
        plans[m] = Plan(c, packets[DATA], packets[MODEL])
    return plans


def rounded_plans(commodities: Commodities, fractions: list[TaskFractions]) -> dict[int, Plan] | None:
    """Return every task's largest fraction as its plan, or None if some task has no fitting paths."""
    plans = {}
    for m, mine in enumerate(fractions):
        if not mine.segments:
            return None
        i, c = max(mine.segments, key=lambda key: mine.segments[key])
        segment = commodities.segments[int(commodities.first[m]) + i][1]
        packets: list[Ints | None] = []
        for kind, sent in ((DATA, segment.sends_data), (MODEL, segment.sends_model)):
            fitting = [used for _, end, used in mine.routes[kind] if end == c and len(used)]
            if sent and not fitting:
                return None
            packets.append(fitting[0] if sent else None)
        plans[m] = Plan(c, packets[0], packets[1])
    return plans


def try_and_improve(
    state: SearchState, plans: dict[int, Plan] | None, source: str, within: float = float("inf")
) -> dict[int, Plan] | None:
    """Try plans and, if they come this close to the incumbent relatively, what they descend to; return that."""
    if plans is None:
        return None
    close = score(state.data, plans, state.objective)[0] <= state.target * (1 + within)
    state.try_solution(plans, source)
    return improve(state, list(range(len(plans))), plans, source) if close else None


class PricingRounding:
    """At the root: the cheapest plans under the best multipliers, improved by best response."""

    name = "pricing rounding"
    timings = frozenset({Timing.ROOT})

    def run(self, context: Context) -> None:
        """Round the pricing problems."""
        state = context.state
        if context.bound is not None:
            plans = cheapest_plans(state.data, context.bound)
            state.try_solution(plans, self.name)
            improve(state, state.rng.permutation(len(state.domains)).tolist(), plans, self.name)


class SolutionRounding:
    """At nodes: the largest paths of the LP solution, improved by best response if they come close."""

    name = "LP rounding"
    timings = frozenset({Timing.NODE})

    def run(self, context: Context) -> None:
        """Round the LP solution."""
        if context.column_filter is not None and context.fractions is not None:
            plans = rounded_plans(context.column_filter.commodities, context.fractions)
            try_and_improve(context.state, plans, self.name, context.state.settings.diving.rounding_range)
