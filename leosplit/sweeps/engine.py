"""The engine of sweeps: Dask, local or on a cluster, with the same code."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fitting.errors import LeosplitError
from leosplit.provenance import commit
from leosplit.sweeps.store import RunRow, Store
from leosplit.sweeps.study import Job
from leosplit.sweeps.worker import failed_row, run_job

ATTEMPTS = 3
"""Workers that a run may lose before it is recorded as failed."""
COMMIT_PERIOD_S = 0.2
"""How often rows are written."""
CONNECT_TIMEOUT = "10s"
"""How long a scheduler may take to answer."""
WINDOW_PER_THREAD = 32
"""Runs handed to the cluster ahead of time, per thread."""

_QUIET = {"distributed": "critical", "tornado": "critical"}
"""Log levels: a worker that dies is a row or a retry, not a page of log."""


class EngineError(LeosplitError):
    """A cluster that cannot be reached, or a missing package."""


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is.

    Attributes
    ----------
    done, total
        Runs that ended and all runs of this start, without those that the store held already.
    failed
        How many of them failed.
    elapsed_s
        Time since the start [s].
    """

    done: int
    total: int
    failed: int
    elapsed_s: float

    @property
    def remaining_s(self) -> float | None:
        """Estimate of the time left [s], from the mean time a run took so far."""
        return self.elapsed_s / self.done * (self.total - self.done) if self.done else None


@contextmanager
def cluster_client(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """Yield a Dask client of a running cluster, or of a local one with a process a core.

    Parameters
    ----------
    scheduler
        Address such as ``tcp://host:8786``; a local cluster when left out.
    workers
        Processes of the local cluster; the number of cores by default.

    Raises
    ------
    EngineError
        If Dask is not installed or the scheduler does not answer.
    """
    try:
        import dask

        with dask.config.set({"logging": _QUIET}):  # read once, when distributed is imported
            from distributed import Client, LocalCluster
    except ImportError:
        raise EngineError("sweeps need Dask: pip install 'leosplit[dist]'") from None
    config = {
        "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
        "distributed.worker.multiprocessing-method": "spawn",
        "logging": _QUIET,
    }
    with dask.config.set(config):
        if scheduler is None:
            count = workers or os.cpu_count() or 1
            local: dict[str, Any] = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
            local["silence_logs"] = logging.CRITICAL
            with LocalCluster(n_workers=count, **local) as cluster, Client(cluster) as client:
                yield client
            return
        try:
            client = Client(scheduler, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError, TimeoutError) as error:
            raise EngineError(f"scheduler {scheduler!r} does not answer: {error}") from None
        with client:
            yield client


def run_sweep(
    jobs: Iterable[Job],
    store: Store,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Callable[[SweepProgress], None] = lambda state: None,
) -> SweepProgress:
    """Do the runs that the store does not hold yet, and write each as it ends.

    Parameters
    ----------
    jobs
        The runs; equal ones are done once.
    store
        Where rows go. This process alone writes to it.
    scheduler, workers
        As in `cluster_client`.
    progress
        Called after every batch of rows.

    Raises
    ------
    EngineError
        If there is no cluster.
    """
    known = store.keys()
    todo = {job.key: job for job in jobs if job.key not in known}
    if not todo:
        return SweepProgress(0, 0, 0, 0.0)
    with cluster_client(scheduler, workers) as client:
        return _drive(client, todo, store, progress)


def _drive(client: Any, todo: dict[str, Job], store: Store, progress: Callable[[SweepProgress], None]) -> SweepProgress:
    """Keep the cluster busy until every run has its row."""
    from distributed import as_completed

    start = written_at = time.monotonic()
    commit_id = commit() or ""
    waiting = iter(todo.values())
    threads = max(1, sum(client.nthreads().values()))

    def submit(count: int) -> list[Any]:
        batch = list(islice(waiting, count))
        return (
            client.map(run_job, batch, commit_id=commit_id, key=[job.key for job in batch], pure=False) if batch else []
        )

    pending = as_completed(submit(WINDOW_PER_THREAD * threads))
    rows: list[RunRow] = []
    done = failed = 0
    try:
        for futures in pending.batches():
            batch = [_row_of(future, todo[future.key], commit_id) for future in futures]
            for future in futures:
                future.release()
            rows += batch
            done += len(batch)
            failed += sum(row.termination == "error" for row in batch)
            pending.update(submit(len(batch)))
            if time.monotonic() - written_at > COMMIT_PERIOD_S:
                store.add(rows)
                rows, written_at = [], time.monotonic()
                progress(SweepProgress(done, len(todo), failed, written_at - start))
    finally:
        store.add(rows)  # also after Ctrl-C: what has ended is kept
    return SweepProgress(done, len(todo), failed, time.monotonic() - start)


def _row_of(future: Any, job: Job, commit_id: str) -> RunRow:
    """Return a run's row, also where its workers died or its scheme could not be sent."""
    if future.status == "finished":
        return future.result()  # type: ignore[no-any-return]
    error = future.exception()
    return failed_row(job, commit_id, " ".join(f"{type(error).__name__}: {error}".split()))
