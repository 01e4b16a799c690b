"""The pricing subproblem of one task: shortest paths under multipliers, in every segment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.pricing.multipliers import Prices
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import Tables


@dataclass(eq=False)
class Costs:
    """One task's priced weights and searches.

    Attributes
    ----------
    values
        Least priced cost per end position and user of a piece; inf where impossible.
    weights, forward, before
        Per user its priced weights, shape (resources,), the costs from the task's side and the predecessors.
    least
        The least of the values.
    parts
        Per user the least priced cost to each end.
    """

    values: dict[tuple[int, int], float]
    weights: dict[int, Floats]
    forward: dict[int, Floats]
    before: dict[int, Ints]
    parts: dict[int, dict[int, float]]
    least: float


def task_costs(tables: Tables, scope: Scope, prices: Prices, m: int) -> Costs:
    """Search both packets of one task under prices, the data packet in each piece."""
    task, users = tables.tasks[m], prices.users
    costs = Costs({}, {}, {}, {}, {}, np.inf)

    def look(user: int, kind: int, weight: Floats, arcs: NDArray[np.bool_], ends: list[int]) -> None:
        start, stops = tables.start_of(m, kind), tables.end_of(task.ends[ends], kind)
        reached, last = tables.search(weight, start, kind == MODEL, arcs)
        costs.weights[user], costs.forward[user], costs.before[user] = weight, np.asarray(reached), last
        costs.parts[user] = dict(zip(ends, reached[stops].tolist(), strict=True))

    model = users.model(m)
    if any(piece.sends_model and piece.ends for piece in scope.pieces):
        weight = prices.weight[m] * (task.bits[MODEL] * tables.per_bit + tables.fixed) + prices.price[model]
        look(model, MODEL, weight, scope.arcs[MODEL], scope.ends)
    for q, piece in enumerate(scope.pieces, start=int(users.first[m])):
        if piece.sends_data and piece.ends:
            weight = prices.share[q] * tables.per_bit + prices.fixed[q] * tables.fixed + prices.price[q]
            look(q, DATA, weight, piece.arcs, piece.ends)
        for c in piece.ends:
            value = float(prices.const[q])
            if piece.sends_data:
                value += costs.parts[q][c] + float(prices.work[q] * task.large_s[c])
            if piece.sends_model:
                value += costs.parts[model][c]
            costs.values[c, q] = value
    costs.least = min(costs.values.values(), default=np.inf)
    return costs
