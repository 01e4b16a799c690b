"""Whole frames on given routes: the best number of offloaded frames of every task, exactly.

Loads count packets, so on given routes the tasks do not meet: each takes the count K of least

    T(K) = T^M + α K/N + max(D(K) w + p + λ K/N, s (1 - K/N)),

D(K) from (5) in whole frames, w the seconds per bit of its data route. D(K) ≥ B K/N with B of the continuous (5), so
the convex continuous delay bounds T from below, and counts are tried outwards on both sides of its minimum until it
passes the best T found. At K = 0 and K = N the packet that is not needed is dropped, which only relieves the others.
"""

import math
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from formulation import Problem, Solution, TaskDecision, as_problem, least_whole_frames
from formulation.checker import FRAME_TOLERANCE
from instances import Instance
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import ProblemData
from solvers.network.plans import plan_of, solution_of
from solvers.network.traffic import Loads, Plan


@dataclass(eq=False)
class FrameCounts:
    """Least data packets in whole frames, and the best counts of plans; remembers what it has solved.

    Attributes
    ----------
    data
        Of (4).
    share_computing
        Divide F_c by the number of tasks that c serves.
    """

    data: ProblemData
    share_computing: bool = False
    _least: dict[tuple[int, int], tuple[int, ...] | None] = field(default_factory=dict)

    def least(self, m: int, count: int) -> tuple[int, ...] | None:
        """Return the frames at each level of task m's least packet with this many frames, or None."""
        if (m, count) not in self._least:
            instance = self.data.instance
            self._least[m, count] = least_whole_frames(instance, instance.tasks[m], count)
        return self._least[m, count]

    def bits(self, m: int, count: int) -> float:
        """Return D(K) [bit], inf where no counts meet (4b)."""
        counts, task = self.least(m, count), self.data.instance.tasks[m]
        if counts is None:
            return float("inf")
        residual = float(np.dot((0.0, *task.residual_levels_bpp), counts))
        return count * task.feature_bits_per_frame + task.pixels_per_frame * residual

    def best(self, m: int, plan: Plan, loads: Loads, servers: Counter[int]) -> tuple[float, int]:
        """Return the least T_m [s] of a plan under these loads, and its K; inf where no count is possible."""
        task_data = self.data.tasks[m]
        back, per_bit, fixed = None, None, 0.0
        if plan.model is not None:
            back = task_data.bits[MODEL] * loads.per_bit(MODEL, plan.model) + float(self.data.fixed[plan.model].sum())
        if plan.data is not None:
            per_bit, fixed = loads.per_bit(DATA, plan.data), float(self.data.fixed[plan.data].sum())
        large = float(task_data.large_s[plan.end]) * (servers[self._server(m, plan)] if self.share_computing else 1)
        return self.least_delay(m, back, per_bit, fixed, large)

    def least_delay(
        self, m: int, back_s: float | None, per_bit: float | None, fixed_s: float, large_s: float
    ) -> tuple[float, int]:
        """Return the least T_m [s] and its K on a route.

        Parameters
        ----------
        back_s
            Transmission of the model packet [s], None where there is none.
        per_bit, fixed_s
            What a bit costs on the data route [s/bit], None where there is none, and its propagation [s].
        large_s
            λ, the large model's time at ρ = 1 [s].
        """
        task_data, frames = self.data.tasks[m], self.data.instance.tasks[m].frames
        small, alpha = task_data.small_s, task_data.extraction_s
        low, high = self._limits(m)
        found = (float("inf") if back_s is None or low > 0 else back_s + small, 0)
        if per_bit is None:
            return found

        def delay(count: int, bits: float) -> float:
            ratio = count / frames
            back = 0.0 if count == frames or back_s is None else back_s
            return back + alpha * ratio + max(bits * per_bit + fixed_s + large_s * ratio, small * (1 - ratio))

        if high == frames:
            found = min(found, (delay(frames, self.bits(m, frames)), frames))
        if back_s is None:
            return found
        work = task_data.bits[DATA] * per_bit + large_s
        below = min(int(frames * max(small - fixed_s, 0.0) / (work + small)), frames - 1)  # the bound falls up to it
        for step, count in ((1, max(below + 1, low)), (-1, min(below, high))):
            while (
                max(low, 1) <= count <= min(high, frames - 1)
                and delay(count, task_data.bits[DATA] * count / frames) <= found[0]
            ):
                found = min(found, (delay(count, self.bits(m, count)), count))
                count += step
        return found

    def _limits(self, m: int) -> tuple[int, int]:
        """Return the least and the largest number of frames within the limits of task m's ρ."""
        task = self.data.instance.tasks[m]
        low, high = (limit * task.frames for limit in task.offload_ratio_range)
        return math.ceil(low - FRAME_TOLERANCE), math.floor(high + FRAME_TOLERANCE)

    def _server(self, m: int, plan: Plan) -> int:
        return int(self.data.tasks[m].ends[plan.end])

    def servers(self, plans: dict[int, Plan]) -> Counter[int]:
        """Count the tasks that send data to each computing satellite."""
        return Counter(self._server(m, plan) for m, plan in plans.items() if plan.data is not None)

    def score(self, plans: dict[int, Plan], objective: str) -> tuple[float, tuple[int, ...]] | None:
        """Return the objective [s] of plans at their best counts, and the counts; None where one has none."""
        loads, servers = Loads(self.data, plans), self.servers(plans)
        best = [self.best(m, plans[m], loads, servers) for m in range(len(plans))]
        delays = [delay for delay, _ in best]
        if not np.isfinite(delays).all():
            return None
        value = sum(delays) / len(delays) if objective == "mean" else max(delays)
        return value, tuple(count for _, count in best)

    def solution(self, plans: dict[int, Plan], counts: tuple[int, ...]) -> Solution:
        """Return plans at these counts as a solution."""
        base = solution_of(self.data, plans)
        routed = _routed(self.data, plans)
        decisions = []
        for m, (task, decision) in enumerate(zip(self.data.instance.tasks, base.tasks, strict=True)):
            shares = tuple(k / task.frames for k in self.least(m, counts[m]) or ())
            local = counts[m] < task.frames
            decisions.append(
                replace(
                    decision,
                    offload_ratio=counts[m] / task.frames,
                    residual_shares=shares,
                    model_packet_bits=self.data.tasks[m].bits[MODEL] if local else 0.0,
                    data_path=routed[m].data_path if counts[m] else None,
                    model_path=routed[m].model_path if local else None,
                )
            )
        return replace(base, tasks=tuple(decisions))


def _routed(data: ProblemData, plans: dict[int, Plan]) -> tuple[TaskDecision, ...]:
    """Return both paths of every plan, whichever ρ is best in the continuous problem."""
    packets = {}
    for kind in (DATA, MODEL):
        alone = {m: Plan(p.end, *(p.packet(k) if k == kind else None for k in (DATA, MODEL))) for m, p in plans.items()}
        packets[kind] = solution_of(data, alone).tasks
    return tuple(
        replace(sent, model_path=received.model_path)
        for sent, received in zip(packets[DATA], packets[MODEL], strict=True)
    )


def in_whole_frames(problem: Instance | Problem, solution: Solution) -> Solution | None:
    """Return a solution's routes with the best whole number of frames for each task, or None if there is none.

    Rules that count ρ are not looked at.
    """
    problem = as_problem(problem)
    data = ProblemData(problem.instance)
    counts = FrameCounts(data, problem.share_computing)
    plans = plan_of(data, solution)
    found = counts.score(plans, problem.objective)
    return None if found is None else counts.solution(plans, found[1])
