"""Any Pyomo model on any solver that Pyomo reaches, with one outcome.

`highs` takes the arrays of Pyomo's standard form (`highs.py`). `scip` (`scip_direct`), `gurobi` (`gurobi_direct`) and
whatever else `pyomo.contrib.solver` knows come next, then Pyomo's older interfaces such as `cbc` and `glpk`.
"""

import logging
import re
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.errors import ApplicationError
from pyomo.common.log import LoggingIntercept
from pyomo.contrib.solver.common.base import Availability
from pyomo.contrib.solver.common.factory import SolverFactory as ContribFactory
from pyomo.contrib.solver.common.results import SolutionStatus, TerminationCondition
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from fitting.whole_file import append_text
from solvers.backends.errors import SolverError
from solvers.backends.highs import solve_program
from solvers.backends.option_policy import check_options
from solvers.backends.program import Limits, Outcome, Program, Watch
from solvers.result import Termination

ALIASES = {"scip": "scip_direct", "gurobi": "gurobi_direct", "knitro": "knitro_direct"}
MEMORY = {"scip_direct": ("limits/memory", 1024.0), "gurobi_direct": ("SoftMemLimit", 1.073741824)}
"""The option that limits a solver's memory, and its value for 1 GiB: SCIP counts MiB, Gurobi GB."""
LEGACY = ("cbc", "glpk", "cplex_direct", "xpress_direct", "mosek_direct", "copt_direct")
_TERMINATIONS = {
    TerminationCondition.convergenceCriteriaSatisfied: Termination.OPTIMAL,
    TerminationCondition.maxTimeLimit: Termination.TIME_LIMIT,
    TerminationCondition.provenInfeasible: Termination.INFEASIBLE,
    TerminationCondition.infeasibleOrUnbounded: Termination.INFEASIBLE,
    TerminationCondition.interrupted: Termination.INTERRUPTED,
}
_LIMIT = re.compile(
    r"\b((?:total |stall )?node|solution|improvement|restart|memory|work|iteration) limit reached", re.IGNORECASE
)
"""How the logs of SCIP and Gurobi name the limits that Pyomo has no conditions for."""


def program_of(model: Any) -> tuple[Program, list[Any]]:
    """Return the arrays of a Pyomo model and the variables of their columns."""
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    sense = np.array([kind for _, kind in form.rows], dtype=int)
    rhs = np.asarray(form.rhs, dtype=float)
    bounds = [(v.lb, v.ub) for v in form.columns]
    cost = np.asarray(form.c.todense(), dtype=float).reshape(-1)
    program = Program(
        cost=cost,
        lower=np.array([-np.inf if low is None else low for low, _ in bounds], dtype=float),
        upper=np.array([np.inf if high is None else high for _, high in bounds], dtype=float),
        integer=np.array([not v.is_continuous() for v in form.columns], dtype=bool),
        matrix=form.A,
        row_lower=np.where(sense <= 0, rhs, -np.inf),
        row_upper=np.where(sense >= 0, rhs, np.inf),
        offset=float(form.c_offset[0]),
    )
    return program, form.columns


def solve_model(
    model: Any, solver: str, limits: Limits, watch: Watch | None = None, use_start: bool = False
) -> Outcome:
    """Minimise a Pyomo model and load its best point into it.

    Parameters
    ----------
    model
        With one active objective, to be minimised.
    solver
        `highs`, `scip`, `gurobi`, `cbc`, …
    limits
        Time, gap, threads, memory, options.
    watch
        Called with incumbent and bound while HiGHS runs.
    use_start
        Begin with the values that the model's variables hold.

    Raises
    ------
    SolverError
        If there is no such solver, it is not installed, its licence is too small, or it refuses an option.
    """
    if solver in ("highs", "appsi_highs"):
        return _solve_highs(model, limits, watch, use_start)
    require_solver(solver)
    name = ALIASES.get(solver, solver)
    check_options(name, limits.options)
    if name in ContribFactory:
        return _solve_contrib(model, name, limits, use_start)
    return _solve_legacy(model, name, limits, use_start)


