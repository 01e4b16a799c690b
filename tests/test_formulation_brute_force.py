"""All ways to the optima of (4), (5), (6) and (7) against brute force on small random instances."""

import math
from dataclasses import replace

import pytest

from formulation import Problem, check, evaluate
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.exact import solve_full, solve_routing
from solvers.network.data import ProblemData
from solvers.network.single_task import first_bound
from tests.against_brute_force import everything, full_problem
from tests.brute_force import brute_force, brute_force_routing, optima
from tests.general_instances import general_instance
from tests.tiny import tiny_instance

CASES = [(seed, {}) for seed in range(6)]
CASES += [(seed, {"computing": 2, "nodes": 5}) for seed in range(10, 14)]
CASES += [(seed, {"one_way": True, "tasks": 3, "nodes": 6}) for seed in range(20, 23)]


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize(("seed", "options"), CASES)
def test_full_problem_equals_brute_force(seed, options, objective):
    instance = tiny_instance(seed, **options)
    result = solve_full(Problem(instance, objective), mip_gap=1e-9)
    best = brute_force(instance, objective)
    assert result.objective_s == pytest.approx(best, rel=1e-6)
    assert result.bound_s <= best * (1 + 1e-9)
    assert not check(instance, result.solution)
    assert evaluate(instance, result.solution).objective_s(objective) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("seed", [1, 3, 12])
def test_routing_equals_brute_force(seed, ratio, objective):
    instance = tiny_instance(seed, computing=2 if seed > 10 else 1)
    packets = pack(instance, assign(instance), [ratio] * len(instance.tasks))
    result = solve_routing(Problem(instance, objective), packets, mip_gap=1e-9)
    assert result.objective_s == pytest.approx(brute_force_routing(instance, [ratio] * 2, objective), rel=1e-6)
    assert [d.offload_ratio for d in result.solution.tasks] == [ratio] * len(instance.tasks)


@pytest.mark.parametrize("seed", range(30, 34))
def test_solvers_and_presolve_agree(seed):
    instance = tiny_instance(seed)
    by_highs = solve_full(instance, mip_gap=1e-9)
    bare = solve_full(instance, mip_gap=1e-9, solver_options={"presolve": "off"})
    by_scip = solve_full(instance, solver="scip_direct", mip_gap=1e-9)
    assert bare.objective_s == pytest.approx(by_highs.objective_s, rel=1e-6)
    assert by_scip.objective_s == pytest.approx(by_highs.objective_s, rel=1e-6)


@pytest.mark.parametrize("seed", range(40, 44))
def test_fixing_the_computing_satellite_never_helps(seed):
    instance = tiny_instance(seed, computing=2, nodes=6)
    free = solve_full(instance, mip_gap=1e-9).objective_s
    for c in instance.computing:
        tasks = tuple(replace(task, computing_satellite=c) for task in instance.tasks)
        fixed = replace(instance, tasks=tasks)
        result = solve_full(fixed, mip_gap=1e-9)
        assert {d.computing_satellite for d in result.solution.tasks} == {c}
        assert result.objective_s == pytest.approx(brute_force(fixed), rel=1e-6)
        assert result.objective_s >= free * (1 - 1e-9)


@pytest.mark.parametrize("number", range(20))
def test_general_instances_are_proven(number, seed):
    instance = general_instance(seed + number, most=3000)
    assert list(full_problem(instance)) == []


@pytest.mark.parametrize("number", range(60))
def test_the_bound_of_a_task_alone_is_its_optimum(number, seed):
    instance = general_instance(seed + number)
    for task in instance.tasks:
        alone = replace(instance, tasks=(task,))
        if math.isfinite(optima(alone)["mean"]):
            found = first_bound(ProblemData(alone), "max")
            assert optima(alone)["mean"] * (1 - 1e-9) <= found <= optima(alone)["mean"] * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(400))
def test_every_problem_of_general_instances_equals_brute_force(number, seed):
    instance = general_instance(seed + number)
    assert list(everything(instance, seed + number)) == []
