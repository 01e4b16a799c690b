"""The proof machinery: incumbent, narrowing, relaxation with prices, integer program, again until they meet.

1. Incumbent U by best response from several orders, then iterated local search (`incumbent`).
2. `narrow`: intervals for the data work A_m from what U allows each task (`scope`). Far values of A_m are one option of
   their own at first, so that the chord over the rest is steep.
3. `relax`: the linear relaxation of the load-indexed program (`master`) over few arcs and levels. Its duals become
   prices; the Lagrangian bound L of these prices (`prices`) holds over *all* arcs in scope and needs no trust in the
   solver. Cheapest paths under the prices bring new arcs, overloaded resources new levels, until L is the relaxation's
   value. Cheapest plans are offered as incumbents.
4. `fix`: arcs, ends and modes whose reduced cost exceeds U - L leave the scopes; A_m is bounded again under the prices
   (`prices.work_bound`). Steps 2-4 repeat while they pay: narrower intervals make steeper chords, a higher L, fewer
   arcs.
5. `squeeze`, when few arcs are left: extremes of A_m and the need of ends and modes by linear programs over solutions
   as good as U.
6. `integer`: the integer program over what is left, with the intervals split at the incumbent's A_m. Its bound is
   valid at every round; its solution gets levels and breakpoints where it was undercharged, until U and L meet.

Every step keeps each solution better than U, so min(U, bound over the scopes) is a lower bound on the optimum.
"""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from formulation import Solution
from instances import Instance
from solvers.best_response import descend
from solvers.exact.direct import Recorder, checked_bound
from solvers.exact.highs import Limits, Outcome, load, memory_gib, run
from solvers.exact.incumbent import cheapest_plans, neighbours, plans_from_values
from solvers.exact.master import Master, build_master
from solvers.exact.prices import Bound, Prices, fix, lift, price_bound, read_prices, work_bound
from solvers.exact.scope import BOTH, first_scopes, tighten, work_limit
from solvers.exact.squeeze import squeeze
from solvers.exact.tables import DATA, MODEL, Tables
from solvers.exact.traffic import Loads, Plan, score, work_of
from solvers.result import Termination, relative_gap

RESTARTS = 8
ROUNDS = 60
RELAX_ROUNDS = 60
WIDENINGS = 3
SQUEEZE_ARCS = 1500
INTEGER_ARCS = 30_000
"""Above this many arcs the integer program is left alone while search and prices still have time."""
CUT_WIDTH = 1e-5


