"""Every formulation has the same optimum; the strength of each relaxation is pinned."""

from dataclasses import replace

import pyomo.environ as pyo
import pytest

from formulation import FORMULATIONS, Problem, build_full_model, check, evaluate, set_start
from instances import Accuracy, generate_torus
from solvers.backends.highs import solve_program
from solvers.backends.program import Limits, Program
from solvers.backends.pyomo_backend import program_of
from solvers.exact import SolverError, solve_full
from tests.searching import search_of, start
from tests.test_whole_frames import DIP
from tests.tiny import SMALL, few_frames, tiny_instance


def relaxation(instance, formulation):
    model = build_full_model(instance, formulation)
    program, _ = program_of(model)
    relaxed = Program(**{**program.__dict__, "integer": program.integer & False})
    return solve_program(relaxed, Limits()).objective * model.time_unit_s


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_all_formulations_have_one_optimum(formulation, objective):
    for seed in (3, 40):
        instance = tiny_instance(seed, computing=2, nodes=5)
        best = solve_full(Problem(instance, objective), mip_gap=1e-8)
        other = solve_full(Problem(instance, objective), formulation=formulation, mip_gap=1e-8)
        assert other.objective_s == pytest.approx(best.objective_s, rel=1e-6)
        assert check(instance, other.solution) == ()


# Value of the linear relaxation over the optimum. Levels alone do not help while ρ can put its flow on the first level:
# that is why branch and price eliminates ρ (`branch_and_price.compact.model`), whose relaxation stands beside them.
PINNED = {
    (3, 3, 2, 1, 4): {"bit-flow": 0.99020, "textbook": 0.76531, "load-indexed": 0.99020, "joint": 0.98938},
    (3, 4, 4, 1, 1): {"bit-flow": 0.98395, "textbook": 0.75215, "load-indexed": 0.98395, "joint": 0.98359},
}


@pytest.mark.parametrize("size", PINNED)
def test_relaxations_are_as_tight_as_pinned(size):
    instance = generate_torus(size[0], size[1], tasks=size[2], computing=size[3], seed=size[4])
    optimum = solve_full(instance).objective_s
    fractions = {name: relaxation(instance, name) / optimum for name in FORMULATIONS}
    assert fractions == pytest.approx(PINNED[size], abs=2e-4)
    search = search_of(instance)
    start(search, 2)
    search.root_loop()
    assert search.state.dual_bound / optimum > fractions["load-indexed"]


def test_sharing_computing_costs_what_the_evaluator_says():
    instance = tiny_instance(41, computing=1, nodes=5)
    shared = solve_full(Problem(instance, share_computing=True), mip_gap=1e-7)
    alone = solve_full(instance)
    assert shared.objective_s == pytest.approx(
        evaluate(Problem(instance, share_computing=True), shared.solution).mean_s, rel=1e-12
    )
    assert alone.bound_s <= shared.objective_s
    assert shared.objective_s <= evaluate(Problem(instance, share_computing=True), alone.solution).mean_s * (1 + 1e-6)


def test_an_unknown_formulation_is_refused():
    with pytest.raises(SolverError, match="formulation must be one of bit-flow"):
        solve_full(tiny_instance(41), formulation="nonesuch")


def test_the_relaxation_is_a_bound_without_a_solution():
    instance = tiny_instance(41)
    relaxed = solve_full(instance, relax=True)
    assert relaxed.solution is None
    assert relaxed.bound_s <= solve_full(instance).objective_s
    assert relaxed.bound_s == pytest.approx(relaxation(instance, "bit-flow"), rel=1e-9)


@pytest.mark.parametrize("formulation", ["bit-flow", "joint"])
def test_the_mean_of_levels_has_one_optimum_too(formulation):
    instance = replace(tiny_instance(40, computing=2, nodes=5), residual_accuracy="mean_of_levels")
    priced = solve_full(instance, mip_gap=1e-8)
    model = solve_full(instance, formulation=formulation, mip_gap=1e-8)
    assert model.objective_s == pytest.approx(priced.objective_s, rel=1e-6)
    assert check(instance, priced.solution) == ()


@pytest.mark.parametrize("frames", [None, 6])
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_start_gives_every_discrete_variable_its_value(formulation, frames):
    if frames and formulation == "textbook":
        return
    instance = tiny_instance(3, tasks=3)
    if frames:
        tasks = tuple(replace(task, large_map_min=0.785) for task in few_frames(instance, frames).tasks)
        instance = replace(instance, accuracy=Accuracy(DIP, SMALL), tasks=tasks)
    whole = {"whole_frames": frames is not None}
    solution = solve_full(Problem(instance, **whole)).solution
    model = build_full_model(Problem(instance, **whole), formulation)
    set_start(model, solution)
    for variable in model.component_data_objects(pyo.Var):
        if not variable.is_continuous():
            variable.fix(variable.value)
    program, _ = program_of(model)
    value = solve_program(program, Limits()).objective * model.time_unit_s
    assert value == pytest.approx(evaluate(instance, solution).mean_s, rel=1e-5)


def test_scip_takes_the_start_of_every_formulation_and_none_where_own_variables_have_no_value():
    instance = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    best = solve_full(instance).objective_s

    def choose(model):
        model.own = pyo.Var(domain=pyo.Binary)
        model.own_row = pyo.Constraint(expr=model.own >= model.offload_ratio[instance.tasks[0].satellite])

    for options in (*({"formulation": name} for name in FORMULATIONS), {"add_constraints": choose}):
        assert solve_full(instance, solver="scip", **options).objective_s == pytest.approx(best, rel=2e-6)
