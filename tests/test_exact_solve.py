"""Whole solves: recorded optima, brute-force independent of the models, backends, limits, bad options."""

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from formulation import Problem, check, evaluate
from instances import InstanceError, generate_torus
from solvers.backends.program import Outcome
from solvers.exact import SolverError, solve_data_packets, solve_full, solve_model_packets, solve_routing
from solvers.exact.pyomo_models import solve as direct
from solvers.result import Termination
from solvers.routing import shortest_path_router
from solvers.schemes import packets_at
from tests.tiny import asked, few_frames


@pytest.fixture(scope="module")
def small():
    return generate_torus(3, 3, tasks=2, computing=1, seed=4)


def close(a, b):
    return a == pytest.approx(b, rel=1e-6)


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_highs_and_scip_agree_and_pass_the_checker(small, objective):
    found = [solve_full(Problem(small, objective), solver=solver, mip_gap=1e-7) for solver in ("highs", "scip")]
    for result in found:
        assert result.termination is Termination.OPTIMAL
        assert check(small, result.solution) == ()
        assert close(result.objective_s, evaluate(small, result.solution).objective_s(objective))
        assert result.bound_s <= result.objective_s
    assert close(found[0].objective_s, found[1].objective_s)


def test_presolve_changes_nothing(small):
    with_presolve = solve_full(small)
    without = solve_full(small, solver_options={"presolve": "off"})
    assert close(with_presolve.objective_s, without.objective_s)


def test_routing_at_the_optimal_packets_repeats_the_optimum(small):
    whole = solve_full(small, mip_gap=1e-8)
    routes = solve_routing(small, whole.solution, mip_gap=1e-8)
    assert close(routes.objective_s, whole.objective_s)
    assert check(small, routes.solution) == ()
    warm = solve_routing(small, whole.solution, start=whole.solution)
    assert close(warm.objective_s, whole.objective_s)


def test_packets_alone(small):
    data = solve_data_packets(small, 0.5)
    model = solve_model_packets(small)
    assert data.termination is model.termination is Termination.OPTIMAL
    assert close(data.objective_bits, sum(row["data_packet_bits"] for row in data.tasks))
    assert close(model.objective_bits, sum(row["model_packet_bits"] for row in model.tasks))
    assert close(solve_data_packets(small, 0.5, solver="scip").objective_bits, data.objective_bits)


def test_unreachable_accuracy_names_task_and_constraints(small):
    hard = replace(small, tasks=(replace(small.tasks[0], large_map_min=1.0, small_map_min=1.0), *small.tasks[1:]))
    for result in (solve_full(hard), solve_data_packets(hard, 0.5), solve_model_packets(hard)):
        assert result.termination is Termination.INFEASIBLE
        assert hard.tasks[0].satellite in result.message
        assert "best reachable" in result.message


def test_no_route_back_forces_everything_to_be_offloaded(small):
    name = small.tasks[0].satellite
    one_way = replace(small, links=tuple(link for link in small.links if link.target != name))
    result = solve_full(one_way)
    assert result.solution.tasks[0].offload_ratio == 1.0
    assert check(one_way, result.solution) == ()
    packets = solve_full(small).solution
    assert packets.tasks[0].sends_model
    inexact_bound = solve_routing(one_way, packets)
    assert inexact_bound.termination is Termination.INFEASIBLE
    assert "(4f)" in inexact_bound.message


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"solver": "nonesuch"}, "solver must be one that Pyomo reaches"),
        ({"solver": None}, "solver must be one that Pyomo reaches (here: highs, scip"),
        ({"solver": "copt_direct"}, "solver must be one that Pyomo reaches"),
        ({"solver": "mosek_direct", "memory_limit": 1.0}, "'mosek_direct'"),
        ({"solver": "mosek_direct", "threads": 1}, "'mosek_direct' is not installed"),
        ({"solver_options": {"nonesuch": 1}}, "HiGHS has no such option"),
        ({"solver_options": {"presolve": "maybe"}}, "in its range"),
        ({"solver": "scip", "solver_options": {"nonesuch": 1}}, "nonesuch"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"memory_limit": float("nan")}, "memory_limit must be at least 0"),
    ],
)
def test_bad_requests_are_refused_in_one_line(small, keywords, words):
    with pytest.raises(SolverError, match=r".") as caught:
        solve_full(small, **keywords)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_time_limit_keeps_solution_and_bound():
    contended = generate_torus(5, 5, tasks=5, computing=1, seed=1)
    result = solve_full(contended, time_limit=3.0)
    assert result.termination in (Termination.TIME_LIMIT, Termination.OPTIMAL)
    assert result.bound_s is not None
    if result.solution is not None:
        assert check(contended, result.solution) == ()
        assert result.bound_s <= result.objective_s