def _solve_highs(model: Any, limits: Limits, watch: Watch | None, use_start: bool) -> Outcome:
    started = time.perf_counter()
    program, columns = program_of(model)
    if limits.time_s is not None:
        limits = replace(limits, time_s=max(limits.time_s - (time.perf_counter() - started), 0.0))
    start = None
    if use_start:
        start = np.array([np.nan if v.value is None else v.value for v in columns], dtype=float)
    outcome = solve_program(program, limits, watch, start)
    if outcome.values is not None:
        for variable, value in zip(columns, outcome.values.tolist(), strict=True):
            variable.set_value(round(value) if not variable.is_continuous() else value, skip_validation=True)
    return outcome


def _version(backend: Any) -> str:
    found = backend.version()
    return ".".join(str(part) for part in found) if isinstance(found, tuple | list) else str(found)


def _solve_contrib(model: Any, name: str, limits: Limits, use_start: bool) -> Outcome:
    backend = ContribFactory(name)
    if backend.available() in (Availability.NotFound, Availability.BadVersion, Availability.BadLicense):
        raise SolverError(f"solver {name!r} is not available here: {backend.available().name}")
    settings: dict[str, Any] = {
        "load_solutions": False,
        "raise_exception_on_nonoptimal_result": False,
        "time_limit": limits.time_s,
        "rel_gap": limits.incumbent_gap,
        "threads": limits.threads,
        "solver_options": _memory_option(name, limits) | dict(limits.options),
    }
    if use_start and "warmstart_discrete_vars" in backend.config and _holds_start(model):
        settings["warmstart_discrete_vars"] = True
    try:
        results = backend.solve(model, **settings)
    except Exception as error:
        given = f" (options given: {', '.join(limits.options)})" if limits.options else ""
        raise SolverError(f"solver {name!r}: {_reason(error)}{given}") from error
    if limits.log is not None:
        append_text(limits.log, str(results.solver_log or ""))
    feasible = results.solution_status in (SolutionStatus.optimal, SolutionStatus.feasible)
    if feasible:
        results.solution_loader.load_vars()
    termination, message = _why(results)
    bound = results.objective_bound
    proven = bound is not None and np.isfinite(bound) and abs(bound) < 1e19
    return Outcome(
        termination=termination,
        values=None,
        objective=float(results.incumbent_objective) if feasible else None,
        bound=float(bound) if proven and termination is not Termination.INFEASIBLE else None,
        version=_version(backend),
        message=message,
    )


def _why(results: Any) -> tuple[Termination, str]:
    """Return why a solver stopped, and what there is to say about it."""
    known = _TERMINATIONS.get(results.termination_condition)
    if known is not None:
        return known, ""
    limit = _LIMIT.search(str(results.solver_log or ""))
    if limit is None:
        return Termination.ERROR, str(results.termination_condition)
    memory = limit[1].lower() == "memory"
    return (Termination.MEMORY_LIMIT, "") if memory else (Termination.INTERRUPTED, limit[0].lower())


def _memory_option(name: str, limits: Limits) -> dict[str, Any]:
    """Return the memory limit by the solver's own name; refuse to drop it."""
    if limits.memory_gib is None:
        return {}
    if name not in MEMORY:
        raise SolverError(f"solver {name!r}: give its memory limit by its own options; memory_limit must be None")
    option, per_gib = MEMORY[name]
    return {option: per_gib * limits.memory_gib}


def _holds_start(model: Any) -> bool:
    """Say whether every discrete variable has a value: Pyomo passes on no part of a start."""
    variables = model.component_data_objects(pyo.Var, active=True)
    return all(v.is_continuous() or v.value is not None for v in variables)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "size-limited" in text or "too large" in text.lower():
        return f"the model is larger than the licence allows ({text[:120]}); take --solver highs"
    return text[:300] or type(error).__name__


def require_solver(solver: Any) -> None:
    """Refuse a name that Pyomo does not know.

    Raises
    ------
    SolverError
        With the names of those that can be used here.
    """
    if solver in ("highs", "appsi_highs"):
        return
    name = ALIASES.get(solver, solver) if isinstance(solver, str) else ""
    if name in ContribFactory or (name and type(_legacy(name)).__name__ != "UnknownSolver"):
        return
    usable = ", ".join(["highs", *(known for known in (*ALIASES, *LEGACY) if _is_usable(known))])
    raise SolverError(f"solver must be one that Pyomo reaches (here: {usable}), got {solver!r}")


