"""The pricing subproblem of one task: shortest paths under multipliers, in every segment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData


@dataclass(eq=False)
class PricingResult:
    """One task's priced weights and searches.

    Attributes
    ----------
    values
        Least priced cost per end position and commodity of a segment; inf where impossible.
    weights, forward, before
        Per commodity its priced weights, shape (resources,), the costs from the task's side and the predecessors.
    least
        The least of the values.
    parts
        Per commodity the least priced cost to each end.
    """

    values: dict[tuple[int, int], float]
    weights: dict[int, Floats]
    forward: dict[int, Floats]
    before: dict[int, Ints]
    parts: dict[int, dict[int, float]]
    least: float


def solve_pricing(data: ProblemData, domain: TaskDomain, multipliers: Multipliers, m: int) -> PricingResult:
    """Search both packets of one task under multipliers, the data packet in each segment."""
    task, commodities, tolls = data.tasks[m], multipliers.commodities, multipliers.tolls
    costs = PricingResult({}, {}, {}, {}, {}, np.inf)

    def look(commodity: int, kind: int, weight: Floats, arcs: NDArray[np.bool_], ends: list[int]) -> None:
        start, stops = data.start_of(m, kind), data.end_of(task.ends[ends], kind)
        reached, last = data.search(weight, start, kind == MODEL, arcs)
        costs.weights[commodity], costs.forward[commodity], costs.before[commodity] = weight, np.asarray(reached), last
        costs.parts[commodity] = dict(zip(ends, reached[stops].tolist(), strict=True))

    model = commodities.model(m)
    if any(segment.sends_model and segment.ends for segment in domain.segments):
        weight = multipliers.weight[m] * (task.bits[MODEL] * data.per_bit + data.fixed) + multipliers.price[model]
        weight = weight if tolls is None else weight + tolls.use[MODEL][m]
        look(model, MODEL, weight, domain.arcs[MODEL], domain.ends)
    for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
        if segment.sends_data and segment.ends:
            weight = (
                multipliers.load_weight[q] * data.per_bit + multipliers.fixed[q] * data.fixed + multipliers.price[q]
            )
            weight = weight if tolls is None else weight + tolls.use[DATA][m]
            look(q, DATA, weight, segment.arcs, segment.ends)
        for c in segment.ends:
            value = float(multipliers.const[q])
            if tolls is not None:
                value += tolls.serve[m, c] + float(
                    segment.sends_data * tolls.ends[DATA][m, c] + segment.sends_model * tolls.ends[MODEL][m, c]
                )
            if segment.sends_data:
                value += costs.parts[q][c] + float(multipliers.work[q] * task.large_s[c])
                value += float(multipliers.price[q, data.served(m, c)].sum()) if data.share_computing else 0.0
            if segment.sends_model:
                value += costs.parts[model][c]
            costs.values[c, q] = value
    costs.least = min(costs.values.values(), default=np.inf)
    return costs
