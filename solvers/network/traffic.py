"""Plans in the network: what every task's packets use, and the delays that follow.

A plan holds resource ids per packet; loads count packets. `delay_of` computes one task's delay anew; `Traffic` keeps
all of them up to date while single plans come and go. A test holds both equal to the evaluator.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData
from solvers.network.delay import delay_share


@dataclass(frozen=True, eq=False)
class Plan:
    """One task's decisions: end position, and resources of the packets that are sent (else None)."""

    end: int
    data: Ints | None
    model: Ints | None

    def packet(self, kind: int) -> Ints | None:
        """Return the resources of a packet."""
        return self.data if kind == DATA else self.model


class Loads:
    """Packets per kind and resource, shape (2, resources)."""

    def __init__(self, data: ProblemData, plans: dict[int, Plan]) -> None:
        self.data = data
        self.count = np.zeros((2, data.resources), dtype=np.int64)
        for plan in plans.values():
            self.add(plan, 1)

    def add(self, plan: Plan, packets: int) -> None:
        """Put a plan's packets in (1) or take them out (-1)."""
        for kind in (DATA, MODEL):
            used = plan.packet(kind)
            if used is not None:
                self.count[kind, used] += packets

    def per_bit(self, kind: int, used: Ints) -> float:
        """Return what a bit on these resources costs [s/bit]."""
        return float(self.count[kind, used] @ self.data.per_bit[used])


def work_of(data: ProblemData, loads: Loads, m: int, plan: Plan) -> tuple[float, float]:
    """Return A_m and p_m [s] of a plan's data packet."""
    task = data.tasks[m]
    if plan.data is None:
        return 0.0, 0.0
    work = task.bits[DATA] * loads.per_bit(DATA, plan.data) + float(task.large_s[plan.end])
    return work, float(data.fixed[plan.data].sum())


def delay_of(data: ProblemData, loads: Loads, m: int, plan: Plan) -> float:
    """Return T_m [s] at its best ρ, or at the fixed one."""
    task, total = data.tasks[m], 0.0
    if plan.model is not None:
        total = task.bits[MODEL] * loads.per_bit(MODEL, plan.model) + float(data.fixed[plan.model].sum())
    if plan.data is None:
        return total + task.small_s
    work, fixed = work_of(data, loads, m, plan)
    ratio = task.fixed_ratio
    if ratio is not None:
        return total + task.extraction_s * ratio + max(ratio * work + fixed, (1 - ratio) * task.small_s)
    if plan.model is None:
        return task.extraction_s + work + fixed
    return total + delay_share(task, work, fixed)


