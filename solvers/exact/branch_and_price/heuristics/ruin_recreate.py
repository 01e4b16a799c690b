"""Local search at scale: take a few tasks out, put them back, let only those respond who can feel it.

`best_response.descend` lets every task respond until none improves, which costs the same however little has changed.
Here the network stays. A *move* takes out a task and some others, half of the time such as share resources with it,
puts them back in random order by their best responses, and lets those respond that share resources with what has
moved. A worse network is kept with the probability of simulated annealing, else the move is undone; the best network is
remembered.
"""

from typing import TYPE_CHECKING

import numpy as np

from solvers.network.arrays import DATA, MODEL
from solvers.network.response import respond
from solvers.network.traffic import Plan, Traffic

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import BranchAndPrice


MOST_OUT = 6
HEAT = 1e-3
"""Temperature at the start, relative to one task's part in the objective."""
COLD = 0.02
"""Temperature at the end over that at the start."""


class RuinRecreate:
    """One annealing, from a proof's incumbent or from other plans."""

    def __init__(self, proof: "BranchAndPrice", plans: dict[int, Plan] | None = None) -> None:
        self.proof, self.data, self.rng = proof, proof.data, proof.rng
        self.traffic = Traffic(proof.data, plans or proof.plans, proof.objective)
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
        chosen, self.score = respond(self.traffic, m, self.proof.domains[m], self.score)
        return chosen is not current

    def step(self, heat: float) -> None:
        """Make one move."""
        rng, before, score = self.rng, dict(self.traffic.plans), self.score
        m = int(rng.integers(len(before)))
        near = self.neighbours(m) if rng.random() < 0.5 else [i for i in before if i != m]
        count = min(len(near), int(rng.integers(1, MOST_OUT)))
        out = [m, *rng.permutation(np.array(near, dtype=np.int64))[:count].tolist()]
        touched = {other for task in out for other in self.neighbours(task)} - set(out)
        for task in out:
            self.traffic.remove(task)
        for task in rng.permutation(out).tolist():
            plan, _ = respond(self.traffic, task, self.proof.domains[task], self.score)
            if plan is None:
                self.traffic.place(task, before[task])
        self.score = self.traffic.score()
        touched |= {other for task in out for other in self.neighbours(task)}
        self._settle(touched)
        worse = self.score[0] - score[0]
        if self.score < self.best:
            self.best, self.best_plans = self.score, dict(self.traffic.plans)
        if worse > 0 and rng.random() >= np.exp(-worse / max(heat, 1e-300)):
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
        """Anneal for this many moves and offer the best network to the proof."""
        parts = len(self.data.tasks) if self.proof.objective == "mean" else 1
        heat = HEAT * self.best[0] / parts
        for i in range(moves):
            if self.proof.stopped or self.proof.gap_closed:
                break
            self.step(heat * COLD ** (i / moves))
            if i % 16 == 15:
                self._refresh()
        self.proof.try_solution(self.best_plans)

    def _refresh(self) -> None:
        """Forget rounding that the running sums have gathered."""
        self.traffic = Traffic(self.data, dict(self.traffic.plans), self.proof.objective)
        self.score = self.traffic.score()
