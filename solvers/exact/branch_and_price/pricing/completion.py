"""Multipliers of commodities that the restricted master has no rows for."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.pricing.commodities import allowed
from solvers.exact.branch_and_price.pricing.lagrangian import resource_bound
from solvers.exact.branch_and_price.pricing.multipliers import Prices
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.data import Tables


def lift(tables: Tables, scopes: list[Scope], prices: Prices, known: NDArray[np.bool_]) -> None:
    """Raise prices of users that had no column at a priced resource, hardly at the cost of its own bound.

    Let F(d, a) be the least Σ (d w_u - λ_u) over a known users, base the resource's bound. If τ newcomers join a known
    ones, the sum is at least F(a + τ - 1, a) plus the newcomers' own (a + τ - 1) w - λ. So λ = min over a, τ of
    (a + τ - 1) w + (F(a + τ - 1, a) - base) / τ keeps the bound whoever joins. A task with a known piece may ask
    for its other pieces what makes them no more attractive to the resource than the known one.

    Parameters
    ----------
    known
        Whether a user had columns at a resource, shape (users, resources).
    """
    users = prices.users
    open_arcs = allowed(scopes)
    for kind in (DATA, MODEL):
        rows = np.flatnonzero(users.kind == kind)
        for r in np.flatnonzero((prices.price[rows] > 0).any(axis=0)):
            old = rows[known[rows, r]]
            new = rows[~known[rows, r] & open_arcs[rows, r]]
            if len(old) and len(new):
                share = prices.share * float(tables.per_bit[r])
                prices.price[new, r] = entry_prices(users.task, share, prices.price[old, r], old, new)


def entry_prices(task: Ints, share: Floats, price: Floats, old: Ints, new: Ints) -> Floats:
    """Return the prices of newcomers at a resource that leave its bound what it is by the others' prices; see `lift`.

    Parameters
    ----------
    task, share
        Of all users, shape (users,); what one packet more costs a user there.
    price
        Of the users that are known, shape (old,).
    old, new
        Which users are known and which are not, in order.
    """
    first = np.flatnonzero(np.diff(task[old], prepend=-1))
    most, joins = len(first), int((np.diff(task[new], prepend=-1) != 0).sum())
    base = resource_bound(price, share[old], task[old])
    # one newcomer alone is worth -base, so that more packets than that pays for are of no interest
    deep = min(most + joins, int(min(-base / max(float(share[new].min()), 1e-300), most + joins)) + 2)
    depth = np.arange(max(deep, 1))
    values = np.minimum.reduceat(depth[:, None] * share[old][None, :] - price[None, :], first, axis=1)
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
    entry = (depth[:, None] * share[new][None, :] + best[:, None]).min(axis=0)
    depth = np.arange(most + joins)
    for i, low in enumerate(first.tolist()):
        mine = slice(low, int(first[i + 1]) if i + 1 < most else len(old))
        kin = np.flatnonzero(task[new] == task[old[low]])
        if len(kin):
            other = (depth[:, None] * share[old[mine]] - price[mine]).min(axis=1)
            entry[kin] = np.maximum(entry[kin], (depth[:, None] * share[new[kin]] - other[:, None]).min(axis=0))
    return np.asarray(np.maximum(entry, 0.0) * (1 - 1e-12))
