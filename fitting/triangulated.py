"""Accuracy over two inputs: f of feature and residual bit/pixel, linear on the triangles between scattered points."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.curves import Floats, PiecewiseLinear
from fitting.errors import CurveError, MeasurementError


@dataclass(frozen=True)
class Triangulated:
    """The function that is linear on each triangle of the Delaunay triangulation of its points.

    Along the residual it is constant outside the triangles, at the value of the nearest point with the same feature
    rate; feature rates outside the points' are moved to the nearest one.

    Parameters
    ----------
    points
        (feature bit/pixel, residual bit/pixel, mAP), at least three, in distinct places and not on one line.

    Raises
    ------
    CurveError
        When the points are not as above.
    """

    points: tuple[tuple[float, float, float], ...]

    def __post_init__(self) -> None:
        points = tuple(tuple(float(value) for value in point) for point in self.points)
        for index, point in enumerate(points):
            if len(point) != 3 or not all(math.isfinite(value) for value in point):
                raise CurveError(f"points[{index}] must be three finite numbers, got {list(point)}")
        object.__setattr__(self, "points", points)
        places = [point[:2] for point in points]
        for index, place in enumerate(places):
            if place in places[:index]:
                raise CurveError(f"points must lie in distinct places, points[{index}] repeats {list(place)}")
        if len(points) < 3 or len(self.triangles) == 0:
            raise CurveError(f"a triangulated function needs three points that are not on one line, got {len(points)}")

    @cached_property
    def triangles(self) -> NDArray[np.intp]:
        """Indices of each triangle's corners, shape (n, 3); none where the points are on one line."""
        return triangulate(np.array([point[:2] for point in self.points]))

    @cached_property
    def _edges(self) -> NDArray[np.float64]:
        """Edges as (lower, upper) end by feature rate, shape (n, 2, 3)."""
        pairs = {tuple(sorted((int(t[i]), int(t[j])))) for t in self.triangles for i, j in ((0, 1), (1, 2), (0, 2))}
        ends = np.array([[self.points[i], self.points[j]] for i, j in sorted(pairs)])
        swap = ends[:, 0, 0] > ends[:, 1, 0]
        ends[swap] = ends[swap][:, ::-1]
        return ends

    @property
    def feature_range(self) -> tuple[float, float]:
        """Least and largest feature rate of the points, bit/pixel."""
        rates = [point[0] for point in self.points]
        return min(rates), max(rates)

    def __call__(self, feature_bpp: float, residual_bpp: float) -> float:
        """Return the mAP at one feature and residual rate, bit/pixel."""
        return self.at(feature_bpp)(residual_bpp)

    def at(self, feature_bpp: float) -> PiecewiseLinear:
        """Curve over the residual at one feature rate, exactly."""
        low, high = self.feature_range
        rate = min(max(float(feature_bpp), low), high)
        ends = self._edges[(self._edges[:, 0, 0] <= rate) & (rate <= self._edges[:, 1, 0])]
        spans = ends[:, 1, 0] - ends[:, 0, 0]
        share = np.where(spans > 0, (rate - ends[:, 0, 0]) / np.where(spans > 0, spans, 1.0), 0.0)[:, None]
        crossings = ends[:, 0, 1:] + share * (ends[:, 1, 1:] - ends[:, 0, 1:])
        crossings = np.concatenate([crossings, ends[spans == 0][:, 1, 1:]])
        crossings = crossings[np.argsort(crossings[:, 0], kind="stable")]
        keep = np.concatenate([[True], np.diff(crossings[:, 0]) > 1e-12])
        x, y = crossings[keep].T.tolist()
        if len(x) == 1:
            x, y = [x[0], x[0] + 1.0], [y[0], y[0]]
        return PiecewiseLinear(tuple(x), tuple(y))

    def least_rates(
        self, target: float, features: tuple[float, float], residuals: tuple[float, float]
    ) -> tuple[float, float] | None:
        """Feature and residual rate of least sum whose mAP is at least `target`, exactly, or None.

        The least residual that meets the target is piecewise linear in the feature rate. It can bend or jump only at
        points, where an edge passes the target, and where the contour of the target leaves the residual range.

        Parameters
        ----------
        target
            The mAP to be met.
        features, residuals
            Ranges of both rates, bit/pixel.
        """
        low, high = features
        starts, ends = self._edges[:, 0], self._edges[:, 1]
        rises = ends[:, 2] - starts[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (target - starts[:, 2]) / rises
        passing = (share >= 0) & (share <= 1)
        contour = starts[passing] + share[passing][:, None] * (ends[passing] - starts[passing])
        places = [low, high, *(point[0] for point in self.points), *contour[:, 0].tolist()]
        places += self._contour_exits(target, residuals)
        beside = 1e-12 * (high - low)  # at a jump of the least residual, rounding may hide the lower side
        places += [place + shift for place in places for shift in (-beside, beside)]
        best: tuple[float, float] | None = None
        for rate in sorted({place for place in places if low <= place <= high}):
            residual = self.at(rate).inverse(target, *residuals)
            if residual is not None and (best is None or rate + residual < sum(best)):
                best = rate, residual
        return best

    def _contour_exits(self, target: float, residuals: tuple[float, float]) -> list[float]:
        """Feature rates at which the contour of the target crosses an end of the residual range."""
        corners = np.array(self.points)[self.triangles]
        places = []
        for residual in residuals:
            matrix = np.concatenate([corners[:, :, :2], np.ones((len(corners), 3, 1))], axis=2)
            plane = np.linalg.solve(matrix, corners[:, :, 2:])[:, :, 0]  # mAP = p·feature + q·residual + r
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = (target - plane[:, 2] - plane[:, 1] * residual) / plane[:, 0]
            places += crossing[np.isfinite(crossing)].tolist()
        return places


def triangulate(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Delaunay triangles of places, shape (n, 3); none where they are on one line."""
    from scipy.spatial import Delaunay, QhullError

    try:
        found = Delaunay(places).simplices
    except (QhullError, ValueError):
        return np.empty((0, 3), dtype=np.intp)
    sides = places[found[:, 1:]] - places[found[:, :1]]
    area = np.abs(np.linalg.det(sides))
    return np.asarray(found[area > 1e-12 * area.max()], dtype=np.intp)


def fit_surface(
    feature_bpp: ArrayLike, residual_bpp: ArrayLike, y: ArrayLike, sigma: ArrayLike | None = None
) -> Triangulated:
    """Exact least squares among functions that ascend in both inputs, linear on the triangles between the points.

    Parameters
    ----------
    feature_bpp, residual_bpp, y
        Measured points, shape (n,); places may repeat.
    sigma
        Standard error of each y, shape (n,); by default all count alike.

    Raises
    ------
    MeasurementError
        When shapes differ, a number is not finite, or the places are on one line.
    """
    from scipy.optimize import nnls

    places = np.column_stack([np.asarray(feature_bpp, dtype=float), np.asarray(residual_bpp, dtype=float)])
    values = np.asarray(y, dtype=float)
    sigmas = np.ones(len(values)) if sigma is None else np.asarray(sigma, dtype=float)
    if len(places) != len(values) or len(values) != len(sigmas):
        raise MeasurementError(f"both inputs and y must have one length, got {len(places)} and {len(values)}")
    if not (np.all(np.isfinite(places)) and np.all(np.isfinite(values)) and np.all(sigmas > 0)):
        raise MeasurementError("inputs and y must be finite numbers, every sigma above 0")
    unique, group = np.unique(places, axis=0, return_inverse=True)
    weights = np.bincount(group, sigmas**-2.0)
    means = np.bincount(group, sigmas**-2.0 * values) / weights
    triangles = triangulate(unique) if len(unique) >= 3 else np.empty((0, 3), dtype=np.intp)
    if len(triangles) == 0:
        raise MeasurementError(f"a surface needs three places that are not on one line, got {len(unique)}")
    slopes = _slope_rows(unique, triangles)
    # the dual of least squares under slopes ≥ 0: levels = means + Σ λ·slope/weight, λ ≥ 0
    root = np.sqrt(weights)
    multipliers, _ = nnls((slopes / root).T, -root * means, maxiter=100 * len(slopes))
    levels = means + slopes.T @ multipliers / weights
    return Triangulated(tuple((float(a), float(b), float(v)) for (a, b), v in zip(unique, levels, strict=True)))


def _slope_rows(places: NDArray[np.float64], triangles: NDArray[np.intp]) -> Floats:
    """Both slopes of every triangle as linear functions of the levels, rows of unit length, shape (2n, points)."""
    rows = np.zeros((2 * len(triangles), len(places)))
    for index, corners in enumerate(triangles):
        inverse = np.linalg.inv(np.column_stack([places[corners], np.ones(3)]))
        rows[2 * index, corners], rows[2 * index + 1, corners] = inverse[0], inverse[1]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
