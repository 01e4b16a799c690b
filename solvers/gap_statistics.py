"""Statistics of a gap table over many instances: location, spread, worst case, share solved and time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.gaps import GapRow

RESAMPLES = 2000
CONFIDENCE = 0.95
BASES = ("optimum", "bound", "best_known")


@dataclass(frozen=True)
class GapStatistics:
    """One scheme's gaps of one kind over all instances where that gap exists.

    Attributes
    ----------
    scheme, base
        Its name, and what the gap is to: `optimum` (proven), `bound`, or `best_known`, the least delay that any scheme
        of the table reached. Kinds are never mixed.
    count, solved
        Instances of the table where this gap exists, and the share of all instances that the scheme solved.
    mean, worst
        Mean and largest gap.
    iqm, iqm_low, iqm_high
        Interquartile mean, and its 95 % percentile-bootstrap interval over instances (Agarwal et al., 2021,
        arXiv:2108.13264).
    decision_s
        Median decision time [s].
    """

    scheme: str
    base: str
    count: int
    solved: float
    mean: float
    worst: float
    iqm: float
    iqm_low: float
    iqm_high: float
    decision_s: float


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the middle half along the last axis; a quarter is cut at each end, rounded down."""
    cut = values.shape[-1] // 4
    middle: NDArray[np.float64] = np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(-1)
    return middle


def best_known(rows: Sequence[GapRow]) -> dict[str, float]:
    """Return the least delay that any scheme reached on each instance [s]."""
    best: dict[str, float] = {}
    for row in rows:
        if row.objective_s is not None:
            best[row.instance] = min(row.objective_s, best.get(row.instance, float("inf")))
    return best


def gap_to(row: GapRow, base: str, best: dict[str, float]) -> float | None:
    """Return a row's gap to one base, or None where it does not exist."""
    if base == "optimum":
        return row.gap_to_optimum
    if base == "bound":
        return row.gap_to_bound
    return None if row.objective_s is None else row.objective_s / best[row.instance] - 1


def gap_statistics(rows: Sequence[GapRow], *, seed: int = 0) -> tuple[GapStatistics, ...]:
    """Summarise a gap table, one entry a scheme and kind of gap.

    Parameters
    ----------
    rows
        The table.
    seed
        Of the bootstrap.
    """
    rng, best, found = np.random.default_rng(seed), best_known(rows), []
    for scheme in dict.fromkeys(row.scheme for row in rows):
        own = [row for row in rows if row.scheme == scheme]
        solved = sum(row.objective_s is not None for row in own) / len(own)
        seconds = float(np.median([row.decision_s for row in own]))
        for base in BASES:
            gaps = np.array([gap for row in own if (gap := gap_to(row, base, best)) is not None])
            if len(gaps):
                resampled = interquartile_mean(gaps[rng.integers(len(gaps), size=(RESAMPLES, len(gaps)))])
                low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
                middle = float(interquartile_mean(gaps))
                found.append(
                    GapStatistics(
                        scheme=scheme,
                        base=base,
                        count=len(gaps),
                        solved=solved,
                        mean=float(gaps.mean()),
                        worst=float(gaps.max()),
                        iqm=middle,
                        iqm_low=float(low),
                        iqm_high=float(high),
                        decision_s=seconds,
                    )
                )
    return tuple(found)
