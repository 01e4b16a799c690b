"""Measured points with what is known of their errors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fitting.errors import MeasurementError

Y_COLUMN = "map"
LARGEST = 1e18
"""Beyond every size in bits; squares and sums of what is read stay far from overflow."""
SMALLEST_STD = 1e-12


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measured points, sorted by x.

    Parameters
    ----------
    x
        Where the accuracy was measured, shape (n,): residual bit/pixel, model packet bits, or another size.
    y
        Measured mAP in [0, 1], shape (n,).
    std
        Standard deviation of the runs behind each y, shape (n,), or None. One that is 0 or not a number, as a single
        run has it, is replaced by the pooled deviation of the other points.
    runs
        Number of runs behind each y, shape (n,), or None; without `std` it weighs the points.
    x_name, y_name
        Names of the columns.
    features
        Feature bit/pixel of each point, shape (n,), where f has two inputs, or None.
    notes
        What was assumed and left out in reading, one sentence each.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    std: NDArray[np.float64] | None = None
    runs: NDArray[np.float64] | None = None
    x_name: str = "x"
    y_name: str = Y_COLUMN
    features: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        order = np.argsort(np.asarray(self.x, dtype=float), kind="stable")
        for name in ("x", "y", "std", "runs", "features"):
            values = getattr(self, name)
            if values is None:
                continue
            values = np.asarray(values, dtype=float)
            finite = np.isfinite(values) | (name == "std")
            if values.shape != order.shape or order.ndim != 1 or not np.all(finite):
                raise MeasurementError(f"measurements need {len(order)} finite {name}, got the shape {values.shape}")
            object.__setattr__(self, name, values[order])

    @property
    def sigma(self) -> NDArray[np.float64] | None:
        """Standard error of each y, std/√runs, shape (n,); with `runs` alone 1/√runs, whose unit is not known.

        None where all points count alike: without either, or where no deviation is above 0.
        """
        runs = 1.0 if self.runs is None else self.runs
        std = self.pooled_std
        if std is None:
            return None if self.runs is None else 1 / np.sqrt(self.runs)
        return np.asarray(std / np.sqrt(runs))

    @property
    def relative(self) -> bool:
        """Whether `sigma` only weighs the points, so that its unit has to be estimated from the residuals."""
        return self.pooled_std is None and self.runs is not None

    @property
    def pooled_std(self) -> NDArray[np.float64] | None:
        """Deviations in which the root of the mean variance, by degrees of freedom, stands for those of no value."""
        if self.std is None:
            return None
        known = np.isfinite(self.std) & (self.std > 0)
        if not np.any(known):
            return None
        freedom = np.ones(len(self.std)) if self.runs is None else np.maximum(self.runs - 1, 1)
        pooled = math.sqrt(float(np.average(self.std[known] ** 2, weights=freedom[known])))
        return np.where(known, self.std, pooled)
