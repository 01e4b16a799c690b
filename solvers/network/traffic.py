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

    def served(self, m: int, plan: Plan) -> int:
        """Return how many tasks share the computing satellite that serves this plan."""
        servers = self.count[DATA, self.data.served(m, plan.end)]
        return int(servers[0]) if len(servers) else 1


def work_of(data: ProblemData, loads: Loads, m: int, plan: Plan) -> tuple[float, float]:
    """Return A_m and p_m [s] of a plan's data packet."""
    task = data.tasks[m]
    if plan.data is None:
        return 0.0, 0.0
    work = task.bits[DATA] * loads.per_bit(DATA, plan.data) + float(task.large_s[plan.end]) * loads.served(m, plan)
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
        self._server = np.full(n, -1)
        self.activity = np.zeros(0 if data.rows is None else len(data.rows))
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
        if self.data.share_computing and plan.data is not None:
            self._server[m] = self.data.tasks[m].ends[plan.end]
        self._account(m, plan, 1.0)
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
        self._server[m] = -1
        if plan is not None:
            self._account(m, plan, -1.0)
        for kind in (DATA, MODEL):
            used = None if plan is None else plan.packet(kind)
            if used is not None:
                self.usage[kind, m, used] = False
                self.count[kind, used] -= 1
                self.per_bit[kind] -= self._shared(kind, used)
            self.per_bit[kind, m] = self._fixed[kind, m] = 0.0
            self._sent[kind, m] = False
        return plan

    def _account(self, m: int, plan: Plan, times: float) -> None:
        """Add a plan to the rows' activity."""
        if self.data.rows is not None:
            rows, values = self.data.rows.of_plan(m, plan.end, plan.data, plan.model)
            np.add.at(self.activity, rows, times * values)

    def served(self, m: int) -> int:
        """Return how many tasks the computing satellite of task m's data packet serves."""
        return max(int((self._server == self._server[m]).sum()), 1) if self._server[m] >= 0 else 1

    def open_arcs(self, m: int, kind: int, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what a task that is out may use of these resources without breaking a row by one of them alone."""
        if self.data.rows is None:
            return allowed
        left = allowed.copy()
        left[self.data.rows.barred(self.activity, m, kind)] = False
        return left

    def _large_now(self) -> Floats:
        """Return t^L of every task at ρ = 1 with all that its computing satellite serves, shape (tasks,) [s]."""
        if not self.data.share_computing:
            return self._large
        served = np.bincount(self._server[self._server >= 0], minlength=self.data.nodes)
        return self._large * np.where(self._server >= 0, served[self._server], 1)

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
        return self.delays(self.per_bit, self._fixed, self._sent, self._large_now())[self.placed]

    def score(self) -> tuple[float, ...]:
        """Return what is minimised: the mean delay of the tasks in the network, or the largest and then the mean."""
        excess = None if self.data.rows is None else np.array([self.data.rows.excess(self.activity)])
        return self._scores(self.delays_now()[None], self.placed, excess)[0]

    def _scores(
        self, delays: Floats, placed: NDArray[np.bool_], excess: Floats | None = None
    ) -> list[tuple[float, ...]]:
        """Return the score of each row of delays, shape (rows, tasks placed); what breaks rows is charged for it."""
        weights = self.data.weights
        average = delays.mean(axis=1) if weights is None else delays @ weights[placed] / weights[placed].sum()
        first = average if self.objective == "mean" else delays.max(axis=1)
        if self.data.limited:
            late = self.data.lateness(delays, placed)
            first = first + self.data.penalty_s * (late if excess is None else excess + late)
        if self.objective == "mean":
            return [(value,) for value in first.tolist()]
        return list(zip(first.tolist(), average.tolist(), strict=True))

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
        large = self._large_of(m, plans)
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
        excess = None if self.data.rows is None else self._excess_of(m, plans)
        return self._scores(self.delays(per_bit, fixed, sent, large).compress(placed, axis=1), placed, excess)

    def _large_of(self, m: int, plans: Sequence[Plan]) -> Floats:
        """Return t^L of every task at ρ = 1 [s] with each of these plans for task m, shape (plans, tasks)."""
        large = np.repeat(self._large_now()[None], len(plans), axis=0)
        large[:, m] = self.data.tasks[m].large_s[[plan.end for plan in plans]]
        if self.data.share_computing:
            ends = self.data.tasks[m].ends
            for i, plan in enumerate(plans):
                if plan.data is not None:
                    same = self._server == ends[plan.end]
                    large[i, same] += self._large[same]
                    large[i, m] *= 1 + int(same.sum())
        return large

    def _excess_of(self, m: int, plans: Sequence[Plan]) -> Floats:
        """Return by how much rows are broken with each of these plans for a task that is out, shape (plans,)."""
        rows = self.data.rows
        if rows is None:
            return np.zeros(len(plans))
        found = np.zeros(len(plans))
        for i, plan in enumerate(plans):
            activity = self.activity.copy()
            np.add.at(activity, *rows.of_plan(m, plan.end, plan.data, plan.model))
            found[i] = rows.excess(activity)
        return found


def score(data: ProblemData, plans: dict[int, Plan], objective: str) -> tuple[float, ...]:
    """Return what is minimised, computed anew: the mean delay, or the largest and then the mean."""
    loads = Loads(data, plans)
    delays = [delay_of(data, loads, m, plan) for m, plan in plans.items()]
    if data.weights is None:
        mean = sum(delays) / len(delays)
    else:
        mean = float(data.weights[list(plans)] @ delays / data.weights[list(plans)].sum())
    extra = data.penalty_s * excess_of(data, plans, delays) if data.limited else 0.0
    return (mean + extra,) if objective == "mean" else (max(delays) + extra, mean)


def excess_of(data: ProblemData, plans: dict[int, Plan], delays: Sequence[float] | None = None) -> float:
    """Return by how much plans break rows and deadlines, in all; `delays` of the tasks with plans, if known [s]."""
    if not data.limited:
        return 0.0
    if delays is None:
        loads = Loads(data, plans)
        delays = [delay_of(data, loads, m, plan) for m, plan in plans.items()]
    late = float(data.lateness(np.array(delays), list(plans)))
    if data.rows is None:
        return late
    activity = np.zeros(len(data.rows))
    for m, plan in plans.items():
        np.add.at(activity, *data.rows.of_plan(m, plan.end, plan.data, plan.model))
    return late + data.rows.excess(activity)
