"""The policy as a router: rollouts on one instance, one or many side by side."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from formulation import Problem, Solution, as_problem
from formulation.dec_pomdp import Packets, SlotTables, build_tables, packets_of
from instances import Instance
from solvers.assignment import NoSolution
from solvers.marl.batch import Rollout, play_batch
from solvers.marl.policy import Policy
from solvers.marl.rollout import TurnOptions, draw_priority

SMALL_TURNS = TurnOptions()
"""One turn a packet: what policies are trained with."""
LARGE_TURNS = TurnOptions(first=0, later=2)
"""One turn a packet in the first step alone: 2 in each later one, for instances of many tasks."""
MANY_TASKS = 10


def turns_for(tasks: int) -> TurnOptions:
    """Return the turns for an instance of so many tasks."""
    return SMALL_TURNS if tasks <= MANY_TASKS else LARGE_TURNS


def tables_of(instance: Instance) -> SlotTables:
    """Build the tables that this instance's tasks and computing satellites can need."""
    ends = {task.satellite for task in instance.tasks} | {c for t in instance.tasks for c in instance.candidates(t)}
    return build_tables(instance, sorted(ends))


class PolicyRouter:
    """Routes packets by rollouts of a policy. An instance of this class is a `Router`.

    Parameters
    ----------
    instance
        The instance.
    policy
        The policy.
    seed
        Draws the packets' priorities and the noise of sampled rollouts.
    passes
        Greedy rollouts a call; each further one starts from the best plan so far (needs a shared plan).
    keep_plan
        Start from the routes of the call before, where c(m) and the packets sent are the same.
    turns
        Turns of a step; by default by the number of tasks.
    tables
        Those of `tables_of`, where the slot's are built already.
    """

    def __init__(
        self,
        instance: Instance,
        policy: Policy,
        *,
        seed: int = 0,
        passes: int = 1,
        keep_plan: bool = False,
        turns: TurnOptions | None = None,
        tables: SlotTables | None = None,
    ) -> None:
        self.instance, self.policy, self.passes, self.keep_plan = instance, policy, passes, keep_plan
        self.tables = tables or tables_of(instance)
        self.rng = np.random.default_rng(seed)
        self.turns = turns or turns_for(len(instance.tasks))
        self._plan: tuple[Packets, NDArray[np.int64]] | None = None
        self.rollouts = 0

    def play(
        self,
        packets: Packets,
        routes: NDArray[np.int64] | None = None,
        noise: NDArray[np.float64] | None = None,
        priority: NDArray[np.float64] | None = None,
    ) -> Rollout:
        """Roll the policy out on a batch.

        Parameters
        ----------
        packets
            B episodes on this instance.
        routes
            The plan to start from; None for shortest paths.
        noise
            Scale of the Gumbel noise on Q in each episode, shape (B,); None to be greedy.
        priority
            Shape (B, P); random by default.

        Raises
        ------
        NoSolution
            If a packet has no path.
        """
        if priority is None:
            priority = draw_priority(self.rng, *packets.shape)
        try:
            rollout = play_batch(
                self.tables, packets, self.policy, priority=priority, routes=routes, noise=noise, rng=self.rng,
                turns=self.turns,
            )  # fmt: skip
        except ValueError as error:
            raise NoSolution(str(error)) from None
        self.rollouts += packets.shape[0]
        return rollout

    def route(self, batch: Packets) -> Rollout:
        """Route a batch of one episode in as many passes as asked, and return the best."""
        routes = None
        if self.keep_plan and self._plan is not None and _same_ends(self._plan[0], batch):
            routes = self._plan[1]
        best: Rollout | None = None
        for _ in range(self.passes):
            rollout = self.play(batch, routes)
            if best is None or rollout.delay_s.sum() < best.delay_s.sum():
                best = rollout
            routes = best.routes
        if best is None:
            raise ValueError(f"passes must be at least 1, got {self.passes}")
        self._plan = batch, best.routes
        return best

    def __call__(self, problem: Instance | Problem, packets: Solution) -> Solution:
        """Fill in the routes of a solution's packets."""
        return attach_paths(packets, self.route(packets_of(as_problem(problem).instance, packets)).paths(0))


def _same_ends(a: Packets, b: Packets) -> bool:
    return bool((a.present == b.present).all() and (a.source == b.source).all())


def attach_paths(packets: Solution, paths: Sequence[tuple[str, ...] | None]) -> Solution:
    """Put the paths of slots 2m (data) and 2m + 1 (model) on the decisions."""
    tasks = tuple(
        replace(decision, data_path=paths[2 * m], model_path=paths[2 * m + 1])
        for m, decision in enumerate(packets.tasks)
    )
    return replace(packets, tasks=tasks)
