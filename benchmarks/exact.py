"""Exact: (4) proven by the default machinery, beside the textbook and bit-flow models, SCIP and Gurobi.

Protocol: seeded presets, and tori whose link rates are drawn ±30 %; one thread, or as many as `--threads` says;
gap = (objective - bound) / bound, 1e-6 unless the table says otherwise; every time includes building. A seed's time is
the best of `repeats` runs, fewer where a run takes over `REPEAT_S`, and the table says of how many at least; a family's
seeds give median and worst. Ratios are taken on one instance in one run: ours is the best of three, the alternative
runs once under its cap, from a best response, on one Pyomo model; one that is stopped counts as "more than".

    python -m benchmarks exact                  (a quick selection)
    python -m benchmarks.exact all              (every family, then the ratios)
    python -m benchmarks.exact all --budget 1500 --first-seed 100 --only "shell 20" --only ratios
    python -m benchmarks.exact smoke            (the smallest form)
    python -m benchmarks.exact growth [DIR]     (time against satellites and tasks: `benchmarks/growth.py`)
"""

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import growth
from fitting.source_tree import commit
from formulation import Problem
from instances import Instance, generate_torus, make_preset
from leosplit.provenance import versions
from solvers.exact import SolverError, solve_full
from solvers.result import Result, Termination


@dataclass(frozen=True)
class Family:
    """Instances of one size, with the limit and gap under which they are solved."""

    make: Callable[[int], Instance]
    seeds: int
    limit_s: float
    gap: float = 1e-6
    objective: str = "mean"


@dataclass(frozen=True)
class Rivals:
    """One instance, and the models and solvers that it is given to, each for at most so long."""

    make: Callable[[int], Instance]
    cap_s: float
    rivals: tuple[tuple[str, str], ...]


REPEATS = 3
REPEAT_S = 20.0
FAMILIES: dict[str, Family] = {
    "iridium 66/5/2": Family(lambda s: make_preset("iridium", seed=s), 20, 60.0),
    "paper 144/6/3": Family(lambda s: make_preset("paper", seed=s), 20, 60.0),
    "torus 7x7/4/2": Family(lambda s: generate_torus(7, 7, tasks=4, computing=2, seed=s), 20, 60.0),
    "torus 12x12/6/3": Family(lambda s: generate_torus(12, 12, tasks=6, computing=3, seed=s), 20, 60.0),
    "shell 8": Family(lambda s: make_preset("shell", seed=s, tasks=8), 3, 10.0),
    "torus 72x22/8/4": Family(lambda s: generate_torus(72, 22, tasks=8, computing=4, seed=s), 3, 10.0, 1e-3),
    "shell 20": Family(lambda s: make_preset("shell", seed=s), 3, 60.0),
    "torus 72x22/20/5": Family(lambda s: generate_torus(72, 22, tasks=20, computing=5, seed=s), 2, 60.0, 1e-3),
    "torus 12x12/12/2": Family(lambda s: generate_torus(12, 12, tasks=12, computing=2, seed=s), 2, 120.0),
    "torus 6x6/8/1": Family(lambda s: generate_torus(6, 6, tasks=8, computing=1, seed=s), 2, 300.0),
    "hotspot 66/8/1": Family(lambda s: make_preset("hotspot", seed=s), 3, 300.0),
    "torus 6x6/8/1 max": Family(
        lambda s: generate_torus(6, 6, tasks=8, computing=1, seed=s), 2, 300.0, objective="max"
    ),
    "torus 12x12/12/2 max": Family(
        lambda s: generate_torus(12, 12, tasks=12, computing=2, seed=s), 2, 120.0, objective="max"
    ),
    "hotspot 66/8/1 max": Family(lambda s: make_preset("hotspot", seed=s), 1, 300.0, objective="max"),
    "shell 50": Family(lambda s: make_preset("shell", seed=s, tasks=50), 1, 600.0, 1e-4),
    "torus 72x22/50/5": Family(lambda s: generate_torus(72, 22, tasks=50, computing=5, seed=s), 1, 600.0, 1e-3),
}
QUICK = ("iridium 66/5/2", "paper 144/6/3", "torus 6x6/8/1", "shell 8")
SMOKE = {"torus 3x3/2/1": Family(lambda s: generate_torus(3, 3, tasks=2, computing=1, seed=s), 2, 10.0)}

