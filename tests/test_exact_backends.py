"""Backends that may be absent, for real where they are installed: each solves the models to HiGHS' optimum."""

import shutil

import pytest

from formulation import FORMULATIONS, check
from instances import generate_torus
from solvers.backends.option_policy import check_options
from solvers.backends.program import Limits
from solvers.backends.pyomo_backend import _memory_option
from solvers.exact import SolverError, solve_data_packets, solve_full, solve_model_packets, solve_routing
from solvers.result import Termination

PROGRAMS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed"))
    for name, program in (("cbc", "cbc"), ("glpk", "glpsol"))
]


@pytest.fixture(scope="module")
def small():
    return generate_torus(3, 3, tasks=2, computing=1, seed=3)


@pytest.fixture
def gurobi():
    return pytest.importorskip("gurobipy")


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_gurobi_under_the_licence_of_pip_agrees(gurobi, small, formulation):
    result = solve_full(small, solver="gurobi", formulation=formulation)
    assert result.termination is Termination.OPTIMAL
    assert result.objective_s == pytest.approx(solve_full(small).objective_s, rel=2e-6)
    assert check(small, result.solution) == ()
    assert result.solver_version


def test_gurobi_beyond_its_licence_is_one_line(gurobi):
    large = generate_torus(6, 8, tasks=3, computing=2, seed=0)
    with pytest.raises(SolverError, match="larger than the licence allows") as caught:
        solve_full(large, solver="gurobi")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_solve_every_problem_as_highs_does(name, small):
    best = solve_full(small)
    result = solve_full(small, solver=name, time_limit=60.0)
    assert result.termination is Termination.OPTIMAL
    assert result.objective_s == pytest.approx(best.objective_s, rel=2e-6)
    assert result.bound_s <= best.objective_s * (1 + 1e-6)
    assert check(small, result.solution) == ()
    assert result.solver_version
    relaxed = solve_full(small, solver=name, relax=True)
    assert relaxed.bound_s == pytest.approx(solve_full(small, relax=True).bound_s, rel=1e-6)
    routed = solve_routing(small, best.solution, solver=name)
    assert routed.objective_s == pytest.approx(best.objective_s, rel=2e-6)
    for alone in (solve_data_packets, solve_model_packets):
        assert alone(small, solver=name).objective_bits == pytest.approx(alone(small).objective_bits, rel=1e-7)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_refuse_unknown_options(name, small):
    with pytest.raises(SolverError, match="nonsense"):
        solve_full(small, solver=name, solver_options={"nonsense": 3})


@pytest.mark.parametrize(
    ("solver", "options", "words"),
    [
        ("highs", {"dual_feasibility_tolerance": 0.1}, "must be at most 1e-05"),
        ("highs", {"mip_feasibility_tolerance": "0.1"}, "must be at most 1e-05"),
        ("highs", {"objective_bound": 1}, "must be left alone"),
        ("highs", {"objective_target": 1}, "must be left alone"),
        ("highs", {"user_objective_scale": -30}, "must be 0"),
        ("highs", {"small_matrix_value": 0.1}, "must be at most 1e-09"),
        ("highs", {"solver": "pdlp"}, "must be choose or simplex"),
        ("scip", {"numerics/dualfeastol": 1e-3}, "must be at most 1e-05"),
        ("gurobi", {"Cutoff": 1}, "must be left alone"),
        ("gurobi", {"IntFeasTol": 0.1}, "must be at most 1e-05"),
        ("cbc", {"integerT": 0.1}, "must be at most 1e-05"),
        ("cbc", {"cuto": 1}, "must be left alone"),
        ("mosek_direct", {"MSK_DPAR_MIO_TOL_ABS_RELAX_INT": 0.1}, "must be at most 1e-05"),
    ],
)
@pytest.mark.parametrize("formulation", [None, "bit-flow"])
def test_options_that_falsify_bounds_are_refused(solver, options, words, formulation, small):
    with pytest.raises(SolverError, match=words) as caught:
        solve_full(small, solver=solver, solver_options=options, formulation=formulation)
    assert repr(next(iter(options))) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("solver", "options"),
    [("highs", {"dual_feasibility_tolerance": 1e-5, "user_bound_scale": 0}), ("scip", {"numerics/feastol": 1e-7})],
)
def test_tolerances_within_reason_are_accepted(solver, options, small):
    assert solve_full(small, solver=solver, solver_options=options).termination is Termination.OPTIMAL
    check_options("cplex_direct", {"mip_tolerances_mipgap": 0.1})


def test_scip_keeps_to_a_memory_limit():
    contended = generate_torus(5, 5, tasks=4, computing=1, seed=1)
    result = solve_full(contended, solver="scip", memory_limit=1e-3)
    assert result.termination is Termination.MEMORY_LIMIT
    assert check(contended, result.solution) == ()
    assert result.bound_s <= result.objective_s


def test_a_memory_limit_is_passed_on_or_refused():
    limits = Limits(memory_gib=2.0)
    assert _memory_option("scip_direct", limits) == {"limits/memory": 2048.0}
    assert _memory_option("gurobi_direct", limits) == {"SoftMemLimit": pytest.approx(2.147483648)}
    with pytest.raises(SolverError, match="solver 'cbc': give its memory limit by its own options"):
        _memory_option("cbc", limits)
    assert _memory_option("cbc", Limits()) == {}
