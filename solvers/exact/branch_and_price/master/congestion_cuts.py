"""The linear relaxation of the load-indexed program over paths (`paths`), its congestion by cuts.

Where each task's delay is one affine bound, and the objective their mean, what congestion costs is a sum over
resources: t_r ≥ f_r(y), with y_u the part of commodity u's paths that pass r, and f_r the least mean cost of sets of
commodities that make up these parts (`congestion`). f_r is the conjugate of what the Lagrangian bound has in its second
line (`multipliers`): f_r(y) = max over λ ≥ 0 of Σ λ_u y_u - c(λ), c(λ) = max over sets S, one commodity a task, of Σ_{u
∈ S} (λ_u - (|S| - 1) w_u). So the program is

    paths and their rows;  t_r ≥ Σ_u λ_u Σ paths of u through r - c(λ)  for some λ,

one column and a few rows for each resource that is shared by more than it can bear, where the program of `columns` has
a column for every commodity, resource and level. Its value is the same as soon as no cut is violated: the maximum over
λ is the dual of the levels' part of that program. λ_u of commodities without paths is as high as it may be at no c
(`zero_cost_entry`), so that paths to come find their place in the cuts.

Any λ makes a valid cut; which one is taken is a matter of speed. They are taken at a point between the last ones and
the program's (in-out separation, Ben-Ameur and Neto 2007, doi:10.1002/net.20137), every y_u a little above its value,
so that among the λ of equal value that one is taken that holds for some way around it.
"""

from array import array
from dataclasses import replace
from typing import Any

import highspy
import numpy as np

from solvers.backends.program import Limits, Outcome
from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.exact.branch_and_price.master.congestion import congestion, firsts, two_levels
from solvers.exact.branch_and_price.pricing.commodities import Commodities, allowed_arcs
from solvers.exact.branch_and_price.pricing.completion import zero_cost_entry
from solvers.exact.branch_and_price.pricing.lagrangian import resource_bound
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers, dual_feasible
from solvers.exact.branch_and_price.settings import SeparationSettings
from solvers.network.arrays import DATA, Floats, Ints
from solvers.network.data import ProblemData
from solvers.result import Termination

SMALL = 1e-9


