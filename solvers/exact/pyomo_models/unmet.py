"""Which rules cannot be met, and how nearly: the model with slack on every rule and deadline, its total minimised."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyomo.environ as pyo

from formulation import Problem, check, solution_from_model
from formulation.solution import SolutionError
from solvers.backends.program import Limits
from solvers.backends.pyomo_backend import solve_model
from solvers.diagnosis import nearest
from solvers.result import Termination


def why_rules_infeasible(problem: Problem, build: Callable[[], Any], limits: Limits) -> str:
    """Return which rules and deadlines stand in the way of a solution, with the best values that were found for them.

    Parameters
    ----------
    problem
        With rules, deadlines or limits of ρ that leave no solution.
    build
        Returns its model.
    limits
        Limits of the solver for the model with slack.
    """
    asked = ", ".join(problem.variants())
    model = build()
    _relax(model)
    outcome = solve_model(model, "highs", replace(limits, mip_gap=1e-4))
    if outcome.termination is Termination.INFEASIBLE:
        return f"no solution within the limits of ρ, among what is asked: {asked}"
    if outcome.objective is None:
        return f"no solution keeps all that is asked: {asked}"
    try:
        broken = check(problem, solution_from_model(model))
    except SolutionError:
        broken = ()
    return nearest(broken) or f"no solution keeps all that is asked: {asked}"


def _relax(m: Any) -> None:
    """Put slack on every row of a rule and on every deadline, and minimise its sum."""
    rows = [*m.rule.values(), *m.deadline.values()]
    m.slack = pyo.Var(range(len(rows)), ["over", "under"], domain=pyo.NonNegativeReals)
    for i, row in enumerate(rows):
        row.set_value((row.lower, row.body - m.slack[i, "over"] + m.slack[i, "under"], row.upper))
    m.service_delay.deactivate()
    m.total_slack = pyo.Objective(expr=pyo.quicksum(m.slack.values()))
