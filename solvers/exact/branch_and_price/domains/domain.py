"""What is still can_fork for a task in any solution better than the cutoff, and simple ways to narrow it.

A domain only ever loses what no improving solution needs. Let U be the cutoff, y_m > 0 the weight of
T_m in the objective (1/|R| for the mean), and lb_m a lower bound on T_m. For the mean, an improving solution has
T_m ≤ (U - Σ_{m' ≠ m} y_m' lb_m') / y_m; for the maximum, T_m ≤ U. This *allowance* bounds the data work A_m: with
both packets sent T_m ≥ M_m + h(A_m, p_m), h rises with A, so A_m lies below the root of M_m + h(A, p_m) = allowance,
where M_m and p_m are the least uncongested transmission of the model packet and the least propagation.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.data import ProblemData
from solvers.network.single_task import single_task_optimum

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.domains.segment import Segment


@dataclass(eq=False)
class TaskDomain:
    """What is left for one task.

    Attributes
    ----------
    ends
        Positions of the candidate computing satellites left.
    modes
        Packet modes left, of `both`, `data`, `model`.
    low, high
        Bounds on the data work A_m where both packets are sent [s].
    data_low, data_high
        Bounds on A_m where only the data packet is sent [s].
    fixed_low
        Lower bound on the propagation p_m of the data packet [s].
    arcs
        Masks of the resources left for data and model packet, each of shape (resources,).
    least_s
        Lower bound on T_m [s].
    far
        Whether A_m > high is can_fork too. The mode `model` then stands for all of that: the model packet is sent,
        H_m ≥ h(high, fixed_low), and the data packet's load on others is forgotten, which only relaxes.
    breakpoints
        Further breakpoints of [low, high] for the integer program.
    floor
        Lower bounds on A_m and p_m that hold for every solution.
    segments
        The cases of the task that multipliers reason about (`segments`).
    beyond
        Resources left for a data packet with A_m > high, shape (resources,).
    """

    ends: list[int]
    modes: list[str]
    low: float
    high: float
    data_low: float
    data_high: float
    fixed_low: float
    arcs: list[NDArray[np.bool_]]
    least_s: float
    far: bool = True
    breakpoints: list[float] = field(default_factory=list)
    floor: tuple[float, float] = (0.0, 0.0)
    segments: "list[Segment]" = field(default_factory=list)
    beyond: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def has_far(self) -> bool:
        """Whether solutions with A_m > high are still in domain."""
        return self.far and MODEL_ONLY in self.modes

    def gather(self) -> None:
        """Take ends, modes and data arcs from the segments."""
        self.ends = sorted({c for segment in self.segments for c in segment.ends})
        self.modes = [
            mode for mode in (MODEL_ONLY, DATA_ONLY, BOTH) if any(p.mode == mode and p.ends for p in self.segments)
        ]
        self.arcs[DATA] = np.zeros_like(self.arcs[DATA])
        for segment in self.segments:
            if segment.sends_data and segment.ends:
                self.arcs[DATA] |= segment.arcs

    def copy(self) -> "TaskDomain":
        """Return a domain that can be changed without changing this one."""
        segments = [segment.part(segment.low, segment.high) for segment in self.segments]
        arcs = [mask.copy() for mask in self.arcs]
        return replace(
            self,
            ends=list(self.ends),
            modes=list(self.modes),
            arcs=arcs,
            breakpoints=list(self.breakpoints),
            segments=segments,
        )

    def expand(self, high: float, far: bool = True) -> None:
        """Let A_m go up to `high` again, with the data arcs that larger values have left.

        Bounds and arcs were narrowed for A_m up to the old `high`; where mode `both` had been excluded, A_m exceeds it.
        """
        if BOTH not in self.modes:
            self.modes, self.low = [*self.modes, BOTH], self.high
        self.arcs[DATA] |= self.beyond
        self.high, self.far = max(high, self.low), far


def initial_domains(data: ProblemData) -> list[TaskDomain]:
    """Return domains with everything in them, and the uncongested bounds."""
    domains = []
    for m, task in enumerate(data.tasks):
        single = single_task_optimum(data, m)
        modes = [mode for mode, values in single.values.items() if np.isfinite(values).any()]
        values = np.min([single.values[mode] for mode in modes], axis=0)
        values[data.closed_ends(m)] = np.inf
        ends = [i for i in range(len(task.ends)) if np.isfinite(values[i])]
        work = single.work_low[np.isfinite(single.work_low)]
        fixed = single.fixed_low[np.isfinite(single.fixed_low)]
        low = float(work.min()) if len(work) else 0.0
        domains.append(
            TaskDomain(
                ends=ends,
                modes=modes,
                low=low,
                high=float("inf"),
                data_low=low,
                data_high=float("inf"),
                fixed_low=float(fixed.min()) if len(fixed) else 0.0,
                arcs=[data.own_arcs(m, kind) for kind in (DATA, MODEL)],
                least_s=float(values[ends].min()),
                far=BOTH in modes and task.fixed_ratio is None,
                floor=(low, float(fixed.min()) if len(fixed) else 0.0),
            )
        )
    return domains
