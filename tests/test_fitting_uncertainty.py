"""Selection, uncertainty and robustness of fits."""

import numpy as np
import pytest

from fitting import (
    Logistic,
    MeasurementError,
    PiecewiseLinear,
    PowerLaw,
    SaturatingExponential,
    band,
    compare_fits,
    conservative,
    covariance,
    fit_curve,
    intervals,
    read_measurements,
)
from fitting.presets import DATA

TRUE = SaturatingExponential(0.79, 0.2, 6.0, (0.03, 1.05))
X = np.linspace(0.03, 1.05, 16)


def coverage(seeds, estimate, known):
    """Share of seeds whose 95 % intervals hold the true parameters, by parameter."""
    hits = dict.fromkeys("abc", 0)
    for seed in range(seeds):
        y = TRUE(X) + np.random.default_rng(seed).normal(0, 0.004, len(X))
        found = estimate(fit_curve(X, y, TRUE.kind, np.full(len(X), 0.004) if known else None))
        for name, (low, high) in found.items():
            hits[name] += low <= TRUE.parameters[name] <= high
    return {name: count / seeds for name, count in hits.items()}


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True], ids=["estimated variance", "known errors"])
def test_95_percent_intervals_cover_within_3_points_over_500_seeds(known):
    for name, share in coverage(500, intervals, known).items():
        assert abs(share - 0.95) <= 0.03, name


def test_intervals_cover_most_of_60_seeds():
    assert min(coverage(60, intervals, known=False).values()) > 0.85


def robust_intervals(seeds, known=False):
    """Coverage of robust intervals with an outlier amid the points, and their width over that of the clean fit."""
    sigma = np.full(len(X), 0.004) if known else None
    held, widths = [], []
    for seed in range(seeds):
        y = TRUE(X) + np.random.default_rng(seed).normal(0, 0.004, len(X))
        clean = intervals(fit_curve(X, y, TRUE.kind, sigma))
        y[8] -= 0.15
        robust = intervals(fit_curve(X, y, TRUE.kind, sigma, robust=True))
        held.append([low <= TRUE.parameters[name] <= high for name, (low, high) in robust.items()])
        widths.append([(robust[name][1] - robust[name][0]) / (clean[name][1] - clean[name][0]) for name in clean])
    return np.mean(held, axis=0), np.median(widths, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True], ids=["estimated variance", "known errors"])
def test_robust_95_percent_intervals_cover_within_3_points_over_500_seeds(known):
    held, widths = robust_intervals(500, known)
    assert np.all(np.abs(held - 0.95) <= 0.03)
    assert np.all(widths < 1.25)


def test_an_outlier_hardly_widens_robust_intervals_and_bands():
    held, widths = robust_intervals(25)
    assert np.all(held > 0.85)
    assert np.all((widths > 0.8) & (widths < 1.3))
    y = TRUE(X) + np.random.default_rng(1).normal(0, 0.004, len(X))
    for family in (TRUE.kind, "monotone_concave"):
        clean = band(fit_curve(X, y, family), X, samples=100)
        bad = y - 0.15 * (np.arange(len(X)) == 8)
        robust, plain = (band(fit_curve(X, bad, family, robust=way), X, samples=100) for way in (True, False))
        assert np.median(robust[1] - robust[0]) < 1.6 * np.median(clean[1] - clean[0])
        assert np.median(plain[1] - plain[0]) > 3 * np.median(clean[1] - clean[0])


def test_robust_covariance_is_hubers_sandwich():
    y = TRUE(X) + np.random.default_rng(4).normal(0, 0.004, len(X))
    y[8] -= 0.15
    fit = fit_curve(X, y, TRUE.kind, robust=True)
    jacobian = np.array([np.ones(16), -np.exp(-fit.curve.c * X), fit.curve.b * X * np.exp(-fit.curve.c * X)]).T
    cut = np.clip(fit.residuals, *(np.array([-1, 1]) * np.abs(fit.residuals * fit.trust).max()))
    kept = np.mean(np.abs(cut) < np.abs(cut).max() - 1e-7)
    factor = (1 + 3 / 16 * (1 - kept) / kept) ** 2 * np.sum(cut**2) / 13 / kept**2
    assert covariance(fit) == pytest.approx(factor * np.linalg.inv(jacobian.T @ jacobian), rel=1e-3)
    assert fit_curve(X, y, TRUE.kind).trust.tolist() == [1.0] * 16


def test_covariance_agrees_with_the_spread_of_many_fits():
    fits = []
    for seed in range(150):
        y = TRUE(X) + np.random.default_rng(seed).normal(0, 0.004, len(X))
        fits.append(fit_curve(X, y, TRUE.kind, sigma=np.full(len(X), 0.004)))
    spread = np.std([list(fit.curve.parameters.values()) for fit in fits], axis=0)
    said = np.sqrt(np.diag(covariance(fits[0])))
    assert said == pytest.approx(spread, rel=0.35)


def test_bands_are_seeded_hold_the_curve_and_widen_with_confidence():
    y = TRUE(X) + np.random.default_rng(1).normal(0, 0.004, len(X))
    fit = fit_curve(X, y, TRUE.kind)
    low, high = band(fit, X, 0.9, samples=100, seed=3)
    again = band(fit, X, 0.9, samples=100, seed=3)
    assert np.array_equal(low, again[0])
    assert np.all(low <= fit.curve(X))
    assert np.all(fit.curve(X) <= high)
    wide = band(fit, X, 0.99, samples=100, seed=3)
    assert np.mean(wide[1] - wide[0]) > 1.3 * np.mean(high - low)


