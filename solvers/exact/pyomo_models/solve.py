"""One Pyomo model, one solve: build, hand over, read back, re-evaluate.

The model's optimum equals the problem's; its numbers are not trusted. The objective is the evaluator's for the
solution read back, after each ρ has been put at its closed-form optimum for the routes, and the bound is the
solver's own, lowered to the objective where rounding left it above by less than `BOUND_TOLERANCE`. Where a gap
remains that the solver's own count had closed, the model is solved again at its tightest tolerances.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyomo.environ as pyo

from fitting.whole_file import whole_file
from formulation import Problem, Solution, Violation, check, evaluate, set_start, solution_from_model
from solvers.backends.program import Limits, Outcome
from solvers.backends.pyomo_backend import solve_model
from solvers.exact.pyomo_models.build_timeout import BuildingTooLongError, build_timeout, quiet
from solvers.exact.pyomo_models.initial import InitialBounds
from solvers.exact.trace import Trace, checked_bound
from solvers.network.whole_frames import in_whole_frames
from solvers.ratios import best_ratios
from solvers.result import ProgressCallback, Result, Termination, relative_gap

HIGHS = ("highs", "appsi_highs")
TOLERANCES = ("mip_feasibility_tolerance", "primal_feasibility_tolerance", "dual_feasibility_tolerance")
UNMET = "the solver's tolerances leave a gap of {gap} by the evaluator, {asked} was asked"
CONTRADICTED = "the solver finds the problem infeasible, but a feasible solution is known"


@dataclass(frozen=True)
class SolutionEvaluator:
    """How solutions of one problem are read and valued.

    Attributes
    ----------
    problem
        With its options; solutions that come from elsewhere are put into whole frames where it asks for them.
    free_ratios
        Whether ρ may be put at its closed-form optimum for the routes.
    """

    problem: Problem
    free_ratios: bool = True

    def value(self, solution: Solution) -> float:
        """Return the objective by the evaluator [s]."""
        return evaluate(self.problem, solution).objective_s()

    def read(self, model: Any) -> Solution:
        """Return the solution that a solved model holds."""
        solution = solution_from_model(model)
        return best_ratios(self.problem, solution) if self.free_ratios else solution

    def broken(self, solution: Solution) -> tuple[Violation, ...]:
        """Return the rules, deadlines and limits of ρ that a solution breaks."""
        asked = ("rule ", "deadline_s", "offload_ratio_range")
        return tuple(v for v in check(self.problem, solution) if v.constraint.startswith(asked))

    def adapt(self, solution: Solution | None) -> Solution | None:
        """Return a solution of the plain problem as one of this problem with its options, or None."""
        if solution is None:
            return None
        if not self.problem.whole_frames:
            return best_ratios(self.problem, solution) if self.free_ratios else solution
        return in_whole_frames(self.problem, solution)


class BestOf:
    """The best solution of all attempts, and their bounds: what a later one loses stays."""

    def __init__(self, evaluator: SolutionEvaluator) -> None:
        self.evaluator = evaluator
        self.solution: Solution | None = None
        self.objective_s: float | None = None
        self.bounds_s: list[float] = []

    def offer(self, solution: Solution | None) -> None:
        """Take a solution if it keeps the rules and is better than what is there."""
        if solution is not None and not self.evaluator.broken(solution):
            value = self.evaluator.value(solution)
            if self.objective_s is None or value < self.objective_s:
                self.solution, self.objective_s = solution, value

    def take(self, outcome: Outcome, model: Any, relax: bool) -> None:
        """Take an attempt's bound, and its point out of the model."""
        if outcome.bound is not None:
            self.bounds_s.append(outcome.bound)
        if outcome.objective is not None and not relax:
            self.offer(self.evaluator.read(model))


