"""Standard errors from the Jacobian at the optimum, correct to rounding however badly it is conditioned."""

from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.curves import Floats, ParametricCurve

WELL_CONDITIONED = 1e7
"""Condition number, of unit columns, up to which double precision is trusted; beyond, decimals are."""
DIGITS = 100
SINGULAR = Decimal("1e-80")
"""Share of a squared column that must be left after those before it; less counts as none."""


@dataclass(frozen=True, eq=False)
class Spread:
    """(JᵀJ)⁻¹ of a weighted Jacobian J.

    Parameters
    ----------
    unit_inverse
        The matrix for columns of J of unit length, shape (k, k); infinite where the points do not identify the
        parameters.
    lengths
        Lengths of the columns, shape (k,).
    """

    unit_inverse: NDArray[np.float64]
    lengths: Floats

    @property
    def inverse(self) -> NDArray[np.float64]:
        """The matrix, shape (k, k); entries that no float holds are infinite."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return np.nan_to_num(
                self.unit_inverse / self.lengths[:, None] / self.lengths[None, :],
                nan=0.0,
                posinf=np.inf,
                neginf=-np.inf,
            )

    @property
    def roots(self) -> Floats:
        """Square roots of the diagonal, shape (k,), which a float holds more often than its squares."""
        with np.errstate(over="ignore", divide="ignore"):
            return np.asarray(np.sqrt(np.diag(self.unit_inverse)) / self.lengths)


def spread(curve: ParametricCurve, x: Floats, precision: Floats) -> Spread:
    """(JᵀJ)⁻¹ by QR of J with unit columns, or in decimals of 100 digits where it is badly conditioned.

    Parameters
    ----------
    curve
        The fitted curve.
    x, precision
        Places and 1/standard error (or 1), shape (n,).
    """
    with np.errstate(all="ignore"):
        columns = curve.partials(x, **curve.parameters)
        jacobian = np.stack([np.broadcast_to(column, x.shape) for column in columns], axis=1) * precision[:, None]
        lengths = np.linalg.norm(jacobian, axis=0)
    if np.all(np.isfinite(lengths)) and np.all(lengths > 1e-150):
        unit = jacobian / lengths
        values = np.linalg.svd(unit, compute_uv=False)
        if len(x) >= len(values) and values[-1] * WELL_CONDITIONED > values[0]:
            root = np.linalg.solve(np.linalg.qr(unit, mode="r"), np.eye(len(values)))
            return Spread(root @ root.T, lengths)
    return _decimal_spread(curve, x, precision)


def _decimal_spread(curve: ParametricCurve, x: Floats, precision: Floats) -> Spread:
    """As `spread`, in decimals: elimination on JᵀJ with unit columns."""
    count = len(curve.parameters)
    nothing = Spread(np.full((count, count), np.inf), np.ones(count))
    with localcontext(Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN)):
        parameters = {name: Decimal(value) for name, value in curve.parameters.items()}
        columns = curve.partials(_decimals(x), **parameters)
        weighted = [column * _decimals(precision) for column in columns]
        lengths = [sum(column * column).sqrt() for column in weighted]
        if len(x) < count or any(length == 0 for length in lengths):
            return nothing
        unit = [column / length for column, length in zip(weighted, lengths, strict=True)]
        normal = [[sum(left * right) for right in unit] for left in unit]
        inverse = _inverse(normal)
        if inverse is None:
            return nothing
        rows = [[_float(value) for value in row] for row in inverse]
        return Spread(np.array(rows), np.array([_float(length) for length in lengths]))


def _inverse(matrix: list[list[Any]]) -> list[list[Any]] | None:
    """Inverse of a symmetric positive matrix of decimals with unit diagonal; None where it is singular."""
    size = len(matrix)
    rows = [[*row, *(Decimal(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        if rows[i][i] < SINGULAR:
            return None
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(size):
            if j != i:
                factor = rows[j][i]
                rows[j] = [value - factor * pivot for value, pivot in zip(rows[j], rows[i], strict=True)]
    return [row[size:] for row in rows]


def _decimals(values: Floats) -> NDArray[np.object_]:
    return np.array([Decimal(float(value)) for value in values], dtype=object)


def _float(value: Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
