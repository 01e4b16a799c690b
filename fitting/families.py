"""How each parametric family is searched: its shape parameters in a scaled range, its linear ones by projection.

A family is a + b·h(u; shape) with u = x/scale, so that sizes in bits up to 1e9 and in bit/pixel are fitted alike. For
given shape parameters a and b are an ordinary linear least-squares problem (variable projection, Golub and Pereyra,
doi:10.1137/0710036): only the shapes are searched, from a grid that does not depend on starting values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fitting.curves import Curve, Floats, Logistic, PowerLaw, SaturatingExponential

Shape = tuple[float, ...]


@dataclass(frozen=True)
class Search:
    """Search space of one family on the scaled axis.

    Parameters
    ----------
    basis
        h(u; shape), the function that b multiplies.
    start
        Grids of the shape parameters.
    bounds
        Lower and upper ends of the shape parameters.
    curve
        Curve of (a, b, shape, scale, shift, domain) in the units of x; the axis is u = (x − shift)/scale.
    """

    basis: Callable[[Floats, Shape], Floats]
    start: tuple[Floats, ...]
    bounds: tuple[Shape, Shape]
    curve: Callable[[float, float, Shape, float, float, tuple[float, float]], Curve]

    @property
    def parameters(self) -> int:
        """Number of parameters of the family."""
        return 2 + len(self.start)


def _exponential(
    a: float, b: float, shape: Shape, scale: float, shift: float, domain: tuple[float, float]
) -> SaturatingExponential:
    c = np.exp(shape[0]) / scale
    return SaturatingExponential(a, -b * np.exp(c * shift), c, domain)


def _power(a: float, b: float, shape: Shape, scale: float, shift: float, domain: tuple[float, float]) -> PowerLaw:
    c, d = np.exp(shape)
    return PowerLaw(a, -b * scale**c, c, d * scale - shift, domain)


def _logistic(a: float, b: float, shape: Shape, scale: float, shift: float, domain: tuple[float, float]) -> Logistic:
    return Logistic(a, b, np.exp(shape[0]) / scale, shape[1] * scale + shift, domain)


SEARCHES: dict[str, Search] = {
    SaturatingExponential.kind: Search(
        basis=lambda u, s: np.exp(-np.exp(s[0]) * u),
        start=(np.log(np.geomspace(0.05, 200, 40)),),
        bounds=((np.log(0.01),), (np.log(1e3),)),
        curve=_exponential,
    ),
    PowerLaw.kind: Search(
        basis=lambda u, s: np.power(u + np.exp(s[1]), -np.exp(s[0])),
        start=(np.log(np.geomspace(0.05, 10, 20)), np.log(np.geomspace(1e-3, 3, 20))),
        bounds=((np.log(0.01), np.log(1e-5)), (np.log(30), np.log(30))),
        curve=_power,
    ),
    Logistic.kind: Search(
        basis=lambda u, s: 0.5 + 0.5 * np.tanh(0.5 * np.exp(s[0]) * (u - s[1])),
        start=(np.log(np.geomspace(0.5, 200, 25)), np.linspace(-0.5, 1.5, 25)),
        bounds=((np.log(0.05), -0.5), (np.log(1e3), 2.0)),  # centred further away, it is an exponential
        curve=_logistic,
    ),
}
"""Search space by family name."""
