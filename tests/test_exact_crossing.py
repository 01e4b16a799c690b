"""Crossovers: annealing over known routes counts as the evaluator does, and solutions that are kept stay feasible."""

from itertools import product

import numpy as np
import pytest

from formulation import check
from instances import generate_torus
from solvers.backends.program import Limits
from solvers.exact import solve_full
from solvers.exact.branch_and_price import driver as proof_module
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.branch_and_price.heuristics import crossover as crossing
from solvers.exact.branch_and_price.heuristics import plan_table
from solvers.exact.branch_and_price.heuristics.crossover import kept, run_crossovers
from solvers.exact.branch_and_price.heuristics.plan_table import PlanTable
from solvers.exact.trace import Recorder
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.data import ProblemData
from solvers.network.plans import plan_of, solution_of
from solvers.network.traffic import Plan, score


def networks_of(instance, packets=None, count=6):
    """Return a proof that has been relaxed, and solutions of best responses in different orders."""
    proof = BranchAndPrice(instance, packets, "mean", Limits(), Recorder(None))
    proof.multistart(1)
    proof.create_segments()
    proof.solve_relaxation()
    orders = [proof.rng.permutation(len(proof.domains)).tolist() for _ in range(count)]
    return proof, [proof.descend_from(order) for order in orders]


def crowded(seed):
    return generate_torus(4, 5, tasks=8, computing=1, seed=seed)


def draw(column_pool, rng):
    """Return a choice at random, a group at a time."""
    groups = [
        rng.choice([g for g, (at, _, _) in enumerate(column_pool.groups) if at == m])
        for m in range(len(column_pool.data.tasks))
    ]
    return np.array(
        [[rng.choice(np.flatnonzero(column_pool.group[kind] == g)) for g in groups] for kind in (DATA, MODEL)]
    )


def assert_worth(proof, column_pool, seed):
    """Annealing from anywhere ends in rows that are worth what it says, and that are their plans' rows."""
    rng = np.random.default_rng(seed)
    for choice in [draw(column_pool, rng) for _ in range(20)]:
        reached, value = column_pool.anneal(choice, rng, 1e-3, 40)
        plans = column_pool.plans_of(reached)
        assert value == pytest.approx(score(proof.data, plans, "mean")[0], rel=1e-9)
        assert (column_pool.choice_of(plans) == reached).all()


@pytest.mark.parametrize("seed", range(3))
def test_choices_are_worth_what_their_plans_are(seed, monkeypatch):
    monkeypatch.setattr(plan_table, "REFRESH", 7)
    proof, solutions = networks_of(crowded(seed))
    for domain in proof.domains:
        domain.modes = [BOTH, DATA_ONLY, MODEL_ONLY]
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, solutions)
    assert {mode for _, _, mode in column_pool.groups} == {BOTH, DATA_ONLY, MODEL_ONLY}
    assert_worth(proof, column_pool, seed)


@pytest.mark.parametrize("seed", range(3))
def test_choices_at_fixed_ratios_are_worth_what_their_plans_are(seed):
    free, _ = networks_of(crowded(seed))
    proof, solutions = networks_of(crowded(seed), free.solution())
    assert all(task.fixed_ratio is not None for task in proof.data.tasks)
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, solutions)
    assert_worth(proof, column_pool, seed)


def test_a_cold_annealing_takes_the_best_plan_of_a_task():
    proof, solutions = networks_of(crowded(0))
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, solutions)
    rng = np.random.default_rng(0)
    choice = draw(column_pool, rng)
    reached, value = column_pool.anneal(choice, rng, 1e-12, 400)
    assert value <= score(proof.data, column_pool.plans_of(choice), "mean")[0] * (1 + 1e-12)
    for m in range(len(proof.data.tasks)):
        others = reached.copy()
        for i, j in product(*(np.flatnonzero(column_pool.task[kind] == m) for kind in (DATA, MODEL))):
            if column_pool.group[DATA][i] == column_pool.group[MODEL][j]:
                others[:, m] = i, j
                assert score(proof.data, column_pool.plans_of(others), "mean")[0] >= value * (1 - 1e-9)


def test_crossovers_offer_what_annealing_reaches(monkeypatch):
    """Annealing is made to end in the optimum, which is known and kept, though not as the incumbent."""
    instance = crowded(2)
    proof, solutions = networks_of(instance)
    best = solve_full(instance)
    optimum = plan_of(proof.data, best.solution)
    poor = next(plans for plans in solutions if score(proof.data, plans, "mean")[0] > best.objective_s * (1 + 1e-6))
    proof.plans, proof.primal_bound = poor, score(proof.data, poor, "mean")[0]
    proof.solutions = [poor, optimum]

    def anneal(table, *_):
        return table.choice_of(optimum), best.objective_s

    with monkeypatch.context() as patch:
        patch.setattr(PlanTable, "anneal", anneal)
        run_crossovers(proof, 1)
    assert proof.primal_bound == pytest.approx(best.objective_s, rel=1e-9)
    proof.plans, proof.primal_bound = poor, score(proof.data, poor, "mean")[0]
    run_crossovers(proof, 5)
    assert best.bound_s * (1 - 1e-9) <= proof.primal_bound <= score(proof.data, poor, "mean")[0]
    assert check(instance, proof.solution()) == ()
    assert score(proof.data, proof.plans, "mean")[0] == pytest.approx(proof.primal_bound, rel=1e-12)


