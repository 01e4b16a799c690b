"""Crossovers: annealing over known routes counts as the evaluator does, and solutions that are kept stay feasible."""

from itertools import product

import numpy as np
import pytest

from formulation import check
from instances import generate_torus
from solvers.backends.program import Limits
from solvers.exact.branch_and_price import driver as proof_module
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.branch_and_price.heuristics import crossover as crossing
from solvers.exact.branch_and_price.heuristics import plan_table
from solvers.exact.branch_and_price.heuristics.crossover import kept, run_crossovers
from solvers.exact.branch_and_price.heuristics.plan_table import PlanTable
from solvers.exact.trace import Recorder
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.traffic import score


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
    assert value < score(proof.data, column_pool.plans_of(choice), "mean")[0]
    for m in range(len(proof.data.tasks)):
        others = reached.copy()
        for i, j in product(*(np.flatnonzero(column_pool.task[kind] == m) for kind in (DATA, MODEL))):
            if column_pool.group[DATA][i] == column_pool.group[MODEL][j]:
                others[:, m] = i, j
                assert score(proof.data, column_pool.plans_of(others), "mean")[0] >= value * (1 - 1e-9)


def test_crossovers_find_what_best_response_did_not():
    instance = generate_torus(6, 6, tasks=10, computing=1, seed=2)
    proof, solutions = networks_of(instance)
    for plans in solutions:
        proof.keep_solution(plans)
    before = proof.primal_bound
    assert len(proof.solutions) > 1
    run_crossovers(proof, 5)
    assert proof.primal_bound < before
    assert check(instance, proof.solution()) == ()
    assert score(proof.data, proof.plans, "mean")[0] == pytest.approx(proof.primal_bound, rel=1e-12)


def test_a_child_does_as_either_parent_does():
    proof, solutions = networks_of(crowded(1))
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, solutions)
    one, other = (column_pool.choice_of(plans) for plans in solutions[:2])
    differ = (one != other).any(axis=0)
    assert differ.sum() > 2
    sizes = set()
    for _ in range(50):
        child = crossing._mixed(column_pool, one, other, proof.rng)
        as_other = (child != one).any(axis=0)
        assert ((child == one) | (child == other)).all()
        assert not as_other[~differ].any()
        sizes.add(int(as_other.sum()))
    assert sizes == set(range(max(1, int(differ.sum() / 3)), int(differ.sum() * 2 / 3) + 1))
    assert (crossing._mixed(column_pool, one, one, proof.rng) == one).all()


def test_a_network_takes_the_place_of_the_one_most_like_it_that_is_no_better(monkeypatch):
    proof, solutions = networks_of(crowded(2), count=12)
    data = proof.data
    ranked = sorted(solutions, key=lambda plans: score(data, plans, "mean"))
    best, *_, second, worst = ranked
    assert score(data, second, "mean") > score(data, best, "mean")
    monkeypatch.setattr(crossing, "KEPT", 2)
    full = kept(data, kept(data, [], worst), second)
    assert full == [worst, second]
    assert kept(data, full, dict(worst)) is full  # known

    def unlike(plans):
        pairs = [
            (plans[m].packet(kind), best[m].packet(kind), plans[m].end == best[m].end) for m in plans for kind in (0, 1)
        ]
        return sum(
            not same or (a is None) != (b is None) or (a is not None and sorted(a) != sorted(b)) for a, b, same in pairs
        )

    assert unlike(worst) != unlike(second)
    expected = [best, second] if unlike(worst) < unlike(second) else [worst, best]
    assert kept(data, full, best) == expected
    assert kept(data, [best, best], worst) == [best, best]


def test_two_processes_cross_what_both_have_found_and_one_seed_gives_one_result(monkeypatch):
    instance = generate_torus(4, 4, tasks=11, computing=1, seed=3)
    monkeypatch.setattr(proof_module, "MANY", 11)
    crossed, run = [], crossing.run_crossovers
    monkeypatch.setattr(
        proof_module,
        "run_crossovers",
        lambda proof, patience: (crossed.append(len(proof.solutions)), run(proof, patience))[1],
    )
    results = []
    for _ in range(2):
        proof = BranchAndPrice(instance, None, "mean", Limits(threads=2), Recorder(None))
        proof.run()
        results.append((proof.primal_bound, proof.dual_bound, len(proof.solutions)))
    assert len(crossed) == 2
    assert min(crossed) > 1
    assert results[0] == results[1]
    assert check(instance, proof.solution()) == ()
    assert proof.primal_bound == pytest.approx(proof.dual_bound, rel=1e-6)


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
