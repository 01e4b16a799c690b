"""Constraints of a user's own, read as rules of kind `linear` where they are linear rows over decisions."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pyomo.environ as pyo
from pyomo.repn import generate_standard_repn

from formulation.models.data import KINDS
from formulation.models.routes import packet_links
from formulation.problem import Problem
from formulation.rules import Linear, Term

DECISIONS = ("use", "serve", "sent", "offload_ratio")


def read_constraints(problem: Problem, add_constraints: Callable[[Any], None]) -> tuple[Linear, ...] | None:
    """Return the constraints that a function adds to the model of (4) as rules, or None where they are more than that.

    The function is called with a model of the decisions alone: the sets TASKS, SERVED and LINKS and the variables
    `use`, `serve`, `sent` and `offload_ratio`, indexed as in `build_full_model`; the whole model of thousands of
    satellites takes minutes to build. A constraint that asks for anything else (a delay, a flow, a variable of one's
    own, a product), or a decision with other bounds or another domain, makes the answer None. A variable that is fixed
    counts as a row.

    Parameters
    ----------
    problem
        What the constraints are added to.
    add_constraints
        Takes a model; may be called again with the whole one.
    """
    m = _decisions(problem)
    own = set(m.component_map())
    before = _ranges(m)
    try:
        add_constraints(m)
    except (AttributeError, KeyError):
        return None
    added = [part for name, part in m.component_map(active=True).items() if name not in own]
    if any(part.ctype not in (pyo.Constraint, pyo.Set, pyo.Param, pyo.Expression, pyo.RangeSet) for part in added):
        return None
    if _ranges(m) != before:
        return None
    places = {id(v): (name, key) for name in DECISIONS for key, v in m.component(name).items()}
    taken, found = set(problem.named_rules), list[Linear]()
    for name, terms, sense, rhs in (*_rows(m, places), *_fixed(m)):
        if terms is None:
            return None
        unique = name if name not in taken else next(n for n in (f"{name}-{i}" for i in count(2)) if n not in taken)
        taken.add(unique)
        found.append(Linear(name=unique, terms=terms, sense=sense, rhs=rhs))
    return tuple(found)


def _decisions(problem: Problem) -> Any:
    """Return a model of the decisions alone."""
    instance, m = problem.instance, pyo.ConcreteModel(name="decisions")
    m.problem, m.instance = problem, instance
    tasks = [task.satellite for task in instance.tasks]
    limits = {task.satellite: task.offload_ratio_range for task in instance.tasks}
    m.TASKS = pyo.Set(initialize=tasks)
    m.SERVED = pyo.Set(initialize=[(t.satellite, c) for t in instance.tasks for c in instance.candidates(t)], dimen=2)
    m.LINKS = pyo.Set(initialize=packet_links(instance), dimen=4)
    m.offload_ratio = pyo.Var(m.TASKS, bounds=lambda m, name: limits[name])
    m.sent = pyo.Var(KINDS, m.TASKS, domain=pyo.Binary)
    m.use = pyo.Var(m.LINKS, domain=pyo.Binary)
    m.serve = pyo.Var(m.SERVED, domain=pyo.Binary)
    return m


def _ranges(m: Any) -> list[tuple[Any, ...]]:
    """Return bounds and domain of every decision."""
    return [(v.lb, v.ub, v.domain) for name in DECISIONS for v in m.component(name).values()]


Row = tuple[str, tuple[Term, ...] | None, str, float]


def _rows(m: Any, places: dict[int, tuple[str, Any]]) -> Iterator[Row]:
    """Yield the constraints; one that is no linear row over decisions has no terms."""
    for constraint in m.component_data_objects(pyo.Constraint, active=True):
        form = generate_standard_repn(constraint.body, compute_values=True)
        if not form.is_linear() or any(id(v) not in places for v in form.linear_vars):
            yield constraint.name, None, "<=", 0.0
            return
        pairs = zip(form.linear_vars, form.linear_coefs, strict=True)
        terms = tuple(_term(*places[id(v)], float(coefficient)) for v, coefficient in pairs if coefficient)
        ends = constraint.lower, constraint.upper
        low, high = (None if end is None else pyo.value(end) - form.constant for end in ends)
        if constraint.equality and high is not None:
            yield constraint.name, terms or None, "==", float(high)
            continue
        if high is not None:
            yield constraint.name, terms or None, "<=", float(high)
        if low is not None:
            yield constraint.name, terms or None, ">=", float(low)


def _fixed(m: Any) -> Iterator[Row]:
    """Yield the decisions that were fixed, as rows."""
    for name in DECISIONS:
        for key, variable in m.component(name).items():
            if variable.fixed:
                yield variable.name, (_term(name, key, 1.0),), "==", float(variable.value)


def _term(name: str, key: Any, coefficient: float) -> Term:
    """Return a term by its variable's name and index in the model."""
    if name == "use":
        kind, task, source, target = key
        return Term(variable=name, task=task, packet=kind, link=(source, target), coefficient=coefficient)
    if name == "serve":
        return Term(variable=name, task=key[0], computing=key[1], coefficient=coefficient)
    if name == "sent":
        return Term(variable=name, task=key[1], packet=key[0], coefficient=coefficient)
    return Term(variable=name, task=key, coefficient=coefficient)
