"""Fits against `scipy.optimize.curve_fit`, lmfit and pwlf on the same points, in one run.

For each family random noisy sets with known truth. `curve_fit` and lmfit start from the guesses that their users write:
the range of y, the middle of x, one over the range of x. A fit counts as found when its sum of squares is within 1e-6
of the best of all three; its intervals as right when they hold the truth. pwlf and `piecewise_linear` make functions of
four segments of fitted curves; the errors of both are certified.

    nice -n 10 python -m benchmarks.fit [--sets 100] [--first-seed 3000]
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.pwl import by_pwlf
from fitting import FAMILIES, fit_curve, intervals, piecewise_linear
from fitting.enclosure import deviation


def random_sets(kind: str, count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
    """Noisy points of a family on axes from 1e-2 to 1e9, and their true curve."""
    for index in range(count):
        rng = np.random.default_rng(seed + index)
        n, span = int(rng.integers(6, 41)), 10 ** rng.uniform(-2, 9)
        c, d = 10 ** rng.uniform(0.3, 1.2), rng.uniform(0.05, 0.5)
        values = {
            "saturating_exponential": (0.8, 0.4, c),
            "power_law": (0.8, 0.1 * d ** (c / 5), c / 5, d),
            "logistic": (0.3, 0.5, 2 * c, d),
        }[kind]
        family = FAMILIES[kind]
        unit = family.of(dict(zip(family.names(), values, strict=True)), (0.02, 1.02))
        true = unit.on_axis(span, 0.0)
        x = np.linspace(*true.domain, n)
        yield x, np.asarray(true(x)) + 10 ** rng.uniform(-3.5, -2) * rng.standard_normal(n), true


def guesses(kind: str, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Return what a user of curve_fit or lmfit starts from."""
    middle, span = float(x.mean()), float(np.ptp(x))
    return {
        "saturating_exponential": [y.max(), np.ptp(y), 1 / span],
        "power_law": [y.max(), np.ptp(y), 1.0, middle],
        "logistic": [y.min(), np.ptp(y), 1 / span, middle],
    }[kind]


def by_curve_fit(kind: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and standard errors by SciPy."""
    from scipy.optimize import curve_fit

    found, matrix = curve_fit(FAMILIES[kind].formula, x, y, guesses(kind, x, y), maxfev=20_000)
    return found, np.sqrt(np.diag(matrix))


def by_lmfit(kind: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and standard errors by lmfit, with the bound that keeps a power law defined."""
    import lmfit

    names = FAMILIES[kind].names()
    model = lmfit.Model(FAMILIES[kind].formula, independent_vars=["x"], param_names=list(names))
    parameters = model.make_params(**dict(zip(names, guesses(kind, x, y), strict=True)))
    if kind == "power_law":
        parameters["d"].set(min=1e-9 * x[-1])
    result = model.fit(y, parameters, x=x)
    errors = [result.params[name].stderr for name in names]
    values = np.array([result.params[name].value for name in names])
    return values, np.array([np.nan if e is None else e for e in errors])


def by_linear(method: Callable[..., tuple[np.ndarray, np.ndarray]], kind: str, x: np.ndarray, y: np.ndarray) -> Any:
    """Sum of squares and 95 % intervals of another package; infinite and nothing where it fails."""
    from scipy.stats import t

    try:
        with np.errstate(all="ignore"):
            found, errors = method(kind, x, y)
            cost = float(np.sum((FAMILIES[kind].formula(x, *found) - y) ** 2))
    except (RuntimeError, ValueError, TypeError):
        return np.inf, None
    reach = t.ppf(0.975, len(x) - len(found)) * errors
    return (cost if np.isfinite(cost) else np.inf), np.column_stack([found - reach, found + reach])


def main(words: Sequence[str] = ()) -> None:
    """Print a row for each family and package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=3000)
    arguments = parser.parse_args(words)
    warnings.simplefilter("ignore")
    print(f"{'family':<24}{'package':<12}{'best found':>11}{'intervals hold the truth':>26}{'CPU ms, median':>16}")
    curves = []
    for kind in FAMILIES:
        rows: dict[str, list[tuple[float, float, float]]] = {"leosplit": [], "curve_fit": [], "lmfit": []}
        for x, y, true in random_sets(kind, arguments.sets, arguments.first_seed):
            values = np.array(list(true.parameters.values()))
            started = time.process_time()
            fit = fit_curve(x, y, kind)
            spent = {"leosplit": time.process_time() - started}
            found: dict[str, Any] = {
                "leosplit": (float(np.sum(fit.residuals**2)), np.array([*intervals(fit).values()]))
            }
            curves.append(fit.curve)
            for name, method in (("curve_fit", by_curve_fit), ("lmfit", by_lmfit)):
                started = time.process_time()
                found[name] = by_linear(method, kind, x, y)
                spent[name] = time.process_time() - started
            best = min(cost for cost, _ in found.values())
            for name, (cost, ends) in found.items():
                held = 0.0 if ends is None else float(np.mean((ends[:, 0] <= values) & (values <= ends[:, 1])))
                rows[name].append((cost <= best * (1 + 1e-6) + 1e-16, held, 1e3 * spent[name]))
        for name, results in rows.items():
            good, held, milliseconds = zip(*results, strict=True)
            share = f"{100 * np.mean(held):.1f} %"
            print(f"{kind:<24}{name:<12}{sum(good):>7}/{len(good)}{share:>26}{median(milliseconds):>16.1f}", flush=True)
    compare_pwlf(curves[:: max(1, len(curves) // 60)])


def compare_pwlf(curves: list[Any], segments: int = 4) -> None:
    """Certified errors and times of pwlf and `piecewise_linear` at equal segments."""
    ratios, times = [], []
    for curve in curves:
        started = time.process_time()
        ours = piecewise_linear(curve, segments=segments)
        middle = time.process_time()
        theirs = by_pwlf(curve, segments, 0)
        times.append((time.process_time() - middle) / max(middle - started, 1e-9))
        ratios.append(max(deviation(curve, theirs, *curve.domain)) / max(ours.error, 1e-9))
    print(
        f"pwlf at {segments} segments on {len(curves)} fitted curves: error over ours, median {median(ratios):.2f}, "
        f"least {min(ratios):.2f}; CPU time over ours, median {median(times):.2f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
