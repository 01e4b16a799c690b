"""Plans in the network under a problem's variants: weights, limits of ρ, deadlines, shared F_c and rules.

A score is (violation of rules and deadlines, objective): whatever keeps the rules comes before what does not, and of
two that do not, the one that is nearer to them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from formulation import Problem
from solvers.network.arrays import DATA, MODEL, Floats
from solvers.network.data import ProblemData
from solvers.network.ratio_program import RatioProgram
from solvers.network.rule_rows import RuleRows, Shares, add_shares
from solvers.network.traffic import Plan, Traffic

Score = tuple[float, ...]


class VariantTraffic(Traffic):
    """Traffic whose delays and scores are those of a problem's variants.

    Parameters
    ----------
    data
        Of (4), or of (7) with its packets.
    plans
        In the network from the start.
    problem
        What is asked; its tasks are the data'.
    rows
        Its rules.
    """

    def __init__(self, data: ProblemData, plans: dict[int, Plan], problem: Problem, rows: RuleRows) -> None:
        tasks = problem.instance.tasks
        self.problem, self.rows = problem, rows
        self.rule_activity, self.slopes = np.zeros(len(rows)), np.zeros((len(tasks), len(rows)))
        self._shares: dict[int, tuple[Shares, Shares]] = {}
        self._weight = np.array([task.weight for task in tasks])
        self._late = np.array([np.inf if task.deadline_s is None else task.deadline_s for task in tasks])
        self._low, self._high = np.array([task.offload_ratio_range for task in tasks]).T
        self._senders = np.zeros(data.nodes, dtype=np.int64)
        self._end = np.zeros(len(tasks), dtype=np.int64)
        super().__init__(data, plans, problem.objective)

    def place(self, m: int, plan: Plan) -> None:
        """Put a plan in."""
        super().place(m, plan)
        constant, slope = self._shares[m] = self.rows.shares(m, plan)
        add_shares(self.rule_activity, constant)
        add_shares(self.slopes[m], slope)
        self._end[m] = self.data.tasks[m].ends[plan.end]
        self._senders[self._end[m]] += plan.data is not None

    def remove(self, m: int) -> Plan | None:
        """Take a plan out and return it."""
        plan = super().remove(m)
        if plan is not None:
            add_shares(self.rule_activity, self._shares.pop(m)[0], -1.0)
            self.slopes[m] = 0.0
            self._senders[self._end[m]] -= plan.data is not None
        return plan

    def ratios(self, per_bit: Floats, fixed: Floats, sent: NDArray[np.bool_], large: Floats) -> Floats:
        """Return the ρ of least delay of every task, within its limits."""
        work, prop = self._bits[DATA] * per_bit[DATA] + large, fixed[DATA]
        meeting = np.where(self._alpha < self._small, (self._small - prop) / (work + self._small), 0.0)
        both = np.clip(meeting, self._low, self._high)
        free = np.where(sent[DATA], np.where(sent[MODEL], both, 1.0), 0.0)
        return np.where(np.isnan(self._ratio), free, self._ratio)

    def delays(self, per_bit: Floats, fixed: Floats, sent: NDArray[np.bool_], large: Floats) -> Floats:
        """Return T of every task [s]."""
        return self._delays_at(self.ratios(per_bit, fixed, sent, large), per_bit, fixed, sent, large)

    def state(self) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
        """Return the arguments of `delays` for the plans in the network."""
        return self.per_bit, self._fixed, self._sent, self._large * self._sharing(self._senders)

    def _sharing(self, senders: Floats | NDArray[np.int64]) -> Floats:
        """Return how often t^L of every task counts."""
        if not self.problem.share_computing:
            return np.ones(len(self._end))
        return np.maximum(senders[self._end], 1).astype(float)

    def score(self) -> Score:
        """Return the violation and the objective of the plans in the network."""
        state = self.state()
        return self._rate(self.delays(*state), self.ratios(*state), self.rule_activity, self.slopes)

    def trials(self, m: int, plans: Sequence[Plan]) -> list[Score]:
        """Return the score with each of these plans for a task that is out of the network."""
        found = []
        for plan in plans:
            self.place(m, plan)
            found.append(self.score())
            self.remove(m)
        return found

    def best_ratios(self) -> tuple[Floats, Score]:
        """Return ρ of all tasks on their routes, and the score: by a linear program where rules count ρ and are broken.

        T_m is convex and piecewise linear in ρ_m on given routes, and every row is linear in ρ.
        """
        state = self.state()
        ratios, score = self.ratios(*state), self.score()
        if score[0] <= 0 or not self.placed.all():
            return ratios, score
        per_bit, fixed, sent, large = state
        both = sent[DATA] & sent[MODEL] & np.isnan(self._ratio)
        rows = [
            (self.slopes[:, i] / self.rows.scale[i], self.rows.senses[i], left / self.rows.scale[i])
            for i in np.flatnonzero(self.rows.on_ratio).tolist()
            for left in (self.rows.rhs[i] - self.rule_activity[i],)
        ]
        program = RatioProgram(
            model=np.where(sent[MODEL], self._bits[MODEL] * per_bit[MODEL] + fixed[MODEL], 0.0),
            alpha=self._alpha,
            work=np.where(sent[DATA], self._bits[DATA] * per_bit[DATA] + large, 0.0),
            fixed=np.where(sent[DATA], fixed[DATA], 0.0),
            small=self._small,
            low=np.where(both, self._low, ratios),
            high=np.where(both, self._high, ratios),
            weight=self._weight,
            deadline=self._late,
            rows=rows,
        )
        found = program.solve(self.objective)
        if found is None:
            return ratios, score
        return found, self._rate(self._delays_at(found, *state), found, self.rule_activity, self.slopes)

    def _delays_at(
        self, ratio: Floats, per_bit: Floats, fixed: Floats, sent: NDArray[np.bool_], large: Floats
    ) -> Floats:
        """Return T of every task [s] at these ρ."""
        work, prop = self._bits[DATA] * per_bit[DATA] + large, fixed[DATA]
        model = np.where(sent[MODEL], self._bits[MODEL] * per_bit[MODEL] + fixed[MODEL], 0.0)
        remote = np.where(sent[DATA], ratio * work + prop, 0.0)
        return np.asarray(model + self._alpha * ratio + np.maximum(remote, (1 - ratio) * self._small))

    def _rate(self, delays: Floats, ratios: Floats, activity: Floats, slopes: Floats) -> Score:
        placed = self.placed
        violation = self.rows.violation(activity + ratios @ slopes) if len(self.rows) else 0.0
        late = (delays / self._late - 1.0)[placed]
        violation += float(late[late > 1e-9].sum())
        here = delays[placed]
        mean = float(self._weight[placed] @ here / self._weight[placed].sum())
        return (violation, mean) if self.objective == "mean" else (violation, float(here.max()), mean)
