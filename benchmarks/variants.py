"""Variants: what rules, deadlines, weights and shared computing cost beside the plain problem, in one run.

Protocol: each family's plain problem, then each variant of it on the same instance, one thread, in turn; time is that
of `solve_full` by the clock, the ratio is to the plain problem of the same seed and run. `closed` closes 5 % of the
links at random; deadlines ask the two slowest tasks of the plain optimum to be 3 % sooner; weights are drawn from 1 to
10; pairs are drawn from the others. An infeasible variant is an answer and counts with its time. Median and worst are
over seeds.

    python -m benchmarks.variants                        (iridium, paper, hotspot with one and two computing satellites)
    python -m benchmarks.variants --family "shell 20" --seeds 3000 3001 --gap 1e-4 --limit 120
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fitting.source_tree import commit
from formulation import Problem, evaluate
from formulation.rules import Closed, ComputingTasks, DifferentComputing, Disjoint, LinkPackets, RelayPackets, Rule
from instances import Instance, make_preset
from solvers.exact import solve_full
from solvers.result import Result, Termination

FAMILIES: dict[str, Callable[[int], Instance]] = {
    "iridium": lambda seed: make_preset("iridium", seed=seed),
    "paper": lambda seed: make_preset("paper", seed=seed),
    "hotspot": lambda seed: make_preset("hotspot", seed=seed),
    "hotspot 8/2": lambda seed: make_preset("hotspot", computing=2, seed=seed),
    "shell 20": lambda seed: make_preset("shell", seed=seed),
}
DEFAULT = ("iridium", "paper", "hotspot", "hotspot 8/2")
Variant = Callable[[Problem, Result, np.random.Generator], Problem]
Runs = dict[str, list[tuple[float, float, Result]]]
"""Time, ratio to the plain problem and result of every seed, by variant."""


def _rule(make: Callable[[Instance, np.random.Generator], Rule]) -> Variant:
    return lambda problem, _, rng: replace(problem, rules=(*problem.rules, make(problem.instance, rng)))


def _tasks(instance: Instance, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(instance.tasks[i].satellite for i in sorted(rng.choice(len(instance.tasks), 2, replace=False)))


def _closed(instance: Instance, rng: np.random.Generator) -> Rule:
    links = [(link.source, link.target) for link in instance.links]
    return Closed(links=tuple(links[i] for i in rng.choice(len(links), max(len(links) // 20, 1), replace=False)))


def _deadlines(problem: Problem, plain: Result, _: np.random.Generator) -> Problem:
    if plain.solution is None:
        return problem
    delays = [task.T for task in evaluate(problem.instance, plain.solution).tasks]
    slow = sorted(range(len(delays)), key=lambda m: -delays[m])[:2]
    tasks = [replace(t, deadline_s=0.97 * delays[m]) if m in slow else t for m, t in enumerate(problem.instance.tasks)]
    return replace(problem, instance=replace(problem.instance, tasks=tuple(tasks)))


def _weights(problem: Problem, _: Result, rng: np.random.Generator) -> Problem:
    tasks = tuple(replace(task, weight=float(rng.uniform(1, 10))) for task in problem.instance.tasks)
    return replace(problem, instance=replace(problem.instance, tasks=tasks))


VARIANTS: dict[str, Variant] = {
    "shared computing": lambda problem, _, rng: replace(problem, share_computing=True),
    "link_packets 1": _rule(lambda instance, rng: LinkPackets(limit=1)),
    "link_packets 2": _rule(lambda instance, rng: LinkPackets(limit=2)),
    "computing_tasks": _rule(
        lambda instance, rng: ComputingTasks(limit=-(-len(instance.tasks) // len(instance.computing)))
    ),
    "relay_packets 2": _rule(lambda instance, rng: RelayPackets(limit=2)),
    "closed 5 %": _rule(_closed),
    "different_computing": _rule(lambda instance, rng: DifferentComputing(tasks=_tasks(instance, rng))),
    "disjoint": _rule(lambda instance, rng: Disjoint(tasks=_tasks(instance, rng), what="links")),
    "deadlines": _deadlines,
    "weights 1-10": _weights,
}


def pair(seed: int, number: int) -> tuple[str, Variant]:
    """Return the seed's next random pair of variants."""
    rng = np.random.default_rng([seed, number])
    one, other = (list(VARIANTS)[i] for i in sorted(rng.choice(len(VARIANTS), 2, replace=False)))
    return f"{one} + {other}", lambda problem, plain, rng: VARIANTS[other](
        VARIANTS[one](problem, plain, rng), plain, rng
    )


def run(family: str, seeds: Sequence[int], limit: float, gap: float, pairs: int = 3) -> Runs:
    """Solve a family; return time, ratio to the plain problem and result of every variant and seed."""
    found: Runs = {}
    for seed in seeds:
        instance, plain_s = FAMILIES[family](seed), 0.0
        plain: Result | None = None
        asked: list[tuple[str, str, Variant]] = [("plain", "plain", lambda problem, *_: problem)]
        asked += [(name, name, variant) for name, variant in VARIANTS.items()]
        asked += [("random pairs", *pair(seed, number)) for number in range(pairs)]
        for row, name, variant in asked:
            rng = np.random.default_rng([seed, 7])
            problem = Problem(instance) if plain is None else variant(Problem(instance), plain, rng)
            started = time.perf_counter()
            result = solve_full(problem, time_limit=limit, mip_gap=gap)
            taken = time.perf_counter() - started
            if plain is None:
                plain, plain_s = result, taken
            found.setdefault(row, []).append((taken, taken / plain_s, result))
            if result.termination not in (Termination.OPTIMAL, Termination.INFEASIBLE):
                print(f"  open: seed {seed} {name}: {result.termination}, gap {result.gap}, {taken:.1f} s", flush=True)
    return found


def table(family: str, found: Runs, gap: float) -> str:
    """Return a family's rows as Markdown."""
    head = "| variant | answered | infeasible | median | worst | ratio to plain |"
    lines = [f"\n{family}, to {gap:g}\n", head, "|---|---|---|---|---|---|"]
    for name, rows in found.items():
        ends = [result.termination for *_, result in rows]
        answered = sum(end in (Termination.OPTIMAL, Termination.INFEASIBLE) for end in ends)
        times, ratios = [taken for taken, *_ in rows], [ratio for _, ratio, _ in rows]
        lines.append(
            f"| {name} | {answered} of {len(rows)} | {ends.count(Termination.INFEASIBLE)} | "
            f"{statistics.median(times):.2f} s | {max(times):.2f} s | {statistics.median(ratios):.1f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] = ()) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=DEFAULT)
    parser.add_argument("--seeds", type=int, nargs="+", default=range(3000, 3010))
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--gap", type=float, default=1e-6)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args(argv)
    print(f"commit {commit()}, seeds {list(given.seeds)}, limit {given.limit:g} s")
    for family in given.family:
        print(table(family, run(family, given.seeds, given.limit, given.gap, given.pairs), given.gap), flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
