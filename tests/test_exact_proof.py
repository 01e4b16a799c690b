"""The proof machinery against the Pyomo models, against itself unreduced, and its parts against first principles."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from formulation import check, evaluate
from instances import generate_torus, make_preset
from solvers import best_response as lead
from solvers.best_response import descend, solution_of
from solvers.exact import solve_full, solve_routing
from solvers.exact.direct import Recorder
from solvers.exact.highs import Limits, solve_program
from solvers.exact.master import build_master
from solvers.exact.prices import fix, price_bound, read_prices, resource_bound, work_bound
from solvers.exact.proof import Proof
from solvers.exact.scope import BOTH, chord, first_scopes, sides
from solvers.exact.tables import Tables, delay_share
from solvers.exact.traffic import Loads, Traffic, delay_of, plan_of, work_of
from solvers.result import Termination
from tests.brute_force import brute_force
from tests.tiny import tiny_instance

SEEDS = range(4)


def instance_of(seed):
    return generate_torus(3, 3 + seed % 2, tasks=2 + seed % 2, computing=1 + seed % 3 // 2, seed=seed)


def proof_of(instance, objective="mean"):
    proof = Proof(instance, None, objective, Limits(), Recorder(None))
    proof.restart(3)
    return proof


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_proof_equals_the_bit_flow_model(seed, objective):
    instance = instance_of(seed)
    model = solve_full(instance, objective=objective, formulation="bit-flow", mip_gap=1e-7)
    proof = solve_full(instance, objective=objective)
    assert proof.termination is Termination.OPTIMAL
    assert proof.objective_s == pytest.approx(model.objective_s, rel=1e-6)
    assert proof.bound_s <= model.objective_s * (1 + 1e-7)
    assert check(instance, proof.solution) == ()
    routed = solve_routing(instance, model.solution, objective=objective, formulation="bit-flow", mip_gap=1e-7)
    proven = solve_routing(instance, model.solution, objective=objective)
    assert proven.objective_s == pytest.approx(routed.objective_s, rel=1e-6)
    assert proven.bound_s <= routed.objective_s * (1 + 1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_bounds_never_pass_a_feasible_solution(seed):
    instance = generate_torus(4, 5, tasks=4, computing=2, seed=seed)
    limited = solve_full(instance, time_limit=0.2)
    whole = solve_full(instance)
    assert whole.termination is Termination.OPTIMAL
    assert limited.bound_s <= whole.objective_s * (1 + 1e-9)
    found, _ = lead.best_response(instance, runs=4, seed=seed)
    assert whole.bound_s <= evaluate(instance, found).mean_s * (1 + 1e-9)
    bounds = [record["bound_s"] for record in whole.trace if record["bound_s"] is not None]
    assert max(bounds) <= whole.objective_s * (1 + 1e-6)


def test_one_seed_gives_one_result():
    instance = generate_torus(4, 4, tasks=4, computing=1, seed=3)
    runs = [solve_full(instance, seed=5) for _ in range(2)]
    assert runs[0].solution == runs[1].solution
    assert runs[0].bound_s == runs[1].bound_s


@pytest.mark.parametrize("seed", SEEDS)
def test_traffic_counts_as_the_evaluator_does(seed):
    instance = generate_torus(4, 4, tasks=4, computing=2, seed=seed)
    tables = Tables(instance)
    plans = descend(tables, first_scopes(tables), "mean", [0, 1, 2, 3])
    solution = solution_of(tables, plans)
    assert check(instance, solution) == ()
    truth = evaluate(instance, solution)
    loads = Loads(tables, plans)
    for m, delay in enumerate(truth.tasks):
        assert delay_of(tables, loads, m, plans[m]) == pytest.approx(delay.T, rel=1e-12)
    traffic = Traffic(tables, plans, "max")
    assert traffic.score() == pytest.approx((truth.max_s, truth.mean_s), rel=1e-12)
    removed = traffic.remove(2)
    assert traffic.trial(2, removed) == pytest.approx((truth.max_s, truth.mean_s), rel=1e-12)
    assert plan_of(tables, solution)[1].end == plans[1].end


@pytest.mark.parametrize("seed", SEEDS)
def test_the_share_is_the_minimum_over_the_ratio_and_chords_stay_below(seed):
    rng = np.random.default_rng(seed)
    table = Tables(instance_of(seed)).tasks[0]
    scope = first_scopes(Tables(instance_of(seed)))[0]
    ratios = np.linspace(0, 1, 200_001)
    for _ in range(5):
        work, fixed = rng.uniform(0.1, 40), rng.uniform(0, 0.2)
        local = (1 - ratios) * table.small_s
        values = table.extraction_s * ratios + np.maximum(ratios * work + fixed, local)
        assert delay_share(table, work, fixed) == pytest.approx(values.min(), rel=1e-4)
        assert delay_share(table, work, fixed) <= values.min() + 1e-12
        const, slope, per_fixed = chord(table, 0.5 * work, 1.5 * work, scope.fixed_low)
        for at in np.linspace(0.5, 1.5, 7) * work:
            below = const + slope * at + per_fixed * (scope.fixed_low + fixed)
            assert below <= delay_share(table, at, scope.fixed_low + fixed) + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_resource_bound_is_the_least_over_all_sets(seed):
    rng = np.random.default_rng(seed)
    price, share = rng.uniform(0, 3, 6), rng.uniform(0.2, 1, 6)
    every = (set(s) for size in range(7) for s in combinations(range(6), size))
    least = min(sum((len(s) - 1) * share[m] - price[m] for m in s) for s in every)
    assert resource_bound(price, share) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_fixing_keeps_the_optimum_in_scope(seed, objective):
    instance = generate_torus(4, 4, tasks=3, computing=2, seed=seed)
    best = solve_full(instance, objective=objective, mip_gap=1e-9)
    proof = proof_of(instance, objective)
    optimum = plan_of(proof.tables, best.solution)
    proof.offer(optimum)
    for _ in range(6):
        proof.narrow()
        found = proof.relax()
        if found is None:
            break
        proof.shrink(*found)
    assert proof.arcs_left < 2 * 3 * proof.tables.resources
    loads = Loads(proof.tables, optimum)
    for m, plan in optimum.items():
        scope = proof.scopes[m]
        assert plan.end in scope.ends
        for kind in (0, 1):
            if plan.packet(kind) is not None:
                assert scope.arcs[kind][plan.packet(kind)].all()
        if plan.data is not None and plan.model is not None:
            assert BOTH in scope.modes
            assert work_of(proof.tables, loads, m, plan)[0] <= scope.high * (1 + 1e-9) or scope.far


@pytest.mark.parametrize("seed", SEEDS)
def test_prices_give_the_value_of_the_whole_relaxation(seed):
    """With every arc as a column, weak duality is tight: prices lose nothing against the linear program."""
    instance = generate_torus(3, 4, tasks=3, computing=2, seed=seed)
    proof = proof_of(instance)
    proof.narrow()
    levels = [np.where(proof.tables.shareable, 3, 1) for _ in range(2)]
    master = build_master(proof.tables, proof.scopes, levels, "mean")
    relaxed = solve_program(master.program, Limits())
    prices = read_prices(proof.tables, proof.scopes, master, relaxed.duals, "mean")
    bound = price_bound(proof.tables, proof.scopes, prices)
    assert bound.value == pytest.approx(relaxed.objective, rel=1e-6)
    assert work_bound(proof.tables, proof.scopes, prices, bound, proof.upper, 0) > 0
    before = proof.arcs_left
    fix(proof.tables, proof.scopes, prices, bound, proof.upper)
    assert proof.arcs_left <= before


@pytest.mark.parametrize("seed", SEEDS)
def test_the_unreduced_integer_program_has_the_same_optimum(seed):
    instance = instance_of(seed)
    proof = proof_of(instance)
    proof.narrow()
    for scope in proof.scopes:
        scope.high, scope.far = 20 * (scope.low + 1), False
        scope.cuts = np.geomspace(scope.low * 1.0001, scope.high * 0.99, 40).tolist()
    levels = [np.where(proof.tables.shareable, len(proof.scopes), 1) for _ in range(2)]
    whole = solve_program(build_master(proof.tables, proof.scopes, levels, "mean", integer=True).program, Limits())
    optimum = solve_full(instance).objective_s
    assert whole.bound <= optimum * (1 + 1e-7)
    assert whole.bound >= optimum * (1 - 2e-3)


def test_sides_at_a_fixed_ratio_are_the_two_sides_of_the_maximum():
    instance = instance_of(1)
    packets = solve_full(instance).solution
    tables = Tables(instance, packets)
    for table, scope, decision in zip(tables.tasks, first_scopes(tables), packets.tasks, strict=True):
        if decision.sends_data and decision.sends_model:
            remote, local = sides(table, scope)
            assert remote.work == table.fixed_ratio == decision.offload_ratio
            assert local.const[BOTH] > remote.const[BOTH]
            assert local.work == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: make_preset("hotspot", seed=0), lambda: make_preset("shell", seed=0)])
def test_large_and_contended_presets_are_proven(make):
    result = solve_full(make(), time_limit=280.0, mip_gap=1e-6)
    assert result.termination is Termination.OPTIMAL
    assert math.isfinite(result.bound_s)


@pytest.mark.parametrize("seed", range(40, 52))
def test_proof_equals_brute_force_over_all_paths_ends_and_modes(seed):
    instance = tiny_instance(seed, computing=1 + seed % 2, nodes=6)
    result = solve_full(instance, mip_gap=1e-9)
    truth = brute_force(instance)
    assert result.objective_s == pytest.approx(truth, rel=1e-7)
    assert result.bound_s <= truth * (1 + 1e-9)
    fixed = replace(
        instance, tasks=tuple(replace(t, computing_satellite=instance.computing[0]) for t in instance.tasks)
    )
    assert solve_full(fixed, mip_gap=1e-9).objective_s == pytest.approx(brute_force(fixed), rel=1e-7)
