"""One task in an empty network: its exact optimum per candidate and packet mode, and the bound that follows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from formulation.objectives import OBJECTIVES
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.data import ProblemData, TaskData
from solvers.network.delay import delay_share


@dataclass(frozen=True, eq=False)
class SingleTaskOptimum:
    """A task in an empty network, per candidate: least T [s] in each mode, and the parts of the bounds."""

    values: dict[str, Floats]
    work_low: Floats
    fixed_low: Floats
    model_low: Floats

    @property
    def least_s(self) -> float:
        """Least T_m [s]."""
        return float(min(values.min() for values in self.values.values()))


def _searches(data: ProblemData, m: int, kind: int, bits: float, per_fixed: float = 1.0) -> Floats:
    task = data.tasks[m]
    cost, _ = data.search(
        bits * data.per_bit + per_fixed * data.fixed,
        data.start_of(m, kind),
        kind == MODEL,
        data.own_arcs(m, kind),
    )
    return np.asarray(cost[data.end_of(task.ends, kind)], dtype=float)


def single_task_optimum(data: ProblemData, m: int) -> SingleTaskOptimum:
    """Return the exact uncongested optimum of one task, per candidate and mode."""
    task = data.tasks[m]
    none = np.full(len(task.ends), np.inf)
    model = _searches(data, m, MODEL, task.bits[MODEL]) if task.can_stay else none
    work = _searches(data, m, DATA, task.bits[DATA], 0.0) + task.large_s if task.can_offload else none
    fixed = _searches(data, m, DATA, 0.0, 1.0) if task.can_offload else none
    values: dict[str, Floats] = {}
    ratio = task.fixed_ratio
    if ratio is not None:
        if task.can_offload:
            values[BOTH if task.can_stay else DATA_ONLY] = (
                np.maximum(
                    _searches(data, m, DATA, ratio * task.bits[DATA]) + ratio * task.large_s,
                    (1 - ratio) * task.small_s,
                )
                + ratio * task.extraction_s
                + (model if task.can_stay else 0.0)
            )
        else:
            values[MODEL_ONLY] = model + task.small_s
        return SingleTaskOptimum(values, work, fixed, model)
    if task.can_stay:
        values[MODEL_ONLY] = model + task.small_s
    if task.can_offload:
        values[DATA_ONLY] = task.extraction_s + _searches(data, m, DATA, task.bits[DATA]) + task.large_s
    if task.can_stay and task.can_offload and task.extraction_s < task.small_s:
        values[BOTH] = model + _least_share(data, m, task)
    return SingleTaskOptimum(values, work, fixed, model)


def _least_share(data: ProblemData, m: int, task: TaskData) -> Floats:
    """Return the least h over all uncongested data paths, per candidate; α < s.

    Let F(ρ) be the least of ρ A + p over all paths, and G(ρ) = F(ρ) - s (1 - ρ). F is concave and does not fall, so
    G is concave and rises. A path has h = α + (s - α)(1 - r), where r = (s - p) / (A + s) is the root of its line
    ρ A + p - s (1 - ρ), or h = s where r ≤ 0: the largest r is sought. Every line lies on or above G, so no r is
    above the root of G, and the path that attains F there has that root. Where G(0) ≥ 0, all paths have p ≥ s and
    h = s. Otherwise, wherever ρ ≥ 0 and G(ρ) ≤ 0, the path that attains F(ρ) has r ≥ ρ, with equality only at the
    root: ρ climbs by ρ = r through finitely many paths (Newton's method). It begins at 0 or at any r > 0, all of which
    lie left of the root, for all candidates at the least one. At a ρ right of the root the path that attains F may have
    p ≥ s although others have not: nothing ends there. But one that attains F at both sides of the root, say at ρ = 1,
    attains it between them as F is concave: mostly two searches settle all candidates.
    """
    found = np.full(len(task.ends), np.inf)
    start = data.start_of(m, DATA)

    def search(ratio: float) -> tuple[Floats, Any]:
        weight = ratio * task.bits[DATA] * data.per_bit + data.fixed
        return data.search(weight, start, False, data.own_arcs(m, DATA))

    def route(before: Any, i: int) -> tuple[Ints, float]:
        path = data.path_arcs(before, data.end_of(int(task.ends[i]), DATA), start, DATA)
        work = float(task.bits[DATA] * data.per_bit[path].sum() + task.large_s[i])
        fixed = float(data.fixed[path].sum())
        found[i] = min(found[i], delay_share(task, work, fixed))
        return path, (task.small_s - fixed) / (work + task.small_s)

    cost, before = search(1.0)
    right = {i: route(before, i) for i, end in enumerate(task.ends) if np.isfinite(cost[data.end_of(int(end), DATA)])}
    least = max(min((r for _, r in right.values()), default=0.0), 0.0)
    _, before = search(least)
    for i, (path, _) in right.items():
        ratio, (other, better) = least, route(before, i)
        settled = np.array_equal(path, other)
        while not settled and better * (1 - 1e-15) > ratio:
            ratio = better
            _, better = route(search(ratio)[1], i)
    # rounding may leave the value above the true least by some ulps
    return found * (1 - 1e-13)


def first_bound(data: ProblemData, objective: str) -> float:
    """Return the objective [s] of the delays that tasks have alone: no solution is below it."""
    least = [single_task_optimum(data, m).least_s for m in range(len(data.tasks))]
    return OBJECTIVES[objective].value(least, [task.weight for task in data.instance.tasks])
