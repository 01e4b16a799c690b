"""The parametric families. A new one is one class in this file and its name in `FAMILIES`; see `ParametricCurve`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fitting.curves import Floats, ParametricCurve, Range
from fitting.errors import CurveError


def _log(x: Any) -> Any:
    """Natural logarithm of floats and of arrays of decimals."""
    return np.frompyfunc(lambda value: value.ln(), 1, 1)(x) if getattr(x, "dtype", None) == np.object_ else np.log(x)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


@dataclass(frozen=True)
class SaturatingExponential(ParametricCurve):
    """a − b·exp(−c·x): concave and ascending for b, c > 0."""

    kind: ClassVar[str] = "saturating_exponential"
    formula_text: ClassVar[str] = "{a} - {b}*exp(-{c}*x)"
    search: ClassVar[Mapping[str, Range]] = {"c": Range(0.01, 1e3, 60)}

    a: float
    b: float
    c: float
    domain: tuple[float, float]

    @staticmethod
    def formula(x: Any, a: Any, b: Any, c: Any) -> Any:
        """Value a − b·exp(−c·x)."""
        return a - b * np.exp(-c * x)

    @staticmethod
    def partials(x: Any, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
        """Return the derivatives by a, b and c."""
        decay = np.exp(-c * x)
        return 0 * x + 1, -decay, b * x * decay

    @staticmethod
    def moved(scale: float, shift: float, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
        """Return parameters on the axis of shift + scale·u."""
        return a, b * np.exp(c / scale * shift), c / scale

    def _slopes(self, x: Floats) -> Floats:
        return np.asarray(self.b * self.c * np.exp(-self.c * x))

    def _bends(self) -> tuple[tuple[float, float, int], ...]:
        return ((*self.domain, -_sign(self.b) * abs(_sign(self.c))),)

    def _touching(self, slope: float) -> tuple[float, ...]:
        ratio = slope / (self.b * self.c) if self.b * self.c else 0.0
        return (-math.log(ratio) / self.c,) if ratio > 0 else ()


@dataclass(frozen=True)
class PowerLaw(ParametricCurve):
    """a − b·(x + d)^(−c): concave and ascending for b, c > 0; x + d must be positive on the domain."""

    kind: ClassVar[str] = "power_law"
    formula_text: ClassVar[str] = "{a} - {b}*(x + {d})**(-{c})"
    search: ClassVar[Mapping[str, Range]] = {"c": Range(0.01, 30, 24), "d": Range(1e-5, 30, 30)}

    a: float
    b: float
    c: float
    d: float
    domain: tuple[float, float]

    def _check_domain(self, lo: float) -> None:
        if lo + self.d <= 0:
            raise CurveError(f"a power law needs x + d > 0 on its domain, got {lo} + {self.d} at the lower end")

    @staticmethod
    def formula(x: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        """Value a − b·(x + d)^(−c)."""
        return a - b * np.power(x + d, -c)

    @staticmethod
    def partials(x: Any, a: Any, b: Any, c: Any, d: Any) -> tuple[Any, ...]:
        """Return the derivatives by a, b, c and d."""
        power = np.power(x + d, -c)
        return 0 * x + 1, -power, b * power * _log(x + d), b * c * power / (x + d)

    @staticmethod
    def moved(scale: float, shift: float, a: Any, b: Any, c: Any, d: Any) -> tuple[Any, ...]:
        """Return parameters on the axis of shift + scale·u."""
        return a, b * np.power(scale, c), c, d * scale - shift

    def _slopes(self, x: Floats) -> Floats:
        return np.asarray(self.b * self.c * np.power(x + self.d, -self.c - 1))

    def _bends(self) -> tuple[tuple[float, float, int], ...]:
        return ((*self.domain, -_sign(self.b) * _sign(self.c) * _sign(self.c + 1)),)

    def _touching(self, slope: float) -> tuple[float, ...]:
        ratio = slope / (self.b * self.c) if self.b * self.c else 0.0
        return (ratio ** (-1 / (self.c + 1)) - self.d,) if ratio > 0 and self.c != -1 else ()


@dataclass(frozen=True)
class Logistic(ParametricCurve):
    """a + b/(1 + exp(−c·(x − d))): an S ascending from a to a + b for b, c > 0."""

    kind: ClassVar[str] = "logistic"
    formula_text: ClassVar[str] = "{a} + {b}/(1 + exp(-{c}*(x - {d})))"
    # centred further away than d allows, it is an exponential
    search: ClassVar[Mapping[str, Range]] = {"c": Range(0.05, 1e3, 30), "d": Range(-0.5, 2.0, 51, logarithmic=False)}

    a: float
    b: float
    c: float
    d: float
    domain: tuple[float, float]

    @staticmethod
    def formula(x: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        """Value a + b/(1 + exp(−c·(x − d))), by the hyperbolic tangent, which cannot overflow."""
        return a + b * (0.5 + 0.5 * np.tanh(0.5 * c * (x - d)))

    @staticmethod
    def partials(x: Any, a: Any, b: Any, c: Any, d: Any) -> tuple[Any, ...]:
        """Return the derivatives by a, b, c and d."""
        z = c * (x - d)
        tail = np.exp(-abs(z))
        bell = b * tail / (1 + tail) ** 2
        return 0 * x + 1, np.where(z >= 0, 1, tail) / (1 + tail), (x - d) * bell, -c * bell

    @staticmethod
    def moved(scale: float, shift: float, a: Any, b: Any, c: Any, d: Any) -> tuple[Any, ...]:
        """Return parameters on the axis of shift + scale·u."""
        return a, b, c / scale, d * scale + shift

    def _slopes(self, x: Floats) -> Floats:
        tail: Floats = np.exp(-np.abs(self.c * (x - self.d)))
        return self.b * self.c * tail / (1 + tail) ** 2

    def _bends(self) -> tuple[tuple[float, float, int], ...]:
        lo, hi = self.domain
        middle, bend = min(max(self.d, lo), hi), _sign(self.b) * _sign(self.c)
        return (lo, middle, bend), (middle, hi, -bend)

    def _touching(self, slope: float) -> tuple[float, ...]:
        ratio = slope / (self.b * self.c) if self.b * self.c else 0.0
        if not 0 < ratio <= 0.25:
            return ()
        # exp(−|z|) is the smaller root t of t/(1 + t)² = ratio, written without cancellation
        tail = 2 * ratio / (1 - 2 * ratio + math.sqrt(1 - 4 * ratio))
        distance = -math.log(tail) / self.c
        return self.d - distance, self.d + distance


FAMILIES: dict[str, type[ParametricCurve]] = {
    family.kind: family for family in (SaturatingExponential, PowerLaw, Logistic)
}
"""The parametric families by their name in files, from which file form, schema, fit and command line follow."""