class Proof:
    """State of one proof: scopes, incumbent `upper` with its `plans`, and the bound `lower`."""

    def __init__(
        self,
        instance: Instance,
        packets: Solution | None,
        objective: str,
        limits: Limits,
        recorder: Recorder,
        seed: int = 0,
    ) -> None:
        self.tables = Tables(instance, packets)
        self.objective, self.limits, self.recorder = objective, limits, recorder
        self.scopes = first_scopes(self.tables)
        least = [scope.least_s for scope in self.scopes]
        self.lower = sum(least) / len(least) if objective == "mean" else max(least)
        self.upper = math.inf
        self.plans: dict[int, Plan] = {}
        self.rng = np.random.default_rng(seed)
        self.levels = [np.ones(self.tables.resources, dtype=np.int64) for _ in (DATA, MODEL)]
        self.pool = np.zeros((2, len(self.scopes), self.tables.resources), dtype=bool)
        self.build_s = recorder.elapsed()
        self.ended: Termination | None = None

    @property
    def done(self) -> bool:
        """Whether the gap is closed as far as was asked."""
        gap = relative_gap(self.upper, self.lower)
        return gap is not None and gap <= self.limits.mip_gap

    def limits_now(self) -> Limits:
        """Return the limits with the time that is left."""
        if self.limits.time_s is None:
            return self.limits
        return replace(self.limits, time_s=max(self.limits.time_s - self.recorder.elapsed(), 0.0))

    @property
    def stopped(self) -> bool:
        """Whether a limit has been met."""
        if self.ended is None:
            if self.limits.time_s is not None and self.recorder.elapsed() >= self.limits.time_s:
                self.ended = Termination.TIME_LIMIT
            elif self.limits.memory_gib is not None and memory_gib() > self.limits.memory_gib:
                self.ended = Termination.MEMORY_LIMIT
        return self.ended is not None

    def note(self, outcome: Outcome) -> None:
        """Remember that a solver run was stopped from outside."""
        if outcome.termination in (Termination.INTERRUPTED, Termination.MEMORY_LIMIT):
            self.ended = outcome.termination

    def offer(self, plans: dict[int, Plan] | None) -> None:
        """Take plans as the incumbent if they are better; their arcs join the relaxation.

        Raises
        ------
        RuntimeError
            If they are better than what had been proven to be a bound.
        """
        if plans is None:
            return
        for m, plan in plans.items():
            for kind in (DATA, MODEL):
                used = plan.packet(kind)
                if used is not None:
                    self.pool[kind, m, used] = True
        value = score(self.tables, plans, self.objective)[0]
        if value < self.upper:
            self.upper, self.plans = value, plans
            self.lower = checked_bound(self.lower, self.upper) or 0.0
            self.recorder(self.upper, self.lower)

    def raise_bound(self, value: float) -> None:
        """Take a valid bound on solutions in scope: with the incumbent it bounds the optimum."""
        value = min(value, self.upper)
        if value > self.lower:
            self.lower = value
            self.recorder(self.upper, self.lower)

    def descend_from(self, order: list[int], plans: dict[int, Plan] | None = None) -> None:
        """Offer what best response reaches."""
        self.offer(descend(self.tables, self.scopes, self.objective, order, plans))

    def restart(self, runs: int) -> None:
        """Descend from the empty network, in file order and in random ones, for as long as it takes to have one."""
        order = list(range(len(self.scopes)))
        for i in range(runs):
            if i:
                self.rng.shuffle(order)
            self.descend_from(list(order))
            if (self.stopped or self.done) and self.plans:
                return

    def improve(self, tries: int) -> None:
        """Search on from the incumbent: take a few tasks out, put them back in random order, respond."""
        n = len(self.scopes)
        for attempt in range(tries):
            if self.stopped or self.done or n == 1:
                return
            out = neighbours(self.plans, self.rng) if attempt % 2 else self.rng.choice(n, min(n, 3), False).tolist()
            kept = {m: plan for m, plan in self.plans.items() if m not in out}
            rest = self.rng.permutation([m for m in range(n) if m not in out]).tolist()
            self.descend_from([*out, *rest], kept)

    def narrow(self) -> None:
        """Bound A_m by what the incumbent allows each task."""
        n, total = len(self.scopes), sum(scope.least_s for scope in self.scopes)
        for m, scope in enumerate(self.scopes):
            tighten(self.tables, m, scope)
            task = self.tables.tasks[m]
            allowed = self.upper if self.objective == "max" else self.upper * n - total + scope.least_s
            allowed = allowed * (1 + 1e-9) + 1e-9
            scope.data_high = max(min(scope.data_high, allowed), scope.data_low)
            if task.fixed_ratio is not None or not (BOTH in scope.modes or scope.has_far):
                scope.far = False
                continue
            limit = work_limit(task, allowed, scope.floor[1])
            if not math.isfinite(scope.high):
                scope.high = self._near(m)
            if limit <= scope.high or not scope.has_far:
                scope.far = False  # A_m > high is not allowed, or the mode that stood for it has been excluded
                scope.high = max(min(limit, scope.high), scope.low)
            elif BOTH not in scope.modes:
                self.expand(m, 2.0 * scope.high)

    def expand(self, m: int, high: float) -> None:
        """Let A_m go up to `high` again; beyond a large value, to whatever can be."""
        scope, task = self.scopes[m], self.tables.tasks[m]
        own, far = self.tables.own_arcs(m), high <= 1e3 * (scope.floor[0] + task.small_s)
        scope.expand(own, high if far else self._cap(m), far)

    def _near(self, m: int) -> float:
        """Return where to cut the interval of A_m: a little beyond the incumbent's."""
        task, scope = self.tables.tasks[m], self.scopes[m]
        work, _ = work_of(self.tables, Loads(self.tables, self.plans), m, self.plans[m])
        return max(work, scope.low) + 0.15 * (max(work, scope.low) + task.small_s)

    def _cap(self, m: int) -> float:
        """Return an upper bound on A_m in any solution whatever: everyone on every resource."""
        task = self.tables.tasks[m]
        everything = len(self.scopes) * float(self.tables.per_bit.sum())
        return task.bits[DATA] * everything + float(task.large_s.max(initial=0.0))

    def relax(self) -> tuple[Prices, Bound] | None:
        """Solve the relaxation by generating arcs and levels; raise the bound, return the best prices."""
        self.recorder.phase = "relaxation"
        best: tuple[Prices, Bound] | None = None
        for _ in range(RELAX_ROUNDS):
            arcs = [
                [np.flatnonzero(self.pool[k, m] & scope.arcs[k]) for m, scope in enumerate(self.scopes)]
                for k in (DATA, MODEL)
            ]
            started = time.perf_counter()
            master = build_master(self.tables, self.scopes, self.levels, self.objective, arcs=arcs)
            self.build_s += time.perf_counter() - started
            outcome = run(load(master.program, self.limits_now()), self.limits_now())
            self.note(outcome)
            if outcome.duals is None and (outcome.termination is not Termination.INFEASIBLE or best is not None):
                break
            duals = np.zeros(len(master.row_kind)) if outcome.duals is None else outcome.duals
            prices = read_prices(self.tables, self.scopes, master, duals, self.objective)
            known = np.zeros(prices.price.shape, dtype=bool)
            known[master.kind, master.task, master.resource] = True
            lift(self.tables, self.scopes, prices, known)
            bound = price_bound(self.tables, self.scopes, prices)
            self.raise_bound(bound.value)
            if best is None or bound.value > best[1].value:
                best = prices, bound
            added = self._add_arcs(bound)
            deeper = 0 if outcome.values is None else self._add_levels(master, outcome.values)
            close = outcome.objective is not None and (
                outcome.objective - bound.value < 0.01 * (self.upper - self.lower)
            )
            if self.done or self.stopped or (deeper == 0 and (added == 0 or close)):
                break
        return best

    def _add_arcs(self, bound: Bound) -> int:
        """Give the relaxation the cheapest path of every packet to every end under the prices."""
        before = int(self.pool.sum())
        for m, costs in enumerate(bound.tasks):
            for kind in (DATA, MODEL):
                for c in self.scopes[m].ends:
                    if np.isfinite(costs.parts[kind][c]):
                        stop = self.tables.end_of(int(self.tables.tasks[m].ends[c]), kind)
                        start = self.tables.start_of(m, kind)
                        self.pool[kind, m, self.tables.trace(costs.before[kind], stop, start, kind)] = True
        return int(self.pool.sum()) - before

    def _add_levels(self, master: Master, values: Any) -> int:
        """Give one more level than their load to resources that the relaxation shares."""
        loads = np.zeros((2, self.tables.resources))
        np.add.at(loads, (master.kind, master.resource), values[: master.uses])
        deeper = 0
        for kind in (DATA, MODEL):
            users = np.sum([scope.arcs[kind] for scope in self.scopes], axis=0)
            shared = (loads[kind] > 1 + 1e-6) & self.tables.shareable
            want = np.where(shared, np.ceil(loads[kind] - 1e-6) + 1, 1)
            want = np.minimum(want, np.maximum(users, 1)).astype(np.int64)
            deeper += int((want > self.levels[kind]).sum())
            self.levels[kind] = np.maximum(self.levels[kind], want)
        return deeper

    def shrink(self, prices: Prices, bound: Bound) -> None:
        """Fix by reduced costs and bound A_m under the prices."""
        fix(self.tables, self.scopes, prices, bound, self.upper)
        for m, scope in enumerate(self.scopes):
            if BOTH in scope.modes and self.tables.tasks[m].fixed_ratio is None:
                high = work_bound(self.tables, self.scopes, prices, bound, self.upper, m)
                scope.high = max(scope.low, min(scope.high, high))

    @property
    def tries(self) -> int:
        """Number of perturbations worth their time: fewer where every search is dear."""
        return 60 if len(self.scopes) * self.tables.resources < 20_000 else 12

    @property
    def arcs_left(self) -> int:
        """Number of arcs in scope."""
        return sum(int(mask.sum()) for scope in self.scopes for mask in scope.arcs)

    def integer(self) -> bool:
        """Solve the integer program over what is left once; tell whether anything moved."""
        self.recorder.phase = "integer program"
        before = self.upper, self.lower
        started = time.perf_counter()
        master = build_master(self.tables, self.scopes, self.levels, self.objective, integer=True)
        limits = replace(self.limits_now(), mip_gap=self.limits.mip_gap * 0.5)
        h = load(master.program, limits)
        self.build_s += time.perf_counter() - started

        def watch(_: float | None, bound: float | None) -> bool:
            if bound is not None:
                self.raise_bound(bound)
            return self.done

        outcome = run(h, limits, watch)
        self.note(outcome)
        if outcome.termination is Termination.INFEASIBLE:
            self.raise_bound(self.upper)  # nothing better than the incumbent is left in scope
        if outcome.bound is not None:
            self.raise_bound(outcome.bound)
        if outcome.values is None:
            return (self.upper, self.lower) != before
        plans = plans_from_values(self.tables, master, self.scopes, outcome.values)
        self.offer(plans)
        changed = self.refine(plans)
        self.descend_from(self.rng.permutation(len(plans)).tolist(), plans)
        return changed or (self.upper, self.lower) != before

    def refine(self, plans: dict[int, Plan]) -> bool:
        """Give levels and breakpoints where these plans would be undercharged; tell whether any were new."""
        loads, changed = Loads(self.tables, plans), False
        for kind in (DATA, MODEL):
            deeper = np.maximum(self.levels[kind], np.where(self.tables.shareable, loads.count[kind], 1))
            changed |= bool((deeper > self.levels[kind]).any())
            self.levels[kind] = deeper
        for m, plan in plans.items():
            scope, task = self.scopes[m], self.tables.tasks[m]
            work, _ = work_of(self.tables, loads, m, plan)
            if plan.data is None and scope.has_far:
                self.expand(m, scope.high * 3.0)
                changed = True
            if plan.data is not None and plan.model is not None and task.fixed_ratio is None:
                if scope.has_far and work > scope.high:
                    self.expand(m, work * (1 + 1e-4))
                    changed = True
                known = [cut for cut in scope.cuts if abs(cut - work) <= 2 * CUT_WIDTH * work]
                if len(known) < 2:
                    scope.cuts += [work * (1 - CUT_WIDTH), work * (1 + CUT_WIDTH)]
                    changed = True
        return changed

    def tighten_rounds(self) -> None:
        """Repeat narrowing, relaxation and fixing while they pay."""
        widened = 0
        for number in range(ROUNDS):
            before = self.lower
            self.narrow()
            found = self.relax()
            if found is None or self.done or self.stopped:
                return
            self.offer(cheapest_plans(self.tables, found[1]))
            self.descend_from(self.rng.permutation(len(self.scopes)).tolist(), cheapest_plans(self.tables, found[1]))
            self.shrink(*found)
            if number in (0, 6):
                self.improve(self.tries)
            elif self.lower - before < 0.02 * (self.upper - self.lower):
                if widened == WIDENINGS or self.arcs_left > INTEGER_ARCS or not self._widen():
                    return
                widened += 1
            if self.done or self.stopped:
                return

    def _widen(self) -> bool:
        """Move the far values of A_m further away; tell whether there were any."""
        far = [m for m, scope in enumerate(self.scopes) if scope.has_far]
        for m in far:
            self.expand(m, self.scopes[m].low + 2.0 * (self.scopes[m].high - self.scopes[m].low))
        return bool(far)

    def run(self) -> None:
        """Prove until done or stopped."""
        self.recorder.phase = "best response"
        self.restart(RESTARTS)
        if self.done:
            return
        self.tighten_rounds()
        while not (self.done or self.stopped) and self.arcs_left > INTEGER_ARCS and self.limits.time_s is not None:
            before = self.upper
            self.recorder.phase = "local search"
            self.improve(2 * self.tries)
            if self.upper < before:
                self.tighten_rounds()
            elif self.recorder.elapsed() > 0.7 * self.limits.time_s:
                break
        if not (self.done or self.stopped) and self.arcs_left <= SQUEEZE_ARCS:
            squeeze(self)
        self.refine(self.plans)
        while not (self.done or self.stopped):
            if not self.integer():
                return