PYOMO_PATHS = [
    {"formulation": "bit-flow"},
    {"formulation": "textbook"},
    {"formulation": "load-indexed"},
    {"formulation": "joint", "solver": "scip"},
    {"whole_frames": True},
    {"share_computing": True},
    {"whole_frames": True, "share_computing": True, "objective": "max"},
]


@pytest.mark.parametrize("limit", [1e-6, 0.3])
@pytest.mark.parametrize("options", PYOMO_PATHS)
def test_a_tiny_time_limit_still_returns_a_checked_solution_and_a_bound(options, limit):
    instance = generate_torus(5, 5, tasks=4, computing=1, seed=1)
    problem, rest = asked(instance, **options)
    result = solve_full(problem, time_limit=limit, **rest)
    quick = Termination.OPTIMAL if limit > 0.1 else Termination.TIME_LIMIT  # a fast machine may prove it in time
    assert result.termination in (Termination.TIME_LIMIT, quick)
    assert (result.termination is Termination.OPTIMAL) == (result.gap <= 1e-6 + 1e-12)
    assert check(instance, result.solution) == ()
    assert result.objective_s == pytest.approx(evaluate(problem, result.solution).objective_s(), rel=1e-12)
    assert 0 < result.bound_s <= result.objective_s
    if options.get("whole_frames"):
        for task, decision in zip(instance.tasks, result.solution.tasks, strict=True):
            for share in decision.residual_shares:
                assert share * task.frames == pytest.approx(round(share * task.frames), abs=1e-9)


def test_routing_through_pyomo_starts_from_best_response_too():
    instance = generate_torus(5, 5, tasks=4, computing=1, seed=1)
    packets = solve_full(instance).solution
    result = solve_routing(instance, packets, formulation="bit-flow", time_limit=1e-6)
    assert result.termination is Termination.TIME_LIMIT
    assert check(instance, result.solution) == ()
    assert 0 < result.bound_s <= result.objective_s


def test_a_given_start_overrides_best_response_and_must_be_feasible(small):
    start = shortest_path_router(small, packets_at(small, 0.2))
    begun = solve_full(small, formulation="bit-flow", start=start, time_limit=1e-6)
    assert [d.data_path for d in begun.solution.tasks] == [d.data_path for d in start.tasks]
    broken = replace(start, tasks=(replace(start.tasks[0], model_path=None), *start.tasks[1:]))
    for formulation in (None, "bit-flow"):
        with pytest.raises(SolverError, match=r"start: task .*\(4f\) model_path is None"):
            solve_full(small, formulation=formulation, start=broken)


@pytest.mark.parametrize("formulation", [None, "bit-flow"])
def test_threads_of_python_may_differ_in_the_threads_of_the_solver(small, formulation):
    def solve(threads):
        return solve_full(small, threads=threads, formulation=formulation).termination

    seen = [solve(1)]
    for elsewhere, here in ((2, 2), (2, 1), (1, 1), (0, 2), (1, 2)):
        with ThreadPoolExecutor(1) as column_pool:
            seen += [
                column_pool.submit(solve, elsewhere).result(),
                solve(here),
                column_pool.submit(solve, here).result(),
            ]
    assert set(seen) == {Termination.OPTIMAL}