MODELS = (("textbook", "highs"), ("bit-flow", "highs"), ("bit-flow", "scip"))
RATIOS: dict[str, Rivals] = {
    "torus 2x3/1/1": Rivals(
        lambda s: generate_torus(2, 3, tasks=1, computing=1, seed=s), 30.0, (*MODELS, ("bit-flow", "gurobi"))
    ),
    "torus 4x4/3/1": Rivals(
        lambda s: generate_torus(4, 4, tasks=3, computing=1, seed=s), 60.0, (*MODELS, ("bit-flow", "gurobi"))
    ),
    "torus 6x8/3/2": Rivals(lambda s: generate_torus(6, 8, tasks=3, computing=2, seed=s), 60.0, MODELS),
    "torus 5x5/4/1": Rivals(lambda s: generate_torus(5, 5, tasks=4, computing=1, seed=s), 120.0, MODELS),
    "paper 144/6/3": Rivals(lambda s: make_preset("paper", seed=s), 120.0, MODELS),
}


class Budget:
    """Seconds that are left of the whole run."""

    def __init__(self, seconds: float | None) -> None:
        self.until = None if seconds is None else time.perf_counter() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left."""
        return float("inf") if self.until is None else self.until - time.perf_counter()


def best_of(
    instance: Instance, family: Family, repeats: int, budget: Budget, threads: int
) -> tuple[float, int, Result]:
    """Return the best time on one instance [s], of how many runs it is, and its result."""
    times: list[tuple[float, Result]] = []
    while not times or (len(times) < repeats and times[0][0] <= REPEAT_S and budget.left_s > 0):
        started = time.perf_counter()
        limit = min(family.limit_s, max(budget.left_s, 1.0))
        result = solve_full(Problem(instance, family.objective), time_limit=limit, mip_gap=family.gap, threads=threads)
        times.append((time.perf_counter() - started, result))
    seconds, result = min(times, key=lambda pair: pair[0])
    return seconds, len(times), result


def table(families: dict[str, Family], first_seed: int, repeats: int, budget: Budget, threads: int) -> None:
    """Print time, gap and the share of building per family."""
    print("| instances | seeds | proven | runs | median s | worst s | limit s | worst gap % | building % |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, family in families.items():
        seeds = range(first_seed, first_seed + family.seeds)
        rows = [best_of(family.make(seed), family, repeats, budget, threads) for seed in seeds if budget.left_s > 0]
        if not rows:
            print(f"| {name} | 0 of {family.seeds}: no time left | | | | | | | |", flush=True)
            continue
        gaps = [float("inf") if result.gap is None else result.gap for _, _, result in rows]
        seconds = [taken for taken, _, _ in rows]
        building = 100 * sum(result.build_s / max(result.decision_s, 1e-9) for _, _, result in rows) / len(rows)
        print(
            f"| {name} | {len(rows)} | {sum(gap <= family.gap for gap in gaps)} | {min(runs for _, runs, _ in rows)}"
            f" | {statistics.median(seconds):.2f} | {max(seconds):.2f} | {family.limit_s:g} | {100 * max(gaps):.5f}"
            f" | {building:.1f} |",
            flush=True,
        )


def ratios(cases: dict[str, Rivals], seed: int, budget: Budget, threads: int) -> None:
    """Print how long the alternatives take, against the default machinery on the same instance in the same run."""
    print("\n| instance | ours s | model | solver | s | gap % | times ours |\n|---|---:|---|---|---:|---:|---:|")
    for name, case in cases.items():
        instance = case.make(seed)
        ours, _, mine = best_of(instance, Family(case.make, 1, case.cap_s), REPEATS, budget, threads)
        for formulation, solver in case.rivals:
            if budget.left_s <= 0:
                print(f"| {name} | {ours:.3f} | {formulation} | {solver} | no time left | | |", flush=True)
                continue
            cap, started = min(case.cap_s, budget.left_s), time.perf_counter()
            try:
                result = solve_full(instance, formulation=formulation, solver=solver, time_limit=cap, threads=threads)
            except SolverError as error:
                print(f"| {name} | {ours:.3f} | {formulation} | {solver} | {error} | | |", flush=True)
                continue
            taken = time.perf_counter() - started
            more = "" if result.termination is Termination.OPTIMAL else "> "
            gap = "–" if result.gap is None else f"{100 * result.gap:.4f}"
            row = (name, f"{ours:.3f}", formulation, solver, f"{more}{taken:.3f}", gap, f"{more}{taken / ours:.0f}")
            print(f"| {' | '.join(row)} |", flush=True)
            if not _agree(result, mine):
                print(f"objectives and bounds contradict each other: {result}, {mine}", file=sys.stderr)


def _agree(one: Result, other: Result) -> bool:
    """Tell whether neither has a bound above the other's solution."""
    pairs = ((one.bound_s, other.objective_s), (other.bound_s, one.objective_s))
    return all(low is None or high is None or low <= high * (1 + 1e-6) for low, high in pairs)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exact", description=(__doc__ or "").splitlines()[0])
    choices = (*FAMILIES, "ratios")
    parser.add_argument("names", nargs="*", metavar="FAMILY", help=f"quick, all, smoke, ratios, {', '.join(FAMILIES)}")
    parser.add_argument("--only", action="append", choices=choices, default=[], metavar="FAMILY", help="one of `all`")
    parser.add_argument("--budget", type=float, metavar="S", help="seconds for everything; what is left out is said")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="seeds N, N + 1, …")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of every solver")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N", help="a time is the best of N runs")
    given = parser.parse_args(words)
    names = given.only or given.names or ["quick"]
    unknown = [name for name in names if name not in (*choices, "quick", "all", "smoke")]
    if unknown:
        parser.error(f"no family {', '.join(unknown)}; there are quick, all, smoke, {', '.join(choices)}")
    given.names = names
    return given


