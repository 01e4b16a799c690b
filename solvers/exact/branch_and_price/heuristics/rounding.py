"""Plans rounded from the pricing subproblems."""

from solvers.exact.branch_and_price.pricing.commodities import Users
from solvers.exact.branch_and_price.pricing.lagrangian import Bound
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import Tables
from solvers.network.traffic import Plan


def cheapest_plans(tables: Tables, bound: Bound, users: Users) -> dict[int, Plan]:
    """Return what every task would do under the prices of a bound."""
    plans = {}
    for m, costs in enumerate(bound.tasks):
        c, q = min(costs.values, key=lambda key: costs.values[key])
        end, piece = int(tables.tasks[m].ends[c]), users.pieces[q][1]
        packets = [
            tables.trace(costs.before[user], tables.end_of(end, kind), tables.start_of(m, kind), kind) if sent else None
            for kind, user, sent in ((DATA, q, piece.sends_data), (MODEL, users.model(m), piece.sends_model))
        ]
        plans[m] = Plan(c, packets[0], packets[1])
    return plans
