"""Multipliers of the Lagrangian relaxation, made dual feasible."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.network.arrays import Floats
from solvers.network.data import ProblemData
from solvers.network.rows import Tolls


@dataclass(eq=False)
class Multipliers:
    """Multipliers.

    Attributes
    ----------
    weight
        y_m, shape (tasks,).
    const, work, fixed
        C_q, K_q, KP_q, shape (segments,).
    load_weight
        w_u, shape (commodities,).
    price
        λ, shape (commodities, resources).
    mu, tolls
        Multipliers of the problem's rows, shape (rows,), and what they charge; None where there are no rows.
    late
        ν_m of the deadlines, shape (tasks,).
    """

    commodities: Commodities
    weight: Floats
    const: Floats
    work: Floats
    fixed: Floats
    load_weight: Floats
    price: Floats
    mu: Floats
    late: Floats
    tolls: Tolls | None = None

    def per_packet(self, data: ProblemData, r: Any, commodities: Any = slice(None)) -> Floats:
        """Return what one packet more at a resource, or at a resource each, costs commodities, shape (commodities,)."""
        cost = self.load_weight[commodities] * data.per_bit[r]
        if data.share_computing:
            serves, node = np.asarray(r) >= data.arcs, np.maximum(np.asarray(r) - data.arcs, 0)
            cost = np.where(
                serves, self.served[commodities] * data.server_s[self.commodities.task[commodities], node], cost
            )
        return np.asarray(cost)

    @property
    def served(self) -> Floats:
        """K_q of every commodity that is a data packet, 0 of model packets, shape (commodities,)."""
        return np.concatenate([self.work, np.zeros(len(self.weight))])


def dual_feasible(
    data: ProblemData,
    commodities: Commodities,
    thetas: list[Floats],
    price: Floats,
    objective: str,
    mu: Floats | None = None,
    late: Floats | None = None,
) -> Multipliers:
    """Return multipliers made feasible exactly: θ is scaled to what the objective asks for, λ is made ≥ 0.

    Parameters
    ----------
    thetas
        θ_m of each task's delay_bounds, one or two.
    price
        λ, shape (commodities, resources).
    mu
        Multipliers of the problem's rows, shape (rows,); 0 if left out.
    late
        ν_m ≥ 0 of T_m ≤ its deadline, by which y_m exceeds what the objective asks for, shape (tasks,); 0 if left out.
    """
    n = len(data.tasks)
    raw = [np.maximum(theta, 0.0) for theta in thetas]
    late = np.zeros(n) if late is None else np.where(np.isfinite(data.due_s), np.maximum(late, 0.0), 0.0)
    if objective == "mean":
        goal = data.delay_weights
    else:
        goal = np.maximum(np.array([theta.sum() for theta in raw]) - late, 0.0)
        goal = goal / goal.sum() if goal.sum() > 0 else np.full(n, 1.0 / n)
    goal = goal + late
    raw = [theta if theta.sum() > 0 else np.eye(len(theta))[0] for theta in raw]
    weights = [y * theta / theta.sum() for y, theta in zip(goal, raw, strict=True)]
    rows = []
    for m, segment in commodities.segments:
        parts = list(zip(weights[m], delay_bounds(data.tasks[m], segment), strict=True))
        rows.append([sum(t * getattr(side, name) for t, side in parts) for name in ("const", "work", "fixed")])
    const, work, fixed = np.array(rows, dtype=float).reshape(-1, 3).T
    bits = np.array([task.bits for task in data.tasks])[commodities.task, commodities.kind]
    load_weight = bits * np.concatenate([work, goal])
    price = np.maximum(price, 0.0)
    multipliers = Multipliers(commodities, goal, const, work, fixed, load_weight, price, np.zeros(0), late)
    return multipliers if data.rows is None else with_tolls(data, multipliers, mu)


def with_tolls(data: ProblemData, multipliers: Multipliers, mu: Floats | None) -> Multipliers:
    """Return multipliers with multipliers of the problem's rows, 0 if left out."""
    rows = data.rows
    if rows is None:
        return multipliers
    tolls = rows.tolls(np.zeros(len(rows)) if mu is None else mu)
    return replace(multipliers, mu=tolls.mu, tolls=tolls)


def between(data: ProblemData, one: Multipliers, other: Multipliers, part: float) -> Multipliers:
    """Return multipliers that lie this part of the way from one to another."""
    mixed = replace(other, price=one.price + part * (other.price - one.price))
    return mixed if data.rows is None else with_tolls(data, mixed, one.mu + part * (other.mu - one.mu))
