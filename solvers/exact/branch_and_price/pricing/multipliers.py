"""Multipliers of the Lagrangian relaxation, made dual feasible."""

from dataclasses import dataclass

import numpy as np

from solvers.exact.branch_and_price.domains.delay_bounds import sides
from solvers.exact.branch_and_price.pricing.commodities import Users
from solvers.network.arrays import Floats
from solvers.network.data import Tables


@dataclass(eq=False)
class Prices:
    """Multipliers.

    Attributes
    ----------
    weight
        y_m, shape (tasks,).
    const, work, fixed
        C_q, K_q, KP_q, shape (pieces,).
    share
        w_u, shape (users,).
    price
        λ, shape (users, resources).
    """

    users: Users
    weight: Floats
    const: Floats
    work: Floats
    fixed: Floats
    share: Floats
    price: Floats


def make_prices(tables: Tables, users: Users, thetas: list[Floats], price: Floats, objective: str) -> Prices:
    """Return multipliers made feasible exactly: θ is scaled to what the objective asks for, λ is made ≥ 0.

    Parameters
    ----------
    thetas
        θ_m of each task's sides, one or two.
    price
        λ, shape (users, resources).
    """
    n = len(tables.tasks)
    raw = [np.maximum(theta, 0.0) for theta in thetas]
    if objective == "mean":
        goal = np.full(n, 1.0 / n)
    else:
        goal = np.array([theta.sum() for theta in raw])
        goal = goal / goal.sum() if goal.sum() > 0 else np.full(n, 1.0 / n)
    raw = [theta if theta.sum() > 0 else np.eye(len(theta))[0] for theta in raw]
    weights = [y * theta / theta.sum() for y, theta in zip(goal, raw, strict=True)]
    rows = []
    for m, piece in users.pieces:
        parts = list(zip(weights[m], sides(tables.tasks[m], piece), strict=True))
        rows.append([sum(t * getattr(side, name) for t, side in parts) for name in ("const", "work", "fixed")])
    const, work, fixed = np.array(rows, dtype=float).reshape(-1, 3).T
    bits = np.array([task.bits for task in tables.tasks])[users.task, users.kind]
    share = bits * np.concatenate([work, goal])
    return Prices(users, goal, const, work, fixed, share, np.maximum(price, 0.0))
