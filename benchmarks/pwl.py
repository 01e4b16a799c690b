"""Piecewise-linear functions: ours against pwlf, on every shipped curve and 200 random ones, in one run.

For each curve: at the same number of segments the largest error of both; at the same largest error the segments of
both; the time of both. pwlf minimises squared errors at sampled points and is given 200 of them; it is called with
`fitfast`, its quicker method, and its number of segments is raised until its error is small enough. Errors of both are
certified by the same routine. Our number of segments is held against the funnel's lower bound, and against the fewest
links between points of a grid, by brute force.

    python -m benchmarks.pwl [--random 200] [--seed 0] [--error 0.005] [--segments 4]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np

from fitting import (
    Curve,
    Logistic,
    PiecewiseLinear,
    PowerLaw,
    SaturatingExponential,
    fit_curve,
    piecewise_linear,
    preset_curves,
    read_measurements,
)
from fitting.enclosure import deviation
from fitting.presets import DATA

MOST = 12


def shipped_curves() -> Iterator[tuple[str, Curve]]:
    """Curves of the presets, and fits or interpolations of all shipped measurements."""
    large, small = preset_curves()
    yield "preset f", large
    yield "preset g", small
    for codec in ("vtm-intra", "bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018", "cheng2020-attn"):
        measured = read_measurements(str(DATA / "map_vs_bpp_openimages.csv"), x="bpp", where={"codec": codec})
        yield codec, fit_curve(measured.x, measured.y, "power_law").curve
    dota = str(DATA / "map_vs_degradation_dota.csv")
    for detector in ("oriented-rcnn", "fcos-obb"):
        where = {"detector": detector, "degradation": "jpeg_quality"}
        points = read_measurements(dota, x="level", where=where)
        yield f"DOTA {detector}", PiecewiseLinear(tuple(points.x.tolist()), tuple(points.y.tolist()))
    update = read_measurements(str(DATA / "map_vs_update_digits.csv"), x="share")
    yield "update of digits", fit_curve(update.x, update.y, "logistic").curve


def random_curves(count: int, seed: int) -> Iterator[tuple[str, Curve]]:
    """Curves of the three families and piecewise-linear ones that rise and fall, in turn."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        a, b, span = rng.uniform(0.7, 0.9), rng.uniform(0.1, 0.5), 10 ** rng.uniform(-1, 8)
        kind = index % 4
        curve: Curve
        if kind == 0:
            curve = SaturatingExponential(a, b, rng.uniform(2, 20) / span, (0, span))
        elif kind == 1:
            c, d = rng.uniform(0.3, 2), rng.uniform(0.02, 0.3) * span
            curve = PowerLaw(a, b * d**c, c, d, (0, span))
        elif kind == 2:
            curve = Logistic(a - b, b, rng.uniform(5, 30) / span, rng.uniform(0.1, 0.6) * span, (0, span))
        else:
            x = np.linspace(0, span, int(rng.integers(6, 20)))
            y = np.clip(np.cumsum(rng.normal(0.03, 0.05, len(x))) + 0.3, 0, 1)
            curve = PiecewiseLinear(tuple(x.tolist()), tuple(y.tolist()))
        yield f"random {index}", curve


def timed(call: Callable[[], PiecewiseLinear]) -> tuple[PiecewiseLinear, float]:
    """Return the result and the seconds of a call."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def by_pwlf(curve: Curve, segments: int, seed: int) -> PiecewiseLinear:
    """Continuous function that pwlf fits to 200 points of the curve."""
    import pwlf

    lo, hi = curve.domain
    x = np.linspace(0, 1, 200)  # on a unit interval, for pwlf's own scaling of breakpoints
    model = pwlf.PiecewiseLinFit(x, curve(lo + x * (hi - lo)), seed=seed)
    breaks = np.asarray(model.fitfast(segments))
    places = lo + breaks * (hi - lo)
    return PiecewiseLinear((lo, *places[1:-1].tolist(), hi), tuple(model.predict(breaks).tolist()))


def pwlf_within(curve: Curve, error: float, seed: int) -> int | None:
    """Fewest segments at which pwlf's error is small enough, or None above MOST."""
    for segments in range(1, MOST + 1):
        if max(deviation(curve, by_pwlf(curve, segments, seed), *curve.domain)) <= error:
            return segments
    return None


