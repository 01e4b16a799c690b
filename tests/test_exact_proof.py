"""The search machinery against the Pyomo models, against itself unreduced, and its parts against first principles."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from formulation import Problem, check, evaluate
from instances import generate_torus, make_preset
from solvers import best_response as lead
from solvers.assignment import assign
from solvers.backends.highs import solve_program
from solvers.backends.program import Limits, Outcome
from solvers.bisection import pack
from solvers.exact import solve_full, solve_routing
from solvers.exact.branch_and_price.compact.interval import interval_bounds, to_interval_form
from solvers.exact.branch_and_price.compact.model import build_compact_model
from solvers.exact.branch_and_price.domains.delay_bounds import chord
from solvers.exact.branch_and_price.domains.domain import initial_domains
from solvers.exact.branch_and_price.domains.refinement import initial_segments, split
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.branch_and_price.heuristics.ruin_recreate import RuinRecreate
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.completion import complete_duals
from solvers.exact.branch_and_price.pricing.fixing import reduced_cost_fixing, single_task_fixing
from solvers.exact.branch_and_price.pricing.lagrangian import lagrangian_bound, resource_bound
from solvers.exact.branch_and_price.pricing.multipliers import dual_feasible
from solvers.exact.branch_and_price.refinement import create_segments, tighten_domains
from solvers.network import response
from solvers.network.arrays import BOTH
from solvers.network.data import ProblemData
from solvers.network.delay import delay_share
from solvers.network.descent import descend
from solvers.network.plans import plan_of, solution_of
from solvers.network.traffic import Loads, Traffic, delay_of, work_of
from solvers.result import Termination
from solvers.routed_response import best_response_router
from tests.brute_force import brute_force
from tests.searching import arcs_left, begun
from tests.test_routed_response import two_ways
from tests.tiny import tiny_instance

SEEDS = range(4)


def instance_of(seed):
    return generate_torus(3, 3 + seed % 2, tasks=2 + seed % 2, computing=1 + seed % 3 // 2, seed=seed)


def proof_of(instance, objective="mean"):
    return begun(instance, objective=objective, descents=3)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_proof_equals_the_bit_flow_model(seed, objective):
    instance = instance_of(seed)
    model = solve_full(Problem(instance, objective), formulation="bit-flow", mip_gap=1e-7)
    priced = solve_full(Problem(instance, objective))
    assert priced.termination is Termination.OPTIMAL
    assert priced.objective_s == pytest.approx(model.objective_s, rel=1e-6)
    assert priced.bound_s <= model.objective_s * (1 + 1e-7)
    assert check(instance, priced.solution) == ()
    routed = solve_routing(Problem(instance, objective), model.solution, formulation="bit-flow", mip_gap=1e-7)
    proven = solve_routing(Problem(instance, objective), model.solution)
    assert proven.objective_s == pytest.approx(routed.objective_s, rel=1e-6)
    assert proven.bound_s <= routed.objective_s * (1 + 1e-7)


def test_time_that_runs_out_inside_the_integer_program_is_a_time_limit(monkeypatch):
    runs = []

    def run_out(h, limits, watch=None):
        runs.append(limits.time_s)
        return Outcome(Termination.TIME_LIMIT, None, None, None, "")

    monkeypatch.setattr("solvers.exact.branch_and_price.compact.solve.run", run_out)
    monkeypatch.setattr(
        BranchAndPrice, "root_loop", lambda search: (create_segments(search.state), tighten_domains(search.state))
    )
    monkeypatch.setattr(BranchAndPrice, "tree_search", lambda search: None)
    instance = generate_torus(6, 6, tasks=8, computing=1, seed=1)  # with four links into it, some packets share one
    result = solve_full(instance, mip_gap=0.0)
    assert len(runs) == 1
    assert result.termination is Termination.TIME_LIMIT
    assert check(instance, result.solution) == ()
    assert result.bound_s <= result.objective_s


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
    data = ProblemData(instance)
    plans = descend(data, initial_domains(data), "mean", [0, 1, 2, 3])
    solution = solution_of(data, plans)
    assert check(instance, solution) == ()
    truth = evaluate(instance, solution)
    loads = Loads(data, plans)
    for m, delay in enumerate(truth.tasks):
        assert delay_of(data, loads, m, plans[m]) == pytest.approx(delay.T, rel=1e-12)
    traffic = Traffic(data, plans, "max")
    assert traffic.score() == pytest.approx((truth.max_s, truth.mean_s), rel=1e-12)
    removed = traffic.remove(2)
    assert traffic.trial(2, removed) == pytest.approx((truth.max_s, truth.mean_s), rel=1e-12)
    assert plan_of(data, solution)[1].end == plans[1].end


@pytest.mark.parametrize("seed", SEEDS)
def test_the_share_is_the_minimum_over_the_ratio_and_chords_stay_below(seed):
    rng = np.random.default_rng(seed)
    task_data = ProblemData(instance_of(seed)).tasks[0]
    domain = initial_domains(ProblemData(instance_of(seed)))[0]
    ratios = np.linspace(0, 1, 200_001)
    for _ in range(5):
        work, fixed = rng.uniform(0.1, 40), rng.uniform(0, 0.2)
        local = (1 - ratios) * task_data.small_s
        values = task_data.extraction_s * ratios + np.maximum(ratios * work + fixed, local)
        assert delay_share(task_data, work, fixed) == pytest.approx(values.min(), rel=1e-4)
        assert delay_share(task_data, work, fixed) <= values.min() + 1e-12
        const, slope, per_fixed = chord(task_data, 0.5 * work, 1.5 * work, domain.fixed_low)
        for at in np.linspace(0.5, 1.5, 7) * work:
            below = const + slope * at + per_fixed * (domain.fixed_low + fixed)
            assert below <= delay_share(task_data, at, domain.fixed_low + fixed) + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_resource_bound_is_the_least_over_all_sets(seed):
    rng = np.random.default_rng(seed)
    price, share = rng.uniform(0, 3, 6), rng.uniform(0.2, 1, 6)
    every = (set(s) for size in range(7) for s in combinations(range(6), size))
    least = min(sum((len(s) - 1) * share[m] - price[m] for m in s) for s in every)
    assert resource_bound(price, share) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_fixing_keeps_the_optimum_in_some_piece(seed, objective):
    instance = generate_torus(4, 4, tasks=3, computing=2, seed=seed)
    best = solve_full(Problem(instance, objective), mip_gap=1e-9)
    search = proof_of(instance, objective)
    optimum = plan_of(search.state.data, best.solution)
    search.state.try_solution(optimum, "test")
    for _ in range(6):
        tighten_domains(search.state)
        multipliers, bound = search.generation.solve_root()
        assert bound.value <= best.objective_s * (1 + 1e-9)
        reduced_cost_fixing(search.state.data, search.state.domains, multipliers, bound, search.state.primal_bound)
        search.generation.split_loose(0.001)
    assert arcs_left(search.state) <= 2 * 3 * search.state.data.resources
    _assert_kept(search, optimum)


def test_fixing_by_one_task_alone_keeps_the_optimum_of_the_maximum():
    for seed in SEEDS:
        instance = generate_torus(4, 4, tasks=3, computing=1, seed=seed)
        best = solve_full(Problem(instance, objective="max"), mip_gap=1e-9)
        search = proof_of(instance, "max")
        optimum = plan_of(search.state.data, best.solution)
        search.state.try_solution(optimum, "test")
        tighten_domains(search.state)
        search.generation.solve_root()
        for _ in range(3):
            single_task_fixing(search.state.data, search.state.domains, np.full(3, search.state.primal_bound))
            search.generation.split_loose(0.001)
        _assert_kept(search, optimum)


def test_fixing_by_one_task_alone_leaves_what_is_fast_enough():
    """With its own least delay as the cutoff, a task is left with the arcs of its fastest routes."""
    search = proof_of(generate_torus(4, 4, tasks=3, computing=1, seed=0), "max")
    slowest = max(range(3), key=lambda m: search.state.domains[m].least_s)
    before = arcs_left(search.state)
    least_s = search.state.domains[slowest].least_s
    single_task_fixing(search.state.data, search.state.domains, np.full(3, least_s * (1 + 1e-9)))
    assert arcs_left(search.state) < before
    assert search.state.domains[slowest].arcs[1].sum() < search.state.data.resources


def _assert_kept(search, optimum):
    loads = Loads(search.state.data, optimum)
    for m, plan in optimum.items():
        domain, work = search.state.domains[m], work_of(search.state.data, loads, m, plan)[0]
        if plan.model is not None:
            assert domain.arcs[1][plan.model].all()
        assert any(_holds(segment, plan, work) for segment in domain.segments)


def _holds(segment: Segment, plan, work):
    if segment.sends_data != (plan.data is not None) or segment.sends_model != (plan.model is not None):
        return False
    inside = segment.mode != BOTH or segment.low * (1 - 1e-9) <= work <= segment.high * (1 + 1e-9)
    return inside and plan.end in segment.ends and (plan.data is None or segment.arcs[plan.data].all())


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_prices_of_paths_give_the_value_of_the_relaxation_over_all_arcs(seed, objective):
    """With one interval a task, the path relaxation and its Lagrangian bound are the arc relaxation's value."""
    instance = generate_torus(3, 4, tasks=3, computing=2, seed=seed)
    search = proof_of(instance, objective)
    search.state.primal_bound = 100.0
    for m, domain in enumerate(search.state.domains):
        domain.modes = [BOTH]
        (domain.segments,) = (
            [segment.part(domain.low, 20.0 + domain.low)]
            for segment in initial_segments(search.state.data, m, domain, [])
        )
        to_interval_form(search.state.data.tasks[m], domain)
    search.state.load_levels = [np.where(search.state.data.shareable, 3, 1) for _ in range(2)]
    search.generation.settings = replace(search.generation.settings, min_gap=0.0, lp_tolerance=0.0)
    master = build_compact_model(search.state.data, search.state.domains, search.state.load_levels, objective)
    relaxed = solve_program(master.program, Limits())
    _, bound = search.generation.solve_root()
    assert relaxed.objective < search.state.primal_bound
    assert bound.value == pytest.approx(relaxed.objective, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_prices_bound_from_below_and_more_pieces_raise_the_relaxation(seed):
    instance = generate_torus(3, 4, tasks=3, computing=2, seed=seed)
    optimum = solve_full(instance, mip_gap=1e-9).objective_s
    search, rng = proof_of(instance), np.random.default_rng(seed)
    commodities = Commodities(search.state.domains)
    for scale in (0.0, 0.01, 0.3):
        price = rng.uniform(0, scale, (len(commodities.task), search.state.data.resources))
        multipliers = dual_feasible(search.state.data, commodities, [np.ones(1)] * 3, price, "mean")
        assert lagrangian_bound(search.state.data, search.state.domains, multipliers).value <= optimum * (1 + 1e-12)
    values = []
    for _ in range(3):
        values.append(search.generation.solve_root()[1].value)
        for domain in search.state.domains:
            for segment in [segment for segment in domain.segments if segment.mode == BOTH]:
                split(domain, segment, segment.low + min(0.5 * (segment.high - segment.low), 5.0))
    assert values[0] <= values[1] * (1 + 1e-7) <= values[2] * (1 + 2e-7)
    assert values[2] <= optimum * (1 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_resource_bound_takes_one_piece_of_a_task(seed):
    rng = np.random.default_rng(seed)
    price, share, task = rng.uniform(0, 3, 7), rng.uniform(0.2, 1, 7), np.array([0, 0, 1, 2, 2, 2, 5])
    sets = (set(s) for size in range(8) for s in combinations(range(7), size))
    single = [s for s in sets if len({task[u] for u in s}) == len(s)]
    least = min(sum((len(s) - 1) * share[u] - price[u] for u in s) for s in single)
    assert resource_bound(price, share, task) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_lifted_prices_leave_the_bounds_of_resources(seed):
    """Newcomers' multipliers take nothing from a resource's bound, and are above zero where others pay."""
    instance = generate_torus(3, 3, tasks=3, computing=1, seed=seed)
    search, rng = proof_of(instance), np.random.default_rng(seed)
    commodities = Commodities(search.state.domains)
    shape = len(commodities.task), search.state.data.resources
    known = rng.random(shape) < 0.3
    multipliers = dual_feasible(
        search.state.data, commodities, [np.ones(1)] * 3, rng.uniform(0, 1, shape) * known, "mean"
    )

    def bounds():
        return [
            resource_bound(
                multipliers.price[rows, r],
                multipliers.load_weight[rows] * search.state.data.per_bit[r],
                commodities.task[rows],
            )
            for rows in (np.flatnonzero(commodities.kind == kind) for kind in (0, 1))
            for r in range(shape[1])
        ]

    before, paid = bounds(), int((multipliers.price > 0).sum())
    complete_duals(search.state.data, search.state.domains, multipliers, known)
    assert bounds() == pytest.approx(before, abs=1e-9)
    assert (multipliers.price > 0).sum() > paid


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_local_search_ends_no_worse_and_counts_right(objective):
    instance = generate_torus(5, 5, tasks=6, computing=2, seed=1)
    search = proof_of(instance, objective)
    before = search.state.primal_bound
    RuinRecreate(search.state).run(40)
    assert search.state.primal_bound <= before
    assert evaluate(instance, solution_of(search.state.data, search.state.plans)).objective_s(
        objective
    ) == pytest.approx(search.state.primal_bound)


@pytest.mark.parametrize(("clear", "way"), [(0.0, "up"), (response.CLEAR, "down")])
def test_a_fast_task_makes_way_for_the_slowest(clear, way, monkeypatch):
    """Under the maximum it takes a detour whose bits cost five times as much, which marginal cost (three) would not."""
    instance = two_ways()
    slow, fast = instance.tasks
    links = tuple(
        replace(link, rate_bps=link.rate_bps / 5) if "down" in (link.source, link.target) else link
        for link in instance.links
    )
    instance = replace(instance, links=links, tasks=(replace(slow, frames=20 * fast.frames), fast))
    packets = pack(instance, assign(instance), [0.99, 0.5])
    monkeypatch.setattr(response, "CLEAR", clear)
    routed = best_response_router(1)(Problem(instance, "max"), packets)
    assert [d.data_path[2] for d in routed.tasks] == ["up", way]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_unreduced_integer_program_has_the_same_optimum(seed):
    instance = instance_of(seed)
    search = proof_of(instance)
    for domain in search.state.domains:
        domain.data_high = 1e3
        domain.high, domain.far = 20 * (domain.low + 1), False
        domain.breakpoints = np.geomspace(domain.low * 1.0001, domain.high * 0.99, 40).tolist()
    levels = [np.where(search.state.data.shareable, len(search.state.domains), 1) for _ in range(2)]
    whole = solve_program(
        build_compact_model(search.state.data, search.state.domains, levels, "mean", integer=True).program, Limits()
    )
    optimum = solve_full(instance).objective_s
    assert whole.bound <= optimum * (1 + 1e-7)
    assert whole.bound >= optimum * (1 - 2e-3)


def test_sides_at_a_fixed_ratio_are_the_two_sides_of_the_maximum():
    instance = instance_of(1)
    packets = solve_full(instance).solution
    data = ProblemData(instance, packets)
    for task_data, domain, decision in zip(data.tasks, initial_domains(data), packets.tasks, strict=True):
        if decision.sends_data and decision.sends_model:
            remote, local = interval_bounds(task_data, domain)
            assert remote.work == task_data.fixed_ratio == decision.offload_ratio
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
