"""Crossovers: annealing over known routes counts as the evaluator does, and solutions that are kept stay feasible."""

from itertools import pairwise, product

import numpy as np
import pytest

from formulation import check
from instances import generate_torus
from solvers.exact import solve_full
from solvers.exact.branch_and_price.heuristics.base import improve, in_parallel
from solvers.exact.branch_and_price.heuristics.crossover import Crossover
from solvers.exact.branch_and_price.heuristics.plan_table import PlanTable
from solvers.exact.branch_and_price.pools import SolutionPool
from solvers.exact.branch_and_price.settings import CrossoverSettings, Settings
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.data import ProblemData
from solvers.network.plans import plan_of, solution_of
from solvers.network.traffic import Plan, score
from tests.searching import begun


def networks_of(instance, packets=None, count=6):
    """Return a search that has been relaxed, and solutions of best responses in different orders."""
    search = begun(instance, packets)
    search.generation.solve_root()
    orders = [search.state.rng.permutation(len(search.state.domains)).tolist() for _ in range(count)]
    return search, [improve(search.state, order, None, "test") for order in orders]


def crowded(seed):
    return generate_torus(4, 5, tasks=8, computing=1, seed=seed)


def draw(table, rng):
    """Return a choice at random, a group at a time."""
    groups = [
        rng.choice([g for g, (at, _, _) in enumerate(table.groups) if at == m]) for m in range(len(table.data.tasks))
    ]
    return np.array([[rng.choice(np.flatnonzero(table.group[kind] == g)) for g in groups] for kind in (DATA, MODEL)])


def assert_worth(search, table, seed):
    """Annealing from anywhere ends in rows that are worth what it says, and that are their plans' rows."""
    rng = np.random.default_rng(seed)
    for choice in [draw(table, rng) for _ in range(20)]:
        reached, value = table.anneal(choice, rng, (1e-3, 0.02), 40)
        plans = table.plans_of(reached)
        assert value == pytest.approx(score(search.state.data, plans, "mean")[0], rel=1e-9)
        assert (table.choice_of(plans) == reached).all()


@pytest.mark.parametrize("seed", range(3))
def test_choices_are_worth_what_their_plans_are(seed):
    search, solutions = networks_of(crowded(seed))
    for domain in search.state.domains:
        domain.modes = [BOTH, DATA_ONLY, MODEL_ONLY]
    table = PlanTable(
        search.state.data,
        search.state.domains,
        search.state.columns.paths,
        solutions,
        CrossoverSettings(refresh_interval=7),
    )
    assert {mode for _, _, mode in table.groups} == {BOTH, DATA_ONLY, MODEL_ONLY}
    assert_worth(search, table, seed)


@pytest.mark.parametrize("seed", range(3))
def test_choices_at_fixed_ratios_are_worth_what_their_plans_are(seed):
    free, _ = networks_of(crowded(seed))
    search, solutions = networks_of(crowded(seed), free.state.solution)
    assert all(task.fixed_ratio is not None for task in search.state.data.tasks)
    table = PlanTable(search.state.data, search.state.domains, search.state.columns.paths, solutions)
    assert_worth(search, table, seed)


def test_a_cold_annealing_takes_the_best_plan_of_a_task():
    search, solutions = networks_of(crowded(0))
    table = PlanTable(search.state.data, search.state.domains, search.state.columns.paths, solutions)
    rng = np.random.default_rng(0)
    choice = draw(table, rng)
    reached, value = table.anneal(choice, rng, (1e-12, 0.02), 400)
    assert value <= score(search.state.data, table.plans_of(choice), "mean")[0] * (1 + 1e-12)
    for m in range(len(search.state.data.tasks)):
        others = reached.copy()
        for i, j in product(*(np.flatnonzero(table.task[kind] == m) for kind in (DATA, MODEL))):
            if table.group[DATA][i] == table.group[MODEL][j]:
                others[:, m] = i, j
                assert score(search.state.data, table.plans_of(others), "mean")[0] >= value * (1 - 1e-9)


