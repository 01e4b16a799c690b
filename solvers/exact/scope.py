"""What is still possible for a task in any solution better than the cutoff, and simple ways to narrow it.

A scope only ever loses what no improving solution needs. Let U be the cutoff, y_m > 0 the weight of
T_m in the objective (1/|R| for the mean), and lb_m a lower bound on T_m. For the mean, an improving solution has
T_m ≤ (U - Σ_{m' ≠ m} y_m' lb_m') / y_m; for the maximum, T_m ≤ U. This *allowance* bounds the data work A_m: with
both packets sent T_m ≥ M_m + h(A_m, p_m), h rises with A, so A_m lies below the root of M_m + h(A, p_m) = allowance,
where M_m and p_m are the least uncongested transmission of the model packet and the least propagation.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solvers.exact.tables import DATA, MODEL, Floats, Tables, TaskTable, delay_share

if TYPE_CHECKING:
    from solvers.exact.pieces import Piece

BOTH, DATA_ONLY, MODEL_ONLY = "both", "data", "model"


@dataclass(eq=False)
class Scope:
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
        Whether A_m > high is possible too. The mode `model` then stands for all of that: the model packet is sent,
        H_m ≥ h(high, fixed_low), and the data packet's load on others is forgotten, which only relaxes.
    cuts
        Further breakpoints of [low, high] for the integer program.
    floor
        Lower bounds on A_m and p_m that hold for every solution.
    pieces
        The cases of the task that prices reason about (`pieces`).
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
    cuts: list[float] = field(default_factory=list)
    floor: tuple[float, float] = (0.0, 0.0)
    pieces: "list[Piece]" = field(default_factory=list)
    beyond: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def has_far(self) -> bool:
        """Whether solutions with A_m > high are still in scope."""
        return self.far and MODEL_ONLY in self.modes

    def gather(self) -> None:
        """Take ends, modes and data arcs from the pieces."""
        self.ends = sorted({c for piece in self.pieces for c in piece.ends})
        self.modes = [
            mode for mode in (MODEL_ONLY, DATA_ONLY, BOTH) if any(p.mode == mode and p.ends for p in self.pieces)
        ]
        self.arcs[DATA] = np.zeros_like(self.arcs[DATA])
        for piece in self.pieces:
            if piece.sends_data and piece.ends:
                self.arcs[DATA] |= piece.arcs

    def copy(self) -> "Scope":
        """Return a scope that can be changed without changing this one."""
        pieces = [piece.part(piece.low, piece.high) for piece in self.pieces]
        arcs = [mask.copy() for mask in self.arcs]
        return replace(
            self, ends=list(self.ends), modes=list(self.modes), arcs=arcs, cuts=list(self.cuts), pieces=pieces
        )

    def expand(self, high: float, far: bool = True) -> None:
        """Let A_m go up to `high` again, with the data arcs that larger values have left.

        Bounds and arcs were narrowed for A_m up to the old `high`; where mode `both` had been excluded, A_m exceeds it.
        """
        if BOTH not in self.modes:
            self.modes, self.low = [*self.modes, BOTH], self.high
        self.arcs[DATA] |= self.beyond
        self.high, self.far = max(high, self.low), far


@dataclass(frozen=True, eq=False)
class Alone:
    """A task in an empty network, per candidate: least T [s] in each mode, and the parts of the bounds."""

    values: dict[str, Floats]
    work_low: Floats
    fixed_low: Floats
    model_low: Floats

    @property
    def least_s(self) -> float:
        """Least T_m [s]."""
        return float(min(values.min() for values in self.values.values()))


def _searches(tables: Tables, m: int, kind: int, bits: float, per_fixed: float = 1.0) -> Floats:
    task = tables.tasks[m]
    cost, _ = tables.search(
        bits * tables.per_bit + per_fixed * tables.fixed, tables.start_of(m, kind), kind == MODEL, tables.own_arcs(m)
    )
    return np.asarray(cost[tables.end_of(task.ends, kind)], dtype=float)


def alone(tables: Tables, m: int) -> Alone:
    """Return the exact uncongested optimum of one task, per candidate and mode."""
    task = tables.tasks[m]
    none = np.full(len(task.ends), np.inf)
    model = _searches(tables, m, MODEL, task.bits[MODEL]) if task.can_stay else none
    work = _searches(tables, m, DATA, task.bits[DATA], 0.0) + task.large_s if task.can_offload else none
    fixed = _searches(tables, m, DATA, 0.0, 1.0) if task.can_offload else none
    values: dict[str, Floats] = {}
    ratio = task.fixed_ratio
    if ratio is not None:
        if task.can_offload:
            values[BOTH if task.can_stay else DATA_ONLY] = (
                np.maximum(
                    _searches(tables, m, DATA, ratio * task.bits[DATA]) + ratio * task.large_s,
                    (1 - ratio) * task.small_s,
                )
                + ratio * task.extraction_s
                + (model if task.can_stay else 0.0)
            )
        else:
            values[MODEL_ONLY] = model + task.small_s
        return Alone(values, work, fixed, model)
    if task.can_stay:
        values[MODEL_ONLY] = model + task.small_s
    if task.can_offload:
        values[DATA_ONLY] = task.extraction_s + _searches(tables, m, DATA, task.bits[DATA]) + task.large_s
    if task.can_stay and task.can_offload and task.extraction_s < task.small_s:
        values[BOTH] = model + _least_share(tables, m, task)
    return Alone(values, work, fixed, model)


def _least_share(tables: Tables, m: int, task: TaskTable) -> Floats:
    """Return the least h over all uncongested data paths, per candidate; α < s.

    Let F(ρ) be the least of ρ A + p over all paths, and G(ρ) = F(ρ) - s (1 - ρ). F is concave and does not fall, so
    G is concave and rises. A path has h = α + (s - α)(1 - r), where r = (s - p) / (A + s) is the root of its line
    ρ A + p - s (1 - ρ), or h = s where r ≤ 0: the largest r is sought. Every line lies on or above G, so no r is
    above the root of G, and the path that attains F there has that root. At ρ = 0 the path found has least p: with
    p ≥ s, as all others have then, h = s is the least. Otherwise G(0) < 0, and wherever G(ρ) ≤ 0 the path that
    attains F(ρ) has r ≥ ρ, with equality only at the root. So ρ climbs from 0 by ρ = r through finitely many paths
    (Newton's method). To begin at a ρ > 0 would need care: right of the root the path that attains F may have p ≥ s
    although others have not.
    """
    found = np.full(len(task.ends), np.inf)
    for i, end in enumerate(task.ends):
        start, stop = tables.start_of(m, DATA), tables.end_of(int(end), DATA)
        ratio, best = -1.0, 0.0
        while best * (1 - 1e-15) > ratio:
            ratio = best
            weight = ratio * task.bits[DATA] * tables.per_bit + tables.fixed
            cost, before = tables.search(weight, start, False, tables.own_arcs(m))
            if not np.isfinite(cost[stop]):
                break
            path = tables.trace(before, stop, start, DATA)
            work = float(task.bits[DATA] * tables.per_bit[path].sum() + task.large_s[i])
            fixed = float(tables.fixed[path].sum())
            found[i] = min(found[i], delay_share(task, work, fixed))
            best = (task.small_s - fixed) / (work + task.small_s)
    # rounding may leave the value above the true least by some ulps
    return found * (1 - 1e-13)


def work_limit(task: TaskTable, allowed_s: float, fixed_s: float) -> float:
    """Return the largest A with h(A, p) ≤ allowed_s, or inf if every A has it."""
    alpha, small = task.extraction_s, task.small_s
    if allowed_s >= small:
        return float("inf")
    share = (allowed_s - alpha) / (small - alpha)
    return (share * small - fixed_s) / (1 - share)


def chord(task: TaskTable, low: float, high: float, fixed_low: float) -> tuple[float, float, float]:
    """Return (c, k, kp) with h(A, p) ≥ c + k A + kp p for A in [low, high] and p ≥ fixed_low.

    h(·, p₀) is concave, so its chord lies below it; ∂h/∂p = (s - α) / (A + s) is least at `high`. Where p ≥ s, h is
    capped at s by its definition, but the affine function may pass it: such paths are dominated by the mode without
    data packet, which is in scope whenever both packets are.
    """
    first, last = share_at(task, low, fixed_low), share_at(task, high, fixed_low)
    per_fixed = (task.small_s - task.extraction_s) / (high + task.small_s)
    slope = (last - first) / (high - low) if high > low * (1 + 1e-12) else 0.0
    if slope == 0.0:
        slope = (task.small_s - task.extraction_s) * (task.small_s - fixed_low) / (low + task.small_s) ** 2
        return first - slope * high - per_fixed * fixed_low, slope, per_fixed
    return first - slope * low - per_fixed * fixed_low, slope, per_fixed


def share_at(task: TaskTable, work_s: float, fixed_s: float) -> float:
    """Return h(A, p) without its cap at s."""
    return task.extraction_s + (task.small_s - task.extraction_s) * (work_s + fixed_s) / (work_s + task.small_s)


def first_scopes(tables: Tables) -> list[Scope]:
    """Return scopes with everything in them, and the uncongested bounds."""
    scopes = []
    for m, task in enumerate(tables.tasks):
        single = alone(tables, m)
        modes = [mode for mode, values in single.values.items() if np.isfinite(values).any()]
        values = np.min([single.values[mode] for mode in modes], axis=0)
        ends = [i for i in range(len(task.ends)) if np.isfinite(values[i])]
        own = tables.own_arcs(m)
        work = single.work_low[np.isfinite(single.work_low)]
        fixed = single.fixed_low[np.isfinite(single.fixed_low)]
        low = float(work.min()) if len(work) else 0.0
        scopes.append(
            Scope(
                ends=ends,
                modes=modes,
                low=low,
                high=float("inf"),
                data_low=low,
                data_high=float("inf"),
                fixed_low=float(fixed.min()) if len(fixed) else 0.0,
                arcs=[own.copy(), own.copy()],
                least_s=float(values[ends].min()),
                far=BOTH in modes and task.fixed_ratio is None,
                floor=(low, float(fixed.min()) if len(fixed) else 0.0),
            )
        )
    return scopes


@dataclass(frozen=True)
class Side:
    """A valid inequality H_m ≥ const[mode] + work · A_m + fixed · p_m on the part of T_m beside the model packet."""

    const: dict[str, float]
    work: float
    fixed: float


def local_share(task: TaskTable, scope: Scope) -> float:
    """Return the lower bound on H_m in the mode `model`: s, or less where the mode stands for far A_m too."""
    far = scope.far and task.can_offload and task.extraction_s < task.small_s
    return min(task.small_s, share_at(task, scope.high, scope.fixed_low)) if far else task.small_s


def sides(task: TaskTable, scope: Scope) -> list[Side]:
    """Return the affine lower bounds on H_m that hold throughout the scope; at fixed ρ they are exact together.

    A_m and p_m are 0 where no data packet is sent. In the mode `data`, H = α + A + p, and k, kp ≤ 1 shift to it with
    the least A and p.
    """
    alpha, small, ratio = task.extraction_s, task.small_s, task.fixed_ratio
    if ratio is not None:
        remote = Side(dict.fromkeys(scope.modes, alpha * ratio), ratio, 1.0 if ratio > 0 else 0.0)
        local = Side(dict.fromkeys(scope.modes, alpha * ratio + small * (1 - ratio)), 0.0, 0.0)
        return [local] if MODEL_ONLY in scope.modes else [remote] if ratio >= 1 else [remote, local]
    const: dict[str, float] = {MODEL_ONLY: min(small, local_share(task, scope))}
    work = fixed = 1.0
    if BOTH in scope.modes:
        const[BOTH], work, fixed = chord(task, scope.low, scope.high, scope.fixed_low)
    const[DATA_ONLY] = alpha + (1 - work) * scope.data_low + (1 - fixed) * scope.fixed_low
    return [Side({mode: const[mode] for mode in scope.modes}, work, fixed)]