class CutMaster(RestrictedMaster):
    """The restricted relaxation with cuts."""

    def __init__(
        self,
        data: ProblemData,
        domains: list[TaskDomain],
        commodities: Commodities,
        limits: Limits,
        settings: SeparationSettings | None = None,
    ) -> None:
        super().__init__(data, domains, commodities, "mean", limits)
        self.settings = settings or SeparationSettings()
        self.max_rounds, self.smoothing = self.settings.rounds, self.settings.smoothing
        if any(self._delay):
            raise ValueError("cuts need one affine bound for each task's delay")
        nothing = np.zeros((len(commodities.task), 0))
        self._even = dual_feasible(data, commodities, [np.ones(1)] * len(domains), nothing, "mean")
        self._pays = self._even.load_weight > 0
        self._allowed = allowed_arcs(domains)
        self._through: dict[int, list[tuple[int, int]]] = {}
        self._path, self._key = array("q"), array("q")
        self._cost: dict[int, int] = {}
        self._cuts: dict[int, list[tuple[int, Floats, float]]] = {}
        self._inner = np.zeros(0)

    def _pass(self, commodity: int, used: Ints, column: int) -> None:
        kind = int(self.commodities.kind[commodity])
        for r in used[self.data.shareable[used]].tolist():
            key = kind * self.data.resources + r
            self._through.setdefault(key, []).append((commodity, column))
            self._path.append(column)
            self._key.append(key * len(self.commodities.task) + commodity)
            for row, price, _ in self._cuts.get(key, ()):
                if price[commodity] > 0:
                    self._lp.put(row, column, -price[commodity] / self._unit(key))

    def add_levels(self, kind: int, r: int, depth: int) -> bool:
        """Change nothing: cuts know all levels."""
        return False

    def _flows(self, values: Floats) -> tuple[Ints, Ints, Floats]:
        """Return resource key, commodity and part of all flows on resources, sorted, each shape (flows,)."""
        path, key = (np.frombuffer(mine, dtype=np.int64) for mine in (self._path, self._key))
        part = np.where(path < len(values), values[np.minimum(path, len(values) - 1)], 0.0)
        some = part > SMALL
        keys, at = np.unique(key[some], return_inverse=True)
        return *np.divmod(keys, len(self.commodities.task)), np.minimum(np.bincount(at, part[some]), 1.0)

    def _contested(self, flows: tuple[Ints, Ints, Floats]) -> tuple[Ints, Ints, Floats, Ints]:
        """Return the flows on resources that bear more than one packet, and their groups by resource."""
        key, commodity, part = flows
        _, group = np.unique(key, return_inverse=True)
        task = self.commodities.task[commodity]
        different = task != task[np.searchsorted(group, group)]  # from its group's first
        more = ((np.bincount(group, part) > 1 + SMALL) & (np.bincount(group, different) > 0))[group]
        key, commodity, part = key[more], commodity[more], part[more]
        return key, commodity, part, np.unique(key, return_inverse=True)[1]

    def separate(self, values: Floats, objective: float) -> float:
        """Add cuts that this point violates, if there are any; return by how much, in all."""
        inner = np.zeros(len(values))
        inner[: len(self._inner)] = self._inner
        total = 0.0
        weight = self.settings.in_out_weight
        for point in ((1 - weight) * values + weight * inner, values) if len(self._inner) else (values,):
            total = self._separate(point, values, self.settings.min_violation * abs(objective))
            self._inner = point
            if total > 0:
                break
        return total

    def _separate(self, point: Floats, values: Floats, least: float) -> float:
        commodities, data = self.commodities, self.data
        key, commodity, part, group = self._contested(self._flows(point))
        if len(key) == 0:
            return 0.0
        weight = self._even.per_packet(data, key % data.resources, commodity)
        paid = np.array([self._paid(at, point) for at in key[firsts(group)].tolist()])
        wrong = (two_levels(group, commodities.task[commodity], weight, part) > paid + least)[group]
        if not wrong.any():
            return 0.0
        key, commodity, group = key[wrong], commodity[wrong], group[wrong]
        part, weight = part[wrong], weight[wrong]
        paid, group = paid[np.unique(group)], np.unique(group, return_inverse=True)[1]
        counts = np.bincount(group)[group]
        nudge = self.settings.perturbation * (1 - counts * part)
        value, price, _ = congestion(group, commodities.task[commodity], weight, part + nudge)
        value -= np.bincount(group, price * nudge)
        first = firsts(group)
        of_key, of_user, of_part = self._flows(values)
        total, stops = 0.0, np.append(first[1:], len(group))
        for i in np.flatnonzero(value > paid + least):
            low, high, at = int(first[i]), int(stops[i]), int(key[first[i]])
            whole, base = self._lift(at, commodity[low:high], price[low:high])
            here = slice(*np.searchsorted(of_key, [at, at + 1]))
            lack = float(whole[of_user[here]] @ of_part[here]) - base - self._paid(at, values)
            if lack > least:
                self.add_cut(at, whole, base)
                total += lack
        return total

    def _lift(self, key: int, old: Ints, price: Floats) -> tuple[Floats, float]:
        """Return λ of all commodities, shape (commodities,), and c(λ), where some are given."""
        commodities = self.commodities
        kind, r = divmod(key, self.data.resources)
        share = self._even.per_packet(self.data, r)
        whole = np.zeros(len(commodities.task))
        whole[old] = price
        join = self._allowed[:, r] & (commodities.kind == kind)
        join[old] = False
        new = np.flatnonzero(join)
        if len(new):
            whole[new] = zero_cost_entry(commodities.task, share, price, old, new)
        whole[whole < self.settings.sparsify_below * whole.max()] = 0.0
        return whole, -resource_bound(price, share[old], commodities.task[old])

    def _unit(self, key: int) -> float:
        """Return what one packet more costs at a resource at most; t_r is counted in it."""
        return float(self._even.per_packet(self.data, key % self.data.resources).max())

    def _paid(self, key: int, values: Floats) -> float:
        """Return t_r in a point."""
        column = self._cost.get(key, len(values))
        return float(values[column]) * self._unit(key) if column < len(values) else 0.0

    def add_cut(self, key: int, price: Floats, base: float) -> None:
        """Add t_r ≥ Σ λ y - base, with multipliers λ of shape (commodities,)."""
        lp = self._lp
        unit = self._unit(key)
        if key not in self._cost:
            self._cost[key] = lp.column(unit)
        row = lp.row(-base / unit, np.inf)
        lp.put(row, self._cost[key], 1.0)
        for commodity, column in self._through.get(key, ()):
            if price[commodity] > 0:
                lp.put(row, column, -price[commodity] / unit)
        self._cuts.setdefault(key, []).append((row, price, base))
        self.cuts.append((key, price, base))
        self.counts["cuts"] += 1

    def inherit(self, other: "CutMaster", values: Floats) -> None:
        """Take over the cuts that are tight at a point of another program of the same tasks, perhaps in other segments.

        A commodity asks for what makes it no more attractive to the resource, in whatever company, than the most
        attractive of the other program's commodities of its task, so that c(λ) stays.
        """
        resources, data = self.data.resources, len(self.commodities.segments)
        at, of_user, of_part = other._flows(values)
        first, task = other.commodities.first[:-1], self.commodities.task[:data]
        for key, cuts in other._cuts.items():
            r = key % resources
            ours, theirs = (mine._even.per_packet(self.data, r) for mine in (self, other))
            floor = float(ours[:data][self._pays[:data]].min(initial=np.inf))
            here = slice(*np.searchsorted(at, [key, key + 1]))
            paid = other._paid(key, values)
            for _, price, base in cuts:
                if paid - float(price[of_user[here]] @ of_part[here]) + base > self.settings.tight * paid:
                    continue
                mine = np.zeros(len(self.commodities.task))
                if key < resources:
                    old, share = price[: len(other.commodities.segments)], theirs[: len(other.commodities.segments)]
                    depth = np.arange(int(min(len(self.domains), old.max() / max(floor, 1e-300) + 2)))
                    worth = np.minimum.reduceat(depth[:, None] * share - old, first, axis=1)[:, task]
                    asked = depth[:, None] * ours[:data] - worth
                    mine[:data] = np.where(self._pays[:data], np.maximum(asked.min(axis=0), 0.0), 0.0)
                else:
                    mine[data:] = price[len(other.commodities.segments) :]
                self.add_cut(key, mine, base)

    def _run(self, limits: Limits) -> Outcome:
        """Run HiGHS; where it cycles, anew without perturbed costs, and if need be by interior points."""
        h = self._lp.h
        if "simplex_iteration_limit" in limits.options:
            return super()._run(limits)
        outcome = self._bounded_run(limits, self.settings.stall_factor, {})
        for options in ({"dual_simplex_cost_perturbation_multiplier": 0.0}, {"solver": "ipm"}):
            if h.getModelStatus() != highspy.HighsModelStatus.kIterationLimit or outcome.pressed:
                return outcome
            h.clearSolver()
            outcome = self._bounded_run(limits, self.settings.cold_stall_factor, options)
        if h.getModelStatus() == highspy.HighsModelStatus.kIterationLimit and not outcome.pressed:
            outcome = replace(outcome, termination=Termination.ERROR)  # nobody has interrupted it
        return outcome

    def _bounded_run(self, limits: Limits, factor: float, options: dict[str, Any]) -> Outcome:
        """Run HiGHS for so many simplex iterations over rows and columns, with some options."""
        h, most = self._lp.h, int(factor * (self._lp.rows + self._lp.columns))
        options = {"simplex_iteration_limit": most, **options}
        usual = {name: h.getOptionValue(name)[1] for name in options}
        for name, value in options.items():
            h.setOptionValue(name, value)
        outcome = super()._run(limits)
        for name, value in usual.items():
            h.setOptionValue(name, value)
        return outcome

    def multipliers(self, duals: Floats, domains: list[TaskDomain]) -> tuple[Multipliers, Floats]:
        """Return the duals as multipliers of all commodities, and each task's dual value, shape (tasks,)."""
        price = np.zeros((len(self.commodities.task), self.data.resources))
        for key, cuts in self._cuts.items():
            unit, r = self._unit(key), key % self.data.resources
            for row, mine, _ in cuts:
                if row < len(duals) and duals[row] > 0:
                    price[:, r] += duals[row] / unit * mine
        thetas = [np.ones(1)] * len(self.domains)
        mu = self.row_multipliers(duals)
        return dual_feasible(self.data, self.commodities, thetas, price, "mean", mu), duals[self._choice]

    def meeting_work(self, values: Floats) -> Floats:
        """Return the data work that other packets add, by share, shape (commodities,) [s]."""
        commodities, data, total = self.commodities, self.data, np.zeros(len(self.commodities.task))
        key, commodity, part, group = self._contested(self._flows(values))
        if len(key):
            r = key % data.resources
            _, _, others = congestion(
                group, commodities.task[commodity], self._even.per_packet(data, r, commodity), part
            )
            bits = np.array([task.bits for task in data.tasks])[
                commodities.task[commodity], commodities.kind[commodity]
            ]
            each = bits * data.per_bit[r]
            if data.share_computing:
                node = np.maximum(r - data.arcs, 0)
                each = np.where(r >= data.arcs, data.server_s[commodities.task[commodity], node], each)
            np.add.at(total, commodity, others * each)
        return np.where(commodities.kind == DATA, total, 0.0)