def fewest_on_a_grid(curve: Curve, error: float, places: int = 25, heights: int = 9) -> int:
    """Fewest links inside the tube between points of a grid, by breadth-first search over all of them."""
    x = np.linspace(*curve.domain, places)
    y = np.asarray(curve(x))[:, None] + np.linspace(-error, error, heights)[None, :]
    best = np.full((places, heights), MOST * 10)
    best[0] = 0
    for i in range(places - 1):
        for j in range(i + 1, places):
            share = np.linspace(0, 1, 16 * (j - i) + 1)
            values = np.asarray(curve(x[i] + share * (x[j] - x[i])))
            lines = y[i][:, None, None] * (1 - share) + y[j][None, :, None] * share
            inside = np.all(np.abs(lines - values) <= error, axis=2)
            best[j] = np.minimum(best[j], np.where(inside, best[i][:, None] + 1, MOST * 10).min(axis=0))
    return int(best[-1].min())


def main(words: Sequence[str] = ()) -> None:
    """Run the benchmark and print one line a shipped curve and medians of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--error", type=float, default=0.005)
    parser.add_argument("--segments", type=int, default=4)
    arguments = parser.parse_args(words)
    error, segments = arguments.error, arguments.segments
    print(f"largest error at {segments} segments; segments at the error {error}")
    print(f"{'curve':<24}{'ours':>10}{'pwlf':>10}{'ours':>7}{'bound':>7}{'grid':>6}{'pwlf':>6}{'time ratio':>12}")
    rows = []
    shipped = list(shipped_curves())
    for name, curve in [*shipped, *random_curves(arguments.random, arguments.seed)]:
        ours, our_time = timed(lambda curve=curve: piecewise_linear(curve, segments=segments).function)
        theirs, their_time = timed(lambda curve=curve: by_pwlf(curve, segments, arguments.seed))
        errors = [max(deviation(curve, function, *curve.domain)) for function in (ours, theirs)]
        found = piecewise_linear(curve, max_error=error)
        counts = (
            found.segments,
            found.fewest,
            fewest_on_a_grid(curve, error),
            pwlf_within(curve, error, arguments.seed),
        )
        milliseconds = min(
            timed(lambda curve=curve: piecewise_linear(curve, max_error=1e-3).function)[1] for _ in "123"
        )
        rows.append((errors, counts, their_time / our_time, 1e3 * milliseconds))
        if len(rows) <= len(shipped):
            ours_n, bound, grid, pwlf_n = counts
            texts = f"{errors[0]:>10.2g}{errors[1]:>10.2g}{ours_n:>7}{bound:>7}{grid:>6}{pwlf_n or '> 12':>6}"
            print(f"{name:<24}{texts}{rows[-1][2]:>12.1f}", flush=True)
    summarise(rows)


def summarise(rows: list[tuple[list[float], tuple[int, int, int, int | None], float, float]]) -> None:
    """Print medians and the counts of the claims over all curves."""
    worst = [theirs / max(ours, 1e-6) for (ours, theirs), *_ in rows]
    lost = sum(ours > theirs * (1 + 1e-3) + 1e-6 for (ours, theirs), *_ in rows)
    print(f"{len(rows)} curves")
    print(f"error of pwlf / ours, median {median(worst):.2f}; ours is larger on {lost}")
    saved = [n - c[0] for _, c, *_ in rows if (n := c[3]) is not None]
    print(
        f"segments of pwlf - ours, median {median(saved):g}, least {min(saved)}; "
        f"pwlf > {MOST} on {len(rows) - len(saved)}"
    )
    print(f"ours equals the funnel's bound on {sum(c[0] == c[1] for _, c, *_ in rows)}")
    print(f"ours is at most the grid's minimum on {sum(c[0] <= c[2] for _, c, *_ in rows)}")
    print(f"time of pwlf / ours at equal segments, median {median(row[2] for row in rows):.1f}")
    times = sorted(row[3] for row in rows)
    print(f"our time for an error of 1e-3 (best of 3): median {median(times):.1f} ms, largest {times[-1]:.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
