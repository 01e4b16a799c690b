"""The arrays that every solver shares: resources, what each task pays for them, and what it may do.

Resources are what packets share: the links, and the satellites that relay (those with a relay time). A packet of size
`bits` that shares resource r with n packets (itself counted) pays n · bits · `per_bit[r]` + `fixed[r]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation import Problem, Solution, as_problem, design_packets
from formulation.packets import PacketDesign
from formulation.volumes import data_packet_bits
from instances import Instance
from solvers.network.arrays import DATA, MODEL, Floats, Ints
from solvers.network.corridor import Vicinity
from solvers.network.graph import SplitGraph
from solvers.network.rows import Rows
from solvers.network.rules import RuleArrays
from solvers.ratios import task_rates

LATE, PASSED = 1e-9, 0.1
"""Relative amount from which on a deadline counts as passed, and what passing one costs at least."""


@dataclass(frozen=True, eq=False)
class TaskData:
    """What one task brings.

    Attributes
    ----------
    node
        Its satellite.
    ends
        Nodes of its candidate computing satellites, shape (candidates,).
    bits
        Data bits per unit of ρ, and model packet bits.
    extraction_s, small_s
        α = t^fe at ρ = 1 and s = t^S at ρ = 0 [s].
    large_s
        λ_c = t^L at ρ = 1 per candidate [s].
    can_offload, can_stay
        Whether (4b), (4c) can be met; at a fixed ρ, whether the packet is sent.
    design
        Its packets.
    fixed_ratio
        ρ_m in problem (7), else None.
    """

    node: int
    ends: Ints
    bits: tuple[float, float]
    extraction_s: float
    small_s: float
    large_s: Floats
    can_offload: bool
    can_stay: bool
    design: PacketDesign
    fixed_ratio: float | None = None


class ProblemData(SplitGraph):
    """Arrays of one problem that is its own `rules.priced_part`.

    Attributes
    ----------
    share_computing
        Whether computing satellites are resources that the data packets they serve share.
    weights
        Weights of the mean, summing to 1, shape (tasks,); None where they are equal.
    rows
        The rules' rows; None where there are none.
    due_s
        Deadlines [s], inf where there is none, shape (tasks,).
    """

    def __init__(
        self,
        problem: Instance | Problem,
        packets: Solution | None = None,
        designs: Sequence[PacketDesign] | None = None,
    ) -> None:
        problem = as_problem(problem)
        instance, share_computing = problem.instance, problem.share_computing
        self.instance, self.packets, network = instance, packets, instance.network
        super().__init__(network)
        server = np.zeros(self.nodes if share_computing else 0)
        self.per_bit = np.concatenate([network.seconds_per_bit, network.relay_s_per_bit, server])
        self.fixed = np.concatenate([network.propagation_s, np.zeros(self.nodes), server])
        self.tasks = tuple(self._task(m, designs[m] if designs else None) for m in range(len(instance.tasks)))
        weights = np.array(problem.weights, dtype=float)
        self.weights = None if (weights == weights[0]).all() else weights / weights.sum()
        self.share_computing = share_computing
        self.due_s = np.array([np.inf if t.deadline_s is None else t.deadline_s for t in instance.tasks])
        rules, candidates = RuleArrays(problem), max(len(task.ends) for task in self.tasks)
        self._closed = rules.closed
        self.rows = Rows(rules.rows, len(self.tasks), self.resources, candidates, rules.groups) if rules.rows else None
        self._least_s: dict[int, Floats] = {}
        self._vicinities: dict[tuple[int, int], Vicinity] = {}

    def _task(self, m: int, design: PacketDesign | None) -> TaskData:
        instance, task = self.instance, self.instance.tasks[m]
        design, rates = design or design_packets(instance, task), task_rates(instance, task)
        candidates = instance.candidates(task)
        bits, ratio = (design.data_bits_per_ratio, design.model_packet_bits or 0.0), None
        can_offload, can_stay = design.can_offload, design.can_stay
        if self.packets is not None:
            decision = self.packets.tasks[m]
            can_offload, can_stay, ratio = decision.sends_data, decision.sends_model, decision.offload_ratio
            bits = (data_packet_bits(task, decision) / ratio if can_offload else 0.0, decision.model_packet_bits)
        return TaskData(
            node=instance.network.index[task.satellite],
            ends=np.array([instance.network.index[c] for c in candidates], dtype=np.int64),
            bits=bits,
            extraction_s=rates.extraction_s,
            small_s=rates.small_s,
            large_s=np.array([rates.large_s[c] for c in candidates]),
            can_offload=can_offload,
            can_stay=can_stay,
            design=design,
            fixed_ratio=ratio,
        )

    @property
    def resources(self) -> int:
        """Number of resources: the arcs and, where computing is shared, one server for every satellite."""
        return self.arcs + (self.nodes if self.share_computing else 0)

    @cached_property
    def penalty_s(self) -> float:
        """What a heuristic charges for a row that is broken by 1: more than any delay that it compares [s]."""
        worst = max(float(self.least_s(m).min()) for m in range(len(self.tasks)))
        return 10.0 * worst * len(self.tasks)

    @cached_property
    def delay_weights(self) -> Floats:
        """Weight of every T_m in the mean, shape (tasks,)."""
        n = len(self.tasks)
        return np.full(n, 1.0 / n) if self.weights is None else self.weights

    @cached_property
    def limited(self) -> bool:
        """Whether a plan may break anything: a row, or a deadline."""
        return self.rows is not None or bool(np.isfinite(self.due_s).any())

    def lateness(self, delays: Floats, tasks: Any = slice(None)) -> Floats:
        """Return by how much delays pass the deadlines of these tasks, shape (…, tasks) to (…,).

        Relative to the deadline, with a constant for each that is passed, so that a little late is not as good as in
        time.
        """
        over = delays / self.due_s[tasks] - 1
        return np.asarray(np.where(over > LATE, over + PASSED, 0.0).sum(axis=-1))

    def most_work_s(self, m: int) -> float:
        """Return an upper bound on A_m in any solution whatever: everyone on every resource [s]."""
        task = self.tasks[m]
        everything = len(self.tasks) * float(self.per_bit.sum())
        served = len(self.tasks) if self.share_computing else 1
        return task.bits[DATA] * everything + served * float(task.large_s.max(initial=0.0))

    @cached_property
    def worst_s(self) -> float:
        """An upper bound on the delay of any task in any solution: everyone on every resource [s]."""
        n, worst = len(self.tasks), 0.0
        for m, task in enumerate(self.tasks):
            model = n * task.bits[MODEL] * float(self.per_bit.sum()) + 2 * float(self.fixed.sum())
            worst = max(worst, model + task.extraction_s + task.small_s + n * self.most_work_s(m))
        return worst

    def served(self, m: int, c: int) -> Ints:
        """Return the resource that task m's data packet uses at a candidate beside its path's."""
        return self.arcs + self.tasks[m].ends[[c]] if self.share_computing else np.zeros(0, dtype=np.int64)

    def packet_s(self, m: int, kind: int, r: int) -> float:
        """Return what one packet more at a resource costs task m's packet, all of it sent [s]."""
        if r >= self.arcs:
            return float(self.server_s[m, r - self.arcs])
        return self.tasks[m].bits[kind] * float(self.per_bit[r])

    @cached_property
    def server_s(self) -> Floats:
        """t^L of every task at every satellite at ρ = 1 [s], 0 where it is no candidate, shape (tasks, nodes)."""
        found = np.zeros((len(self.tasks), self.nodes))
        for m, task in enumerate(self.tasks):
            found[m, task.ends] = task.large_s
        return found

    @cached_property
    def shareable(self) -> NDArray[np.bool_]:
        """Whether sharing a resource costs anything."""
        costs = self.per_bit > 0
        if self.share_computing:
            costs[self.arcs :] = self.server_s.any(axis=0)
        return costs

    def own_arcs(self, m: int, kind: int) -> NDArray[np.bool_]:
        """Return the mask of resources that a packet of task m may use: no passing through m itself, nothing closed."""
        mask = np.ones(self.resources, dtype=bool)
        mask[self.links + self.tasks[m].node] = False
        mask[self._closed.resources.get((m, kind), [])] = False
        return mask

    def closed_ends(self, m: int) -> list[int]:
        """Return the positions of task m's candidates that may not serve it."""
        return sorted(self._closed.ends.get(m, ()))

    def start_of(self, m: int, kind: int) -> int:
        """Return the split node where a search from the task's side begins: out_m for data, in_m for model packets."""
        return self.tasks[m].node + (self.nodes if kind == DATA else 0)

    def vicinity(self, m: int, kind: int) -> Vicinity:
        """Return the graph as a packet sees it, made when it is first asked for."""
        if (m, kind) not in self._vicinities:
            task, ends = self.tasks[m], range(len(self.tasks[m].ends))
            served = [self.served(m, c) for c in ends] if kind == DATA else [self.served(m, c)[:0] for c in ends]
            stops, bits = self.end_of(task.ends, kind), task.bits[kind]
            weight = np.asarray(bits * self.per_bit + self.fixed)
            vicinity = Vicinity(self, kind, self.start_of(m, kind), stops, weight, self.own_arcs(m, kind), bits, served)
            self._vicinities[m, kind] = vicinity
        return self._vicinities[m, kind]

    def least_s(self, m: int) -> Floats:
        """Return lower bounds on T_m [s] in an empty network, found when they are first asked for.

        With x ≤ A + p, (A + p) / (A + s) ≥ x / (x + s); and ρ A + p ≥ ρ x.

        Returns
        -------
        Floats
            With both packets, the data packet only, the model packet only; at every candidate, inf where a packet has
            no route; shape (3, candidates).
        """
        if m not in self._least_s:
            task, none = self.tasks[m], np.full(len(self.tasks[m].ends), np.inf)
            model = np.array(self.vicinity(m, MODEL).alone_s) if task.can_stay else none
            data = np.array(self.vicinity(m, DATA).alone_s) + task.large_s if task.can_offload else none
            alpha, small, ratio = task.extraction_s, task.small_s, task.fixed_ratio
            if ratio is None:
                saved = max(small - alpha, 0.0) * small / (data + small)
                both, only = np.where(np.isfinite(data), model + small - saved, np.inf), alpha + data
            else:
                only = ratio * alpha + np.maximum(ratio * data, (1 - ratio) * small) if ratio > 0 else none
                both = model + only
            self._least_s[m] = np.array([both, only, model + small])
            self._least_s[m][:, self.closed_ends(m)] = np.inf
        return self._least_s[m]
