"""One task in an empty network: its exact optimum per candidate and packet mode, and the bound that follows."""

from dataclasses import dataclass

import numpy as np

from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats
from solvers.network.data import Tables, TaskTable
from solvers.network.delay import delay_share


@dataclass(frozen=True, eq=False)
class Alone:
    """A task in an empty network, per candidate: least T [s] in each mode, and the parts of the bounds."""

    values: dict[str, Floats]
    work_low: Floats
    fixed_low: Floats
    model_low: Floats

    @property
    def least_s(self) -> float:
        """Least T_m [s]."""
        return float(min(values.min() for values in self.values.values()))


def _searches(tables: Tables, m: int, kind: int, bits: float, per_fixed: float = 1.0) -> Floats:
    task = tables.tasks[m]
    cost, _ = tables.search(
        bits * tables.per_bit + per_fixed * tables.fixed, tables.start_of(m, kind), kind == MODEL, tables.own_arcs(m)
    )
    return np.asarray(cost[tables.end_of(task.ends, kind)], dtype=float)


def alone(tables: Tables, m: int) -> Alone:
    """Return the exact uncongested optimum of one task, per candidate and mode."""
    task = tables.tasks[m]
    none = np.full(len(task.ends), np.inf)
    model = _searches(tables, m, MODEL, task.bits[MODEL]) if task.can_stay else none
    work = _searches(tables, m, DATA, task.bits[DATA], 0.0) + task.large_s if task.can_offload else none
    fixed = _searches(tables, m, DATA, 0.0, 1.0) if task.can_offload else none
    values: dict[str, Floats] = {}
    ratio = task.fixed_ratio
    if ratio is not None:
        if task.can_offload:
            values[BOTH if task.can_stay else DATA_ONLY] = (
                np.maximum(
                    _searches(tables, m, DATA, ratio * task.bits[DATA]) + ratio * task.large_s,
                    (1 - ratio) * task.small_s,
                )
                + ratio * task.extraction_s
                + (model if task.can_stay else 0.0)
            )
        else:
            values[MODEL_ONLY] = model + task.small_s
        return Alone(values, work, fixed, model)
    if task.can_stay:
        values[MODEL_ONLY] = model + task.small_s
    if task.can_offload:
        values[DATA_ONLY] = task.extraction_s + _searches(tables, m, DATA, task.bits[DATA]) + task.large_s
    if task.can_stay and task.can_offload and task.extraction_s < task.small_s:
        values[BOTH] = model + _least_share(tables, m, task)
    return Alone(values, work, fixed, model)


def _least_share(tables: Tables, m: int, task: TaskTable) -> Floats:
    """Return the least h over all uncongested data paths, per candidate; α < s.

    Let F(ρ) be the least of ρ A + p over all paths, and G(ρ) = F(ρ) - s (1 - ρ). F is concave and does not fall, so
    G is concave and rises. A path has h = α + (s - α)(1 - r), where r = (s - p) / (A + s) is the root of its line
    ρ A + p - s (1 - ρ), or h = s where r ≤ 0: the largest r is sought. Every line lies on or above G, so no r is
    above the root of G, and the path that attains F there has that root. At ρ = 0 the path found has least p: with
    p ≥ s, as all others have then, h = s is the least. Otherwise G(0) < 0, and wherever G(ρ) ≤ 0 the path that
    attains F(ρ) has r ≥ ρ, with equality only at the root. So ρ climbs from 0 by ρ = r through finitely many paths
    (Newton's method). To begin at a ρ > 0 would need care: right of the root the path that attains F may have p ≥ s
    although others have not.
    """
    found = np.full(len(task.ends), np.inf)
    for i, end in enumerate(task.ends):
        start, stop = tables.start_of(m, DATA), tables.end_of(int(end), DATA)
        ratio, best = -1.0, 0.0
        while best * (1 - 1e-15) > ratio:
            ratio = best
            weight = ratio * task.bits[DATA] * tables.per_bit + tables.fixed
            cost, before = tables.search(weight, start, False, tables.own_arcs(m))
            if not np.isfinite(cost[stop]):
                break
            path = tables.trace(before, stop, start, DATA)
            work = float(task.bits[DATA] * tables.per_bit[path].sum() + task.large_s[i])
            fixed = float(tables.fixed[path].sum())
            found[i] = min(found[i], delay_share(task, work, fixed))
            best = (task.small_s - fixed) / (work + task.small_s)
    # rounding may leave the value above the true least by some ulps
    return found * (1 - 1e-13)


def first_bound(tables: Tables, objective: str) -> float:
    """Return the mean, or the largest, of the delays that tasks have alone [s]: no solution is below it."""
    least = [alone(tables, m).least_s for m in range(len(tables.tasks))]
    return max(least) if objective == "max" else sum(least) / len(least)
