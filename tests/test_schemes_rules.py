"""Schemes under rules: they end with a solution that keeps them, or say which one they could not meet."""

import math
from dataclasses import replace

import pytest

from formulation import RULES, ComputingTasks, Hops, LinkPackets, Problem, check
from instances import generate_torus, make_preset
from solvers.assignment import assign
from solvers.best_response import best_response, polish
from solvers.bisection import pack
from solvers.exact import solve_full, solve_routing
from solvers.gaps import compare, compare_routing
from solvers.result import Termination
from solvers.routed_response import best_response_router
from solvers.schemes import SchemeOptions, run_scheme
from tests.brute_force_rules import least
from tests.test_rules_models import drawn
from tests.tiny import few_frames, tiny_instance

SCHEMES = ("even", "bs-shortest-path", "best-response-4")


@pytest.mark.parametrize("kind", RULES)
def test_schemes_keep_each_kind_or_name_what_they_break(kind):
    for seed in range(60, 64):
        problem = drawn(seed, [kind])
        best = least(problem)
        for name in SCHEMES:
            result = run_scheme(problem, name)
            if result.objective_s is None:
                assert result.termination is Termination.INFEASIBLE
                assert any(word in result.message for word in ("rule ", "deadline_s", "offload_ratio_range", "ρ"))
                continue
            assert check(problem, result.solution) == ()
            assert result.objective_s >= best * (1 - 2e-6)


def test_best_response_finds_a_solution_wherever_there_is_one_on_most_drawn_problems():
    found = missed = 0
    for seed in range(70, 90):
        problem = drawn(seed, [list(RULES)[seed % len(RULES)]])
        if math.isfinite(least(problem)):
            solution, _ = best_response(problem, runs=4)
            found, missed = (found + 1, missed) if not check(problem, solution) else (found, missed + 1)
    assert found >= 9 * missed > -1
    assert found > 5


def test_polishing_never_leaves_the_rules():
    problem = Problem(generate_torus(4, 4, tasks=4, computing=2, seed=1), rules=(LinkPackets(limit=1),))
    solution, _ = best_response(problem)
    assert check(problem, solution) == ()
    assert check(problem, polish(problem, solution)) == ()


def test_routing_under_rules_keeps_the_packets():
    instance = generate_torus(4, 4, tasks=4, computing=2, seed=1)
    problem = Problem(instance, rules=(Hops(limit=4), ComputingTasks(limit=2)))
    packets = pack(instance, assign(instance), [0.5] * 4)
    routed = best_response_router(2)(problem, packets)
    assert check(problem, routed) == ()
    assert [d.offload_ratio for d in routed.tasks] == [0.5] * 4
    exact = solve_routing(problem, packets)
    assert exact.termination is Termination.OPTIMAL
    assert check(problem, exact.solution) == ()


@pytest.mark.parametrize("whole", [False, True])
def test_every_row_of_a_gap_table_keeps_the_rules(whole):
    instance = generate_torus(4, 4, tasks=3, computing=2, seed=2)
    problem = Problem(instance, share_computing=True, whole_frames=whole, rules=(LinkPackets(limit=1),))
    rows, results = compare(problem, ["even", "bs-shortest-path", "best-response"], SchemeOptions(time_limit=30))
    assert [row.scheme for row in rows] == ["even", "bs-shortest-path", "best-response", "exact"]
    for row in rows:
        if row.objective_s is not None:
            assert check(problem, results[row.scheme].solution) == ()
            assert row.gap_to_bound >= 0
    assert rows[-1].objective_s is not None
    rows, results = compare_routing(replace(problem, whole_frames=False), SchemeOptions(time_limit=30))
    assert rows[-1].objective_s is not None


def test_rules_that_do_not_bind_change_nothing():
    instance = make_preset("iridium", tasks=2, computing=1, seed=3)
    free = solve_full(instance)
    bound = solve_full(Problem(instance, rules=(LinkPackets(limit=3), Hops(limit=40))))
    assert bound.termination is Termination.OPTIMAL
    assert bound.objective_s == pytest.approx(free.objective_s, rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_whole_frames_keep_limits_of_the_ratio_and_rules(seed):
    instance = few_frames(tiny_instance(seed, computing=2, nodes=5), 6)
    tasks = tuple(
        replace(task, offload_ratio_range=(0.3, 0.8), weight=1.0 + k) for k, task in enumerate(instance.tasks)
    )
    problem = Problem(
        replace(instance, tasks=tasks), whole_frames=True, share_computing=True, rules=(ComputingTasks(limit=1),)
    )
    exact = solve_full(problem, time_limit=60)
    assert exact.termination is Termination.OPTIMAL
    assert check(problem, exact.solution) == ()
    assert {round(6 * d.offload_ratio) for d in exact.solution.tasks} <= {2, 3, 4}
    response = run_scheme(problem, "best-response-4")
    assert check(problem, response.solution) == ()
    assert response.objective_s >= exact.bound_s * (1 - 1e-9)