class Traffic:
    """Plans in the network, with the delays of all tasks at once.

    Attributes
    ----------
    usage
        Whether a task's packet uses a resource, shape (2, tasks, resources).
    count
        Packets per kind and resource, shape (2, resources).
    per_bit
        Seconds per bit of every packet under the present loads, shape (2, tasks).
    placed
        Whether a task has a plan, shape (tasks,).
    """

    def __init__(self, data: ProblemData, plans: dict[int, Plan], objective: str) -> None:
        self.data, self.objective = data, objective
        self.plans: dict[int, Plan] = {}
        n = len(data.tasks)
        self.usage = np.zeros((2, n, data.resources), dtype=bool)
        self.count = np.zeros((2, data.resources), dtype=np.int64)
        self.per_bit = np.zeros((2, n))
        self._bits = np.array([task.bits for task in data.tasks]).T
        self._alpha = np.array([task.extraction_s for task in data.tasks])
        self._small = np.array([task.small_s for task in data.tasks])
        self._ratio = np.array([np.nan if t.fixed_ratio is None else t.fixed_ratio for t in data.tasks])
        self._large, self._fixed = np.zeros(n), np.zeros((2, n))
        self._sent = np.zeros((2, n), dtype=bool)
        self.placed = np.zeros(n, dtype=bool)
        for m, plan in plans.items():
            self.place(m, plan)

    def _shared(self, kind: int, used: Ints) -> Floats:
        """Return what one more packet on these resources adds to every task's seconds per bit, shape (tasks,)."""
        return np.asarray(self.usage[kind][:, used] @ self.data.per_bit[used], dtype=float)

    def place(self, m: int, plan: Plan) -> None:
        """Put a plan in."""
        self.plans[m] = plan
        self.placed[m] = True
        self._large[m] = self.data.tasks[m].large_s[plan.end]
        for kind in (DATA, MODEL):
            used = plan.packet(kind)
            self._sent[kind, m] = used is not None
            if used is not None:
                self.per_bit[kind] += self._shared(kind, used)
                self.count[kind, used] += 1
                self.usage[kind, m, used] = True
                self.per_bit[kind, m] = float(self.count[kind, used] @ self.data.per_bit[used])
                self._fixed[kind, m] = float(self.data.fixed[used].sum())

    def remove(self, m: int) -> Plan | None:
        """Take a plan out and return it."""
        plan = self.plans.pop(m, None)
        self.placed[m] = False
        for kind in (DATA, MODEL):
            used = None if plan is None else plan.packet(kind)
            if used is not None:
                self.usage[kind, m, used] = False
                self.count[kind, used] -= 1
                self.per_bit[kind] -= self._shared(kind, used)
            self.per_bit[kind, m] = self._fixed[kind, m] = 0.0
            self._sent[kind, m] = False
        return plan

    def delays(self, per_bit: Floats, fixed: Floats, sent: NDArray[np.bool_], large: Floats) -> Floats:
        """Return T of every task [s], as `delay_of` does for one."""
        work, prop = self._bits[DATA] * per_bit[DATA] + large, fixed[DATA]
        model = np.where(sent[MODEL], self._bits[MODEL] * per_bit[MODEL] + fixed[MODEL], 0.0)
        gain = np.maximum(self._small - self._alpha, 0.0) * np.maximum(self._small - prop, 0.0)
        both = np.where(sent[MODEL], self._small - gain / (work + self._small), self._alpha + work + prop)
        ratio = self._ratio
        given = self._alpha * ratio + np.maximum(ratio * work + prop, (1 - ratio) * self._small)
        return np.asarray(model + np.where(sent[DATA], np.where(np.isnan(ratio), both, given), self._small))

    def delays_now(self) -> Floats:
        """Return T of the tasks in the network [s]."""
        return self.delays(self.per_bit, self._fixed, self._sent, self._large)[self.placed]

    def score(self) -> tuple[float, ...]:
        """Return what is minimised: the mean delay of the tasks in the network, or the largest and then the mean."""
        return self._scores(self.delays_now()[None])[0]

    def _scores(self, delays: Floats) -> list[tuple[float, ...]]:
        """Return the score of each row."""
        mean: list[float] = delays.mean(axis=1).tolist()
        if self.objective == "mean":
            return [(value,) for value in mean]
        return list(zip(delays.max(axis=1).tolist(), mean, strict=True))

    def trial(self, m: int, plan: Plan) -> tuple[float, ...]:
        """Return the score with this plan for a task that is out of the network."""
        return self.trials(m, [plan])[0]

    def trials(self, m: int, plans: Sequence[Plan]) -> list[tuple[float, ...]]:
        """Return the score with each of these plans for a task that is out of the network."""
        if not plans:
            return []
        per_bit, fixed, sent = (
            np.repeat(values[:, None], len(plans), axis=1) for values in (self.per_bit, self._fixed, self._sent)
        )
        large = np.repeat(self._large[None], len(plans), axis=0)
        large[:, m] = self.data.tasks[m].large_s[[plan.end for plan in plans]]
        for kind in (DATA, MODEL):
            known: dict[int, tuple[Floats, float]] = {}
            for i, plan in enumerate(plans):
                used = plan.packet(kind)
                if used is None:
                    continue
                if id(used) not in known:  # plans share the routes that a search has found
                    alone = self.per_bit[kind] + self._shared(kind, used)
                    alone[m] = float((self.count[kind, used] + 1) @ self.data.per_bit[used])
                    known[id(used)] = alone, float(self.data.fixed[used].sum())
                per_bit[kind, i], fixed[kind, i, m] = known[id(used)]
                sent[kind, i, m] = True
        placed = self.placed.copy()
        placed[m] = True
        # `compress` keeps rows contiguous: their means are summed as `score` sums them
        return self._scores(self.delays(per_bit, fixed, sent, large).compress(placed, axis=1))


def score(data: ProblemData, plans: dict[int, Plan], objective: str) -> tuple[float, ...]:
    """Return what is minimised, computed anew: the mean delay, or the largest and then the mean."""
    loads = Loads(data, plans)
    delays = [delay_of(data, loads, m, plan) for m, plan in plans.items()]
    mean = sum(delays) / len(delays)
    return (mean,) if objective == "mean" else (max(delays), mean)
