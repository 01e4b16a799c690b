"""Branch and price under rules, weights and shared computing, against the Pyomo model and by its own parts."""

from dataclasses import replace

import numpy as np
import pytest

from formulation import Problem, check, evaluate
from formulation.rules import (
    Closed,
    ComputingTasks,
    DifferentComputing,
    Disjoint,
    Hops,
    Linear,
    LinkPackets,
    OpenComputing,
    RelayPackets,
    SameComputing,
    Term,
)
from instances import generate_torus
from solvers.best_response import best_response
from solvers.exact import solve_full
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.lagrangian import lagrangian_bound
from solvers.exact.branch_and_price.pricing.multipliers import dual_feasible
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import ProblemData
from solvers.network.plans import solution_of
from solvers.network.rules import priced_part
from solvers.network.traffic import Plan, excess_of
from solvers.result import Termination
from tests.searching import begun

FAST, SLOW = range(200, 212), range(3200, 3400)
"""Seeds: of the fast tests, and of the slow ones."""


def random_problem(seed):
    """Return a small problem with one to three random rules, perhaps with weights and shared computing."""
    rng = np.random.default_rng(seed)
    instance = generate_torus(3, 3, tasks=int(rng.integers(2, 5)), computing=int(rng.integers(1, 4)), seed=seed)
    tasks = [task.satellite for task in instance.tasks]
    satellites = [satellite.id for satellite in instance.satellites]
    links = [(link.source, link.target) for link in instance.links]

    def some(items, count):
        return tuple(items[i] for i in rng.choice(len(items), size=min(count, len(items)), replace=False))

    def disjoint():
        what = str(rng.choice(["links", "satellites"]))
        return Disjoint(tasks=some(tasks, int(rng.integers(1, 3))), packets=packets(), what=what)

    def packets():
        return str(rng.choice(["both", "data", "model"]))

    def one_packet():
        return str(rng.choice(["data", "model"]))

    def linear():
        used = [
            Term(
                variable="use",
                coefficient=float(rng.integers(1, 3)),
                task=task,
                packet=one_packet(),
                link=link,
            )
            for task, link in zip(tasks, some(links, len(tasks)), strict=True)
        ]
        serves = Term(
            variable="serve",
            coefficient=float(rng.choice([-2.0, -1.0, 1.0, 2.0])),
            task=tasks[0],
            computing=instance.candidates(instance.tasks[0])[0],
        )
        return Linear(terms=(*used, serves), sense="<=", rhs=1.0)

    kinds = [
        lambda: LinkPackets(limit=int(rng.integers(1, 3)), packets=packets()),
        lambda: RelayPackets(limit=int(rng.integers(0, 3)), packets=packets()),
        lambda: ComputingTasks(limit=int(rng.integers(1, 3))),
        lambda: OpenComputing(limit=int(rng.integers(1, 3))),
        lambda: SameComputing(tasks=some(tasks, 2)),
        lambda: DifferentComputing(tasks=some(tasks, 2)),
        lambda: Disjoint(
            tasks=some(tasks, int(rng.integers(1, 3))), packets=packets(), what=str(rng.choice(["links", "satellites"]))
        ),
        lambda: Hops(limit=int(rng.integers(1, 4)), packets=packets()),
        lambda: Closed(links=some(links, 6), satellites=some(satellites, 1) if rng.random() < 0.3 else ()),
        linear,
    ]
    rules = []
    for kind in rng.choice(len(kinds), size=int(rng.integers(1, 4))):
        rule = kinds[kind]()
        if not (isinstance(rule, Disjoint) and len(rule.tasks) == 1 and rule.packets != "both"):
            rules.append(rule)
    if rng.random() < 0.3:
        weighted = tuple(replace(task, weight=float(rng.uniform(1, 10))) for task in instance.tasks)
        instance = replace(instance, tasks=weighted)
    if rng.random() < 0.3:
        delays = evaluate(instance, best_response(instance)[0]).tasks
        due = [float(delay.T * rng.uniform(0.95, 1.1)) if rng.random() < 0.6 else None for delay in delays]
        tasks_due = tuple(replace(task, deadline_s=limit) for task, limit in zip(instance.tasks, due, strict=True))
        instance = replace(instance, tasks=tasks_due)
    objective = "max" if rng.random() < 0.3 else "mean"
    return Problem(instance, objective, share_computing=bool(rng.random() < 0.3), rules=tuple(rules))


def assert_equal_to_the_model(problem):
    assert priced_part(problem) == problem
    ours, theirs = solve_full(problem), solve_full(problem, formulation="bit-flow")
    assert ours.termination is theirs.termination
    if ours.termination is Termination.INFEASIBLE:
        assert ours.solution is None
        assert ours.message
        return
    assert ours.termination is Termination.OPTIMAL
    assert ours.objective_s == pytest.approx(theirs.objective_s, rel=3e-6)
    assert check(problem, ours.solution) == ()