def solve_pyomo_model(
    build: Callable[[], Any],
    evaluator: SolutionEvaluator,
    first: Callable[[], InitialBounds],
    *,
    solver: str,
    limits: Limits,
    progress: ProgressCallback | None = None,
    add_constraints: Callable[[Any], None] | None = None,
    relax: bool = False,
) -> Result:
    """Build a model of (4) or (7), solve it from a feasible solution and return what it means.

    Whatever stops the run, also while the model is being built, the better of the solver's solution and the first one
    is returned, unless `add_constraints` may have forbidden the latter.

    Parameters
    ----------
    build
        Returns the model.
    evaluator
        Values its solutions.
    first
        Returns where to begin; called for a relaxation only where that is stopped, for the bound.
    add_constraints
        Called with the model before it is solved: adds constraints.
    relax
        Drop integrality and return the bound alone.
    """
    trace = Trace(progress)
    known, found, build_s = InitialBounds(None, None), BestOf(evaluator), 0.0
    try:
        trace.phase = "best response"
        known = known if relax else first()
        start = evaluator.adapt(known.solution)
        value = None if start is None or add_constraints else evaluator.value(start)
        trace.record("incumbent", "best response", value, known.bound_s)
        trace.phase = "building"
        with build_timeout(_left(limits, trace)):
            model = _build(build, add_constraints, start, relax)
        build_s = trace.elapsed()
        trace.phase = solver
        outcome = _solve(model, found, solver, limits, trace, start is not None, relax)
    except BuildingTooLongError:
        outcome = Outcome(Termination.TIME_LIMIT, None, None, None, "")
    except KeyboardInterrupt:
        outcome = Outcome(Termination.INTERRUPTED, None, None, None, "")
    except MemoryError:
        outcome = Outcome(Termination.MEMORY_LIMIT, None, None, None, "", message="out of memory")
    if relax and outcome.termination not in (Termination.OPTIMAL, Termination.INFEASIBLE):
        known = InitialBounds(None, first().bound_s)
    if not add_constraints:
        found.offer(evaluator.adapt(known.solution))
    objective_s = found.objective_s
    bound_s, message = _bound(found.bounds_s, known.bound_s, objective_s)
    if outcome.termination is Termination.INFEASIBLE:
        bound_s = bound_s if found.solution else None
        message = message or (CONTRADICTED if found.solution else "")
    trace.record("bound", "", objective_s, bound_s)
    said = Termination.ERROR if message else outcome.termination
    termination, why = _termination(said, objective_s, bound_s, limits.mip_gap, relax)
    return Result(
        termination=termination,
        solution=found.solution,
        objective_s=objective_s,
        bound_s=bound_s,
        build_s=build_s or trace.elapsed(),
        solve_s=trace.elapsed() - build_s if build_s else 0.0,
        solver=solver,
        solver_version=outcome.version,
        trace=tuple(trace.records),
        statistics=trace.statistics(),
        message="; ".join(filter(None, (message, outcome.message, why))),
    )


def _left(limits: Limits, trace: Trace) -> float | None:
    return None if limits.time_s is None else max(limits.time_s - trace.elapsed(), 0.0)


def _build(
    build: Callable[[], Any],
    add_constraints: Callable[[Any], None] | None,
    start: Solution | None,
    relax: bool,
) -> Any:
    with quiet():
        model = build()
    if add_constraints is not None:
        add_constraints(model)
    if start is not None:
        set_start(model, start)
    if relax:
        pyo.TransformationFactory("core.relax_integer_vars").apply_to(model)
    return model


LONGEST_LABEL = 200
"""Characters of a name in a model file: readers of LP take at most 255."""


class _Labels:
    """Names in a model file: the component with its index, as `use(data,0_0,0_1,1_1)`.

    What files do not allow in a name is `_`, never the comma between the parts of an index. Of two names that would be
    alike, as of the satellites `a-b` and `a_b`, the later is numbered.
    """

    def __init__(self) -> None:
        self._known: dict[int, str] = {}
        self._taken: set[str] = set()

    def __call__(self, part: Any = None) -> str:
        if id(part) not in self._known:
            plain = label = self._plain(part)
            number = 1
            while label in self._taken:
                number += 1
                label = f"{plain}_{number}"
            self._known[id(part)] = label
            self._taken.add(label)
        return self._known[id(part)]

    @staticmethod
    def _plain(part: Any) -> str:
        component = part.parent_component()
        if not component.is_indexed():
            return re.sub(r"\W", "_", component.name, flags=re.ASCII)
        index = part.index()
        places = index if isinstance(index, tuple) else (index,)
        inside = ",".join(re.sub(r"\W", "_", str(place), flags=re.ASCII) for place in places)
        return f"{re.sub(r'[^A-Za-z0-9_]', '_', component.name)}({inside})"[:LONGEST_LABEL]


