"""Coverage of intervals, bands and conservative curves over many seeds, at the ends of the data too.

Profile intervals are inverted: one holds the truth where holding the number at it costs no more than the quantile
allows, so that one constrained fit a seed tells, and all seeds are one array. That this is what `intervals` and
`conservative` do is a test. Shape-constrained and robust fits are run as a user runs them.

    nice -n 10 python -m benchmarks.fit_coverage [--seeds 1000] [--first-seed 3000] [--slow-seeds 1000]
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import norm, t

from fitting import FAMILIES, conservative, fit_curve, intervals
from fitting.curves import ParametricCurve
from fitting.families import Logistic, PowerLaw, SaturatingExponential
from fitting.fit import axis_of
from fitting.search import Problems, polish, project, starts
from fitting.uncertainty import misfit

TRUTHS: tuple[ParametricCurve, ...] = (
    SaturatingExponential(0.8, 0.3, 4.0, (0.05, 1.0)),
    PowerLaw(0.85, 0.02, 1.0, 0.05, (0.05, 1.0)),
    Logistic(0.3, 0.45, 12.0, 0.4, (0.0, 1.0)),
)
NOISE = 0.005
STARTS = 8


def fits(problems: Problems, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return searched numbers and costs of all rows, from the truth and from the best starts of some rows."""
    begins = [truth]
    for row in np.linspace(0, len(problems.y) - 1, 3).astype(int):
        begins += list(starts(problems.rows(np.array([row])))[:STARTS])
    best, least = np.empty((len(problems.y), len(truth))), np.full(len(problems.y), np.inf)
    for begin in begins:
        found, cost = polish(problems, np.broadcast_to(begin, best.shape), tolerance=1e-10)
        better = cost < least
        best[better], least[better] = found[better], cost[better]
    return best, least


def profile_coverage(true: ParametricCurve, n: int, known: bool, seeds: int, first: int) -> Iterator[tuple[str, float]]:
    """Coverage of the 95 % interval of each parameter, and of the 95 % lower curve at both ends and the middle."""
    x = np.linspace(*true.domain, n)
    clean = np.asarray(true(x))
    y = np.array([clean + NOISE * np.random.default_rng(first + i).standard_normal(n) for i in range(seeds)])
    width, shift = axis_of(x, true.domain)
    weights = np.full(n, 1 / NOISE if known else 1.0)
    problems = Problems(type(true), (x - shift) / width, y, weights, outer=(width, shift))
    unit = true.on_axis(1 / width, -shift / width)
    shape = [unit.parameters[name] for name in true.search]
    searched = np.array([np.log(v) if r.logarithmic else v for v, r in zip(shape, true.search.values(), strict=True)])
    best, least = fits(problems, searched)
    freedom = n - len(true.names())
    scale = np.sqrt(least / freedom)
    scale = misfit(least, freedom, scale) if known else scale
    two, one = (norm.ppf([0.975, 0.95]) if known else t.ppf([0.975, 0.95], freedom)).tolist()

    def held(part: Problems, fixed: np.ndarray | None = None, at: np.ndarray = best) -> np.ndarray:
        """Distance, in units of the error's deviation, of the best fit that holds the truth."""
        costs = [polish(part, begin, fixed, 1e-10)[1] for begin in (at, np.broadcast_to(searched, best.shape))]
        return np.sqrt(np.maximum(np.minimum(*costs) - least, 0.0)) / scale

    for index, (name, value) in enumerate(true.parameters.items()):
        if name in true.search:
            place = index - 2
            at = best.copy()
            at[:, place] = searched[place]
            distance = held(problems, np.arange(len(shape)) == place, at)
        else:
            distance = held(replace(problems, held=name, level=np.full(seeds, value)))
        yield name, float(np.mean(distance <= two))
    fitted = project(problems, best)
    parameters = [np.exp(best[:, j]) if r.logarithmic else best[:, j] for j, r in enumerate(true.search.values())]
    for label, where in (("left end", x[0]), ("middle", float(np.mean(true.domain))), ("right end", x[-1])):
        u, value = (where - shift) / width, float(true(where))
        h = true.partials(u, 0.0, 1.0, *parameters)[1]
        ahead = fitted.a + fitted.b * h < value  # a lower curve never lies above the fitted one
        distance = held(replace(problems, held="value", level=np.full(seeds, value), place=np.full(seeds, u)))
        yield f"lower, {label}", float(np.mean(ahead | (distance <= one)))


def run_coverage(family: str, robust: bool, seeds: int, first: int) -> Iterator[tuple[str, float]]:
    """Coverage of intervals and of the 95 % lower curve, as a user computes them; with an outlier where robust."""
    true, n = TRUTHS[0], 16
    x = np.linspace(*true.domain, n)
    held: dict[str, list[bool]] = {}
    for seed in range(first, first + seeds):
        y = np.asarray(true(x)) + NOISE * np.random.default_rng(seed).standard_normal(n)
        if robust:
            y[8] -= 0.15
        fit = fit_curve(x, y, family, np.full(n, NOISE), robust=robust)
        if family in FAMILIES:
            for name, (low, high) in intervals(fit).items():
                held.setdefault(name, []).append(low <= true.parameters[name] <= high)
        lower = conservative(fit, seed=seed)
        for label, where in (("left end", x[0]), ("middle", x[7]), ("right end", x[-1])):
            held.setdefault(f"lower, {label}", []).append(lower(float(where)) <= float(true(where)))
    for name, values in held.items():
        yield name, float(np.mean(values))


def main(words: Sequence[str] = ()) -> None:
    """Print a row for each design, coverages in percent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first-seed", type=int, default=3000)
    parser.add_argument("--slow-seeds", type=int, default=1000)
    arguments = parser.parse_args(words)
    for true in TRUTHS:
        for n in (8, 16, 40):
            for known in (False, True):
                found = profile_coverage(true, n, known, arguments.seeds, arguments.first_seed)
                text = ", ".join(f"{name} {100 * share:.1f}" for name, share in found)
                print(f"{true.kind}, n = {n}, errors {'known' if known else 'estimated'}: {text}", flush=True)
    if arguments.slow_seeds:
        for family, robust in ((TRUTHS[0].kind, True), ("monotone", False), ("monotone_concave", False)):
            found = run_coverage(family, robust, arguments.slow_seeds, arguments.first_seed)
            text = ", ".join(f"{name} {100 * share:.1f}" for name, share in found)
            print(f"{family}{', robust, one outlier' if robust else ''}, n = 16, errors known: {text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