@pytest.mark.parametrize("seed", FAST)
def test_random_rules_have_the_optimum_of_the_model(seed):
    assert_equal_to_the_model(random_problem(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW)
def test_many_random_rules_have_the_optimum_of_the_model(seed):
    assert_equal_to_the_model(random_problem(seed))


@pytest.mark.parametrize("seed", FAST)
def test_the_bound_of_any_multipliers_is_below_every_plan_that_keeps_the_rows(seed):
    """Weak duality: random multipliers of rows and resources, random simple plans that keep the rows."""
    problem, rng = random_problem(seed), np.random.default_rng(seed)
    state = begun(problem, objective=problem.objective, descents=2).state
    data, commodities = state.data, Commodities(state.domains)
    thetas = [np.ones(1)] * len(state.domains)
    best = solve_full(problem)
    rows = 0 if data.rows is None else len(data.rows)
    for scale in (0.0, 0.05, 1.0):
        price = rng.exponential(scale, (len(commodities.task), data.resources)) * (rng.random(data.resources) < 0.2)
        mu = rng.exponential(scale, rows)
        multipliers = dual_feasible(data, commodities, thetas, price, problem.objective, mu if rows else None)
        bound = lagrangian_bound(data, state.domains, multipliers).value
        if best.solution is not None:
            assert bound <= best.objective_s * (1 + 1e-9)
            late = rng.exponential(scale, len(state.domains))
            multipliers = dual_feasible(data, commodities, thetas, price, problem.objective, mu if rows else None, late)
            assert lagrangian_bound(data, state.domains, multipliers).value <= best.objective_s * (1 + 1e-9)


@pytest.mark.parametrize("seed", FAST)
def test_rows_on_arrays_break_where_the_checker_says_so(seed):
    """Random plans: rows, with what rules take out of the graph, agree with the checker."""
    problem, rng = random_problem(seed), np.random.default_rng(seed)
    data = ProblemData(problem)
    told = 0
    for _ in range(40):
        plans = {}
        for m, task in enumerate(data.tasks):
            weight, c = rng.uniform(0.1, 1.0, data.resources), int(rng.integers(len(task.ends)))
            packets = []
            for kind in (DATA, MODEL):
                start, stop = data.start_of(m, kind), data.end_of(int(task.ends[c]), kind)
                own = np.ones(data.resources, dtype=bool)
                own[data.links + task.node] = False
                _, before = data.search(weight, start, kind == MODEL, own)
                packets.append(data.path_arcs(before, stop, start, kind))
            packets[DATA] = np.concatenate([packets[DATA], data.served(m, c)])
            plans[m] = Plan(c, packets[DATA], packets[MODEL])
        solution = solution_of(data, plans)
        if any(not decision.sends_data or not decision.sends_model for decision in solution.tasks):
            continue  # a packet that is not worth its while was dropped
        closed = any(
            plan.end in data.closed_ends(m)
            or not data.own_arcs(m, DATA)[plan.data].all()
            or not data.own_arcs(m, MODEL)[plan.model].all()
            for m, plan in plans.items()
        )
        broken = [v for v in check(problem, solution) if v.constraint.startswith("rule ")]
        late = any(v.constraint == "deadline_s" for v in check(problem, solution))
        assert bool(broken or late) == (closed or excess_of(data, plans) > 0)
        told += 1
    assert told


def test_what_branch_and_price_does_not_know_is_left_out():
    instance = generate_torus(3, 3, tasks=2, computing=1, seed=200)
    name = instance.tasks[0].satellite
    forces = Linear(terms=(Term(variable="sent", coefficient=1.0, task=name, packet="data"),), sense=">=", rhs=1.0)
    limits = LinkPackets(limit=1)
    problem = Problem(instance, rules=(forces, limits))
    assert priced_part(problem) == Problem(instance, rules=(limits,))
    due = replace(instance, tasks=tuple(replace(task, deadline_s=100.0) for task in instance.tasks))
    assert priced_part(Problem(due, rules=(limits,))) == Problem(due, rules=(limits,))
    ranged = replace(due, tasks=tuple(replace(task, offload_ratio_range=(0.1, 0.9)) for task in due.tasks))
    assert priced_part(Problem(ranged, rules=(limits,))) == Problem(due, rules=(limits,))
    assert priced_part(Problem(instance, whole_frames=True)) == Problem(instance, whole_frames=True)
    assert priced_part(Problem(instance, whole_frames=True, rules=(limits,))) == Problem(instance, rules=(limits,))


def test_infeasible_rules_are_named_with_what_comes_nearest():
    instance = generate_torus(3, 3, tasks=4, computing=1, seed=200)
    result = solve_full(Problem(instance, rules=(ComputingTasks(limit=2, name="two each"),)))
    assert result.termination is Termination.INFEASIBLE
    assert "rule two each is 4, allowed 2" in result.message
    closed = Closed(satellites=tuple(instance.computing), name="shut")
    result = solve_full(Problem(instance, rules=(closed,)))
    assert result.termination is Termination.INFEASIBLE
    assert "rule shut" in result.message
