"""Runs with limits, in a process that can be killed: what neither Python nor a solver stops is stopped here.

Every thread of a worker keeps one such process and sends it one run after another; a process that had to be killed,
or that ended a run above its memory limit, is replaced for the next run.
"""

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from formulation import as_problem
from instances.generate import generate_torus
from leosplit.sweeps.row import RunRow
from leosplit.sweeps.study import Job
from leosplit.sweeps.worker import failed_row, run_job, stopped, worker_name
from solvers.result import Termination
from solvers.schemes import SCHEMES, SchemeOptions, find_scheme

KILL_TIME_S = 5.0
"""What a run may exceed its time limit by before its process is killed."""
KILL_MEMORY_S = 3.0
"""How long a run may be above its memory limit before its process is killed."""
SPILL_GIB = 1.0
"""What a run may be above its memory limit by before its process is killed at once."""
POLL_S = 0.05
ATTEMPTS = 2
"""Processes that a run may lose, to the system or to a crash, before it is recorded as failed."""

_kept = threading.local()


def run_batch(jobs: Sequence[Job], commit_id: str) -> list[RunRow]:
    """Do runs one after another, those with a limit in a process that can be killed."""
    return [run_guarded(job, commit_id) if _limited(job) else run_job(job, commit_id) for job in jobs]


def _limited(job: Job) -> bool:
    return job.time_limit_s is not None or job.memory_limit_gib is not None


def run_guarded(job: Job, commit_id: str) -> RunRow:
    """Do one run in a process of its own, which is killed where the run does not end at its limits.

    Parameters
    ----------
    job, commit_id
        As in `leosplit.sweeps.worker.run_job`.
    """
    lost = ""
    for _ in range(ATTEMPTS):
        process = _process()
        try:
            row = process.run(job, commit_id)
        except (EOFError, OSError):
            lost = f"the process of the run ended with code {process.close()}"
            continue
        if row.termination == Termination.MEMORY_LIMIT.value:
            process.close()  # the next run starts with memory of its own
        return replace(row, worker=worker_name())
    return replace(failed_row(job, commit_id, lost), worker=worker_name())


def _process() -> "RunProcess":
    """Return this thread's process, a new one where it has none."""
    if getattr(_kept, "process", None) is None or _kept.process.ended:
        _kept.process = RunProcess()
    process: RunProcess = _kept.process
    return process


class RunProcess:
    """A process that does runs one at a time and ends with its parent.

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(self) -> None:
        self._connection, other = Pipe()
        code = "import sys; from leosplit.sweeps.guard import serve; serve(int(sys.argv[1]))"
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - sys.path holds text
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(other.fileno())],
            env=os.environ | {"PYTHONPATH": path},
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,  # stdout is for results, whatever a scheme prints
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        other.close()

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._connection.closed or self._process.poll() is not None

    def close(self) -> int:
        """Kill the process and return its exit code."""
        if self._process.poll() is None:
            self._process.kill()
        self._connection.close()
        return self._process.wait()

    def run(self, job: Job, commit_id: str) -> RunRow:
        """Do one run; at a limit kill the process.

        Raises
        ------
        EOFError, OSError
            If the process died by itself.
        """
        self._connection.send((job, commit_id))
        identity: dict[str, Any] = {}
        start: float | None = None
        within = time.monotonic()
        while True:
            while not self._connection.poll(POLL_S):
                now = time.monotonic()
                over_gib = self._memory_gib() - (job.memory_limit_gib or float("inf"))
                within = now if over_gib <= 0 or start is None else within
                limit = None
                if start is not None and job.time_limit_s is not None and now - start > job.time_limit_s + KILL_TIME_S:
                    limit = Termination.TIME_LIMIT
                elif over_gib > SPILL_GIB or now - within > KILL_MEMORY_S:
                    limit = Termination.MEMORY_LIMIT
                if limit is not None:
                    self.close()
                    message, wall_s = stopped(limit, "killed").message, now - (start or now)
                    row = replace(failed_row(job, commit_id, message), termination=limit.value, wall_s=wall_s)
                    return replace(row, **identity)
            said = self._connection.recv()
            if isinstance(said, RunRow):
                return said
            start = start or time.monotonic()  # the first word: everything is imported, the run begins
            identity |= said

    def _memory_gib(self) -> float:
        """Return the resident memory of the process [GiB]; 0 where it is gone."""
        import psutil

        try:
            return float(psutil.Process(self._process.pid).memory_info().rss) / 2**30
        except psutil.Error:
            return 0.0


def serve(descriptor: int) -> None:
    """Do the runs that come through a pipe, until its other end closes.

    Parameters
    ----------
    descriptor
        File descriptor of the pipe.
    """
    connection: Connection = Connection(descriptor)
    jobs: queue.SimpleQueue[tuple[Job, str]] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while True:
                jobs.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # the parent is gone, whatever a solver is doing

    threading.Thread(target=receive, daemon=True).start()
    warm: set[str] = set()
    while True:
        job, commit_id = jobs.get()
        if job.scheme not in warm:
            warm.add(job.scheme)
            _warm_up(job)
        connection.send({})
        connection.send(run_job(job, commit_id, connection.send))


def _warm_up(job: Job) -> None:
    """Do a tiny run of the scheme first, so that imports and compilation count against no limit."""
    try:
        scheme = find_scheme(job.scheme)
        if job.scheme in SCHEMES:
            policy = None if job.policy is None else Path(job.policy)
            options = SchemeOptions(policy=policy)
            scheme(as_problem(generate_torus(3, 3, tasks=1, computing=1, seed=0)), options)
    except (Exception, SystemExit) as error:
        logging.getLogger(__name__).info("%s: %s", job.scheme, error)  # the run itself will say so
