"""The state of one search: data, domains, pools, incumbent, dual bound, and why it ended. No algorithm.

Three verbs change what has been proven: `try_solution`, `update_dual_bound` and `limit_reached`. In place of the primal
bound U stands the *cutoff*, U less the gap that was asked for: solutions between the two do not matter.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from formulation import Solution
from solvers.backends.memory import memory_gib
from solvers.backends.program import Limits, Outcome
from solvers.exact.branch_and_price.domains.domain import initial_domains
from solvers.exact.branch_and_price.parallel import can_fork
from solvers.exact.branch_and_price.pools import ColumnPool, SolutionPool
from solvers.exact.branch_and_price.settings import Settings
from solvers.exact.trace import Trace, checked_bound
from solvers.network.arrays import DATA, MODEL, Ints
from solvers.network.data import ProblemData
from solvers.network.plans import solution_of
from solvers.network.traffic import Loads, Plan, excess_of, score
from solvers.result import Termination, relative_gap


class Valuation(Protocol):
    """What plans are worth: continuous offload ratios, or whole frames."""

    def value(self, plans: dict[int, Plan], below: float) -> float | None:
        """Return the objective of plans [s], or None if it is not below this value."""
        ...

    def solution(self, plans: dict[int, Plan]) -> Solution:
        """Return the solution that has this value."""
        ...


class Continuous:
    """The valuation of (4) and (7): every free ρ at its optimum for the routes."""

    def __init__(self, data: ProblemData, objective: str) -> None:
        self.data, self.objective = data, objective

    def value(self, plans: dict[int, Plan], below: float) -> float | None:
        """Return the objective of plans [s], or None if it is not below this value."""
        value = score(self.data, plans, self.objective)[0]
        return value if value < below else None

    def solution(self, plans: dict[int, Plan]) -> Solution:
        """Return the solution that has this value."""
        return solution_of(self.data, plans)


@dataclass(frozen=True, eq=False)
class StateDelta:
    """What a worker process sends back of its state: its incumbent, load levels, and the limit it met."""

    plans: dict[int, Plan]
    load_levels: list[Ints]
    termination: Termination | None


class SearchState:
    """What the algorithms share.

    Attributes
    ----------
    data, objective, limits, settings, trace, rng, valuation
        The problem and how it is solved; LPs take one thread.
    effort
        What the heuristics do for so many tasks.
    processes
        How many work at once: 2 if more than one thread is allowed and the process can be copied.
    domains
        What is left of each task.
    load_levels
        Per kind the levels of every resource in the level-indexed and the compact program, shape (resources,).
    columns, solutions
        The pools.
    primal_bound, plans
        The incumbent's objective [s], inf without one, and its plans; without one, plans that break rows least.
    reach
        Solutions above it are not looked for yet [s]: while there is none that keeps the problem's rows.
    dual_bound
        No solution has a lower objective [s].
    termination
        The limit that was met, or None.
    build_s
        Time for building arrays and programs [s].
    """

    def __init__(
        self,
        data: ProblemData,
        objective: str,
        limits: Limits,
        trace: Trace,
        *,
        settings: Settings | None = None,
        valuation: Valuation | None = None,
        seed: int = 0,
    ) -> None:
        self.data, self.objective, self.limits, self.trace = data, objective, replace(limits, threads=1), trace
        self.settings = settings or Settings()
        self.effort = self.settings.effort(len(data.tasks), objective)
        self.processes = 2 if limits.threads > 1 and "threads" not in limits.options and can_fork() else 1
        self.valuation: Valuation = valuation or Continuous(data, objective)
        self.rng = np.random.default_rng(seed)
        self.domains = initial_domains(data)
        self.load_levels: list[Ints] = [np.ones(data.resources, dtype=np.int64) for _ in (DATA, MODEL)]
        self.columns = ColumnPool()
        self.solutions = SolutionPool(data, self.settings.crossover.pool_size)
        self.primal_bound, self.reach, self.plans = math.inf, math.inf, dict[int, Plan]()
        least = np.array([domain.least_s for domain in self.domains])
        self.dual_bound = float(data.delay_weights @ least if objective == "mean" else least.max())
        self.termination: Termination | None = None
        self.build_s = trace.elapsed()

    @property
    def target(self) -> float:
        """Value below which solutions are looked for: the primal bound, or `reach` [s]."""
        return min(self.primal_bound, self.reach)

    @property
    def gap_closed(self) -> bool:
        """Whether the gap is closed as far as was asked, or nothing is left below `reach`."""
        gap = relative_gap(self.target, self.dual_bound)
        return gap is not None and gap <= self.limits.mip_gap

    @property
    def cutoff(self) -> float:
        """Value from which on solutions are of no interest: they do not close the gap further than was asked."""
        return self.target / (1 + self.limits.mip_gap * (1 - 1e-6))

    @property
    def gap_left(self) -> float:
        """Distance of the cutoff from the dual bound [s], not negative."""
        return max(self.cutoff - self.dual_bound, 0.0)

    @property
    def solution(self) -> Solution | None:
        """The incumbent."""
        return self.nearest if math.isfinite(self.primal_bound) else None

    @property
    def nearest(self) -> Solution | None:
        """The incumbent, or the plans that break least of the rows while there is none."""
        return self.valuation.solution(self.plans) if self.plans else None

    @property
    def infeasible(self) -> bool:
        """Whether no solution keeps the rows."""
        return math.isinf(self.primal_bound) and self.dual_bound >= self.data.worst_s / (1 + self.limits.mip_gap)

    def limits_now(self) -> Limits:
        """Return the limits with the time that is left."""
        if self.limits.time_s is None:
            return self.limits
        return replace(self.limits, time_s=max(self.limits.time_s - self.trace.elapsed(), 0.0))

    def limit_reached(self) -> bool:
        """Tell whether a limit has been met, and remember which."""
        if self.termination is None:
            if self.limits.time_s is not None and self.trace.elapsed() >= self.limits.time_s:
                self.termination = Termination.TIME_LIMIT
            elif self.limits.memory_gib is not None and memory_gib() > self.limits.memory_gib:
                self.termination = Termination.MEMORY_LIMIT
        return self.termination is not None

    def finished(self) -> bool:
        """Tell whether the gap is closed or a limit has been met."""
        return self.gap_closed or self.limit_reached()

    @property
    def must_return(self) -> bool:
        """Whether not to wait for a worker process either."""
        return self.gap_closed or self.termination in (Termination.INTERRUPTED, Termination.MEMORY_LIMIT)

    def note_outcome(self, outcome: Outcome) -> None:
        """Remember that a solver run was stopped from outside."""
        if outcome.termination in (Termination.INTERRUPTED, Termination.MEMORY_LIMIT):
            self.termination = outcome.termination

    def try_solution(self, plans: dict[int, Plan] | None, source: str) -> bool:
        """Take plans as the incumbent if they are better; their paths join the column pool.

        Parameters
        ----------
        plans
            A plan for every task, or None.
        source
            Which heuristic found them.

        Raises
        ------
        RuntimeError
            If they are better than what had been proven to be a bound.
        """
        if plans is None:
            return False
        self.columns.add_plans(plans)
        if excess_of(self.data, plans) > 0:
            self._keep_nearest(plans)
            return False
        value = self.valuation.value(plans, self.primal_bound)
        if value is None:
            return False
        self.primal_bound, self.plans = value, plans
        self.dual_bound = checked_bound(self.dual_bound, self.primal_bound) or 0.0
        self.trace.record("incumbent", source, self.primal_bound, self.dual_bound)
        return True

    def _keep_nearest(self, plans: dict[int, Plan]) -> None:
        """Keep plans that break rows as the ones to begin with, if they are the best so far without an incumbent."""

        def value(mine: dict[int, Plan]) -> float:
            return score(self.data, mine, self.objective)[0]

        if math.isinf(self.primal_bound) and (not self.plans or value(plans) < value(self.plans)):
            self.plans = plans

    def update_dual_bound(self, value: float, source: str) -> None:
        """Take a valid bound on solutions in the domains: with the cutoff it bounds the optimum."""
        value = min(value, self.cutoff)
        if value > self.dual_bound:
            self.dual_bound = value
            self.trace.record("bound", source, self.primal_bound, self.dual_bound)

    def add_load_levels(self, plans: dict[int, Plan]) -> bool:
        """Give resources as many levels as these plans load them; tell whether any were new."""
        loads, changed = Loads(self.data, plans), False
        for kind in (DATA, MODEL):
            deeper = np.maximum(self.load_levels[kind], np.where(self.data.shareable, loads.count[kind], 1))
            changed |= bool((deeper > self.load_levels[kind]).any())
            self.load_levels[kind] = deeper
        return changed

    def delta(self) -> "StateDelta":
        """Return what a worker process may have found."""
        return StateDelta(self.plans, self.load_levels, self.termination)

    def merge(self, delta: "StateDelta") -> None:
        """Take over what a worker process has found."""
        for kind, levels in enumerate(delta.load_levels):
            self.load_levels[kind] = np.maximum(self.load_levels[kind], levels)
        self.termination = self.termination or delta.termination
        self.try_solution(delta.plans, "worker process")

    def become_worker(self) -> None:
        """Go on in a copy of the process, by other random numbers and silently."""
        self.trace.mute()
        self.rng = np.random.default_rng(self.rng.integers(2**63, size=2))
