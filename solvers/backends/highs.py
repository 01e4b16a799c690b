"""HiGHS on arrays: options checked, live progress, limits and Ctrl-C that keep the best solution.

Pyomo's own interface captures file descriptors while it solves, which would swallow progress, and has no start; the
arrays of its standard form go to highspy directly instead.
"""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from fitting.whole_file import append_text
from solvers.backends.errors import SolverError
from solvers.backends.memory import memory_gib
from solvers.backends.option_policy import check_options
from solvers.backends.program import Floats, Limits, Outcome, Program, Watch
from solvers.result import Termination

MEMORY_PERIOD_S = 0.05
"""How often a running HiGHS compares its memory with the limit."""
MAX_THREADS = 1024
"""HiGHS ends the process where the system refuses it a thread."""
_MODEL_STATUS = {
    highspy.HighsModelStatus.kOptimal: Termination.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Termination.INFEASIBLE,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Termination.INFEASIBLE,
    highspy.HighsModelStatus.kTimeLimit: Termination.TIME_LIMIT,
    highspy.HighsModelStatus.kMemoryLimit: Termination.MEMORY_LIMIT,
    highspy.HighsModelStatus.kInterrupt: Termination.INTERRUPTED,
    highspy.HighsModelStatus.kIterationLimit: Termination.INTERRUPTED,
    highspy.HighsModelStatus.kSolutionLimit: Termination.INTERRUPTED,
}
_OPTION_LIMITS = (highspy.HighsModelStatus.kIterationLimit, highspy.HighsModelStatus.kSolutionLimit)
"""Limits that only the user's own options set."""


def version() -> str:
    """Return the version of HiGHS."""
    return f"{highspy.HIGHS_VERSION_MAJOR}.{highspy.HIGHS_VERSION_MINOR}.{highspy.HIGHS_VERSION_PATCH}"


_announced = threading.Lock()
"""Held from the first Highs object of this process on."""


def announce_silently() -> None:
    """Keep stdout clear of the banner that HiGHS (1.16) prints when a process makes its first object.

    No option exists by then that could turn it off. Stdout is what `--json` and pipes read.
    """
    if not _announced.acquire(blocking=False):
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        stdout, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no stdout
        return
    try:
        os.dup2(nothing, 1)
        highspy.Highs()  # type: ignore[no-untyped-call]
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(nothing)


def new_highs() -> Any:
    """Return an empty highspy.Highs."""
    announce_silently()
    return highspy.Highs()  # type: ignore[no-untyped-call]


def load(program: Program, limits: Limits) -> Any:
    """Return a highspy.Highs that holds the program and its options."""
    h = new_highs()
    set_options(h, limits)
    if limits.log is not None:
        _log_to(h, limits.log)
    matrix = sp.csc_array(program.matrix)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.cost), len(program.row_lower)
    lp.col_cost_, lp.offset_ = program.cost, program.offset
    lp.col_lower_, lp.col_upper_ = program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    if program.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(i)] for i in program.integer]
    if h.passModel(lp) == highspy.HighsStatus.kError:
        largest = max(float(np.abs(matrix.data).max(initial=0.0)), float(np.abs(program.cost).max(initial=0.0)))
        raise SolverError(
            f"HiGHS refuses the model: coefficients must be below 1e15, the largest is {largest:.3g}; "
            "check rates, packet sizes and operations for their units"
        )
    return h


def _log_to(h: Any, path: Path) -> None:
    """Append what HiGHS says to a file: it would begin its own file anew with each of the many models of a proof."""
    append_text(path, "")  # refused before it runs, if it can be known

    h.setOptionValue("output_flag", True)
    h.cbLogging.subscribe(lambda event: append_text(path, event.message))


def set_options(h: Any, limits: Limits) -> None:
    """Set the limits and the user's options.

    Raises
    ------
    SolverError
        If HiGHS does not know an option or refuses its value.
    """
    for name in ("output_flag", "log_to_console"):
        h.setOptionValue(name, False)  # HiGHS tells stdout what it thinks of an option
    check_options("highs", limits.options)
    for name in ("output_flag", "log_to_console", "log_file"):
        if name in limits.options:
            raise SolverError(f"solver option {name!r}: the log goes to a file (--log FILE), not to stdout")
    values: dict[str, Any] = {"mip_rel_gap": limits.incumbent_gap, "mip_abs_gap": 1e-12, "threads": limits.threads}
    if limits.time_s is not None:
        values["time_limit"] = max(limits.time_s, 0.0)
    for name, value in (values | dict(limits.options)).items():
        status, known = h.getOptionValue(name)
        if status != highspy.HighsStatus.kOk:
            raise SolverError(f"solver option {name!r}: HiGHS has no such option")
        if name == "threads" and isinstance(value, int | float) and value > MAX_THREADS:
            raise SolverError(f"threads must be at most {MAX_THREADS}, got {value!r}")
        try:
            accepted = h.setOptionValue(name, _as_type(value, type(known))) == highspy.HighsStatus.kOk
        except (TypeError, ValueError, OverflowError):
            accepted = False
        if not accepted:
            kind = type(known).__name__
            raise SolverError(f"solver option {name!r}: HiGHS expects a {kind} in its range, got {value!r}")


