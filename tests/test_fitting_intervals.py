"""Standard errors against 50-digit arithmetic, the search against a global one, and the profile intervals' coverage."""

from itertools import product

import mpmath
import numpy as np
import pytest

from benchmarks.fit_coverage import NOISE, TRUTHS, profile_coverage
from fitting import (
    FAMILIES,
    MeasurementError,
    conservative,
    correlation,
    covariance,
    estimates,
    fit_curve,
    intervals,
    read_measurements,
    standard_errors,
)
from fitting.presets import DATA

CODECS = ("vtm-intra", "bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018", "cheng2020-attn")


def noisy(kind, count, seed):
    """Points of a family with its true shape, with noise, from 5 to 60 of them, on axes of any size."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        n = int(rng.integers(5, 61))
        u = np.sort(rng.uniform(0, 1, n)) if index % 2 else np.linspace(0, 1, n) + 0.02
        c, d, span, noise = (
            10 ** rng.uniform(0, 1.3),
            rng.uniform(0.05, 0.8),
            10 ** rng.uniform(-9, 9),
            rng.uniform(2, 4),
        )
        shape = {
            "saturating_exponential": 0.8 - 0.4 * np.exp(-c * u),
            "power_law": 0.8 - 0.1 * d ** (c / 5) * (u + d) ** (-c / 5),
            "logistic": 0.3 + 0.5 / (1 + np.exp(-2 * c * (u - d))),
        }[kind]
        y = shape[::-1] if index % 6 == 4 else shape
        yield u * span, y + 10**-noise * rng.standard_normal(n)


def hard(kind):
    """Straight lines, steps, falling and curved the other way: what lies at the bounds of the search."""
    for n in (5, 8, 20):
        x = np.linspace(0, 1, n)
        for y in (0.3 + 0.4 * x, 0.8 - 0.3 * x, 0.8 - 0.4 * x**2, np.where(x > 0.45, 0.8, 0.3), 0.2 + 0.6 * x**3):
            yield x, y


def shipped(kind):
    for codec in CODECS:
        points = read_measurements(DATA / "map_vs_bpp_openimages.csv", x="bpp", where={"codec": codec})
        yield points.x, points.y
    points = read_measurements(DATA / "map_vs_update_digits.csv", x="model_packet_bits")
    yield points.x, points.y


def precise_partials(kind, x, p):
    x = mpmath.mpf(float(x))
    if kind == "saturating_exponential":
        return [mpmath.mpf(1), -mpmath.exp(-p[2] * x), p[1] * x * mpmath.exp(-p[2] * x)]
    if kind == "power_law":
        power = (x + p[3]) ** (-p[2])
        return [mpmath.mpf(1), -power, p[1] * power * mpmath.log(x + p[3]), p[1] * p[2] * power / (x + p[3])]
    s = 1 / (1 + mpmath.exp(-p[2] * (x - p[3])))
    return [mpmath.mpf(1), s, p[1] * (x - p[3]) * s * (1 - s), -p[1] * p[2] * s * (1 - s)]


def precise_errors(fit):
    """Standard errors by Cholesky of JᵀJ in 50 digits and more where its condition takes them."""
    with mpmath.workdps(150):
        p = [mpmath.mpf(value) for value in fit.curve.parameters.values()]
        jacobian = mpmath.matrix([precise_partials(fit.family, x, p) for x in fit.x])
        lengths = [mpmath.sqrt(mpmath.fsum(jacobian[i, j] ** 2 for i in range(jacobian.rows))) for j in range(len(p))]
        for i, j in product(range(jacobian.rows), range(len(p))):
            jacobian[i, j] /= lengths[j]
        inverse = (jacobian.T * jacobian) ** -1
        variance = mpmath.fsum(mpmath.mpf(float(r)) ** 2 for r in fit.residuals) / fit.freedom
        return [float(mpmath.sqrt(variance * inverse[j, j]) / lengths[j]) for j in range(len(p))]


def check_errors(kind, sets):
    checked = 0
    for x, y in sets:
        fit = fit_curve(x, y, kind)
        if fit.freedom < 1:
            continue
        found = list(standard_errors(fit).values())
        assert np.all(np.isfinite(correlation(fit)))
        assert not np.any(np.isnan(covariance(fit)))
        for ours, exact in zip(found, precise_errors(fit), strict=True):
            assert ours == pytest.approx(exact, rel=1e-3)
        checked += 1
    return checked


@pytest.mark.parametrize("kind", FAMILIES)
def test_standard_errors_equal_those_in_50_digits(kind):
    assert check_errors(kind, [*shipped(kind), *noisy(kind, 12, 3000), *hard(kind)]) > 15


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAMILIES)
def test_standard_errors_equal_those_in_50_digits_on_300_sets(kind):
    assert check_errors(kind, noisy(kind, 300, 3001)) > 270


def best_of_a_global_search(kind, x, y, seed=0):
    """Least squares by differential evolution and Nelder and Mead, from SciPy, over the bounds of the family."""
    from scipy.optimize import differential_evolution, minimize

    u = (x - x[0]) / (x[-1] - x[0])
    ranges = FAMILIES[kind].search.values()
    bounds = [np.log((r.lower, r.upper)) if r.logarithmic else (r.lower, r.upper) for r in ranges]

    def cost(shapes):
        shapes = np.atleast_2d(shapes.T)
        c = np.exp(shapes[:, 0])[:, None]
        if kind == "saturating_exponential":
            h = np.exp(-c * u)
        elif kind == "power_law":
            h = np.power(u + np.exp(shapes[:, 1])[:, None], -c)
        else:
            z = c * (u - shapes[:, 1][:, None])
            h = np.where(z >= 0, 1, np.exp(-np.abs(z))) / (1 + np.exp(-np.abs(z)))
        h = h / np.maximum(np.abs(h).max(axis=1, keepdims=True), 1e-300)
        h = h - h.mean(axis=1, keepdims=True)
        square = (h**2).sum(axis=1)
        b = (h @ (y - y.mean())) / np.where(square > 0, square, 1)
        return ((b[:, None] * h - (y - y.mean())) ** 2).sum(axis=1)

    found = differential_evolution(
        cost, bounds, vectorized=True, updating="deferred", popsize=30, maxiter=200, tol=1e-12, rng=seed, polish=False
    )
    best, point = float(np.ravel(found.fun)[0]), found.x
    for _ in range(2):
        polished = minimize(
            lambda s: float(cost(s)[0]), point, method="Nelder-Mead", bounds=bounds,
            options={"xatol": 1e-10, "fatol": 1e-22, "maxiter": 1000},
        )  # fmt: skip
        if polished.fun < best:
            best, point = float(polished.fun), polished.x
    return best


def check_search(kind, sets):
    for x, y in sets:
        ours = float(np.sum(fit_curve(x, y, kind).residuals ** 2))
        assert ours <= best_of_a_global_search(kind, x, y) * (1 + 1e-6) + 1e-16


@pytest.mark.parametrize("kind", FAMILIES)
def test_no_global_search_finds_a_better_fit(kind):
    check_search(kind, [*noisy(kind, 2, 3002), *list(hard(kind))[:5]])


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAMILIES)
def test_no_global_search_finds_a_better_fit_to_many_sets(kind):
    check_search(kind, [*noisy(kind, 100, 3003), *hard(kind), *shipped(kind)])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", FAMILIES)
def test_hard_points_end_in_words_not_in_tracebacks_or_nan(kind):
    sets = [(x, y) for x, y in hard(kind) if len(x) == 8]
    for x, y in [*sets, (sets[3][0], sets[3][1] + 1e-3 * np.sin(40 * sets[3][0]))]:
        fit = fit_curve(x, y, kind)
        if fit.freedom < 1:
            with pytest.raises(MeasurementError, match="uses up all"):
                estimates(fit)
            continue
        for row in estimates(fit):
            low, high = row.interval
            assert low <= row.value <= high or np.isclose(row.value, (low, high)).any()
            assert np.isfinite(low) or "no lower end" in row.remark or "not identifiable" in row.remark
            assert np.isfinite(high) or "no upper end" in row.remark or "not identifiable" in row.remark


def test_a_step_tells_its_levels_but_not_how_steep_it_is():
    x = np.linspace(0, 1, 12)
    y = np.where(x > 0.45, 0.8, 0.3) + 1e-3 * np.random.default_rng(0).standard_normal(12)
    rows = {row.name: row for row in estimates(fit_curve(x, y, "logistic"))}
    assert np.isfinite(rows["a"].interval).all()
    assert rows["c"].interval[1] == np.inf
    assert "no upper end" in rows["c"].remark


@pytest.mark.parametrize("true", TRUTHS, ids=lambda true: true.kind)
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_profile_ends_are_where_the_sum_of_squares_says(true, shift):
    from scipy.optimize import least_squares
    from scipy.stats import t

    true = true.on_axis(1.0, shift)
    x = np.linspace(*true.domain, 14)
    y = true(x) + 0.002 * np.random.default_rng(3005).standard_normal(14)
    fit = fit_curve(x, y, true.kind)
    start = np.array(list(fit.curve.parameters.values()))
    limit = fit.chi_square * (1 + t.ppf(0.975, fit.freedom) ** 2 / fit.freedom)
    checked = 0
    for index, ends in enumerate(intervals(fit).values()):
        for end in filter(np.isfinite, ends):
            others = [i for i in range(len(start)) if i != index]

            def residuals(free, held=end, place=index, others=others):
                p = np.empty(len(start))
                p[place], p[others] = held, free
                with np.errstate(all="ignore"):
                    return np.nan_to_num(true.formula(x, *p) - y, nan=1e3, posinf=1e3, neginf=-1e3)

            tries = [start[others], np.array([*true.parameters.values()])[others]]
            options = {"xtol": 1e-13, "ftol": 1e-13, "gtol": 1e-13, "max_nfev": 4000, "method": "lm"}
            found = [least_squares(residuals, begin, x_scale=np.abs(begin), **options).cost for begin in tries]
            assert 2 * min(found) == pytest.approx(limit, rel=2e-3)
            checked += 1
    assert checked >= 4


@pytest.mark.parametrize("true", TRUTHS, ids=lambda true: true.kind)
def test_the_coverage_benchmark_asks_what_intervals_and_lower_curves_answer(true):
    x, seed = np.linspace(*true.domain, 10), 3007
    y = true(x) + NOISE * np.random.default_rng(seed).standard_normal(10)
    for known in (False, True):
        fit = fit_curve(x, y, true.kind, np.full(10, NOISE) if known else None)
        said, lower = dict(profile_coverage(true, 10, known, 1, seed)), conservative(fit)
        for name, (low, high) in intervals(fit).items():
            assert said[name] == (low <= true.parameters[name] <= high)
        for label, place in (("left end", x[0]), ("right end", x[-1])):
            assert said[f"lower, {label}"] == (lower(float(place)) <= true(float(place)))


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_parameters_are_shown_in_a_unit_of_ordinary_size(unit):
    x = np.linspace(0.03, 1.05, 16)
    y = 0.8 - 0.3 * np.exp(-3 * x) + 0.01 * np.random.default_rng(5).standard_normal(16)
    plain, scaled = fit_curve(x, y, "saturating_exponential"), fit_curve(x * unit, y, "saturating_exponential")
    assert plain.unit == 1
    assert scaled.unit == pytest.approx(unit)
    shown = intervals(scaled.in_units(scaled.unit))
    for name, ends in intervals(plain).items():
        assert shown[name] == pytest.approx(ends, rel=1e-3)


def test_most_intervals_and_lower_curves_hold_the_truth_at_the_ends_of_the_data_too():
    true = FAMILIES["saturating_exponential"](0.8, 0.3, 4.0, (0.05, 1.0))
    x = np.linspace(0.05, 1.0, 12)
    held, above = [], []
    for seed in range(3000, 3040):
        y = true(x) + 0.005 * np.random.default_rng(seed).standard_normal(12)
        fit = fit_curve(x, y, true.kind)
        held.append([low <= true.parameters[name] <= high for name, (low, high) in intervals(fit).items()])
        lower = conservative(fit)
        above.append([lower(float(place)) <= true(float(place)) for place in (x[0], 0.5, x[-1])])
    assert np.mean(held, axis=0).min() > 0.8
    assert np.mean(above, axis=0).min() > 0.8
