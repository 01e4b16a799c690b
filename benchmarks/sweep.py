"""Sweeps: cost of a run beside the work itself, gain of a second worker, time for a large results file.

Overhead: 1 000 runs of `small` on a 3×3 torus through one worker, against the same runs in a plain loop of one process;
the worker is warm. Two workers: 12 runs of a fixed amount of computing, about a second each, through two workers
against one; beside it the gain of two plain processes that share the same runs without any engine, which is what the
machine allows at that moment. What is compared is measured in turns, three times, and the best of each counts. Process
time is the CPU time of the client with its scheduler and of the workers together: what other jobs on the machine do
does not enter it. Store: 100 000 rows of seeded random numbers are opened as a DataFrame and reported.
"""

import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from distributed import Client

from fitting.source_tree import commit
from formulation import as_problem, evaluate
from instances import Instance
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
    solution = SCHEMES["small"](as_problem(instance), options)
    for _ in range(EVALUATIONS):
        evaluate(instance, solution)
    return solution


def jobs(count: int, scheme: str = "small") -> list[Job]:
    return [Job("benchmark", PARAMETERS, seed, scheme) for seed in range(count)]


@contextmanager
def warm_cluster(workers: int) -> Iterator[Client]:
    """Yield the client of a local cluster whose workers have imported everything."""
    with cluster_client(None, workers) as client, tempfile.TemporaryDirectory() as directory:
        client.wait_for_workers(workers)
        with Store(Path(directory) / "warm.db") as store:
            run_sweep(jobs(50 * workers), store, scheduler=client.scheduler.address)
        yield client


def sweep_seconds(work: list[Job], client: Client) -> tuple[float, float]:
    """Return wall time and process time of a sweep."""
    processes = [psutil.Process(), *(psutil.Process(pid) for pid in client.run(os.getpid).values())]
    with tempfile.TemporaryDirectory() as directory, Store(Path(directory) / "r.db") as store:
        before = cpu_seconds(processes)
        end = run_sweep(work, store, scheduler=client.scheduler.address)
        assert (end.done, end.failed) == (len(work), 0)
        return end.elapsed_s, cpu_seconds(processes) - before


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


def loop_seconds(work: list[Job]) -> tuple[float, float]:
    """Return wall time and process time of a plain loop."""
    start, cpu = time.perf_counter(), time.process_time()
    for job in work:
        run_job(job, "")
    return time.perf_counter() - start, time.process_time() - cpu


def pool_seconds(work: list[Job], pool: Any, count: int) -> float:
    """Return the wall time of plain processes that share the work in equal parts."""
    start = time.perf_counter()
    list(pool.map(loop_seconds, [work[k::count] for k in range(count)]))
    return time.perf_counter() - start


def best(measures: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return the least of what each measure returns, number by number, taken in turns."""
    rounds = [{name: np.atleast_1d(measure()) for name, measure in measures.items()} for _ in range(REPEATS)]
    return {name: np.min([found[name] for found in rounds], axis=0) for name in measures}


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


def short_runs() -> None:
    work = jobs(RUNS)
    with warm_cluster(1) as client:
        loop_seconds(jobs(50))
        found = best({"loop": lambda: loop_seconds(work), "swept": lambda: sweep_seconds(work, client)})
    for k, name in enumerate(("wall", "process")):
        loop, swept = 1e3 * found["loop"][k] / RUNS, 1e3 * found["swept"][k] / RUNS
        print(f"{RUNS} short runs, {name} time: loop {loop:.2f} ms, swept {swept:.2f} ms a run", end="")
        print(f", overhead {swept - loop:.2f} ms a run")


def long_runs() -> None:
    work = jobs(LONG_RUNS, "benchmarks.sweep:computing")
    pools = partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("spawn"))
    with warm_cluster(1) as single, warm_cluster(2) as double, pools(1) as one, pools(2) as two:
        for pool, count in ((one, 1), (two, 2)):
            pool_seconds(jobs(20), pool, count)
        found = best(
            {
                "one worker": lambda: sweep_seconds(work, single),
                "two workers": lambda: sweep_seconds(work, double),
                "one process": lambda: pool_seconds(work, one, 1),
                "two processes": lambda: pool_seconds(work, two, 2),
            }
        )
    gain = found["one worker"][0] / found["two workers"][0]
    allowed = found["one process"][0] / found["two processes"][0]
    each = found["one worker"][0] / LONG_RUNS
    print(f"{LONG_RUNS} long runs of {each:.2f} s: two workers {gain:.2f} × as fast", end="")
    print(f" as one (two plain processes {allowed:.2f} ×); process time of two", end=" ")
    print(f"{found['two workers'][1] / found['one worker'][1]:.3f} × that of one")


def large_file() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "large.db"
        large_store(path)

        def timed(action: Callable[[], object]) -> float:
            start = time.perf_counter()
            action()
            return time.perf_counter() - start

        found = best(
            {
                "opened": lambda: timed(lambda: read_results(path)),
                "reported": lambda: timed(lambda: write_report(path, Path(directory) / "report.html")),
            }
        )
    opened, reported = found["opened"][0], found["reported"][0]
    print(f"{ROWS} rows: opened as a DataFrame in {opened:.2f} s, reported in {reported:.2f} s")


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, commit {commit()}")
    short_runs()
    long_runs()
    large_file()