def _as_type(value: Any, kind: type) -> Any:
    if kind is bool and isinstance(value, str):
        return {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}.get(value.lower(), value)
    if kind is int and float(value) != int(value):
        raise ValueError(f"{value!r} is not whole")
    return kind(value) if kind is not bool else value


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Turn Ctrl-C into an event for as long as this lasts: an exception in a callback of HiGHS ends the process.

    So is SIGTERM, where its handler does the same as Ctrl-C: it has a method `seen`, which is told of the signal.
    """
    event = threading.Event()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = {number: handler for number, handler in handlers.items() if _interrupts(number, handler)}

    def stop(number: int, _: Any) -> None:
        event.set()
        getattr(before[number], "seen", lambda: None)()

    try:
        for number in before:
            signal.signal(number, stop)
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupts(number: int, handler: Any) -> bool:
    """Tell whether a signal's handler ends what is being done: not where it is ignored."""
    return callable(handler) and (number == signal.SIGINT or hasattr(handler, "seen"))


def run(h: Any, limits: Limits, watch: Watch | None = None, start: Floats | None = None) -> Outcome:
    """Run HiGHS on the model it holds.

    Parameters
    ----------
    h
        From `load`.
    limits
        Those of `load`: the memory limit is watched here.
    watch
        Called about ten times a second with incumbent and bound; True stops the run.
    start
        A point to begin with; NaN leaves a column for HiGHS to complete.
    """
    stopped: list[Termination] = []
    with interruptible() as pressed:
        last = [0.0, 0.0]

        def limit_passed() -> bool:
            if pressed.is_set():
                stopped.append(Termination.INTERRUPTED)
            elif limits.memory_gib is not None and time.monotonic() - last[1] > MEMORY_PERIOD_S:
                last[1] = time.monotonic()
                if memory_gib() > limits.memory_gib:
                    stopped.append(Termination.MEMORY_LIMIT)
            return bool(stopped)

        def look(event: Any) -> None:
            now = time.monotonic()
            if not limit_passed() and watch is not None and now - last[0] > 0.1:
                last[0] = now
                data = event.data_out
                if watch(_finite(data.mip_primal_bound), _finite(data.mip_dual_bound)):
                    stopped.append(Termination.FEASIBLE)
            if stopped:
                event.interrupt()

        h.cbMipInterrupt.subscribe(look)
        for callback in (h.cbSimplexInterrupt, h.cbIpmInterrupt):
            callback.subscribe(lambda event: event.interrupt() if limit_passed() else None)
        if start is not None:
            known = np.flatnonzero(~np.isnan(start)).astype(np.int32)
            h.setSolution(len(known), known, start[known])
        _set_threads(int(limits.options.get("threads", limits.threads)))
        status = h.run()
        h.cbMipInterrupt.clear()
        h.cbSimplexInterrupt.clear()
        h.cbIpmInterrupt.clear()
    outcome = _outcome(h, status, stopped[0] if stopped else None)
    if h.getModelStatus() in _OPTION_LIMITS:
        outcome = replace(outcome, message=limit_message(limits))
    if pressed.is_set():  # a short run may end before it looks
        outcome = replace(outcome, termination=Termination.INTERRUPTED, pressed=True)
    return outcome


def limit_message(limits: Limits) -> str:
    """Return which limits among the user's options may have stopped HiGHS, or nothing."""
    words = ("mip_max_", "_limit")
    named = [f"{name}={value}" for name, value in limits.options.items() if any(word in name for word in words)]
    return f"stopped at {', '.join(named)}" if named else ""


class _Scheduler(threading.local):
    """HiGHS has one scheduler for all models of a Python thread, with a number of threads that it keeps until reset."""

    threads = 0


_scheduler = _Scheduler()


def _set_threads(threads: int) -> None:
    """Let this Python thread change the number of threads that its HiGHS works with."""
    if threads not in (0, _scheduler.threads):
        highspy.Highs.resetGlobalScheduler(True)
        _scheduler.threads = threads


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) and abs(value) < 1e29 else None


def _outcome(h: Any, status: Any, stopped: Termination | None) -> Outcome:
    model_status, info = h.getModelStatus(), h.getInfo()
    message = "" if status != highspy.HighsStatus.kError else f"HiGHS: {h.modelStatusToString(model_status)}"
    termination = _MODEL_STATUS.get(model_status, Termination.ERROR)
    if termination is Termination.INTERRUPTED and stopped is not None:
        termination = stopped
    has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    solution = h.getSolution() if has_point else None
    bound: float | None
    if info.mip_node_count >= 0:
        bound = _finite(info.mip_dual_bound)
    else:
        bound = info.objective_function_value if termination is Termination.OPTIMAL else None
    return Outcome(
        termination=termination,
        values=np.array(solution.col_value) if solution is not None else None,
        objective=info.objective_function_value if has_point else None,
        bound=bound,
        version=version(),
        duals=np.array(solution.row_dual) if solution is not None and solution.dual_valid else None,
        message=message,
    )


def solve_program(program: Program, limits: Limits, watch: Watch | None = None, start: Floats | None = None) -> Outcome:
    """Load and run in one step."""
    return run(load(program, limits), limits, watch, start)
