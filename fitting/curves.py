"""Accuracy curves as frozen values: evaluation, least feasible argument, maximum (SPEC of f and g, (4b) and (4c))."""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.errors import CurveError

Floats = NDArray[np.float64]
LARGEST = 1e60
"""Largest size, value, parameter and slope of a curve, and what is shortest turned over: products do not overflow."""

LARGEST_FACTOR = 1e300
"""Largest factor b of a family: that of a steep power law of sizes in bits; its values and slopes are bounded above."""


class Curve(ABC):
    """A continuous curve of one input, constant outside its domain.

    f is a curve of the mean residual in bit/pixel, g one of the model packet in bits; the values are mAPs.
    """

    kind: ClassVar[str]

    domain: tuple[float, float]
    """Lower and upper end of the range outside which the curve is constant, in units of x."""

    @abstractmethod
    def _values(self, x: Floats | float) -> Floats | float:
        """Values at `x`, all of them inside the domain."""

    @abstractmethod
    def _knots(self) -> tuple[float, ...]:
        """Ascending points of the domain, its ends included, between which the curve is monotone."""

    @abstractmethod
    def _bends(self) -> tuple[tuple[float, float, int], ...]:
        """Parts (left, right, curvature) of the domain: curvature −1 concave, 0 linear, 1 convex."""

    @abstractmethod
    def _slopes(self, x: Floats) -> Floats:
        """Return the derivative at `x` inside the domain; at a kink that of the part on its right."""

    @abstractmethod
    def _touching(self, slope: float) -> tuple[float, ...]:
        """Points at which the derivative is `slope`, apart from linear parts."""

    def touching(self, slope: float) -> tuple[float, ...]:
        """Return the points, maybe beyond the domain, where the derivative is `slope`, apart from linear parts."""
        return self._touching(slope)

    def bends(self, lo: float, hi: float) -> list[tuple[float, float, int]]:
        """Parts (left, right, curvature) of [lo, hi] on which the curve is concave (−1), linear (0) or convex (1)."""
        left, right = self.domain
        parts = [(lo, min(hi, left), 0), *self._bends(), (max(lo, right), hi, 0)]
        cut = [(max(a, lo), min(b, hi), bend) for a, b, bend in parts]
        return [(a, b, bend) for a, b, bend in cut if a < b]

    def slopes(self, x: Floats) -> Floats:
        """Return the derivative at `x`, shape of x; 0 outside the domain, at its ends and at kinks that of one side."""
        lo, hi = self.domain
        return np.where((x < lo) | (x > hi), 0.0, self._slopes(np.clip(x, lo, hi)))

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: ArrayLike) -> Floats | float: ...
    def __call__(self, x: ArrayLike) -> Floats | float:
        """Value at `x`, an array of any shape or a number; x outside the domain is moved to its nearer end."""
        lo, hi = self.domain
        if isinstance(x, (int, float)):
            return float(self._values(min(max(float(x), lo), hi)))
        inside = np.clip(np.asarray(x, dtype=float), lo, hi)
        values = self._values(inside)
        return float(values) if inside.ndim == 0 else values

    def inverse(self, target: float, lo: float | None = None, hi: float | None = None) -> float | None:
        """Least x in [lo, hi] whose value is at least `target`, or None.

        The root lies on the feasible side: ``curve(result) >= target`` holds in floating point, and no smaller
        float of the same monotone stretch meets it. Curves that are not monotone are searched stretch by stretch.

        Parameters
        ----------
        target
            The value to be met.
        lo, hi
            The interval, in units of x; by default the domain. It may reach beyond the domain.

        Raises
        ------
        CurveError
            When the interval is empty or a number is not finite.
        """
        points = self._stretches(lo, hi)
        if math.isnan(target):
            raise CurveError("the target of an inverse must be a number, got nan")
        if self(points[0]) >= target:
            return points[0]
        for left, right in pairwise(points):
            if self(right) >= target:
                return self._bisect(target, left, right)
        return None

    def maximum(self, lo: float | None = None, hi: float | None = None) -> tuple[float, float]:
        """Least argument and value of the maximum over [lo, hi] (by default the domain).

        Raises
        ------
        CurveError
            When the interval is empty or a number is not finite.
        """
        x = max(self._stretches(lo, hi), key=self)
        return x, self(x)

    def _stretches(self, lo: float | None, hi: float | None) -> list[float]:
        """Ascending points from `lo` to `hi` between which the curve is monotone."""
        low, high = (self.domain[0] if lo is None else float(lo)), (self.domain[1] if hi is None else float(hi))
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise CurveError(f"an interval needs two finite ends in ascending order, got [{low}, {high}]")
        return [low, *(x for x in self._knots() if low < x < high), *([high] if high > low else [])]

    def _bisect(self, target: float, below: float, above: float) -> float:
        """Neighbouring float at which the curve first meets `target`; it misses it at `below`, meets it at `above`."""
        while below < (middle := below + (above - below) / 2) < above:
            if self(middle) >= target:
                above = middle
            else:
                below = middle
        return above


