"""The proof machinery: incumbent, pieces, relaxation with prices, a tree, again until bound and value meet.

1. Incumbent U by best response from several orders, then local search (`search`), dives (`dive`) and, with many tasks,
   crossovers of where dives end (`crossing`).
2. `divide`, `narrow`: the cases of each task, with intervals for the data work A_m (`pieces`), from what U allows it.
3. `relax`: the linear relaxation of the load-indexed program over paths (`cuts`, `columns`), generated as they are
   needed (`relaxation`). Its duals become prices; the Lagrangian bound L of these prices (`prices`) holds over *all*
   arcs in scope and needs no trust in the solver. Cheapest plans under the prices, and dives, are offered as
   incumbents.
4. `fix`: arcs, ends and pieces whose reduced cost exceeds U - L leave the scopes. Where the relaxation, or the
   incumbent, is charged too little by a chord, its interval is cut (`sharpen`). Steps 2-4 repeat while they pay:
   narrower intervals make steeper chords, a higher L, fewer arcs.
5. `branch`: a tree of such relaxations (`branch`). Where it is stranded for the chords' sake they are cut, and the tree
   goes on with what it has left.
6. `integer`, where nothing could be cut, for the last of rounding: the integer program over what is left (`master`),
   with levels and breakpoints where its solution was charged too little.

In place of U stands the *cutoff*, U less the gap that was asked for: solutions between the two do not matter.
With two threads (`aside`) a copy of the process does half of the search for incumbents and half of the tree's nodes.

Every step keeps each solution better than the cutoff, so min(cutoff, bound over the scopes) is a lower bound on the
optimum.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from formulation import Solution
from instances import Instance
from solvers.backends.highs import load, run
from solvers.backends.memory import memory_gib
from solvers.backends.program import Limits, Outcome
from solvers.exact.branch_and_price.column_generation import Relaxation
from solvers.exact.branch_and_price.compact.decode import plans_from_values
from solvers.exact.branch_and_price.compact.interval import close
from solvers.exact.branch_and_price.compact.model import build_master
from solvers.exact.branch_and_price.domains.domain import first_scopes
from solvers.exact.branch_and_price.domains.refinement import first_pieces, narrow, sharpen
from solvers.exact.branch_and_price.heuristics.crossover import cross, kept
from solvers.exact.branch_and_price.heuristics.diving import FREE, Dives
from solvers.exact.branch_and_price.heuristics.rounding import cheapest_plans
from solvers.exact.branch_and_price.heuristics.ruin_recreate import Search
from solvers.exact.branch_and_price.master.base import Paths
from solvers.exact.branch_and_price.master.column_filter import Openness
from solvers.exact.branch_and_price.parallel import Aside, possible
from solvers.exact.branch_and_price.pricing.fixing import fix, fix_alone
from solvers.exact.branch_and_price.pricing.lagrangian import Bound
from solvers.exact.branch_and_price.pricing.multipliers import Prices
from solvers.exact.branch_and_price.tree.search import Tree
from solvers.exact.trace import Recorder, checked_bound
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import Tables
from solvers.network.descent import descend
from solvers.network.plans import solution_of
from solvers.network.traffic import Loads, Plan, score, work_of
from solvers.result import Termination, relative_gap

RESTARTS = 160
"""Descents from the empty network, times tasks; eight at most."""
ROUNDS = 60
CUT_SHARE = 0.1
"""Share of the gap that the chords of all tasks together may lose where the relaxation is."""
MOST_MOVES = 3000
DIVES, TASKS_A_DIVE = 2, 10
"""Dives after a relaxation; with many tasks, one for each so many of them before the tree."""
MANY = 40
"""Tasks from which on every start of a dive is followed by dives near its own end."""
CROSSOVERS = 40
"""Crossovers that may bring no better incumbent."""
LOSS, TINY = 0.2, 1e-11
"""What chords may charge a plan too little, over the gap that was asked for; relative to the incumbent at least."""
PAYS = 0.2
"""Share of the gap by which a round of the relaxation has to close it to be followed by another."""
SLACK = 1e-6
"""Relative amount above the incumbent, above the solver's tolerances, up to which the integer program looks."""
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
        self.objective, self.limits, self.recorder = objective, replace(limits, threads=1), recorder
        self.hands = 2 if limits.threads > 1 and "threads" not in limits.options and possible() else 1
        self.scopes = first_scopes(self.tables)
        least = [scope.least_s for scope in self.scopes]
        self.lower = sum(least) / len(least) if objective == "mean" else max(least)
        self.upper = math.inf
        self.plans: dict[int, Plan] = {}
        self.networks: list[dict[int, Plan]] = []
        self.rng = np.random.default_rng(seed)
        self.levels = [np.ones(self.tables.resources, dtype=np.int64) for _ in (DATA, MODEL)]
        self.relaxation = Relaxation(self)
        self.build_s = recorder.elapsed()
        self.ended: Termination | None = None

    @property
    def done(self) -> bool:
        """Whether the gap is closed as far as was asked."""
        gap = relative_gap(self.upper, self.lower)
        return gap is not None and gap <= self.limits.mip_gap

    @property
    def cutoff(self) -> float:
        """Value from which on solutions are of no interest: they do not close the gap further than was asked."""
        return self.upper / (1 + self.limits.mip_gap * (1 - 1e-6))

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

    def solve(self, columns: Paths, share: float) -> Outcome:
        """Solve the relaxation over the paths known and open, to this share of the gap, with the time that is left."""
        outcome = columns.solve(self.limits_now(), share * max(self.cutoff - self.lower, 0.0))
        self.note(outcome)
        return outcome

    def offer(self, plans: dict[int, Plan] | None) -> None:
        """Take plans as the incumbent if they are better; their arcs join the relaxation.

        Raises
        ------
        RuntimeError
            If they are better than what had been proven to be a bound.
        """
        if plans is None:
            return
        self.relaxation.know_plans(plans)
        value = score(self.tables, plans, self.objective)[0]
        if value < self.upper:
            self.upper, self.plans = value, plans
            self.lower = checked_bound(self.lower, self.upper) or 0.0
            self.recorder(self.upper, self.lower)

    @property
    def many(self) -> bool:
        """Whether there are so many tasks that one incumbent's neighbourhood is not enough."""
        return len(self.scopes) >= MANY

    @property
    def crosses(self) -> bool:
        """Whether networks are crossed: for the mean, with many tasks."""
        return self.objective == "mean" and self.many

    def keep(self, plans: dict[int, Plan]) -> None:
        """Keep a network for crossovers, instead of another one if there are enough."""
        self.networks = kept(self.tables, self.networks, plans)

    def solution(self) -> Solution | None:
        """Return the incumbent."""
        return solution_of(self.tables, self.plans) if self.plans else None

    def raise_bound(self, value: float) -> None:
        """Take a valid bound on solutions in scope: with the cutoff it bounds the optimum."""
        value = min(value, self.cutoff)
        if value > self.lower:
            self.lower = value
            self.recorder(self.upper, self.lower)

    def descend_from(self, order: list[int], plans: dict[int, Plan] | None = None) -> dict[int, Plan] | None:
        """Offer what best response reaches, and return it."""
        reached = descend(self.tables, self.scopes, self.objective, order, plans)
        self.offer(reached)
        return reached

    def restart(self, runs: int) -> None:
        """Descend from the empty network, in file order and in random ones, for as long as it takes to have one."""
        order = list(range(len(self.scopes)))
        for i in range(runs):
            if i:
                self.rng.shuffle(order)
            self.descend_from(list(order))
            if (self.stopped or self.done) and self.plans:
                return

    def divide(self) -> None:
        """Cut every task's interval of A_m at the incumbent's, and a little beyond."""
        loads = Loads(self.tables, self.plans)
        for m, scope in enumerate(self.scopes):
            task = self.tables.tasks[m]
            work = max(work_of(self.tables, loads, m, self.plans[m])[0], scope.low)
            scope.pieces = first_pieces(self.tables, m, scope, [work, work + 0.15 * (work + task.small_s)])

    def narrow(self) -> None:
        """Bound A_m by what the cutoff allows each task."""
        n, total = len(self.scopes), sum(scope.least_s for scope in self.scopes)
        for m, scope in enumerate(self.scopes):
            allowed = self.cutoff if self.objective == "max" else self.cutoff * n - total + scope.least_s
            allowed = allowed * (1 + 1e-9) + 1e-9
            scope.data_high = max(min(scope.data_high, allowed), scope.data_low)
            narrow(self.tables, m, scope, allowed)
            if not scope.pieces:
                self.raise_bound(self.upper)  # nothing better than the cutoff is left in scope

    def expand(self, m: int, high: float) -> None:
        """Let A_m go up to `high` again; beyond a large value, to whatever can be."""
        scope, task = self.scopes[m], self.tables.tasks[m]
        far = high <= 1e3 * (scope.floor[0] + task.small_s)
        scope.expand(high if far else self._cap(m), far)

    def _cap(self, m: int) -> float:
        """Return an upper bound on A_m in any solution whatever: everyone on every resource."""
        task = self.tables.tasks[m]
        everything = len(self.scopes) * float(self.tables.per_bit.sum())
        return task.bits[DATA] * everything + float(task.large_s.max(initial=0.0))

    def relax(self) -> tuple[Prices, Bound]:
        """Raise the bound by the relaxation; return the best prices with theirs."""
        self.recorder.phase = "relaxation"
        return self.relaxation.solve()

    def seek(self, dives: Dives, starts: int, moves: int) -> None:
        """Look for a better incumbent by dives and local search, half of it on the side if there are two hands.

        Parameters
        ----------
        starts, moves
            Number of dives from the root, and of moves of the annealing.
        """
        hands = self.hands if len(self.scopes) > FREE else 1

        def look(first: bool) -> None:
            astray = [i > 0 or not first for i in range(-(-starts // hands))]
            dives.from_root(astray, min(starts, DIVES) / hands)
            Search(self).run(moves // hands)

        self._by_hands(hands, look)

    def _by_hands(self, hands: int, work: Callable[[bool], None]) -> None:
        """Do this work with one hand, or with two at once; told which it is of them."""

        def aside() -> tuple[dict[int, Plan], list[dict[int, Plan]]]:
            self.to_one_side()
            before = self.networks
            work(False)
            return self.plans, [plans for plans in self.networks if not any(plans is old for old in before)]

        if hands == 1:
            work(True)
            return
        with Aside(aside) as other:
            work(True)
            back = None if self.hurried else other.result()
        if back is not None:
            self.offer(back[0])
            for plans in back[1]:
                self.keep(plans)

    @property
    def hurried(self) -> bool:
        """Whether to wait for nothing and nobody."""
        return self.done or self.ended in (Termination.INTERRUPTED, Termination.MEMORY_LIMIT)

    def to_one_side(self) -> None:
        """Go on with this copy of the process as another would: by other random numbers, and silently."""
        self.recorder.mute()
        self.rng = np.random.default_rng(self.rng.integers(2**63, size=2))

    @property
    def moves(self) -> int:
        """Number of moves worth their time."""
        return min(40 + len(self.scopes) ** 2, MOST_MOVES)

    @property
    def arcs_left(self) -> int:
        """Number of arcs in scope."""
        return sum(int(mask.sum()) for scope in self.scopes for mask in scope.arcs)

    def integer(self) -> bool:
        """Solve the integer program over what is left once; tell whether anything moved."""
        self.recorder.phase = "integer program"
        before = self.upper, self.lower
        started = time.perf_counter()
        highest = self.upper * (1 + SLACK)
        master = build_master(self.tables, self.scopes, self.levels, self.objective, integer=True, highest=highest)
        limits = replace(self.limits_now(), mip_gap=self.limits.mip_gap * 0.5)
        h = load(master.program, limits)
        self.build_s += time.perf_counter() - started

        def watch(_: float | None, bound: float | None) -> bool:
            if bound is not None:
                self.raise_bound(bound)
            return self.done

        outcome = run(h, limits, watch)
        self.note(outcome)
        if outcome.termination is Termination.TIME_LIMIT:
            self.ended = outcome.termination  # it had all the time that was left
        if outcome.termination is Termination.INFEASIBLE:
            self.raise_bound(self.upper)  # nothing better than the cutoff is left in scope
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
        loads, changed = Loads(self.tables, plans), self.deepen(plans)
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
                for near in (work * (1 - CUT_WIDTH), work * (1 + CUT_WIDTH)):
                    low, high = sorted((work + 0.2 * (near - work), work + 2 * (near - work)))
                    if not any(low <= cut <= high for cut in scope.cuts):
                        scope.cuts.append(near)
                        changed = True
        return changed

    def deepen(self, plans: dict[int, Plan]) -> bool:
        """Give resources as many levels as these plans load them; tell whether any were new."""
        loads, changed = Loads(self.tables, plans), False
        for kind in (DATA, MODEL):
            deeper = np.maximum(self.levels[kind], np.where(self.tables.shareable, loads.count[kind], 1))
            changed |= bool((deeper > self.levels[kind]).any())
            self.levels[kind] = deeper
        return changed

    def tighten_rounds(self) -> None:
        """Repeat relaxation, fixing, narrowing and cutting while they pay."""
        if not self.scopes[0].pieces:
            self.divide()
            self.deepen(self.plans)
        self.narrow()
        for number in range(ROUNDS):
            if self.done or self.stopped:
                return
            before = self.lower
            prices, bound = self.relax()
            if self.done or self.stopped:
                return
            plans = cheapest_plans(self.tables, bound, prices.users)
            self.offer(plans)
            self.descend_from(self.rng.permutation(len(self.scopes)).tolist(), plans)
            columns = self.relaxation.columns
            waits = self.crosses and number > 0  # for the dives before the tree
            if len(self.scopes) > 1 and columns is not None and not waits:
                starts, moves = (DIVES, self.moves) if number < 2 else (1, self.moves // 4)
                self.seek(Dives(self, columns, Openness(columns)), starts, moves)
            if self.done or self.stopped:
                return
            fix(self.tables, self.scopes, prices, bound, self.cutoff)
            if self.objective == "max":
                fix_alone(self.tables, self.scopes, self.cutoff)
            self.narrow()
            cuts = self.relaxation.cut(CUT_SHARE / len(self.scopes))
            sharper = self.sharpen([self.plans])
            if self.lower - before < PAYS * (self.upper - self.lower) and not (number == 0 and (cuts or sharper)):
                return

    def branch(self) -> None:
        """Search a tree, with chords and levels refined wherever it is stuck, for as long as they can be."""
        prices, bound = self.relax()
        if self.done or self.stopped:
            return
        self.recorder.phase = "tree"
        columns = self.relaxation.columns
        if self.many and columns is not None:
            dives = Dives(self, columns, Openness(columns))
            self.seek(dives, len(self.scopes) // TASKS_A_DIVE, self.moves // 4)
            if self.crosses and not (self.done or self.stopped):
                self.keep(self.plans)
                self._by_hands(self.hands, lambda _: cross(self, CROSSOVERS // self.hands))
        tree = Tree(self, prices, bound)
        tree.run()
        while not (self.done or self.stopped):
            before = [list(scope.pieces) for scope in self.scopes]
            if not self.sharpen([self.plans, *tree.plans]):
                return
            tree.renew(before)
            tree.run()

    def sharpen(self, networks: list[dict[int, Plan]]) -> bool:
        """Make levels and chords of the relaxation exact at these plans; tell whether they were not."""
        changed, allowance = False, max(LOSS * self.limits.mip_gap, TINY) * self.upper
        for plans in networks:
            loads = Loads(self.tables, plans)
            changed |= self.deepen(plans)
            for m, plan in plans.items():
                if plan.data is not None and plan.model is not None and self.tables.tasks[m].fixed_ratio is None:
                    work, fixed = work_of(self.tables, loads, m, plan)
                    changed |= sharpen(self.tables.tasks[m], self.scopes[m], work, fixed, allowance)
        return changed

    def run(self) -> None:
        """Prove until done or stopped."""
        self.recorder.phase = "best response"
        self.restart(max(2, min(8, RESTARTS // len(self.scopes))))
        if self.done:
            return
        self.tighten_rounds()
        if not (self.done or self.stopped):
            self.branch()
        if not (self.done or self.stopped):
            self.tighten_rounds()
        if self.done or self.stopped:
            return
        for task, scope in zip(self.tables.tasks, self.scopes, strict=True):
            close(task, scope)
        self.refine(self.plans)
        while not (self.done or self.stopped):
            if not self.integer():
                return