def test_the_log_holds_every_run(small, tmp_path):
    log = tmp_path / "log"
    solve_full(small, log=log)
    proof = log.read_text()
    assert proof.count("Presolving model") > 1 or proof.count("RHS") > 1
    for solver in ("highs", "scip"):
        before = log.read_text()
        solve_full(small, formulation="bit-flow", solver=solver, log=log)
        assert log.read_text().startswith(before)
        assert len(log.read_text()) > len(before) + 100


@pytest.mark.parametrize("packets", [False, True])
def test_a_stopped_relaxation_has_the_bound_of_every_task_alone(small, packets):
    best = solve_full(small)
    solve = partial(solve_routing, packets=best.solution) if packets else solve_full
    result = solve(small, relax=True, time_limit=1e-9)
    assert result.termination is Termination.TIME_LIMIT
    assert result.solution is None
    assert 0 < result.bound_s <= best.objective_s
    with pytest.raises(SolverError, match="give relax or start"):
        solve(small, relax=True, start=best.solution)


@pytest.mark.parametrize(
    ("solver", "option", "words"),
    [("scip", {"limits/solutions": 1}, "solution limit reached"), ("highs", {"mip_max_leaves": 0}, "mip_max_leaves=0")],
)
def test_limits_among_the_options_are_no_errors(solver, option, words):
    contended = generate_torus(5, 5, tasks=4, computing=1, seed=1)
    result = solve_full(contended, solver=solver, formulation="bit-flow", solver_options=option)
    assert result.termination is Termination.INTERRUPTED
    assert words in result.message
    assert check(contended, result.solution) == ()
    assert result.bound_s <= result.objective_s


