"""What (4) and (7) may minimise over the tasks: one registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Values = Sequence[float]


@dataclass(frozen=True)
class Objective:
    """One way of making a single number of the delays of all tasks.

    Attributes
    ----------
    name
        What files and commands call it.
    title
        What it is, in a few words.
    value
        (delays [s], weights) → objective [s].
    """

    name: str
    title: str
    value: Callable[[Values, Values], float]


def _mean(delays: Values, weights: Values) -> float:
    return sum(w * t for w, t in zip(weights, delays, strict=True)) / sum(weights)


def _max(delays: Values, weights: Values) -> float:
    return max(delays)


OBJECTIVES: Mapping[str, Objective] = {
    "mean": Objective("mean", "weighted mean of the delays, Σ w_m T_m / Σ w_m", _mean),
    "max": Objective("max", "largest delay", _max),
}
"""The objectives by name; `formulation.models.objective` holds how each is modelled."""