def main(words: Sequence[str] = ()) -> None:
    """Print commit, machine and seeds, the table, the ratios and the peak memory."""
    given = _parse(words)
    names, budget = given.names, Budget(given.budget)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    known = ", ".join(f"{name} {number}" for name, number in versions().items() if name in ("python", "highspy"))
    print(f"commit {commit()}, {machine}, {known}, seeds from {given.first_seed}, threads {given.threads}\n")
    if "smoke" in names:
        table(SMOKE, given.first_seed, given.repeats, budget, given.threads)
        ratios({"torus 2x3/1/1": RATIOS["torus 2x3/1/1"]}, given.first_seed, budget, given.threads)
    chosen = FAMILIES if "all" in names else QUICK if "quick" in names else [n for n in names if n in FAMILIES]
    if chosen:
        table({name: FAMILIES[name] for name in chosen}, given.first_seed, given.repeats, budget, given.threads)
    if {"all", "ratios"} & set(names):
        ratios(RATIOS, given.first_seed, budget, given.threads)
    elif "quick" in names:
        ratios({"torus 6x8/3/2": RATIOS["torus 6x8/3/2"]}, given.first_seed, budget, given.threads)
    peak = [resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"\npeak memory {peak[0]:.2f} GiB, of a process beside {peak[1]:.2f} GiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["growth"]:
        growth.main(*sys.argv[2:3])
    else:
        main(sys.argv[1:])
