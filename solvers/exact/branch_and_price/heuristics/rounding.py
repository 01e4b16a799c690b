"""Plans rounded from the pricing subproblems."""

import numpy as np

from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan


def cheapest_plans(data: ProblemData, bound: LagrangianBound, commodities: Commodities) -> dict[int, Plan]:
    """Return what every task would do under the multipliers of a bound."""
    plans = {}
    for m, costs in enumerate(bound.tasks):
        c, q = min(costs.values, key=lambda key: costs.values[key])
        end, segment = int(data.tasks[m].ends[c]), commodities.segments[q][1]
        packets = [
            data.path_arcs(costs.before[commodity], data.end_of(end, kind), data.start_of(m, kind), kind)
            if sent
            else None
            for kind, commodity, sent in (
                (DATA, q, segment.sends_data),
                (MODEL, commodities.model(m), segment.sends_model),
            )
        ]
        if packets[DATA] is not None:
            packets[DATA] = np.concatenate([packets[DATA], data.served(m, c)])
        plans[m] = Plan(c, packets[DATA], packets[MODEL])
    return plans