@dataclass(frozen=True)
class PiecewiseLinear(Curve):
    """Continuous piecewise-linear curve through the points (x, y).

    Parameters
    ----------
    x
        At least two strictly ascending numbers.
    y
        The value at each of them, mAP.

    Raises
    ------
    CurveError
        When the points are not as above.
    """

    kind: ClassVar[str] = "piecewise_linear"

    x: tuple[float, ...]
    y: tuple[float, ...]
    domain: tuple[float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", tuple(float(value) for value in self.x))
        object.__setattr__(self, "y", tuple(float(value) for value in self.y))
        if len(self.x) != len(self.y) or len(self.x) < 2:
            raise CurveError(
                f"a piecewise-linear curve needs as many x as y, at least two, got {len(self.x)} x and {len(self.y)} y"
            )
        for name, values in (("x", self.x), ("y", self.y)):
            for index, value in enumerate(values):
                if not abs(value) <= LARGEST:
                    raise CurveError(f"{name}[{index}] must be finite and within ±{LARGEST:g}, got {value}")
        for index, (left, right) in enumerate(pairwise(self.x), start=1):
            if left >= right:
                raise CurveError(f"x must be strictly ascending, got x[{index}] = {right} after {left}")
            if right - left < 1 / LARGEST or abs(self.y[index] - self.y[index - 1]) > LARGEST * (right - left):
                raise CurveError(f"the slope before x[{index}] = {right} must be within ±{LARGEST:g}")
        object.__setattr__(self, "domain", (self.x[0], self.x[-1]))

    def _values(self, x: Floats | float) -> Floats | float:
        if isinstance(x, float):
            index = min(bisect_right(self.x, x), len(self.x) - 1)
            left, right = self.x[index - 1], self.x[index]
            low, high = self.y[index - 1], self.y[index]
            return high if x == right else low + (high - low) * ((x - left) / (right - left))
        return np.interp(x, self.x, self.y)

    def _knots(self) -> tuple[float, ...]:
        return self.x

    def _bends(self) -> tuple[tuple[float, float, int], ...]:
        return tuple((left, right, 0) for left, right in pairwise(self.x))

    def _slopes(self, x: Floats) -> Floats:
        index = np.clip(np.searchsorted(self.x, x, side="right") - 1, 0, len(self.x) - 2)
        return (np.diff(self.y) / np.diff(self.x))[index]

    def _touching(self, slope: float) -> tuple[float, ...]:
        return ()


@dataclass(frozen=True)
class Range:
    """Where a fit looks for a shape parameter, on an axis on which the data and the domain span 0 to 1.

    Parameters
    ----------
    lower, upper
        The bounds.
    starts
        Number of values from which the search starts.
    logarithmic
        Whether the logarithm is searched; the bounds are above 0 then.
    """

    lower: float
    upper: float
    starts: int
    logarithmic: bool = True


@dataclass(frozen=True)
class ParametricCurve(Curve):
    """A curve given by the parameters of a family and a domain [lo, hi]; each family is monotone.

    A family is a subclass in `families.FAMILIES`: its fields are the parameters, `a` (the level) and `b` (the factor)
    first, so that the value is a + b·h(x; shape) for some function h, then the shape parameters, then the domain. The
    file form, the schema, the fit and the command line follow from the class.
    """

    formula_text: ClassVar[str]
    """The formula in the syntax of Python, with its parameters in braces for `format`; it may use x and exp."""
    search: ClassVar[Mapping[str, Range]]
    """Where a fit looks for each shape parameter."""

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in self.names()}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the parameters, in their order."""
        return _parameter_names(cls)

    def __post_init__(self) -> None:
        names = list(self.parameters)
        for name in names:
            object.__setattr__(self, name, float(getattr(self, name)))
            most = LARGEST_FACTOR if name == "b" else LARGEST
            if not abs(getattr(self, name)) <= most:
                raise CurveError(f"parameter {name} must be finite and within ±{most:g}, got {getattr(self, name)}")
        lo, hi = (float(end) for end in self.domain)
        object.__setattr__(self, "domain", (lo, hi))
        if not (max(abs(lo), abs(hi)) <= LARGEST and hi - lo >= 1 / LARGEST):
            raise CurveError(f"the domain must be two finite numbers in ascending order, got [{lo}, {hi}]")
        self._check_domain(lo)
        with np.errstate(all="ignore"):
            ends = np.array([lo, hi])
            for what, numbers in (("values", self._values(ends)), ("slopes", self._slopes(ends))):
                if not (np.abs(numbers) <= LARGEST).all():
                    raise CurveError(
                        f"the {what} of {self.kind} must be finite on the domain [{lo}, {hi}], within ±{LARGEST:g}"
                    )

    def _check_domain(self, lo: float) -> None:
        """Raise where the family is not defined at the lower end of the domain."""

    def _values(self, x: Floats | float) -> Floats | float:
        value: Floats | float = self.formula(x, **self.parameters)
        return value

    def _knots(self) -> tuple[float, ...]:
        return self.domain

    @staticmethod
    @abstractmethod
    def formula(x: Any, *parameters: Any, **named: Any) -> Any:
        """Value of the family at `x`; x and parameters are numbers or arrays that broadcast."""

    @staticmethod
    @abstractmethod
    def partials(x: Any, *parameters: Any, **named: Any) -> tuple[Any, ...]:
        """Return the derivative of the formula by each parameter; works on arrays of `decimal.Decimal` too."""

    @staticmethod
    @abstractmethod
    def moved(scale: float, shift: float, *parameters: Any, **named: Any) -> tuple[Any, ...]:
        """Return the parameters of the curve of x = shift + scale·u that has the value of these at u."""

    def on_axis(self, scale: float, shift: float, domain: tuple[float, float] | None = None) -> Self:
        """Return the curve of x = shift + scale·u that has this curve's value at u.

        Parameters
        ----------
        scale, shift
            What maps this curve's axis to the other; scale is above 0.
        domain
            The domain on the other axis, by default the image of this one.
        """
        with np.errstate(over="ignore"):
            parameters = self.moved(scale, shift, **self.parameters)
        domain = domain or (self.domain[0] * scale + shift, self.domain[1] * scale + shift)
        return self.of(dict(zip(self.names(), map(float, parameters), strict=True)), domain)

    @classmethod
    def of(cls, parameters: Mapping[str, float], domain: tuple[float, float]) -> Self:
        """Return the curve of this family with these parameters."""
        return cls(**parameters, domain=domain)  # type: ignore[call-arg]


@cache
def _parameter_names(kind: type[ParametricCurve]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name != "domain")
