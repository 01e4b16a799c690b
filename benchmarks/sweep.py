"""Sweeps: cost of a run beside the work itself, gain of a second worker, time for a large results file.

Overhead: 1 000 runs of `small` on a 3×3 torus through one worker, against the same runs in a plain loop of one process,
in one run of this program; the worker is warm. Two workers: 12 runs of a fixed amount of computing, a second or more
each, through two workers against one. Store: 100 000 rows of seeded random numbers are opened as a DataFrame and
reported. Best of three each; the machine is named.
"""

import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from formulation import evaluate
from instances import Instance
from leosplit.provenance import commit
from leosplit.report import write_report
from leosplit.sweeps import Job, Store, read_results, run_sweep
from leosplit.sweeps.engine import cluster_client
from leosplit.sweeps.worker import failed_row, run_job
from solvers.schemes import SCHEMES, SchemeOptions

RUNS = 1000
LONG_RUNS = 12
ROWS = 100_000
REPEATS = 3
PARAMETERS = {"torus": [3, 3], "tasks": 2, "computing": 1}
EVALUATIONS = 30_000


def computing(instance: Instance, options: SchemeOptions) -> Any:
    """Do a fixed amount of work: the evaluator over and over."""
    solution = SCHEMES["small"](instance, options)
    for _ in range(EVALUATIONS):
        evaluate(instance, solution)
    return solution


def jobs(count: int, scheme: str = "small") -> list[Job]:
    return [Job("benchmark", PARAMETERS, seed, scheme) for seed in range(count)]


@contextmanager
def warm_cluster(workers: int) -> Iterator[str]:
    """Yield the address of a local cluster whose workers have imported everything."""
    with cluster_client(None, workers) as client, tempfile.TemporaryDirectory() as directory:
        client.wait_for_workers(workers)
        with Store(Path(directory) / "warm.db") as store:
            run_sweep(jobs(50 * workers), store, scheduler=client.scheduler.address)
        yield client.scheduler.address


def sweep_seconds(work: list[Job], address: str) -> float:
    with tempfile.TemporaryDirectory() as directory, Store(Path(directory) / "r.db") as store:
        end = run_sweep(work, store, scheduler=address)
        assert (end.done, end.failed) == (len(work), 0)
        return end.elapsed_s


def loop_seconds(work: list[Job]) -> float:
    start = time.perf_counter()
    for job in work:
        run_job(job, "")
    return time.perf_counter() - start


def best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(REPEATS))


def large_store(path: Path) -> None:
    rng = np.random.default_rng(0)
    schemes = ("exact", "best-response", "bs-shortest-path", "even", "small")
    rows = []
    for k in range(ROWS):
        scheme, instance = schemes[k % len(schemes)], k // len(schemes)
        job = Job("large", {"preset": "iridium", "volume_scale": 1.0 + instance % 5}, instance, scheme)
        delay = 10.0 * (1 + (0 if scheme == "exact" else float(rng.exponential(0.1))))
        bound = 10.0 if scheme == "exact" else None
        made = {"instance": f"i{instance}", "instance_sha256": f"{instance:064x}", "termination": "feasible"}
        rows.append(replace(failed_row(job, "", ""), **made, objective_s=delay, bound_s=bound))
    with Store(path) as store:
        store.add(rows)


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, commit {commit()}")
    with warm_cluster(1) as address:
        loop_seconds(jobs(50))
        loop = best(lambda: loop_seconds(jobs(RUNS)))
        swept = best(lambda: sweep_seconds(jobs(RUNS), address))
        print(f"{RUNS} short runs: loop {1e3 * loop / RUNS:.2f} ms, swept {1e3 * swept / RUNS:.2f} ms a run", end="")
        print(f", overhead {1e3 * (swept - loop) / RUNS:.2f} ms a run")
        long_jobs = jobs(LONG_RUNS, "benchmarks.sweep:computing")
        one = best(lambda: sweep_seconds(long_jobs, address))
    with warm_cluster(2) as address:
        two = best(lambda: sweep_seconds(long_jobs, address))
    print(f"{LONG_RUNS} long runs: one worker {one / LONG_RUNS:.2f} s a run, two workers {one / two:.2f} × as fast")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "large.db"
        large_store(path)

        def timed(action: Callable[[], object]) -> float:
            start = time.perf_counter()
            action()
            return time.perf_counter() - start

        opened = best(lambda: timed(lambda: read_results(path)))
        reported = best(lambda: timed(lambda: write_report(path, Path(directory) / "report.html")))
    print(f"{ROWS} rows: opened as a DataFrame in {opened:.2f} s, reported in {reported:.2f} s")
