"""A user's own Pyomo constraints: build, add, solve, and still get a Solution and the checker."""

import pyomo.environ as pyo
import pytest

from formulation import (
    SolutionError,
    build_full_model,
    build_model_packet_model,
    build_routing_model,
    check,
    evaluate,
    solution_from_model,
)
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.exact import solve_full
from tests.tiny import tiny_instance


def test_own_constraint_on_the_offload_ratio():
    instance = tiny_instance(1)
    model = build_full_model(instance)
    model.cap = pyo.Constraint(model.TASKS, rule=lambda m, name: m.offload_ratio[name] <= 0.2)
    pyo.SolverFactory("highs").solve(model)
    solution = solution_from_model(model)
    assert not check(instance, solution)
    assert max(d.offload_ratio for d in solution.tasks) <= 0.2 + 1e-9
    assert evaluate(instance, solution).mean_s == pytest.approx(
        pyo.value(model.service_delay) * model.time_unit_s, rel=1e-6
    )
    assert evaluate(instance, solution).mean_s >= solve_full(instance).objective_s * (1 - 1e-9)


def test_own_constraint_on_a_link():
    instance = tiny_instance(5)
    before = solve_full(instance).solution
    source, target = before.tasks[0].data_path[:2]
    model = build_full_model(instance)
    model.closed = pyo.Constraint(expr=model.use["data", instance.tasks[0].satellite, source, target] == 0)
    pyo.SolverFactory("highs").solve(model)
    after = solution_from_model(model)
    assert (after.tasks[0].data_path or ())[:2] != (source, target)
    assert not check(instance, after)


def test_model_of_7_keeps_the_packets():
    instance = tiny_instance(2)
    packets = pack(instance, assign(instance), [0.3, 0.6])
    model = build_routing_model(instance, packets)
    pyo.SolverFactory("highs").solve(model)
    solution = solution_from_model(model)
    assert [d.offload_ratio for d in solution.tasks] == [0.3, 0.6]
    assert evaluate(instance, solution).mean_s == pytest.approx(
        pyo.value(model.service_delay) * model.time_unit_s, rel=1e-6
    )


def test_unsolved_model_and_model_without_routes_are_refused():
    with pytest.raises(SolutionError, match="has no value: solve the model"):
        solution_from_model(build_full_model(tiny_instance(1)))
    with pytest.raises(SolutionError, match="only models of"):
        solution_from_model(build_model_packet_model(tiny_instance(1)))
