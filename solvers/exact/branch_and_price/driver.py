"""The proof machinery: incumbent, segments, relaxation with multipliers, a tree, again until bound and value meet.

1. Incumbent U by best response from several orders, then local search (`search`), diving (`dive`) and, with many tasks,
   crossovers of where diving end (`crossing`).
2. `divide`, `narrow`: the cases of each task, with intervals for the data work A_m (`segments`), from what U allows it.
3. `relax`: the linear relaxation of the load-indexed program over paths (`cuts`, `master`), generated as they are
   needed (`relaxation`). Its duals become multipliers; the Lagrangian bound L of these multipliers (`multipliers`)
   holds over *all* arcs in the domain and needs no trust in the solver. Cheapest plans under the multipliers, and
   diving, are offered as incumbents.
4. `reduced_cost_fixing`: arcs, ends and segments whose reduced cost exceeds U - L leave the domains. Where the
relaxation, or the
   incumbent, is charged too little by a chord, its interval is cut (`refine_segments`). Steps 2-4 repeat while they
   pay: narrower intervals make steeper chords, a higher L, fewer arcs.
5. `branch`: a tree of such relaxations (`branch`). Where it is inexact for the chords' sake they are cut, and the tree
   goes on with what it has left.
6. `integer`, where nothing could be cut, for the last of rounding: the integer program over what is left (`compact`),
   with levels and breakpoints where its solution was charged too little.

In place of U stands the *cutoff*, U less the gap that was asked for: solutions between the two do not matter.
With two threads (`worker`) a copy of the process does half of the search for incumbents and half of the tree's nodes.

Every step keeps each solution better than the cutoff, so min(cutoff, bound over the domains) is a lower bound on the
optimum.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from formulation import Problem, Solution
from instances import Instance
from solvers.backends.highs import load, run
from solvers.backends.memory import memory_gib
from solvers.backends.program import Limits, Outcome
from solvers.exact.branch_and_price.column_generation import ColumnGeneration
from solvers.exact.branch_and_price.compact.decode import plans_from_values
from solvers.exact.branch_and_price.compact.interval import to_interval_form
from solvers.exact.branch_and_price.compact.model import build_compact_model
from solvers.exact.branch_and_price.domains.domain import initial_domains
from solvers.exact.branch_and_price.domains.refinement import initial_segments, refine_segments, tighten_segments
from solvers.exact.branch_and_price.heuristics.crossover import kept, run_crossovers
from solvers.exact.branch_and_price.heuristics.diving import FREE, Diving
from solvers.exact.branch_and_price.heuristics.rounding import cheapest_plans
from solvers.exact.branch_and_price.heuristics.ruin_recreate import RuinRecreate
from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.parallel import ForkedWorker, can_fork
from solvers.exact.branch_and_price.pricing.fixing import reduced_cost_fixing, single_task_fixing
from solvers.exact.branch_and_price.pricing.lagrangian import LagrangianBound
from solvers.exact.branch_and_price.pricing.multipliers import Multipliers
from solvers.exact.branch_and_price.tree.search import TreeSearch
from solvers.exact.trace import Recorder, checked_bound
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import ProblemData
from solvers.network.descent import descend
from solvers.network.plans import solution_of
from solvers.network.traffic import Loads, Plan, excess_of, score, work_of
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
"""Tasks from which on every start of a dive is followed by diving near its own end."""
CROSSOVERS = 40
"""Crossovers that may bring no better incumbent."""
LOSS, TINY = 0.2, 1e-11
"""What chords may charge a plan too little, over the gap that was asked for; relative to the incumbent at least."""
PAYS = 0.2
"""Share of the gap by which a round of the relaxation has to close it to be followed by another."""
SLACK = 1e-6
"""Relative amount above the incumbent, above the solver's tolerances, up to which the integer program looks."""
CUT_WIDTH = 1e-5
REACH = 2.0
"""Factor above the first plans' value up to which solutions are looked for while there is no incumbent."""


