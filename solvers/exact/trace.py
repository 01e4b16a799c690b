"""The trace of a run: progress with its phase, and the check that no bound passes the incumbent."""

import time
from typing import Any

from solvers.result import CONTRADICTION, Progress, ProgressCallback, is_below_bound


class Recorder:
    """Passes progress on and keeps the trace: one record whenever incumbent or bound has changed."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self.started = time.perf_counter()
        self.trace: list[dict[str, Any]] = []
        self.phase = ""
        self._callback = callback

    def elapsed(self) -> float:
        """Return the time since the start [s]."""
        return time.perf_counter() - self.started

    def mute(self) -> None:
        """Pass no more progress on."""
        self._callback = None

    def __call__(self, incumbent_s: float | None, bound_s: float | None) -> bool:
        """Record a state; never asks to stop."""
        record = {"phase": self.phase, "incumbent_s": incumbent_s, "bound_s": bound_s}
        if not self.trace or {k: self.trace[-1][k] for k in record} != record:
            self.trace.append({"elapsed_s": self.elapsed(), **record})
        if self._callback is not None:
            self._callback(Progress(self.elapsed(), incumbent_s, bound_s, self.phase))
        return False


def checked_bound(bound_s: float | None, objective_s: float | None) -> float | None:
    """Return the bound, never above the objective.

    Raises
    ------
    RuntimeError
        If it is above by more than tolerance: the model or the solver is wrong.
    """
    if bound_s is None or objective_s is None or bound_s <= objective_s:
        return bound_s
    if is_below_bound(objective_s, bound_s):
        raise RuntimeError(
            f"{CONTRADICTION}bound {bound_s!r} s above the evaluated objective {objective_s!r} s, wrong model or solver"
        )
    return objective_s