def test_conservative_curve_lies_below_the_truth_with_its_confidence():
    held = []
    for seed in range(50):
        y = TRUE(X) + np.random.default_rng(seed).normal(0, 0.004, len(X))
        lower = conservative(fit_curve(X, y, TRUE.kind), 0.9, samples=60, seed=seed)
        assert lower.domain == TRUE.domain
        assert np.all(np.diff(lower.y) >= 0)
        held.append(TRUE(lower.inverse(0.77)) >= 0.77)
    assert 0.8 <= np.mean(held) <= 0.98


def test_the_lower_band_of_the_first_run_holds_the_second_run_of_the_same_codec():
    path = DATA / "map_vs_bpp_openimages.csv"
    first, second = (
        read_measurements(path, x="bpp", where={"codec": f"bmshj2018-factorized{suffix}"}) for suffix in ("", "-rerun")
    )
    fit = fit_curve(first.x, first.y, "power_law")
    difference = second.y - fit.curve(second.x)
    assert np.abs(difference).max() < 0.006  # the repeatability that its source states is about 0.005
    low, high = band(fit, second.x, 0.95)
    assert np.mean(high - low) / 2 < np.abs(difference).max()  # a curve of eight points is surer than one point


def test_selection_finds_the_family_behind_the_points_and_explains_the_rest():
    rng = np.random.default_rng(0)
    x = np.linspace(0.03, 1, 30)
    for true in (TRUE, Logistic(0.3, 0.45, 14.0, 0.4, (0, 1)), PowerLaw(0.85, 0.02, 1.0, 0.05, (0, 1))):
        best, *others = compare_fits(x, true(x) + rng.normal(0, 0.002, 30))
        assert next(row.aicc for row in (best, *others) if row.family == true.kind) < best.aicc + 3
        assert best.reason == ""
        assert best.leave_one_out < 0.004
        assert [row.aicc for row in others] == sorted(row.aicc for row in others)
    few = compare_fits([0, 1], [0.2, 0.5])
    assert {row.family for row in few if row.fit} == {"monotone", "monotone_concave"}
    assert "needs at least as many distinct x" in few[-1].reason


def test_a_poor_fit_is_said_to_be_poor():
    x = np.linspace(0, 1, 12)
    noise = np.random.default_rng(0).uniform(0.2, 0.8, 12)
    assert compare_fits(x, noise, families=["power_law"])[0].reason.startswith("poor: it explains")
    bent = PiecewiseLinear((0, 0.4, 0.6, 1), (0.2, 0.6, 0.4, 0.8))(x)
    row = compare_fits(x, bent, sigma=np.full(12, 0.005), families=["monotone_concave"])[0]
    assert row.reason.startswith("poor: it misses the points by") or row.reason.startswith("poor: it explains")


def test_a_constant_whose_mean_rounds_is_not_poor():
    assert [row.reason for row in compare_fits(np.linspace(0.02, 0.6, 12), np.full(12, 0.7))] == [""] * 5


@pytest.mark.filterwarnings("error")
def test_an_outlier_sends_no_search_astray_with_warnings():
    y = 0.8 - 0.4 * np.exp(-6 * np.linspace(0.02, 0.6, 12))
    y[6] = 0.2
    assert compare_fits(np.linspace(0.02, 0.6, 12), y)[0].reason.startswith("poor")


@pytest.mark.parametrize("family", ["saturating_exponential", "power_law", "monotone_concave"])
def test_a_robust_fit_survives_an_outlier(family):
    y = TRUE(X) + np.random.default_rng(2).normal(0, 0.001, len(X))
    y[8] -= 0.15
    plain, robust = fit_curve(X, y, family), fit_curve(X, y, family, robust=True)
    inner = X[(X > 0.1) & (X < 0.95)]
    assert np.abs(robust.curve(inner) - TRUE(inner)).max() < 0.01
    assert np.abs(robust.curve(X) - TRUE(X)).max() < 0.5 * np.abs(plain.curve(X) - TRUE(X)).max()


@pytest.mark.parametrize("family", ["monotone", "monotone_concave"])
def test_shape_fits_are_the_exact_least_squares(family):
    from scipy.optimize import minimize

    rng = np.random.default_rng(7)
    x = np.repeat(np.arange(6.0), 2)
    y, sigma = rng.uniform(0, 1, 12), rng.uniform(0.5, 2, 12)
    fit = fit_curve(x, y, family, sigma)
    levels = fit.curve(np.arange(6.0))
    assert np.all(np.diff(levels) >= -1e-12)
    if family == "monotone_concave":
        assert np.all(np.diff(levels, 2) <= 1e-12)
    constraints = [{"type": "ineq", "fun": np.diff}]
    if family == "monotone_concave":
        constraints.append({"type": "ineq", "fun": lambda v: -np.diff(v, 2)})

    def cost(v):
        return np.sum(((y - np.repeat(v, 2)) / sigma) ** 2)

    other = minimize(cost, np.full(6, 0.5), constraints=constraints, method="SLSQP", options={"ftol": 1e-14})
    assert fit.chi_square == pytest.approx(other.fun, abs=1e-6)
    assert fit.chi_square <= other.fun + 1e-9


def test_what_uncertainty_needs_is_said():
    exact = fit_curve([0, 1, 2], [0.2, 0.5, 0.6], "saturating_exponential")
    with pytest.raises(MeasurementError, match="uses up all 3 points; its uncertainty needs at least 4"):
        covariance(exact)
    with pytest.raises(MeasurementError, match="has no parameters"):
        intervals(fit_curve([0, 1, 2, 3], [0.2, 0.5, 0.5, 0.5], "monotone"))
    with pytest.raises(MeasurementError, match="between 0 and 1"):
        band(exact, X, 95)
