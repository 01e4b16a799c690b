"""The trace of a run: events with phase, kind and source, counters, and the time that each phase took."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from solvers.result import CONTRADICTION, Progress, ProgressCallback, is_below_bound


class Trace:
    """Passes progress on and keeps one record whenever incumbent or bound has changed.

    Attributes
    ----------
    records
        Elapsed time, phase, kind (`incumbent` or `bound`), source, incumbent and bound.
    counts
        Nodes, columns, cuts, LP runs, LP iterations, incumbents by source and so on.
    """

    def __init__(self, callback: ProgressCallback | None = None) -> None:
        self.started = time.perf_counter()
        self.records: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._phase, self._phase_started = "", self.started
        self._callback = callback

    @property
    def phase(self) -> str:
        """What is being done; the time since the last change counts for the phase before."""
        return self._phase

    @phase.setter
    def phase(self, name: str) -> None:
        now = time.perf_counter()
        if self._phase:
            self.seconds[self._phase] += now - self._phase_started
        self._phase, self._phase_started = name, now

    def elapsed(self) -> float:
        """Return the time since the start [s]."""
        return time.perf_counter() - self.started

    def mute(self) -> None:
        """Pass no more progress on."""
        self._callback = None

    def count(self, what: str, number: float = 1) -> None:
        """Add to a counter."""
        self.counts[what] += int(number)

    def take(self, counts: Counter[str]) -> None:
        """Add these counters, and set them to nothing."""
        self.counts.update(counts)
        counts.clear()

    def record(self, kind: str, source: str, incumbent_s: float | None, bound_s: float | None) -> None:
        """Record a state of incumbent and bound."""
        state = {"phase": self.phase, "incumbent_s": incumbent_s, "bound_s": bound_s}
        if kind == "incumbent" and source:
            self.counts[f"incumbents: {source}"] += 1
        if not self.records or {k: self.records[-1][k] for k in state} != state:
            self.records.append({"elapsed_s": self.elapsed(), **state, "kind": kind, "source": source})
        if self._callback is not None:
            self._callback(Progress(self.elapsed(), incumbent_s, bound_s, self.phase))

    def watch(self, incumbent_s: float | None, bound_s: float | None) -> bool:
        """Record what a solver reports while it runs; never asks to stop."""
        before = self.records[-1]["incumbent_s"] if self.records else None
        self.record("bound" if incumbent_s == before else "incumbent", "solver", incumbent_s, bound_s)
        return False

    def statistics(self) -> Mapping[str, float]:
        """Return all counters, and the time of each phase as `seconds: phase` [s]."""
        self.phase = self.phase
        return {**dict(sorted(self.counts.items())), **{f"seconds: {k}": v for k, v in self.seconds.items()}}


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