def test_a_child_does_as_either_parent_does():
    proof, solutions = networks_of(crowded(1))
    for domain in proof.domains:
        domain.modes = [BOTH, DATA_ONLY, MODEL_ONLY]
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, solutions)
    one, rng = column_pool.choice_of(solutions[0]), np.random.default_rng(0)
    other = draw(column_pool, rng)
    while (one == other).all(axis=0).any():  # every task may be in another mode
        other = np.where((one == other).all(axis=0), draw(column_pool, rng), other)
    other[:, 0] = one[:, 0]
    differ = (one != other).any(axis=0)
    sizes = set()
    for _ in range(50):
        child = crossing._mixed(column_pool, one, other, proof.rng)
        as_other = (child != one).any(axis=0)
        assert ((child == one) | (child == other)).all()
        assert not as_other[~differ].any()
        sizes.add(int(as_other.sum()))
    assert differ.sum() == 7
    assert sizes <= {2, 3, 4}
    assert len(sizes) > 1
    assert (crossing._mixed(column_pool, one, one, proof.rng) == one).all()


def test_a_network_takes_the_place_of_the_one_most_like_it_that_is_no_better(monkeypatch):
    instance = crowded(2)
    data = ProblemData(instance)
    best = plan_of(data, solve_full(instance, mip_gap=1e-9).solution)

    def changed(tasks):
        """Return the optimum with the data packets of some tasks sent by a random route, which is no better."""
        rng, plans = np.random.default_rng(0), dict(best)
        for m in tasks:
            used = [] if best[m].data is None else sorted(best[m].data.tolist())
            while plans[m] is best[m] or sorted(plans[m].data.tolist()) == used:
                start, end = data.start_of(m, DATA), int(data.end_of(data.tasks[m].ends[[best[m].end]], DATA)[0])
                _, before = data.search(rng.random(data.resources), start, False, np.ones(data.resources, dtype=bool))
                plans[m] = Plan(best[m].end, data.path_arcs(before, end, start, DATA), best[m].model)
        assert score(data, plans, "mean") > score(data, best, "mean")
        return plans

    near, far = changed([0]), changed([1, 2, 3])
    monkeypatch.setattr(crossing, "KEPT", 2)
    for first, second, expected in ((far, near, [far, best]), (near, far, [best, far])):
        full = kept(data, kept(data, [], first), second)
        assert full == [first, second]
        assert kept(data, full, dict(first)) is full  # known
        assert kept(data, full, best) == expected
    assert kept(data, [best, best], far) == [best, best]


def test_two_processes_cross_what_both_have_found_and_one_seed_gives_one_result(monkeypatch):
    """One process gets one solution more; both know both afterwards."""
    instance, results = crowded(3), []
    monkeypatch.setattr(proof_module, "MANY", 8)
    for _ in range(2):
        proof, solutions = networks_of(instance)
        proof.solutions = list(solutions[:2])
        proof.primal_bound *= 1.5  # nothing is proven, so that each waits for the other

        def find(first, proof=proof, solutions=solutions):
            proof.keep_solution(solutions[2 + first])
            run_crossovers(proof, 3)

        with monkeypatch.context() as patch:
            patch.setattr(proof, "try_solution", lambda plans: None)
            proof.in_parallel(2, find)
        results.append([score(proof.data, plans, "mean") for plans in proof.solutions])
    assert results[0] == results[1]
    known = [score(proof.data, plans, "mean") for plans in solutions[:4]]
    assert min(results[0]) <= min(known)
    for plans in proof.solutions:
        assert check(instance, solution_of(proof.data, plans)) == ()


def test_an_annealing_that_is_stopped_returns_what_it_has():
    proof, solutions = networks_of(crowded(0))
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, solutions)
    asked = []
    choice, value = column_pool.anneal(
        column_pool.choice_of(solutions[0]), proof.rng, 1e-3, 10**5, lambda: (asked.append(1), len(asked) == 3)[1]
    )
    assert len(asked) == 3
    assert value == pytest.approx(score(proof.data, column_pool.plans_of(choice), "mean")[0], rel=1e-9)


@pytest.mark.parametrize(("objective", "crosses"), [("mean", True), ("max", False)])
def test_only_means_of_many_tasks_are_crossed(objective, crosses, monkeypatch):
    proof = BranchAndPrice(crowded(0), None, objective, Limits(), Recorder(None))
    assert not proof.crosses
    monkeypatch.setattr(proof_module, "MANY", 8)
    assert proof.crosses == crosses
