"""What happens in a worker: one run, within its limits, to one row."""

import ctypes
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from formulation import Problem, problem_sha256
from leosplit.provenance import versions
from leosplit.sweeps.parameters import build_problem
from leosplit.sweeps.row import RunRow
from leosplit.sweeps.study import Job
from solvers.result import Result, Termination
from solvers.schemes import SchemeOptions, run_scheme

GRACE_S = 2.0
"""What a scheme may exceed its time limit by before it is stopped: exact parts mind the limit themselves."""
MEMORY_GRACE_S = 1.0
"""How long a run may be above its memory limit before it is stopped: exact parts mind this limit too."""
POLL_S = 0.1
AGAIN_S = 1.0


class LimitReached(BaseException):
    """Raised inside a run that has used up its time or memory; a scheme's `except Exception` does not stop it."""


@contextmanager
def limits(time_s: float | None, memory_gib: float | None) -> Iterator[list[Termination]]:
    """Stop the body when it passes a limit, by raising `LimitReached` in its thread.

    Compiled code that never returns to Python is not stopped by this: solvers get the limits as their own, and
    `leosplit.sweeps.guard` kills what minds neither.

    Yields
    ------
    list
        Holds the limit that was reached, if one was.
    """
    from solvers.backends.memory import memory_gib as used_gib

    reached: list[Termination] = []
    if time_s is None and memory_gib is None:
        yield reached
        return
    ended, target = threading.Event(), threading.get_ident()
    over: list[bool] = []
    deadline = time.monotonic() + time_s + GRACE_S if time_s is not None else float("inf")

    def watch() -> None:
        within = time.monotonic()
        while not ended.wait(POLL_S):
            now = time.monotonic()
            if memory_gib is None or used_gib() <= memory_gib:
                within = now
            if now > deadline:
                reached.append(Termination.TIME_LIMIT)
            elif now - within > MEMORY_GRACE_S:
                reached.append(Termination.MEMORY_LIMIT)
            while reached and not over:  # again and again: callbacks of compiled code may swallow it
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(target), ctypes.py_object(LimitReached))
                if ended.wait(AGAIN_S):
                    return
            if over:
                return

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        watcher.start()
        yield reached
    finally:
        over.append(True)  # one step that no exception comes before: the watcher raises none after it
        _join(watcher, ended)


def _join(watcher: threading.Thread, ended: threading.Event) -> None:
    """Wait for a watcher to end; what it raised last is taken here, for it would be raised later otherwise."""
    while watcher.is_alive():
        try:
            ended.set()
            watcher.join()
        except LimitReached:
            continue


def run_job(job: Job, commit_id: str, announce: Callable[[dict[str, Any]], None] = lambda values: None) -> RunRow:
    """Do one run; whatever goes wrong in it becomes its row.

    Parameters
    ----------
    job
        The run.
    commit_id
        Commit of the source tree, for the row.
    announce
        Called with the columns that name the instance as soon as there is one.
    """
    start = time.perf_counter()
    values: dict[str, Any] = {}
    result = None
    reached: list[Termination] = []
    try:
        with limits(job.time_limit_s, job.memory_limit_gib) as reached:
            try:
                problem = build_problem(job.parameters, job.seed, job.objective)
                values = _identity(problem)
                announce(values)
                options = SchemeOptions(
                    seed=job.seed,
                    policy=None if job.policy is None else Path(job.policy),
                    time_limit=job.time_limit_s,
                    mip_gap=job.mip_gap,
                    memory_limit=job.memory_limit_gib,
                )
                result = run_scheme(problem, job.scheme, options)
            except LimitReached:
                result = stopped(reached[0])
    except LimitReached:
        result = result or stopped(Termination.TIME_LIMIT)
    except (Exception, SystemExit) as error:  # what a limit interrupts may fail in ways of its own
        result = stopped(reached[0]) if reached else failure(f"{type(error).__name__}: {error}")
    ratios = [decision.offload_ratio for decision in result.solution.tasks] if result.solution else []
    values |= {
        "solver": result.solver,
        "solver_version": result.solver_version,
        "termination": result.termination.value,
        "message": result.message,
        "objective_s": result.objective_s,
        "bound_s": result.bound_s,
        "mean_offload_ratio": sum(ratios) / len(ratios) if ratios else None,
        "build_s": result.build_s,
        "solve_s": result.solve_s,
        "wall_s": time.perf_counter() - start,
        "worker": worker_name(),
    }
    return replace(failed_row(job, commit_id, ""), **values)


def _identity(problem: Problem) -> dict[str, Any]:
    """Return the columns that name a problem; its hash covers all that is asked but the objective, a column itself."""
    instance = problem.instance
    return {
        "objective": problem.objective,
        "instance": instance.name,
        "instance_sha256": problem_sha256(replace(problem, objective="mean")),
        "tasks": len(instance.tasks),
        "satellites": len(instance.satellites),
    }


def stopped(limit: Termination, how: str = "stopped") -> Result:
    """Return the result of a run that was stopped at a limit."""
    return Result(limit, message=f"{how} at the {limit.replace('_', ' ')} of the run")


def failure(message: str) -> Result:
    """Return the result of a run that ended by an error."""
    return Result(Termination.ERROR, message=" ".join(message.split()))


def failed_row(job: Job, commit_id: str, message: str) -> RunRow:
    """Return the row of a run that failed, by the worker's own account or because the worker died."""
    return RunRow(
        key=job.key,
        study=job.study,
        scheme=job.scheme,
        seed=job.seed,
        objective=job.parameters.get("objective", job.objective) or "mean",
        parameters=json.dumps(dict(job.parameters), sort_keys=True),
        options=json.dumps(job.options, sort_keys=True),
        versions=json.dumps(versions(), sort_keys=True),
        commit_id=commit_id,
        instance="",
        instance_sha256="",
        tasks=0,
        satellites=0,
        solver="",
        solver_version="",
        termination=Termination.ERROR.value,
        message=message,
        objective_s=None,
        bound_s=None,
        mean_offload_ratio=None,
        build_s=0.0,
        solve_s=0.0,
        wall_s=0.0,
        worker="",
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def worker_name() -> str:
    """Return the address of the Dask worker that this runs in, or nothing."""
    try:
        from distributed import get_worker

        return str(get_worker().address)
    except (ImportError, ValueError):
        return ""
