"""What each trick of the searches is worth: variants with one option changed, beside best response, in one run.

Every row decides the same instances of one preset, taking turns. A gap is to the best delay that any row found on that
instance; decision times are CPU times of one process, tables and c(m) included. Rollouts and descents are those that
were made. `--tasks` and `--constellation` make cases larger than any that the policy was trained on.

    python -m benchmarks.marl_search [--preset hotspot] [--count 50] [--seed 1000] [--tasks N] [--constellation CODE]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from formulation import Problem, Solution, evaluate
from instances import Instance
from instances.presets import make_preset
from solvers.assignment import assign
from solvers.best_response import best_response
from solvers.bisection import bisect
from solvers.marl.batch import get_ready
from solvers.marl.schemes import VARIANTS, bs_marl, load_policy
from solvers.marl.search import Search, SearchOptions
from solvers.routing import shortest_path_router

Row = Callable[[Instance], tuple[Solution, int, int]]
DESCENTS: SearchOptions = VARIANTS["marl-search-descents"][1]["options"]
FAST: SearchOptions = VARIANTS["marl-search-polish"][1]["options"]


def searching(options: SearchOptions) -> Row:
    def row(instance: Instance) -> tuple[Solution, int, int]:
        search = Search(Problem(instance), assign(instance), load_policy(), options, seed=0)
        solution, _ = search.run()
        return solution, search.router.rollouts, search.descents

    return row


ROWS: dict[str, Row] = {
    "marl-search": searching(SearchOptions()),
    "… trees of the empty network": searching(SearchOptions(trees=False)),
    "… without noise": searching(SearchOptions(noise=0.0)),
    "… without end modes": searching(SearchOptions(ends=False)),
    "… without other c(m)": searching(SearchOptions(assign=False)),
    "marl-search-descents": searching(DESCENTS),
    "… trees of the empty network ": searching(replace(DESCENTS, trees=False)),
    "… none from an empty network": searching(replace(DESCENTS, restarts=0)),
    "… two a round, none from an empty network": searching(replace(DESCENTS, polish=2, restarts=0)),
    "… two rounds of 16 rollouts": searching(replace(DESCENTS, rounds=2, rollouts=16)),
    "marl-search-polish": searching(FAST),
    "… without a limit of sweeps": searching(replace(FAST, sweeps=100)),
    "… two rollouts": searching(replace(FAST, rollouts=2)),
    "bs-marl": lambda instance: (bs_marl(instance, load_policy())[0], 20, 0),
    "bs-shortest-path": lambda instance: (bisect(instance, assign(instance), shortest_path_router)[0], 0, 0),
    "best-response": lambda instance: (best_response(instance, runs=1)[0], 0, 1),
    "best-response-4": lambda instance: (best_response(instance, runs=4)[0], 0, 4),
    "best-response-32": lambda instance: (best_response(instance, runs=32)[0], 0, 32),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="hotspot")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--constellation")
    options = parser.parse_args(sys.argv[2:] if arguments is None and "benchmarks" in sys.argv[0] else arguments)
    changes = {k: v for k in ("tasks", "constellation") if (v := getattr(options, k)) is not None}
    get_ready()
    delay, seconds = np.zeros((2, len(ROWS), options.count))
    made = np.zeros((len(ROWS), options.count, 2), dtype=int)
    for k in range(options.count):
        instance = make_preset(options.preset, seed=options.seed + k, **changes)
        for row, decide in enumerate(ROWS.values()):
            start = time.process_time()
            solution, *made[row, k] = decide(instance)
            seconds[row, k] = time.process_time() - start
            delay[row, k] = evaluate(instance, solution).mean_s
        print(f"{k + 1} of {options.count}", end="\r", file=sys.stderr, flush=True)
    gap = 100 * (delay / delay.min(0) - 1)
    words = ", ".join(f"{name} {value}" for name, value in changes.items())
    print(f"{options.preset} {words}".strip() + f", {options.count} instances, seeds from {options.seed}")
    print(f"{'':30s} {'rollouts':>8s} {'descents':>8s} {'mean':>8s} {'worst':>8s} {'median CPU':>12s}")
    for row, name in enumerate(ROWS):
        rollouts, descents = made[row].max(0)
        print(f"{name:30s} {rollouts:8d} {descents:8d} {gap[row].mean():6.2f} % {gap[row].max():6.2f} %", end="")
        print(f" {1e3 * np.median(seconds[row]):9.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
