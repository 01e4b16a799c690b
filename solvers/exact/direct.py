"""One Pyomo model, one solve: build, hand over, read back, re-evaluate.

The model's optimum equals the problem's; its numbers are not trusted. The objective is the evaluator's for the
solution read back, after each ρ has been put at its closed-form optimum for the routes, and the bound is the
solver's own, lowered to the objective where rounding left it above by less than `BOUND_TOLERANCE`.
"""

import time
from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo

from formulation import Solution, evaluate, set_start
from instances import Instance
from solvers.exact.backends import solve_model
from solvers.exact.highs import Limits, Watch
from solvers.ratios import best_ratios
from solvers.result import Progress, ProgressCallback, Result, Termination, relative_gap

BOUND_TOLERANCE = 1e-6
"""Relative amount by which a solver's bound may pass the evaluated objective through its feasibility tolerances."""


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
    if bound_s > objective_s * (1 + BOUND_TOLERANCE) + 1e-9:
        raise RuntimeError(
            f"bound {bound_s!r} s above the evaluated objective {objective_s!r} s: wrong model or solver"
        )
    return objective_s


def solve_directly(
    instance: Instance,
    build: Callable[[], Any],
    read: Callable[[Any], Solution],
    *,
    objective: str,
    solver: str,
    limits: Limits,
    progress: ProgressCallback | None = None,
    prepare: Callable[[Any], None] | None = None,
    start: Solution | None = None,
    relax: bool = False,
    free_ratios: bool = True,
    share_computing: bool = False,
) -> Result:
    """Build a model of (4) or (7), solve it and return what it means.

    Parameters
    ----------
    build, read
        The model, and its solution once it holds values.
    prepare
        Called with the model before it is solved: adds constraints, writes files.
    start
        A solution to begin with.
    relax
        Drop integrality and return the bound alone, with termination `feasible`.
    free_ratios
        Whether ρ may be improved for the routes found: true for (4).
    """
    recorder = Recorder(progress)
    recorder.phase = "building"
    model = build()
    if prepare is not None:
        prepare(model)
    if start is not None:
        set_start(model, start)
    if relax:
        pyo.TransformationFactory("core.relax_integer_vars").apply_to(model)
    build_s = recorder.elapsed()
    recorder.phase = solver
    watch: Watch = recorder
    outcome = solve_model(model, solver, limits, watch, use_start=start is not None)
    solution, objective_s = None, None
    if outcome.objective is not None and not relax:
        solution = read(model)
        if free_ratios:
            solution = best_ratios(instance, solution)
        objective_s = evaluate(instance, solution, share_computing=share_computing).objective_s(objective)
    bound_s = checked_bound(outcome.bound, objective_s)
    recorder(objective_s, bound_s)
    return Result(
        termination=_termination(outcome.termination, objective_s, bound_s, limits.mip_gap),
        solution=solution,
        objective_s=objective_s,
        bound_s=bound_s,
        build_s=build_s,
        solve_s=recorder.elapsed() - build_s,
        solver=solver,
        solver_version=outcome.version,
        trace=tuple(recorder.trace),
        message=outcome.message,
    )


def _termination(said: Termination, objective_s: float | None, bound_s: float | None, mip_gap: float) -> Termination:
    """Return `optimal` only with the gap that was asked for; a solver's word alone is not enough."""
    gap = relative_gap(objective_s, bound_s)
    if gap is not None and gap <= mip_gap + 1e-12:
        return Termination.OPTIMAL
    return Termination.FEASIBLE if said is Termination.OPTIMAL else said
