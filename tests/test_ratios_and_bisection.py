"""The closed-form ρ, the assignment and Algorithm 1."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formulation import Problem, check, design_packets, evaluate
from solvers import run_scheme
from solvers.assignment import assign
from solvers.best_response import best_response, polish
from solvers.bisection import bisect, pack
from solvers.exact import solve_full
from solvers.network.data import ProblemData
from solvers.network.descent import all_moves, descend
from solvers.network.plans import solution_of
from solvers.ratios import best_ratios, with_ratio
from solvers.routing import shortest_path_router
from tests.tiny import tiny_instance


@settings(max_examples=20)
@given(seed=st.integers(0, 5000))
def test_closed_form_ratio_beats_a_grid(seed):
    instance = tiny_instance(seed)
    routed = shortest_path_router(instance, pack(instance, assign(instance), [0.5, 0.5]))
    best = best_ratios(instance, routed)
    assert not check(instance, best)
    design = design_packets(instance, instance.tasks[0])
    own = evaluate(instance, best).tasks[0].T
    for ratio in np.linspace(0.001, 0.999, 200):
        other = with_ratio(instance, routed, design, 0, float(ratio))
        assert own <= evaluate(instance, other).tasks[0].T + 1e-9


@settings(max_examples=15)
@given(seed=st.integers(0, 5000), computing=st.integers(1, 2))
def test_assignment_is_the_optimum_of_a_task_alone(seed, computing):
    instance = tiny_instance(seed, computing=computing)
    for m, assignment in enumerate(assign(instance)):
        alone = replace(instance, tasks=(instance.tasks[m],))
        assert assignment.delay_s == pytest.approx(solve_full(alone, mip_gap=1e-9).objective_s, rel=1e-6)


def test_ties_of_the_assignment_go_by_file_order():
    instance = tiny_instance(11, computing=2)
    first, second = instance.computing
    ratios = {name: instance.satellite(name) for name in (first, second)}
    same = tuple(
        replace(s, ops_per_s=ratios[first].ops_per_s, relay_s_per_bit=0.0) if s.id in ratios else s
        for s in instance.satellites
    )
    m = instance.tasks[0].satellite
    links = tuple(
        replace(instance.links[0], source=a, target=b, rate_bps=1e8, length_m=1e6)
        for c in (second, first)
        for a, b in ((m, c), (c, m))
    )
    tied = replace(instance, satellites=same, links=links, tasks=(instance.tasks[0],))
    assert assign(tied)[0].computing_satellite == first


def test_bisection_halves_towards_the_balance():
    instance = tiny_instance(1)
    solution, trace = bisect(instance, assign(instance), shortest_path_router)
    assert len(trace) == 20
    assert trace[0]["offload_ratio"] == [0.5, 0.5]
    for before, after in pairwise(trace):
        for m in range(2):
            step = after["offload_ratio"][m] - before["offload_ratio"][m]
            assert abs(step) == pytest.approx(0.5 ** (before["iteration"] + 2))
            assert (step > 0) == (before["idle_computing_s"][m] > 0)
    assert evaluate(instance, solution).mean_s == min(record["mean_delay_s"] for record in trace)


def test_first_rise_stops_at_the_first_rise():
    for seed in range(40):
        instance = tiny_instance(seed)
        solution, trace = bisect(instance, assign(instance), shortest_path_router, stop="first_rise")
        means = [record["mean_delay_s"] for record in trace]
        rises = [i for i in range(1, len(means)) if means[i] > means[i - 1]]
        if rises:
            assert rises == [len(means) - 1]
            assert evaluate(instance, solution).mean_s == means[-2]
            break
    else:
        pytest.fail("no seed stops early")


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_more_runs_of_best_response_never_hurt_and_none_beats_the_optimum(objective):
    for seed in range(5):
        instance = tiny_instance(seed, tasks=3, computing=1, nodes=7)
        values = [
            evaluate(instance, best_response(Problem(instance, objective), runs=runs, seed=1)[0]).objective_s(objective)
            for runs in (1, 4, 16)
        ]
        assert values == sorted(values, reverse=True)
        assert values[-1] >= solve_full(Problem(instance, objective)).bound_s * (1 - 1e-9)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", range(3))
def test_best_response_ends_where_nobody_improves_and_polishing_never_hurts(seed, objective):
    instance = tiny_instance(seed, tasks=4, computing=2, nodes=8)
    data = ProblemData(instance)
    order = list(range(4))
    plans = descend(data, all_moves(data), objective, order)
    again = descend(data, all_moves(data), objective, order, plans)
    assert all(again[m] is plans[m] for m in order)
    end = solution_of(data, plans)
    assert check(instance, end) == ()
    naive = shortest_path_router(instance, pack(instance, assign(instance), [0.3] * 4))
    better = polish(Problem(instance, objective), naive)
    assert check(instance, better) == ()
    assert evaluate(instance, better).objective_s(objective) <= evaluate(instance, naive).objective_s(objective)


def test_best_response_needs_neither_pyomo_nor_highs():
    script = "import sys, solvers.best_response; print({'pyomo', 'highspy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_bs_exact_is_no_worse_than_bs_shortest_path_at_equal_ratios():
    from solvers.exact import solve_routing

    instance = tiny_instance(13)
    for ratio in (0.25, 0.5, 0.75):
        packets = pack(instance, assign(instance), [ratio] * 2)
        naive = evaluate(instance, shortest_path_router(instance, packets)).mean_s
        assert solve_routing(instance, packets, mip_gap=1e-9).objective_s <= naive * (1 + 1e-9)
    assert run_scheme(instance, "bs-exact").termination == "feasible"
