"""Multipliers of the Lagrangian relaxation, made dual feasible."""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.network.arrays import Floats
from solvers.network.data import ProblemData


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
    """

    commodities: Commodities
    weight: Floats
    const: Floats
    work: Floats
    fixed: Floats
    load_weight: Floats
    price: Floats


def dual_feasible(
    data: ProblemData, commodities: Commodities, thetas: list[Floats], price: Floats, objective: str
) -> Multipliers:
    """Return multipliers made feasible exactly: θ is scaled to what the objective asks for, λ is made ≥ 0.

    Parameters
    ----------
    thetas
        θ_m of each task's delay_bounds, one or two.
    price
        λ, shape (commodities, resources).
    """
    n = len(data.tasks)
    raw = [np.maximum(theta, 0.0) for theta in thetas]
    if objective == "mean":
        goal = np.full(n, 1.0 / n)
    else:
        goal = np.array([theta.sum() for theta in raw])
        goal = goal / goal.sum() if goal.sum() > 0 else np.full(n, 1.0 / n)
    raw = [theta if theta.sum() > 0 else np.eye(len(theta))[0] for theta in raw]
    weights = [y * theta / theta.sum() for y, theta in zip(goal, raw, strict=True)]
    rows = []
    for m, segment in commodities.segments:
        parts = list(zip(weights[m], delay_bounds(data.tasks[m], segment), strict=True))
        rows.append([sum(t * getattr(side, name) for t, side in parts) for name in ("const", "work", "fixed")])
    const, work, fixed = np.array(rows, dtype=float).reshape(-1, 3).T
    bits = np.array([task.bits for task in data.tasks])[commodities.task, commodities.kind]
    load_weight = bits * np.concatenate([work, goal])
    return Multipliers(commodities, goal, const, work, fixed, load_weight, np.maximum(price, 0.0))