def test_crossovers_offer_what_annealing_reaches(monkeypatch):
    """Annealing is made to end in the optimum, which is known and kept, though not as the incumbent."""
    instance = crowded(2)
    search, solutions = networks_of(instance)
    best = solve_full(instance)
    optimum = plan_of(search.state.data, best.solution)
    poor = next(
        plans for plans in solutions if score(search.state.data, plans, "mean")[0] > best.objective_s * (1 + 1e-6)
    )
    search.state.plans, search.state.primal_bound = poor, score(search.state.data, poor, "mean")[0]
    search.state.solutions.solutions = [poor, optimum]

    def anneal(table, *_):
        return table.choice_of(optimum), best.objective_s

    with monkeypatch.context() as patch:
        patch.setattr(PlanTable, "anneal", anneal)
        Crossover().run_crossovers(search.state, 1)
    assert search.state.primal_bound == pytest.approx(best.objective_s, rel=1e-9)
    search.state.plans, search.state.primal_bound = poor, score(search.state.data, poor, "mean")[0]
    Crossover().run_crossovers(search.state, 5)
    assert best.bound_s * (1 - 1e-9) <= search.state.primal_bound <= score(search.state.data, poor, "mean")[0]
    assert check(instance, search.state.solution) == ()
    assert score(search.state.data, search.state.plans, "mean")[0] == pytest.approx(
        search.state.primal_bound, rel=1e-12
    )


def test_a_child_does_as_either_parent_does():
    search, solutions = networks_of(crowded(1))
    for domain in search.state.domains:
        domain.modes = [BOTH, DATA_ONLY, MODEL_ONLY]
    table = PlanTable(search.state.data, search.state.domains, search.state.columns.paths, solutions)
    one, rng = table.choice_of(solutions[0]), np.random.default_rng(0)
    other = draw(table, rng)
    while (one == other).all(axis=0).any():  # every task may be in another mode
        other = np.where((one == other).all(axis=0), draw(table, rng), other)
    other[:, 0] = one[:, 0]
    differ = (one != other).any(axis=0)
    sizes = set()
    for _ in range(50):
        child = Crossover.mixed(table, one, other, search.state.rng)
        as_other = (child != one).any(axis=0)
        assert ((child == one) | (child == other)).all()
        assert not as_other[~differ].any()
        sizes.add(int(as_other.sum()))
    assert differ.sum() == 7
    assert sizes <= {2, 3, 4}
    assert len(sizes) > 1
    assert (Crossover.mixed(table, one, one, search.state.rng) == one).all()


def test_a_network_takes_the_place_of_the_one_most_like_it_that_is_no_better():
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

    def pool(*plans, size=2):
        kept = SolutionPool(data, size)
        for mine in plans:
            kept.add(mine)
        return kept.solutions

    for first, second, expected in ((far, near, [far, best]), (near, far, [best, far])):
        full = pool(first, second)
        assert full == [first, second]
        assert pool(*full, dict(first)) == full  # known
        assert pool(*full, best) == expected
    assert pool(best, far, size=1) == [best]


def test_two_processes_cross_what_both_have_found_and_one_seed_gives_one_result(monkeypatch):
    """One process gets one solution more; both know both afterwards."""
    instance, results = crowded(3), []
    for _ in range(2):
        search, solutions = networks_of(instance)
        search.state.solutions.solutions = list(solutions[:2])
        search.state.primal_bound *= 1.5  # nothing is proven, so that each waits for the other

        def find(first, search=search, solutions=solutions):
            search.state.solutions.add(solutions[2 + first])
            Crossover().run_crossovers(search.state, 3)

        with monkeypatch.context() as patch:
            patch.setattr(search.state, "try_solution", lambda plans, source: False)
            in_parallel(search.state, 2, find, "test")
        results.append([score(search.state.data, plans, "mean") for plans in search.state.solutions.solutions])
    assert results[0] == results[1]
    known = [score(search.state.data, plans, "mean") for plans in solutions[:4]]
    assert min(results[0]) <= min(known)
    for plans in search.state.solutions.solutions:
        assert check(instance, solution_of(search.state.data, plans)) == ()


def test_an_annealing_that_is_stopped_returns_what_it_has():
    search, solutions = networks_of(crowded(0))
    table = PlanTable(search.state.data, search.state.domains, search.state.columns.paths, solutions)
    asked = []
    choice, value = table.anneal(
        table.choice_of(solutions[0]),
        search.state.rng,
        (1e-3, 0.02),
        10**5,
        lambda: (asked.append(1), len(asked) == 3)[1],
    )
    assert len(asked) == 3
    assert value == pytest.approx(score(search.state.data, table.plans_of(choice), "mean")[0], rel=1e-9)


def test_effort_moves_from_the_incumbent_to_crossovers_without_a_jump():
    settings = Settings()
    for objective in ("mean", "max"):
        efforts = [settings.effort(n, objective) for n in range(1, 80)]
        assert all(e.crossovers == e.after_dive == e.tree_dives == 0 for e in efforts[:20])
        assert [e.crossovers for e in efforts[39:]] == [40 if objective == "mean" else 0] * 40
        for one, other in pairwise(efforts):
            assert abs(one.crossovers - other.crossovers) <= 2
            assert abs(one.after_dive - other.after_dive) <= 1
            assert abs(one.later_rounds - other.later_rounds) < 0.051
