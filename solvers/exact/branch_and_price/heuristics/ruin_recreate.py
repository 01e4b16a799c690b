"""Ruin and recreate: take a few tasks out, put them back by best response, let those respond that share resources.

`network.descent.descend` lets every task respond until none improves, which costs the same however little has changed.
Here the network stays. A *step* takes out a task and some others, half of the time such as share resources with it,
puts them back in random order by their best responses, and lets those respond that share resources with what has
moved. A worse network is kept with the probability of simulated annealing, else the step is undone; the best network is
remembered.
"""

import numpy as np

from solvers.exact.branch_and_price.state import SearchState
from solvers.network.arrays import DATA, MODEL
from solvers.network.response import respond
from solvers.network.traffic import Plan, Traffic


class RuinRecreate:
    """One annealing, from the incumbent or from other plans."""

    name = "ruin and recreate"

    def __init__(self, state: SearchState, plans: dict[int, Plan] | None = None) -> None:
        self.state, self.data, self.rng = state, state.data, state.rng
        self.settings = state.settings.ruin_recreate
        self.traffic = Traffic(state.data, plans or state.plans, state.objective)
        self.score = self.traffic.score()
        self.best, self.best_plans = self.score, dict(self.traffic.plans)

    def neighbours(self, m: int) -> list[int]:
        """Return the tasks that share a resource with m's plan."""
        plan, shared = self.traffic.plans[m], np.zeros(len(self.data.tasks), dtype=bool)
        for kind in (DATA, MODEL):
            used = plan.packet(kind)
            if used is not None:
                shared |= self.traffic.usage[kind][:, used].any(axis=1)
        shared[m] = False
        return [int(i) for i in np.flatnonzero(shared)]

    def respond(self, m: int) -> bool:
        """Give m its best plan; tell whether it is another one."""
        current = self.traffic.plans[m]
        chosen, self.score = respond(self.traffic, m, self.state.domains[m], self.score)
        return chosen is not current

    def step(self, temperature: float) -> None:
        """Make one step."""
        rng, before, score = self.rng, dict(self.traffic.plans), self.score
        m = int(rng.integers(len(before)))
        near = self.neighbours(m) if rng.random() < 0.5 else [i for i in before if i != m]
        count = min(len(near), int(rng.integers(1, self.settings.max_removed)))
        out = [m, *rng.permutation(np.array(near, dtype=np.int64))[:count].tolist()]
        touched = {other for task in out for other in self.neighbours(task)} - set(out)
        for task in out:
            self.traffic.remove(task)
        for task in rng.permutation(out).tolist():
            plan, _ = respond(self.traffic, task, self.state.domains[task], self.score)
            if plan is None:
                self.traffic.place(task, before[task])
        self.score = self.traffic.score()
        touched |= {other for task in out for other in self.neighbours(task)}
        self._settle(touched)
        worse = self.score[0] - score[0]
        if self.score < self.best:
            self.best, self.best_plans = self.score, dict(self.traffic.plans)
        if worse > 0 and rng.random() >= np.exp(-worse / max(temperature, 1e-300)):
            self._undo(before)
            self.score = score

    def _settle(self, waiting: set[int]) -> None:
        """Let these respond, and a second time those next to who has changed."""
        for _ in range(2):
            changed = [task for task in self.rng.permutation(sorted(waiting)).tolist() if self.respond(task)]
            if not changed:
                return
            waiting = {other for task in changed for other in self.neighbours(task)}

    def _undo(self, before: dict[int, Plan]) -> None:
        for task, plan in before.items():
            if self.traffic.plans[task] is not plan:
                self.traffic.remove(task)
                self.traffic.place(task, plan)

    def run(self, moves: int) -> None:
        """Anneal for this many steps and try the best network."""
        state, settings = self.state, self.settings
        parts = len(self.data.tasks) if state.objective == "mean" else 1
        start = settings.start_temperature * self.best[0] / parts
        for i in range(moves):
            if state.limit_reached() or state.gap_closed:
                break
            self.step(start * settings.end_temperature ** (i / moves))
            if i % settings.refresh_interval == settings.refresh_interval - 1:
                self._refresh()
        state.try_solution(self.best_plans, self.name)

    def _refresh(self) -> None:
        """Forget rounding that the running sums have gathered."""
        self.traffic = Traffic(self.data, dict(self.traffic.plans), self.state.objective)
        self.score = self.traffic.score()