def write_model(model: Any, path: Path) -> None:
    """Write a model as .lp or .mps with readable names, its objective in seconds or bits."""
    unit = getattr(model, "time_unit_s", None) or getattr(model, "bit_unit", 1.0)
    (objective,) = model.component_data_objects(pyo.Objective, active=True)
    counted = objective.expr
    # GLPK knows no OBJSENSE section of MPS; to minimise is the default
    options = {"skip_objective_sense": True} if path.suffix == ".mps" else {}
    with TemporaryDirectory() as directory, whole_file(path) as file:
        written = Path(directory) / f"model{path.suffix}"
        objective.set_value(unit * counted)
        try:
            model.write(str(written), io_options={"labeler": _Labels(), **options})
        finally:
            objective.set_value(counted)
        with written.open("rb") as text:
            shutil.copyfileobj(text, file)


def _solve(
    model: Any, found: BestOf, solver: str, limits: Limits, trace: Trace, use_start: bool, relax: bool
) -> Outcome:
    """Solve; again with tighter tolerances where the asked gap is not met by the evaluator's word."""
    ended: Outcome | None = None
    for limits_now in (limits, _tighter(limits, solver), replace(limits, mip_gap=0.0)):
        timed = replace(limits_now, time_s=_left(limits, trace))
        outcome = _solve_in_seconds(model, solver, timed, trace, use_start or ended is not None)
        found.take(outcome, model, relax)
        if ended is not None and outcome.termination in (Termination.ERROR, Termination.INFEASIBLE):
            ended = replace(ended, message=outcome.message)  # at tolerances that are too tight for the solver
            continue
        bound_s, _ = _bound(found.bounds_s, None, found.objective_s)
        gap = relative_gap(found.objective_s, bound_s)
        met = gap is None or gap <= limits.mip_gap + 1e-12
        if met or relax or ended is not None or outcome.termination is not Termination.OPTIMAL:
            return outcome
        ended = outcome
    assert ended is not None
    return ended


def _solve_in_seconds(model: Any, solver: str, limits: Limits, trace: Trace, use_start: bool) -> Outcome:
    """Solve a model whose times have a unit of their own; return, and record, its objective and bound in seconds."""

    def seconds(value: float | None) -> float | None:
        return None if value is None else value * model.time_unit_s

    def watch(incumbent: float | None, bound: float | None) -> bool:
        return trace.watch(seconds(incumbent), seconds(bound))

    outcome = solve_model(model, solver, limits, watch, use_start=use_start)
    return replace(outcome, objective=seconds(outcome.objective), bound=seconds(outcome.bound))


def _tighter(limits: Limits, solver: str) -> Limits:
    options = dict.fromkeys(TOLERANCES, 1e-9) | dict(limits.options) if solver in HIGHS else limits.options
    return replace(limits, mip_gap=0.0, options=options)


def _bound(said: list[float], first: float | None, objective_s: float | None) -> tuple[float | None, str]:
    """Return the best bound that can be one, and what is wrong where the first is none or the solver gave none such."""
    sound: list[float | None] = []
    wrong: dict[int, str] = {}
    for i, bound in enumerate((first, *said)):
        try:
            sound.append(checked_bound(bound, objective_s))
        except RuntimeError as error:
            wrong[i] = f"{error}; it is dropped"
    fatal = 0 in wrong or len(wrong) == len(said)
    message = next(iter(wrong.values()), "") if fatal else ""
    return max((bound for bound in sound if bound is not None), default=None), message


def _termination(
    said: Termination, objective_s: float | None, bound_s: float | None, mip_gap: float, relax: bool
) -> tuple[Termination, str]:
    """Return `optimal` only with the gap that was asked for; a solver's word alone is not enough."""
    gap = relative_gap(objective_s, bound_s)
    if gap is not None and gap <= mip_gap + 1e-12 and said is not Termination.ERROR:
        return Termination.OPTIMAL, ""
    if said is Termination.OPTIMAL and not relax:
        return Termination.ERROR, UNMET.format(gap="unknown" if gap is None else f"{gap:.3g}", asked=f"{mip_gap:.2g}")
    return said, ""