def _legacy(name: str) -> Any:
    with LoggingIntercept(level=logging.CRITICAL):  # Pyomo logs a traceback for a name it does not know
        return pyo.SolverFactory(name)


def _is_usable(solver: str) -> bool:
    name = ALIASES.get(solver, solver)
    with LoggingIntercept(level=logging.CRITICAL):
        if name in ContribFactory:
            return bool(ContribFactory(name).available())
        return bool(pyo.SolverFactory(name).available(exception_flag=False))


def _solve_legacy(model: Any, name: str, limits: Limits, use_start: bool) -> Outcome:
    backend = _legacy(name)
    level = logging.getLogger("pyomo").level
    logging.getLogger("pyomo").setLevel(logging.CRITICAL)
    try:
        if not backend.available(exception_flag=False):
            raise SolverError(f"solver {name!r} is not installed here")
        options = dict(limits.options) | _legacy_limits(name, limits) | _memory_option(name, limits)
        extra = {"warmstart": True} if use_start and backend.warm_start_capable() else {}
        with TemporaryDirectory() as directory:
            log = Path(directory) / "log"
            results = backend.solve(model, load_solutions=False, options=options, logfile=str(log), **extra)
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            if limits.log is not None:
                append_text(limits.log, text)
            _refuse_unknown(name, text)
        return _legacy_outcome(model, results, _version(backend), limits.time_s is not None)
    except SolverError:
        raise
    except (ApplicationError, ValueError, RuntimeError) as error:
        given = f" (options given: {', '.join(limits.options)})" if limits.options else ""
        raise SolverError(f"solver {name!r}: {_reason(error)}{given}") from error
    finally:
        logging.getLogger("pyomo").setLevel(level)


def _refuse_unknown(name: str, text: str) -> None:
    """Raise where the solver's log says that it knows no such option: CBC goes on without it."""
    unknown = re.search(r"No match for (\S+)", text)
    if unknown is not None:
        raise SolverError(f"solver option {unknown.group(1)!r}: {name} has no such option")


def _legacy_limits(name: str, limits: Limits) -> dict[str, Any]:
    """Return the solver's own names for the limits; refuse to drop one."""
    names = {
        "cbc": {"time": "seconds", "gap": "ratioGap", "threads": "threads"},
        "glpk": {"time": "tmlim", "gap": "mipgap"},
    }.get(name)
    if names is None:
        if limits.time_s is not None or limits.threads != 1:
            raise SolverError(f"solver {name!r}: give its time limit and threads as --solver-option by its own names")
        return {}
    options: dict[str, Any] = {names["gap"]: limits.incumbent_gap}
    if name == "cbc":
        options["timeMode"] = "elapsed"
    if limits.time_s is not None:
        options[names["time"]] = int(np.ceil(limits.time_s)) if name == "glpk" else limits.time_s
    if "threads" in names:
        options[names["threads"]] = limits.threads
    return options


def _legacy_outcome(model: Any, results: Any, version: str, limited: bool) -> Outcome:
    condition = str(results.solver.termination_condition)
    termination = {
        "optimal": Termination.OPTIMAL,
        "maxTimeLimit": Termination.TIME_LIMIT,
        "infeasible": Termination.INFEASIBLE,
        "feasible": Termination.TIME_LIMIT if limited else Termination.ERROR,  # GLPK's word at its time limit
    }.get(condition, Termination.ERROR)
    feasible = len(results.solution) > 0 and termination is not Termination.INFEASIBLE
    if feasible:
        model.solutions.load_from(results)
    bound = results.problem.lower_bound
    objective = next(iter(model.component_data_objects(pyo.Objective, active=True)))
    return Outcome(
        termination=termination,
        values=None,
        objective=float(pyo.value(objective)) if feasible else None,
        bound=float(bound) if feasible and bound is not None and np.isfinite(float(bound)) else None,
        version=version,
        message="" if termination is not Termination.ERROR else condition,
    )