class BranchAndPrice:
    """State of one proof: domains, incumbent `upper` with its `plans`, and the bound `lower`."""

    def __init__(
        self,
        problem: Instance | Problem,
        packets: Solution | None,
        objective: str,
        limits: Limits,
        recorder: Recorder,
        seed: int = 0,
    ) -> None:
        self.data = ProblemData(problem, packets)
        self.objective, self.limits, self.recorder = objective, replace(limits, threads=1), recorder
        self.processes = 2 if limits.threads > 1 and "threads" not in limits.options and can_fork() else 1
        self.domains = initial_domains(self.data)
        least = np.array([domain.least_s for domain in self.domains])
        self.dual_bound = float(self.data.delay_weights @ least if objective == "mean" else least.max())
        self.primal_bound = self.reach = math.inf
        self.plans: dict[int, Plan] = {}
        self.solutions: list[dict[int, Plan]] = []
        self.rng = np.random.default_rng(seed)
        self.load_levels = [np.ones(self.data.resources, dtype=np.int64) for _ in (DATA, MODEL)]
        self.relaxation = ColumnGeneration(self)
        self.build_s = recorder.elapsed()
        self.termination: Termination | None = None

    @property
    def gap_closed(self) -> bool:
        """Whether the gap is closed as far as was asked, or nothing is left below `reach`."""
        gap = relative_gap(min(self.primal_bound, self.reach), self.dual_bound)
        return gap is not None and gap <= self.limits.mip_gap

    @property
    def cutoff(self) -> float:
        """Value from which on solutions are of no interest: they do not close the gap further than was asked."""
        return min(self.primal_bound, self.reach) / (1 + self.limits.mip_gap * (1 - 1e-6))

    def limits_now(self) -> Limits:
        """Return the limits with the time that is left."""
        if self.limits.time_s is None:
            return self.limits
        return replace(self.limits, time_s=max(self.limits.time_s - self.recorder.elapsed(), 0.0))

    @property
    def stopped(self) -> bool:
        """Whether a limit has been met."""
        if self.termination is None:
            if self.limits.time_s is not None and self.recorder.elapsed() >= self.limits.time_s:
                self.termination = Termination.TIME_LIMIT
            elif self.limits.memory_gib is not None and memory_gib() > self.limits.memory_gib:
                self.termination = Termination.MEMORY_LIMIT
        return self.termination is not None

    def note(self, outcome: Outcome) -> None:
        """Remember that a solver run was stopped from outside."""
        if outcome.termination in (Termination.INTERRUPTED, Termination.MEMORY_LIMIT):
            self.termination = outcome.termination

    def solve(self, master: RestrictedMaster, share: float) -> Outcome:
        """Solve the relaxation over the paths known and open, to this share of the gap, with the time that is left."""
        outcome = master.solve(self.limits_now(), share * max(self.cutoff - self.dual_bound, 0.0))
        self.note(outcome)
        return outcome

    def try_solution(self, plans: dict[int, Plan] | None) -> None:
        """Take plans as the incumbent if they are better; their arcs join the relaxation.

        Raises
        ------
        RuntimeError
            If they are better than what had been proven to be a bound.
        """
        if plans is None:
            return
        self.relaxation.add_plans(plans)
        value = score(self.data, plans, self.objective)[0]
        if excess_of(self.data, plans) > 0:
            if math.isinf(self.primal_bound) and (
                not self.plans or value < score(self.data, self.plans, self.objective)[0]
            ):
                self.plans = plans  # the best to begin with
            return
        if value < self.primal_bound:
            self.primal_bound, self.plans = value, plans
            self.dual_bound = checked_bound(self.dual_bound, self.primal_bound) or 0.0
            self.recorder(self.primal_bound, self.dual_bound)

    @property
    def many(self) -> bool:
        """Whether there are so many tasks that one incumbent's neighbourhood is not enough."""
        return len(self.domains) >= MANY

    @property
    def crosses(self) -> bool:
        """Whether solutions are crossed: for the mean, with many tasks."""
        return self.objective == "mean" and self.many

    def keep_solution(self, plans: dict[int, Plan]) -> None:
        """Keep a network for crossovers, instead of another one if there are enough."""
        self.solutions = kept(self.data, self.solutions, plans)

    def solution(self) -> Solution | None:
        """Return the incumbent."""
        return self.nearest() if math.isfinite(self.primal_bound) else None

    def nearest(self) -> Solution | None:
        """Return the incumbent, or the plans that break least of the rows while there is none."""
        return solution_of(self.data, self.plans) if self.plans else None

    def update_dual_bound(self, value: float) -> None:
        """Take a valid bound on solutions in the domain: with the cutoff it bounds the optimum."""
        value = min(value, self.cutoff)
        if value > self.dual_bound:
            self.dual_bound = value
            self.recorder(self.primal_bound, self.dual_bound)

    def descend_from(self, order: list[int], plans: dict[int, Plan] | None = None) -> dict[int, Plan] | None:
        """Offer what best response reaches, and return it."""
        reached = descend(self.data, self.domains, self.objective, order, plans)
        self.try_solution(reached)
        return reached

    def multistart(self, runs: int) -> None:
        """Descend from the empty network, in file order and in random ones, for as long as it takes to have one."""
        order = list(range(len(self.domains)))
        for i in range(runs):
            if i:
                self.rng.shuffle(order)
            self.descend_from(list(order))
            if (self.stopped or self.gap_closed) and self.plans:
                return

    def create_segments(self) -> None:
        """Cut every task's interval of A_m at the incumbent's, and a little beyond."""
        loads = Loads(self.data, self.plans)
        for m, domain in enumerate(self.domains):
            task = self.data.tasks[m]
            work = max(work_of(self.data, loads, m, self.plans[m])[0], domain.low)
            domain.segments = initial_segments(self.data, m, domain, [work, work + 0.15 * (work + task.small_s)])

    def tighten_domains(self) -> None:
        """Bound A_m by what the cutoff allows each task."""
        weights = self.data.delay_weights
        total = float(weights @ [domain.least_s for domain in self.domains])
        for m, domain in enumerate(self.domains):
            rest = 0.0 if self.objective == "max" else total - weights[m] * domain.least_s
            allowed = (self.cutoff - rest) / (1.0 if self.objective == "max" else weights[m])
            allowed = min(allowed, self.data.due_s[m]) * (1 + 1e-9) + 1e-9
            domain.data_high = max(min(domain.data_high, allowed), domain.data_low)
            tighten_segments(self.data, m, domain, allowed)
            if not domain.segments:
                self.update_dual_bound(self.primal_bound)  # nothing better than the cutoff is left in the domain

    def expand(self, m: int, high: float) -> None:
        """Let A_m go up to `high` again; beyond a large value, to whatever can be."""
        domain, task = self.domains[m], self.data.tasks[m]
        far = high <= 1e3 * (domain.floor[0] + task.small_s)
        domain.expand(high if far else self._cap(m), far)

    def _cap(self, m: int) -> float:
        """Return an upper bound on A_m in any solution whatever: everyone on every resource."""
        task = self.data.tasks[m]
        everything = len(self.domains) * float(self.data.per_bit.sum())
        served = len(self.domains) if self.data.share_computing else 1
        return task.bits[DATA] * everything + served * float(task.large_s.max(initial=0.0))

    def solve_relaxation(self) -> tuple[Multipliers, LagrangianBound]:
        """Raise the bound by the relaxation; return the best multipliers with theirs."""
        self.recorder.phase = "relaxation"
        return self.relaxation.solve()

    def run_heuristics(self, diving: Diving, starts: int, moves: int) -> None:
        """Look for a better incumbent by diving and local search, half of it on the side if there are two processes.

        Parameters
        ----------
        starts, moves
            Number of diving from the root, and of moves of the annealing.
        """
        processes = self.processes if len(self.domains) > FREE else 1

        def look(first: bool) -> None:
            randomised = [i > 0 or not first for i in range(-(-starts // processes))]
            diving.from_root(randomised, min(starts, DIVES) / processes)
            RuinRecreate(self).run(moves // processes)

        self.in_parallel(processes, look)

    def in_parallel(self, processes: int, work: Callable[[bool], None]) -> None:
        """Do this work with one hand, or with two at once; told which it is of them."""

        def worker() -> tuple[dict[int, Plan], list[dict[int, Plan]]]:
            self.become_worker()
            before = self.solutions
            work(False)
            return self.plans, [plans for plans in self.solutions if not any(plans is old for old in before)]

        if processes == 1:
            work(True)
            return
        with ForkedWorker(worker) as other:
            work(True)
            back = None if self.must_return else other.result()
        if back is not None:
            self.try_solution(back[0])
            for plans in back[1]:
                self.keep_solution(plans)

    @property
    def must_return(self) -> bool:
        """Whether to wait for nothing and nobody."""
        return self.gap_closed or self.termination in (Termination.INTERRUPTED, Termination.MEMORY_LIMIT)

    def become_worker(self) -> None:
        """Go on with this copy of the process as another would: by other random numbers, and silently."""
        self.recorder.mute()
        self.rng = np.random.default_rng(self.rng.integers(2**63, size=2))

    @property
    def moves(self) -> int:
        """Number of moves worth their time."""
        return min(40 + len(self.domains) ** 2, MOST_MOVES)

    @property
    def arcs_left(self) -> int:
        """Number of arcs in domain."""
        return sum(int(mask.sum()) for domain in self.domains for mask in domain.arcs)

    def solve_compact(self) -> bool:
        """Solve the integer program over what is left once; tell whether anything moved."""
        self.recorder.phase = "integer program"
        before = self.primal_bound, self.dual_bound
        started = time.perf_counter()
        highest = min(self.primal_bound, self.reach) * (1 + SLACK)
        compact = build_compact_model(
            self.data, self.domains, self.load_levels, self.objective, integer=True, highest=highest
        )
        limits = replace(self.limits_now(), mip_gap=self.limits.mip_gap * 0.5)
        h = load(compact.program, limits)
        self.build_s += time.perf_counter() - started

        def watch(_: float | None, bound: float | None) -> bool:
            if bound is not None:
                self.update_dual_bound(bound)
            return self.gap_closed

        outcome = run(h, limits, watch)
        self.note(outcome)
        if outcome.termination is Termination.TIME_LIMIT:
            self.termination = outcome.termination  # it had all the time that was left
        if outcome.termination is Termination.INFEASIBLE:
            self.update_dual_bound(self.primal_bound)  # nothing better than the cutoff is left in the domain
        if outcome.bound is not None:
            self.update_dual_bound(outcome.bound)
        if outcome.values is None:
            return (self.primal_bound, self.dual_bound) != before
        plans = plans_from_values(self.data, compact, self.domains, outcome.values)
        self.try_solution(plans)
        changed = self.refine(plans)
        self.descend_from(self.rng.permutation(len(plans)).tolist(), plans)
        return changed or (self.primal_bound, self.dual_bound) != before

    def refine(self, plans: dict[int, Plan]) -> bool:
        """Give levels and breakpoints where these plans would be undercharged; tell whether any were new."""
        loads, changed = Loads(self.data, plans), self.add_load_levels(plans)
        for m, plan in plans.items():
            domain, task = self.domains[m], self.data.tasks[m]
            work, _ = work_of(self.data, loads, m, plan)
            if plan.data is None and domain.has_far:
                self.expand(m, domain.high * 3.0)
                changed = True
            if plan.data is not None and plan.model is not None and task.fixed_ratio is None:
                if domain.has_far and work > domain.high:
                    self.expand(m, work * (1 + 1e-4))
                    changed = True
                for near in (work * (1 - CUT_WIDTH), work * (1 + CUT_WIDTH)):
                    low, high = sorted((work + 0.2 * (near - work), work + 2 * (near - work)))
                    if not any(low <= cut <= high for cut in domain.breakpoints):
                        domain.breakpoints.append(near)
                        changed = True
        return changed

    def add_load_levels(self, plans: dict[int, Plan]) -> bool:
        """Give resources as many levels as these plans load them; tell whether any were new."""
        loads, changed = Loads(self.data, plans), False
        for kind in (DATA, MODEL):
            deeper = np.maximum(self.load_levels[kind], np.where(self.data.shareable, loads.count[kind], 1))
            changed |= bool((deeper > self.load_levels[kind]).any())
            self.load_levels[kind] = deeper
        return changed

    def tighten_rounds(self) -> None:
        """Repeat relaxation, fixing, narrowing and cutting while they pay."""
        if not self.domains[0].segments:
            self.create_segments()
            self.add_load_levels(self.plans)
        self.tighten_domains()
        for number in range(ROUNDS):
            if self.gap_closed or self.stopped:
                return
            before = self.dual_bound
            multipliers, bound = self.solve_relaxation()
            if self.gap_closed or self.stopped:
                return
            plans = cheapest_plans(self.data, bound, multipliers.commodities)
            self.try_solution(plans)
            self.descend_from(self.rng.permutation(len(self.domains)).tolist(), plans)
            master = self.relaxation.master
            waits = self.crosses and number > 0  # for the diving before the tree
            if len(self.domains) > 1 and master is not None and not waits:
                starts, moves = (DIVES, self.moves) if number < 2 else (1, self.moves // 4)
                self.run_heuristics(Diving(self, master, ColumnFilter(master)), starts, moves)
            if self.gap_closed or self.stopped:
                return
            reduced_cost_fixing(self.data, self.domains, multipliers, bound, self.cutoff)
            cutoff = self.cutoff if self.objective == "max" else math.inf
            single_task_fixing(self.data, self.domains, np.minimum(self.data.due_s, cutoff))
            self.tighten_domains()
            cuts = self.relaxation.split_loose(CUT_SHARE / len(self.domains))
            sharper = self.refine_at([self.plans])
            if self.dual_bound - before < PAYS * (min(self.primal_bound, self.reach) - self.dual_bound) and not (
                number == 0 and (cuts or sharper)
            ):
                return

    def branch(self) -> None:
        """Search a tree, with chords and load levels refined wherever only inexact leaves are left."""
        multipliers, bound = self.solve_relaxation()
        if self.gap_closed or self.stopped:
            return
        self.recorder.phase = "tree"
        master = self.relaxation.master
        if self.many and master is not None:
            diving = Diving(self, master, ColumnFilter(master))
            self.run_heuristics(diving, len(self.domains) // TASKS_A_DIVE, self.moves // 4)
            if self.crosses and not (self.gap_closed or self.stopped):
                self.keep_solution(self.plans)
                self.in_parallel(self.processes, lambda _: run_crossovers(self, CROSSOVERS // self.processes))
        tree = TreeSearch(self, multipliers, bound)
        tree.run()
        while not (self.gap_closed or self.stopped):
            before = [list(domain.segments) for domain in self.domains]
            if not self.refine_at([self.plans, *tree.plans]):
                return
            tree.after_refinement(before)
            tree.run()

    def refine_at(self, solutions: list[dict[int, Plan]]) -> bool:
        """Make levels and chords of the relaxation exact at these plans; tell whether they were not."""
        changed, allowance = False, max(LOSS * self.limits.mip_gap, TINY) * min(self.primal_bound, self.reach)
        for plans in solutions:
            loads = Loads(self.data, plans)
            changed |= self.add_load_levels(plans)
            for m, plan in plans.items():
                if plan.data is not None and plan.model is not None and self.data.tasks[m].fixed_ratio is None:
                    work, fixed = work_of(self.data, loads, m, plan)
                    changed |= refine_segments(self.data.tasks[m], self.domains[m], work, fixed, allowance)
        return changed

    @property
    def infeasible(self) -> bool:
        """Whether no solution keeps the rows."""
        return math.isinf(self.primal_bound) and self.dual_bound >= self.worst / (1 + self.limits.mip_gap)

    @cached_property
    def worst(self) -> float:
        """An upper bound on the objective of any solution: everyone on every resource [s]."""
        data, n, worst = self.data, len(self.domains), 0.0
        for m, task in enumerate(data.tasks):
            model = n * task.bits[MODEL] * float(data.per_bit.sum()) + 2 * float(data.fixed.sum())
            worst = max(worst, model + task.extraction_s + task.small_s + n * self._cap(m))
        return worst

    def run(self) -> None:
        """Prove until done or stopped.

        Without an incumbent that keeps the rows, solutions up to `reach` are looked for first, then higher ones, up to
        what no solution exceeds.
        """
        self.recorder.phase = "best response"
        self.multistart(max(2, min(8, RESTARTS // len(self.domains))))
        if math.isfinite(self.primal_bound):
            self.prove_within()
            return
        value = score(self.data, self.plans, self.objective)[0] - self.data.penalty_s * excess_of(self.data, self.plans)
        self.reach = min(REACH * value, self.worst)
        while True:
            self.prove_within()
            if self.stopped or self.primal_bound <= self.reach or self.infeasible:
                return
            self.reach = self.worst if math.isinf(self.primal_bound) else math.inf
            self.domains = initial_domains(self.data)
            self.relaxation.rebuild_later()

    def prove_within(self) -> None:
        """Prove until nothing below the cutoff is left."""
        if self.gap_closed:
            return
        self.tighten_rounds()
        if not (self.gap_closed or self.stopped):
            self.branch()
        if not (self.gap_closed or self.stopped):
            self.tighten_rounds()
        if self.gap_closed or self.stopped:
            return
        for task, domain in zip(self.data.tasks, self.domains, strict=True):
            to_interval_form(task, domain)
        self.refine(self.plans)
        while not (self.gap_closed or self.stopped):
            if not self.solve_compact():
                return
