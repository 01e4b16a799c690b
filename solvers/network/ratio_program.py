"""The offload ratios of all tasks on given routes where rules count them: a small linear program."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from solvers.network.arrays import Floats


@dataclass(frozen=True, eq=False)
class RatioProgram:
    """min Σ w_m T_m / Σ w_m, or max T_m, over ρ: T_m = model + alpha ρ + max(work ρ + fixed, small (1 - ρ)).

    Attributes
    ----------
    model, alpha, work, fixed, small
        Parts of T_m [s], shape (tasks,); work and fixed are 0 where no data packet is sent.
    low, high
        Limits of ρ; equal where it is given, shape (tasks,).
    weight, deadline
        w_m, and the largest T_m allowed [s], inf where there is none; shape (tasks,).
    rows
        (coefficients of ρ, sense, right-hand side) of each row of a rule that counts ρ.
    """

    model: Floats
    alpha: Floats
    work: Floats
    fixed: Floats
    small: Floats
    low: Floats
    high: Floats
    weight: Floats
    deadline: Floats
    rows: Sequence[tuple[Floats, str, float]]

    def solve(self, objective: str) -> Floats | None:
        """Return ρ of every task, or None where no ρ keeps the rows and deadlines."""
        n = len(self.model)
        unit, none, one = np.eye(n), np.zeros((n, 1)), np.ones((n, 1))
        upper = [np.hstack([np.diag(self.work), -unit, none]), np.hstack([-np.diag(self.small), -unit, none])]
        bound = [-self.fixed, -self.small]
        delay = np.hstack([np.diag(self.alpha), unit])
        due = np.isfinite(self.deadline)
        upper.append(np.hstack([delay, none])[due])
        bound.append((self.deadline - self.model)[due])
        for coefficients, sense, rhs in self.rows:
            row = np.concatenate([coefficients, np.zeros(n + 1)])[None]
            for asked, sign in (("<=", 1.0), (">=", -1.0)):
                if sense in (asked, "=="):
                    upper.append(sign * row)
                    bound.append(np.array([sign * rhs]))
        if objective == "max":
            upper.append(np.hstack([delay, -one]))
            bound.append(-self.model)
            cost = np.concatenate([np.zeros(2 * n), [1.0]])
        else:
            cost = np.concatenate([self.weight * self.alpha, self.weight, [0.0]]) / self.weight.sum()
        bounds = [*zip(self.low, self.high, strict=True), *[(0.0, None)] * (n + 1)]
        answer = linprog(cost, A_ub=np.vstack(upper), b_ub=np.concatenate(bound), bounds=bounds, method="highs")
        return np.asarray(answer.x[:n]) if answer.status == 0 else None
