"""Exact: (4) proven by the default machinery, beside the textbook and bit-flow models and SCIP.

Protocol: seeded presets and tori with link rates drawn ±30 %; every time includes building; relative gap 1e-6 unless
the table says otherwise; one thread; gap = (objective - bound) / bound. A time is the best of `repeats` runs of a seed;
several seeds give median and worst. Ratios are taken on one instance in one run, the alternative under its
own time limit.

    python -m benchmarks exact             (a quick selection)
    python -m benchmarks.exact FAMILY…     (families by name, `all` for every one)
    python -m benchmarks.exact growth [DIR]  (time against satellites and tasks: `benchmarks/growth.py`)
"""

import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import growth
from instances import Instance, generate_torus, make_preset
from solvers.exact import SolverError, solve_full
from solvers.result import Result


@dataclass(frozen=True)
class Family:
    """Instances of one size, with the limit and gap under which they are solved."""

    make: Callable[[int], Instance]
    seeds: int
    limit_s: float
    gap: float = 1e-6
    repeats: int = 1
    objective: str = "mean"


FAMILIES: dict[str, Family] = {
    "iridium 66/5/2": Family(lambda s: make_preset("iridium", seed=s), 5, 60.0),
    "paper 144/6/3": Family(lambda s: make_preset("paper", seed=s), 5, 60.0),
    "torus 7x7/4/2": Family(lambda s: generate_torus(7, 7, tasks=4, computing=2, seed=s), 5, 60.0),
    "torus 12x12/6/3": Family(lambda s: generate_torus(12, 12, tasks=6, computing=3, seed=s), 5, 60.0),
    "torus 6x6/8/1": Family(lambda s: generate_torus(6, 6, tasks=8, computing=1, seed=s), 3, 300.0),
    "hotspot 66/8/1": Family(lambda s: make_preset("hotspot", seed=s), 3, 300.0),
    "torus 12x12/12/2": Family(lambda s: generate_torus(12, 12, tasks=12, computing=2, seed=s), 3, 120.0),
    "shell 8": Family(lambda s: make_preset("shell", seed=s, tasks=8), 3, 10.0),
    "shell 20": Family(lambda s: make_preset("shell", seed=s), 3, 60.0),
    "shell 50": Family(lambda s: make_preset("shell", seed=s, tasks=50), 1, 600.0, 1e-4),
    "torus 72x22/8/4": Family(lambda s: generate_torus(72, 22, tasks=8, computing=4, seed=s), 1, 10.0, 1e-3),
    "torus 72x22/20/5": Family(lambda s: generate_torus(72, 22, tasks=20, computing=5, seed=s), 1, 60.0, 1e-3),
    "torus 72x22/50/5": Family(lambda s: generate_torus(72, 22, tasks=50, computing=5, seed=s), 1, 600.0, 1e-3),
    "torus 6x6/8/1 max": Family(
        lambda s: generate_torus(6, 6, tasks=8, computing=1, seed=s), 3, 300.0, objective="max"
    ),
    "hotspot 66/8/1 max": Family(lambda s: make_preset("hotspot", seed=s), 3, 300.0, objective="max"),
    "torus 12x12/12/2 max": Family(
        lambda s: generate_torus(12, 12, tasks=12, computing=2, seed=s), 3, 120.0, objective="max"
    ),
}
QUICK = ("iridium 66/5/2", "paper 144/6/3", "torus 6x6/8/1", "shell 8")
RATIO_LIMIT_S = 60.0


def solve(family: Family, seed: int) -> tuple[float, Result]:
    """Return the best time of the family's repeats on one seed [s], with its result."""
    instance, best = family.make(seed), None
    for _ in range(family.repeats):
        started = time.perf_counter()
        result = solve_full(instance, time_limit=family.limit_s, mip_gap=family.gap, objective=family.objective)
        elapsed = time.perf_counter() - started
        if best is None or elapsed < best[0]:
            best = elapsed, result
    assert best is not None
    return best


def table(names: tuple[str, ...]) -> None:
    """Print time, gap and the share of building per family."""
    print(
        f"{'instances':20} {'seeds':>5} {'proven':>6} {'median s':>9} {'worst s':>8} {'worst gap %':>11} {'build %':>8}"
    )
    for name in names:
        family = FAMILIES[name]
        rows = [solve(family, seed) for seed in range(family.seeds)]
        gaps = [result.gap if result.gap is not None else float("inf") for _, result in rows]
        seconds = [elapsed for elapsed, _ in rows]
        build = 100 * sum(result.build_s for _, result in rows) / sum(seconds)
        proven = sum(gap <= family.gap for gap in gaps)
        print(
            f"{name:20} {len(rows):5d} {proven:6d} {statistics.median(seconds):9.2f} {max(seconds):8.2f}"
            f" {100 * max(gaps):11.5f} {build:8.1f}",
            flush=True,
        )


def ratios() -> None:
    """Print how long the alternatives take on one instance, against the default machinery in the same run."""
    instance = generate_torus(6, 8, tasks=3, computing=2, seed=0)
    started = time.perf_counter()
    solve_full(instance)
    ours = time.perf_counter() - started
    print(f"\n{instance.name}: default {ours:.3f} s")
    alternatives = (("textbook", "highs"), ("bit-flow", "highs"), ("bit-flow", "scip"), ("bit-flow", "gurobi"))
    for formulation, solver in alternatives:
        started = time.perf_counter()
        try:
            result = solve_full(instance, formulation=formulation, solver=solver, time_limit=RATIO_LIMIT_S)
        except SolverError as error:
            print(f"  {formulation} on {solver}: {error}")
            continue
        taken = time.perf_counter() - started
        print(
            f"  {formulation} on {solver}: {taken:.2f} s ({result.termination}), {taken / ours:.0f} times", flush=True
        )


def main(names: tuple[str, ...] = QUICK) -> None:
    """Print the table, the ratios, the peak memory, machine and commit."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    print(f"commit {commit}, {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    table(names)
    ratios()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["growth"]:
        growth.main(*sys.argv[2:3])
    else:
        main(tuple(FAMILIES) if sys.argv[1:] == ["all"] else tuple(sys.argv[1:]) or QUICK)
