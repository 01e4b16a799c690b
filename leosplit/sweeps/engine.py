"""The engine of sweeps: Dask, local or on a cluster, with the same code."""

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import active_children, resource_tracker
from typing import Any

from fitting.errors import LeosplitError
from fitting.source_tree import commit
from leosplit.sweeps.guard import run_batch
from leosplit.sweeps.row import RunRow
from leosplit.sweeps.store import Store
from leosplit.sweeps.study import Job
from leosplit.sweeps.worker import failed_row

ATTEMPTS = 3
"""Workers that a run may lose before it is recorded as failed."""
CONNECT_TIMEOUT = "10s"
"""How long a scheduler may take to answer."""
WINDOW_PER_THREAD = 4
"""Batches handed to the cluster ahead of time, per thread."""
HURRY_S = 0.3
"""What the end of a local cluster may take after Ctrl-C."""
LOOPBACK = "127.0.0.1"
BATCH_S = 0.2
"""Work that a batch of short runs holds."""
MAX_BATCH = 256
"""Runs that a batch holds at most."""

_QUIET = {"distributed": "critical", "tornado": "critical", "asyncio": "critical"}
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

    The local one listens on the loopback interface alone, and serves no pages.

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
            from distributed import Client
    except ImportError:
        raise EngineError("sweeps need Dask: pip install 'leosplit[dist]'") from None
    config = {
        "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.worker.multiprocessing-method": "spawn",
        "logging": _QUIET,
    }
    with dask.config.set(config):
        if scheduler is None:
            with _local_client(workers or os.cpu_count() or 1) as client:
                yield client
            return
        try:
            client = Client(scheduler, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError, TimeoutError) as error:
            raise EngineError(f"scheduler {scheduler!r} does not answer: {error}") from None
        with client:
            yield client


@contextmanager
def _local_client(count: int) -> Iterator[Any]:
    """Yield a client of a local cluster; after an error or Ctrl-C its workers are killed, whatever they are doing."""
    from distributed import Client, LocalCluster, Nanny

    known, nannies = set(active_children()), list[Any]()

    class Parent(Nanny):
        """The parent of a worker process, which starts it again where it dies."""

        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            nannies.append(self)

    def kill(error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            for nanny in nannies:
                nanny.auto_restart = False
            for process in set(active_children()) - known:
                process.kill()

    def close(error: type[BaseException] | None, *_: object) -> None:
        kill(error)
        with suppress(TimeoutError):
            cluster.close(timeout=None if error is None else HURRY_S)

    with _shielded_loop() as loop, ExitStack() as stack:
        stack.push(kill)  # where the cluster was being started
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=f"{LOOPBACK}:0",
            scheduler_kwargs={"dashboard": False},
            worker_class=Parent,
            host=LOOPBACK,
            loop=loop,
            silence_logs=logging.CRITICAL,
        )
        stack.push(close)
        yield stack.enter_context(Client(cluster))


@contextmanager
def _shielded_loop() -> Iterator[Any]:
    """Yield an event loop in a thread that blocks Ctrl-C, as do the processes that are started from it.

    A terminal sends Ctrl-C to all processes of a command: it is this one's to handle, as the workers' runs are.
    """
    from distributed.utils import LoopRunner

    resource_tracker.ensure_running()  # it would be started with the first process, and unblock the signal
    runner = LoopRunner(asynchronous=False)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        runner.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    hurry: float | None = HURRY_S
    try:
        yield runner.loop
        hurry = None
    finally:
        with suppress(TimeoutError):
            runner.stop(timeout=hurry or 10)


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
    StoreError
        If another sweep is writing to the store.
    """
    with store.alone():
        return _run_missing(jobs, store, scheduler, workers, progress)


def _run_missing(
    jobs: Iterable[Job],
    store: Store,
    scheduler: str | None,
    workers: int | None,
    progress: Callable[[SweepProgress], None],
) -> SweepProgress:
    """Do the runs that the store does not hold yet."""
    known = store.keys()
    todo = {job.key: job for job in jobs if job.key not in known}
    if not todo:
        return SweepProgress(0, 0, 0, 0.0)
    with cluster_client(scheduler, workers) as client:
        return _drive(client, todo, store, progress)


def _drive(client: Any, todo: dict[str, Job], store: Store, progress: Callable[[SweepProgress], None]) -> SweepProgress:
    """Keep the cluster busy until every run has its row."""
    from distributed import as_completed

    start = time.monotonic()
    commit_id = commit() or ""
    threads = max(1, sum(client.nthreads().values()))
    batches = Batches(todo.values(), threads)
    sent: dict[str, list[Job]] = {}
    pending = as_completed()

    def submit(batch: list[Job]) -> None:
        future = client.submit(run_batch, batch, commit_id, pure=False)
        sent[future.key] = batch
        pending.add(future)

    def submit_all() -> None:
        while len(sent) < WINDOW_PER_THREAD * threads and (batch := batches.take()):
            submit(batch)
        if not sent and (batch := batches.take_suspect()):
            submit(batch)

    done = failed = 0
    submit_all()
    for futures in pending.batches():
        rows: list[RunRow] = []
        for future in futures:
            batch = sent.pop(future.key)
            try:
                rows += future.result()
            except Exception as error:  # its workers died, before or after it ended, or its scheme cannot be sent
                if not batches.suspect(batch):
                    message = " ".join(f"{type(error).__name__}: {error}".split())
                    rows += [failed_row(job, commit_id, message) for job in batch]
            future.release()
        batches.learn(rows)
        submit_all()
        store.add(rows)
        done += len(rows)
        failed += sum(row.termination == "error" for row in rows)
        progress(SweepProgress(done, len(todo), failed, time.monotonic() - start))
    return SweepProgress(done, len(todo), failed, time.monotonic() - start)


class Batches:
    """Runs in batches of about `BATCH_S`: one task of Dask costs milliseconds, as much as a short run itself.

    Where workers died, Dask cannot tell which of the runs that they held was to blame: all of them are suspects, and
    are tried again at the end, each with the whole cluster to itself.

    Parameters
    ----------
    jobs
        All runs.
    threads
        How many the batches are for.
    """

    def __init__(self, jobs: Iterable[Job], threads: int) -> None:
        self._waiting = deque(jobs)
        self._suspects: deque[Job] = deque()
        self._tried: set[str] = set()
        self._threads = threads
        self._seconds: dict[str, float] = {}

    def take(self) -> list[Job]:
        """Return the next batch, empty at the end; a scheme of unknown duration goes alone."""
        batch: list[Job] = []
        most = min(MAX_BATCH, -(-len(self._waiting) // (2 * self._threads)))
        seconds = 0.0
        while self._waiting and len(batch) < most:
            seconds += self._seconds.get(self._waiting[0].scheme, BATCH_S)
            if batch and seconds > BATCH_S:
                break
            batch.append(self._waiting.popleft())
        return batch

    def take_suspect(self) -> list[Job]:
        """Return the next suspect as a batch of its own, for when nothing else is being run; empty at the end."""
        return [self._suspects.popleft()] if self._suspects else []

    def suspect(self, batch: Sequence[Job]) -> bool:
        """Take back a batch that failed; False if it has been tried alone already."""
        if all(job.key in self._tried for job in batch):
            return False
        self._tried.update(job.key for job in batch)
        self._suspects.extend(batch)
        return True

    def learn(self, rows: Iterable[RunRow]) -> None:
        """Take the times of runs that ended: half the newest, half what was known."""
        for row in rows:
            self._seconds[row.scheme] = (self._seconds.get(row.scheme, row.wall_s) + row.wall_s) / 2
