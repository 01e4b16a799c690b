"""Multipliers of commodities that the restricted master has no rows for."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.pricing.commodities import allowed_arcs
from solvers.exact.branch_and_price.pricing.lagrangian import resource_bound
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import ProblemData


def complete_duals(
    data: ProblemData, domains: list[TaskDomain], multipliers: Multipliers, known: NDArray[np.bool_]
) -> None:
    """Raise multipliers of commodities that had no column at a priced resource, hardly at the cost of its own bound.

    Let F(d, a) be the least Σ (d w_u - λ_u) over a known commodities, base the resource's bound. If τ newcomers join a
    known ones, the sum is at least F(a + τ - 1, a) plus the newcomers' own (a + τ - 1) w - λ. So λ = min over a, τ of
    (a + τ - 1) w + (F(a + τ - 1, a) - base) / τ keeps the bound whoever joins. A task with a known segment may ask for
    its other segments what makes them no more attractive to the resource than the known one.

    Parameters
    ----------
    known
        Whether a commodity had columns at a resource, shape (commodities, resources).
    """
    commodities = multipliers.commodities
    open_arcs = allowed_arcs(domains)
    for kind in (DATA, MODEL):
        rows = np.flatnonzero(commodities.kind == kind)
        for r in np.flatnonzero((multipliers.price[rows] > 0).any(axis=0)):
            old = rows[known[rows, r]]
            new = rows[~known[rows, r] & open_arcs[rows, r]]
            if len(old) and len(new):
                load_weight = multipliers.per_packet(data, int(r))
                multipliers.price[new, r] = zero_cost_entry(
                    commodities.task, load_weight, multipliers.price[old, r], old, new
                )


def zero_cost_entry(task: Ints, load_weight: Floats, price: Floats, old: Ints, new: Ints) -> Floats:
    """Return prices of newcomers at a resource that leave its bound as it is; see `complete_duals`.

    Parameters
    ----------
    task, load_weight
        Of all commodities, shape (commodities,); what one packet more costs a commodity there.
    price
        Of the commodities that are known, shape (old,).
    old, new
        Which commodities are known and which are not, in order.
    """
    first = np.flatnonzero(np.diff(task[old], prepend=-1))
    most, joins = len(first), int((np.diff(task[new], prepend=-1) != 0).sum())
    base = resource_bound(price, load_weight[old], task[old])
    # one newcomer alone is worth -base, so that more packets than that pays for are of no interest
    deep = min(most + joins, int(min(-base / max(float(load_weight[new].min()), 1e-300), most + joins)) + 2)
    depth = np.arange(max(deep, 1))
    values = np.minimum.reduceat(depth[:, None] * load_weight[old][None, :] - price[None, :], first, axis=1)
    ordered = np.sort(values, axis=1)
    least = np.concatenate([np.zeros((len(depth), 1)), np.cumsum(ordered, axis=1)], axis=1)
    a, t = np.meshgrid(np.arange(most + 1), np.arange(1, joins + 1), indexing="ij")
    near = a + t - 1 < len(depth)
    a, t = a[near], t[near]
    together = a + t - 1
    slack = (least[together, a] - base) / t
    # over all (a, t) with the same a + t - 1 only the least slack counts
    best = np.full(len(depth), np.inf)
    np.minimum.at(best, together, slack)
    entry = (depth[:, None] * load_weight[new][None, :] + best[:, None]).min(axis=0)
    depth = np.arange(most + joins)
    for i, low in enumerate(first.tolist()):
        mine = slice(low, int(first[i + 1]) if i + 1 < most else len(old))
        kin = np.flatnonzero(task[new] == task[old[low]])
        if len(kin):
            other = (depth[:, None] * load_weight[old[mine]] - price[mine]).min(axis=1)
            entry[kin] = np.maximum(entry[kin], (depth[:, None] * load_weight[new[kin]] - other[:, None]).min(axis=0))
    return np.asarray(np.maximum(entry, 0.0) * (1 - 1e-12))
