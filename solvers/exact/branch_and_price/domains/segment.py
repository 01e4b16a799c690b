"""Segments: what a task may do, cut into cases in each of which its delay has a tight affine lower bound.

A segment is a packet mode and, where both packets are sent, an interval of the data work A_m. A task is in one segment
at least; a solution better than the cutoff stays in some segment of every task through all that follows. On an interval
[low, high] the chord of h(·, p) (`domain.chord`) bounds the delay from below, exactly at both ends. A chord passes h
outside its interval, so no segment needs to be told to keep to its interval: it only becomes unattractive. The last
interval [low, ∞) is charged h(low) and nothing for load.

Cutting an interval at A costs one more segment and makes both chords exact at A. Each segment has its own arcs and
computing satellites, so that what is excluded for one interval (`multipliers.reduced_cost_fixing`) need not be for all:
A_m is bounded piecewise, and intervals whose reduced cost is too high leave from the middle too.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solvers.network.arrays import DATA_ONLY, MODEL_ONLY, Ints


@dataclass(eq=False)
class Segment:
    """One case of a task.

    Attributes
    ----------
    mode
        `both`, `data` or `model`.
    low, high
        Bounds on A_m [s]; `high` may be inf.
    fixed_low
        Lower bound on the propagation p_m [s].
    ends
        Positions of the candidate computing satellites left.
    arcs
        Resources left for the data packet, shape (resources,).
    """

    mode: str
    low: float
    high: float
    fixed_low: float
    ends: list[int]
    arcs: NDArray[np.bool_]

    @property
    def sends_data(self) -> bool:
        """Whether the data packet is sent."""
        return self.mode != MODEL_ONLY

    @property
    def sends_model(self) -> bool:
        """Whether the model packet is sent."""
        return self.mode != DATA_ONLY

    def admits(self, c: int, used: Ints) -> bool:
        """Tell whether a data packet on these resources to this end is possible here."""
        return self.sends_data and c in self.ends and bool(self.arcs[used].all())

    def part(self, low: float, high: float) -> "Segment":
        """Return this segment with another interval."""
        return replace(self, low=low, high=high, ends=list(self.ends), arcs=self.arcs.copy())
