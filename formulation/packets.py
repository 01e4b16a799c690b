"""Packet design (5) and (6) in closed form, by exact inversion of the accuracy curves.

No delay falls when a packet grows, so these least packets are optimal inside (4) for any routes and either objective.
"""

from dataclasses import dataclass

from fitting import Curve
from formulation.solution import RATIO_TOLERANCE
from instances import Instance, Task


@dataclass(frozen=True)
class PacketDesign:
    """The least packets of one task that meet its mAP targets.

    Attributes
    ----------
    satellite
        The task.
    residual_mix
        Share of the *offloaded* frames at each level [0, q_1, …, q_S], summing to 1; None if (4b) cannot be met.
    data_bits_per_ratio
        D^D_m / ρ_m [bit]; 0 if (4b) cannot be met.
    model_packet_bits
        D^M_m [bit], or None if (4c) cannot be met.
    large_map_best, small_map_best
        The largest mAP that residuals and model packets can reach.
    """

    satellite: str
    residual_mix: tuple[float, ...] | None
    data_bits_per_ratio: float
    model_packet_bits: float | None
    large_map_best: float
    small_map_best: float

    @property
    def can_offload(self) -> bool:
        """Whether (4b) can be met, so that ρ > 0 is allowed."""
        return self.residual_mix is not None

    @property
    def can_stay(self) -> bool:
        """Whether (4c) can be met, so that ρ < 1 is allowed."""
        return self.model_packet_bits is not None

    def residual_shares(self, offload_ratio: float, levels: int) -> tuple[float, ...]:
        """Return σ_{m,s} at this ρ, shape (levels,)."""
        if self.residual_mix is None or offload_ratio <= RATIO_TOLERANCE:
            return (0.0,) * levels
        return tuple(offload_ratio * share for share in self.residual_mix)

    def reason(self, task: Task) -> str | None:
        """Return why no ρ is possible for this task, or None."""
        if self.can_offload or self.can_stay:
            return None
        return f"task {task.satellite}: (4b) asks {self.large_words(task)}; (4c) asks {self.small_words(task)}"

    def large_words(self, task: Task) -> str:
        """Return the task's target of (4b) beside the best value that can be reached."""
        return unmet("large_map_min", task.large_map_min, self.large_map_best)

    def small_words(self, task: Task) -> str:
        """Return the task's target of (4c) beside the best value that can be reached."""
        return unmet("small_map_min", task.small_map_min, self.small_map_best)

    def forbids(self, task: Task, offload_ratio: float) -> str | None:
        """Return the constraint that this ρ breaks for this task whatever its packets, or None."""
        if offload_ratio > 0 and not self.can_offload:
            return f"(4b) forbids ρ = {offload_ratio:g}: asks {self.large_words(task)}"
        if offload_ratio < 1 and not self.can_stay:
            return f"(4c) forbids ρ = {offload_ratio:g}: asks {self.small_words(task)}"
        return None


def unmet(name: str, asked: float, best: float, words: str = "best reachable") -> str:
    """Return a target and the best value reached, with as many digits as tell them apart, six at least."""
    digits = next(n for n in range(6, 18) if n == 17 or f"{asked:.{n}g}" != f"{best:.{n}g}")
    return f"{name} {asked:.{digits}g}, {words} {best:.{digits}g}"


def mix_of_two_levels(levels: tuple[float, ...], residual_bpp: float) -> tuple[float, ...]:
    """Return the shares over `levels` (ascending, from 0) that mix the two levels next to a mean residual."""
    shares = [0.0] * len(levels)
    above = next((s for s, q in enumerate(levels) if q >= residual_bpp), len(levels) - 1)
    if above == 0 or levels[above] <= residual_bpp:
        shares[above] = 1.0
    else:
        below = above - 1
        share = (residual_bpp - levels[below]) / (levels[above] - levels[below])
        shares[below], shares[above] = 1 - share, share
    return tuple(shares)


def least_mix_of_levels(curve: Curve, levels: tuple[float, ...], target: float) -> tuple[float, ...] | None:
    """Return shares over `levels` of least mean residual whose mean mAP meets the target, or None.

    The optimum of this two-row linear program uses at most two levels: every pair is tried, S² of them.
    """
    values = [float(curve(q)) for q in levels]
    best: tuple[float, tuple[float, ...]] | None = None
    for low, f_low in enumerate(values):
        for high, f_high in enumerate(values):
            if f_low >= target:
                share = 0.0
            elif f_high >= target > f_low:
                share = (target - f_low) / (f_high - f_low)
            else:
                continue
            mean = (1 - share) * levels[low] + share * levels[high]
            if best is None or mean < best[0]:
                shares = [0.0] * len(levels)
                shares[low] += 1 - share
                shares[high] += share
                best = mean, tuple(shares)
    return None if best is None else best[1]


def design_packets(instance: Instance, task: Task) -> PacketDesign:
    """Solve (5) per unit of ρ and (6) for one task exactly."""
    accuracy = instance.accuracy_of(task)
    levels = (0.0, *task.residual_levels_bpp)
    mix: tuple[float, ...] | None
    if instance.residual_accuracy == "mean_of_levels":
        mix = least_mix_of_levels(accuracy.large, levels, task.large_map_min)
        best = max(float(accuracy.large(q)) for q in levels)
    else:
        residual_bpp = accuracy.large.inverse(task.large_map_min, 0.0, levels[-1])
        mix = None if residual_bpp is None else mix_of_two_levels(levels, residual_bpp)
        best = accuracy.large.maximum(0.0, levels[-1])[1]
    bits = 0.0
    if mix is not None:
        mean = sum(q * share for q, share in zip(levels, mix, strict=True))
        bits = task.frames * (task.feature_bits_per_frame + task.pixels_per_frame * mean)
    return PacketDesign(
        satellite=task.satellite,
        residual_mix=mix,
        data_bits_per_ratio=bits,
        model_packet_bits=accuracy.small.inverse(task.small_map_min, *task.model_packet_bits_range),
        large_map_best=best,
        small_map_best=accuracy.small.maximum(*task.model_packet_bits_range)[1],
    )