def test_an_interrupt_while_building_keeps_the_first_solution(small, monkeypatch):
    def press(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("solvers.exact.solve.build_full_model", press)
    result = solve_full(small, formulation="bit-flow")
    assert result.termination is Termination.INTERRUPTED
    assert check(small, result.solution) == ()
    assert result.bound_s <= result.objective_s


def test_an_interrupt_of_the_proof_before_its_first_incumbent_keeps_one(small, monkeypatch):
    def press(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("solvers.exact.branch_and_price.solve.BranchAndPrice", press)
    result = solve_full(small)
    assert result.termination is Termination.INTERRUPTED
    assert check(small, result.solution) == ()
    assert result.bound_s <= result.objective_s


def test_a_bound_that_cannot_be_one_is_dropped_and_said(small, monkeypatch):
    honest = direct.solve_model

    def lying(*arguments, **keywords):
        outcome = honest(*arguments, **keywords)
        return replace(outcome, bound=outcome.bound * 1.01)

    monkeypatch.setattr(direct, "solve_model", lying)
    result = solve_full(small, formulation="bit-flow")
    assert result.termination is Termination.ERROR
    assert "above the evaluated objective" in result.message
    assert result.bound_s <= result.objective_s
    assert check(small, result.solution) == ()


def test_a_gap_that_remains_by_the_evaluator_is_closed_or_said(small, monkeypatch):
    honest, gaps = direct.solve_model, []

    def coarse(model, solver, limits, *rest, **keywords):
        gaps.append(limits.mip_gap)
        outcome = honest(model, solver, limits, *rest, **keywords)
        return replace(outcome, bound=outcome.bound * (1 - 1e-4)) if len(gaps) < least else outcome

    monkeypatch.setattr(direct, "solve_model", coarse)
    least = 2
    assert solve_full(small, formulation="bit-flow").termination is Termination.OPTIMAL
    assert gaps == [1e-6, 0.0]
    least = 9
    result = solve_full(small, formulation="bit-flow")
    assert result.termination is Termination.ERROR
    assert "leave a gap of 0.0001" in result.message


def test_a_failed_attempt_at_tighter_tolerances_loses_nothing(small, monkeypatch):
    honest, gaps = direct.solve_model, []

    def failing(model, solver, limits, *rest, **keywords):
        gaps.append(limits.mip_gap)
        outcome = honest(model, solver, limits, *rest, **keywords)
        if len(gaps) in failures:
            return Outcome(Termination.ERROR, None, None, None, "", message="HiGHS: Solve error")
        return replace(outcome, bound=outcome.bound * (1 - 1e-4)) if len(gaps) == 1 else outcome

    best = solve_full(small).objective_s
    monkeypatch.setattr(direct, "solve_model", failing)
    failures = {2, 3}
    result = solve_full(small, formulation="bit-flow")
    assert result.termination is Termination.ERROR
    assert close(result.objective_s, best)
    assert result.gap == pytest.approx(1e-4, rel=0.1)
    assert "Solve error" in result.message
    failures = {2}
    gaps.clear()
    assert solve_full(small, formulation="bit-flow").termination is Termination.OPTIMAL


def test_a_solver_that_finds_a_solved_problem_infeasible_is_not_believed(small, monkeypatch):
    outcome = Outcome(Termination.INFEASIBLE, None, None, None, "")
    monkeypatch.setattr(direct, "solve_model", lambda *_, **__: outcome)
    result = solve_full(small, formulation="bit-flow")
    assert result.termination is Termination.ERROR
    assert "a feasible solution is known" in result.message
    assert check(small, result.solution) == ()


def test_progress_reports_falling_incumbents_and_rising_bounds(small):
    seen = []
    solve_full(small, progress=seen.append)
    bounds = [state.bound_s for state in seen if state.bound_s is not None]
    assert bounds
    assert all(b >= a - 1e-6 for a, b in pairwise(bounds))


def test_instance_error_is_a_value_error():
    assert issubclass(SolverError, ValueError)
    assert issubclass(InstanceError, ValueError)


@pytest.mark.parametrize("formulation", [None, "bit-flow"])
def test_an_interrupt_keeps_the_best_solution_and_its_bound(formulation):
    contended = generate_torus(4, 4, tasks=4, computing=1, seed=1)
    seen = []

    def press(state):
        if state.incumbent_s is not None and state.bound_s is not None and not seen:
            seen.append(state)
            signal.raise_signal(signal.SIGINT)

    result = solve_full(contended, formulation=formulation, progress=press, mip_gap=0.0)
    assert result.termination is Termination.INTERRUPTED
    assert check(contended, result.solution) == ()
    assert result.bound_s <= result.objective_s


def test_a_memory_limit_keeps_the_best_solution():
    contended = generate_torus(6, 6, tasks=8, computing=1, seed=1)
    result = solve_full(contended, memory_limit=1e-3)
    assert result.termination is Termination.MEMORY_LIMIT
    assert check(contended, result.solution) == ()


@pytest.mark.parametrize(
    "options", [{}, {"objective": "max"}, {"whole_frames": True}, {"formulation": "joint"}], ids=str
)
def test_export_writes_a_file_and_changes_nothing_else(options, small, tmp_path):
    problem, options = asked(few_frames(small, 4), **options)
    plain = solve_full(problem, **options)
    written = solve_full(problem, export=tmp_path / "model.lp", **options)
    assert (tmp_path / "model.lp").exists()
    assert facts(written) == facts(plain)
    packets = plain.solution
    routed = solve_routing(problem, packets, export=tmp_path / "routing.mps")
    assert facts(routed) == facts(solve_routing(problem, packets))


def facts(result):
    """What a result says, but for the time it took and how often it looked at a running solver."""
    phases = tuple({"phase": phase} for phase in sorted({record["phase"] for record in result.trace}))
    return replace(result, build_s=0.0, solve_s=0.0, trace=phases)
