"""What the report says in numbers: gaps with intervals, performance profiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
RESAMPLES = 1000
CONFIDENCE = 0.95
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval.

    Attributes
    ----------
    mean, low, high
        Mean and ends of the interval.
    count
        Number of values; with fewer than two the ends are NaN.
    """

    mean: float
    low: float
    high: float
    count: int


def mean_interval(values: Floats, seed: int = 0) -> Interval | None:
    """Return the mean with its percentile-bootstrap interval (Efron and Tibshirani, 1993), or None without values.

    Parameters
    ----------
    values
        Independent values, shape (n,); NaN are left out.
    seed
        Seed of the resampling.
    """
    values = np.sort(values[np.isfinite(values)])  # the order of rows must not change the interval
    if not len(values):
        return None
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, np.nan, np.nan, len(values))
    rng = np.random.default_rng(seed)
    per_chunk = max(1, _CHUNK // len(values))
    means: list[Floats] = []
    for start in range(0, RESAMPLES, per_chunk):
        rows = min(per_chunk, RESAMPLES - start)
        means.append(values[rng.integers(len(values), size=(rows, len(values)))].mean(axis=1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Interval(mean, float(low), float(high), len(values))


def profiles(frame: "pd.DataFrame") -> Mapping[str, Floats]:
    """Return the performance profile of each scheme (Dolan and Moré, doi:10.1007/s101070100263).

    Parameters
    ----------
    frame
        Rows of a results file.

    Returns
    -------
    dict
        By scheme, the sorted ratios of its delay to the best delay that any scheme has on the same instance and
        objective; infinite where it has none. Instances that no scheme decides are left out.
    """
    made = frame[frame["instance_sha256"] != ""]
    best = made.groupby(["instance_sha256", "objective"])["objective_s"].transform("min")
    ratio = (made["objective_s"] / best)[best.notna()].fillna(np.inf)
    return {str(name): np.sort(values.to_numpy(float)) for name, values in ratio.groupby(made["scheme"])}
