"""Best responses within corridors against searches of the whole graph."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from instances import generate_torus
from solvers.best_response import best_response
from solvers.exact.branch_and_price.domains.domain import initial_domains
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.corridor import TIMES, cheapest
from solvers.network.data import ProblemData
from solvers.network.descent import all_moves
from solvers.network.response import CLEAR, NEAR, NONE, better, present_ratio, respond
from solvers.network.traffic import Loads, Plan, Traffic, delay_of

SEEDS = range(4)


def instance_of(seed):
    return generate_torus(4, 6, tasks=6, computing=1 + seed, seed=seed)


def searched(data, m, kind, count, share, allowed, times):
    """Cost to each end, and the routes, by Dijkstra on the whole graph."""
    weight = data.tasks[m].bits[kind] * share * (times * count + 1) * data.per_bit + data.fixed
    start, ends = data.start_of(m, kind), data.end_of(data.tasks[m].ends, kind)
    cost, before = data.search(weight, start, kind == MODEL, allowed)
    routes = {c: data.path_arcs(before, end, start, kind) for c, end in enumerate(ends) if np.isfinite(cost[end])}
    return weight, cost[ends], routes


@pytest.mark.parametrize("kind", [DATA, MODEL])
@pytest.mark.parametrize("seed", SEEDS)
def test_corridors_hold_the_cheapest_routes(seed, kind):
    data, rng = ProblemData(instance_of(seed)), np.random.default_rng(seed)
    for trial in range(60):
        m = int(rng.integers(len(data.tasks)))
        count = rng.integers(0, 1 + trial % 5, data.resources) * (rng.random(data.resources) < 0.3)
        share = 1.0 if kind == MODEL else float(rng.choice([1e-3, 0.4, 1.0]))
        allowed = data.own_arcs(m, kind) & (rng.random(data.resources) < (1.0 if trial % 2 else 0.8))
        corridors = [data.vicinity(m, kind).corridor(c) for c in range(len(data.tasks[m].ends))]
        for _ in range(2):  # the second time from memory
            found = cheapest([corridor.query(count, share, allowed) for corridor in corridors])
            for row, times in enumerate(TIMES):
                weight, cost, _ = searched(data, m, kind, count, share, allowed, times)
                for c, routes in enumerate(found):
                    assert bool(routes) == np.isfinite(cost[c])
                    if routes:
                        route = routes[min(row, len(routes) - 1)]
                        assert allowed[route].all()
                        assert weight[route].sum() == pytest.approx(cost[c], rel=1e-12)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_response_is_the_best_of_all_plans(seed, fixed, objective):
    instance = instance_of(seed)
    data = ProblemData(instance, best_response(instance)[0]) if fixed else ProblemData(instance)
    domains, rng = initial_domains(data), np.random.default_rng(seed)
    traffic, score = Traffic(data, {}, objective), (np.inf,)
    for m in [*rng.permutation(6).tolist(), *rng.integers(6, size=30).tolist()]:
        domain = replace(domains[m], arcs=[arcs & (rng.random(len(arcs)) < 0.9) for arcs in domains[m].arcs])
        bystanders = {i: plan for i, plan in traffic.plans.items() if i != m}
        expected = reference(traffic, m, domain, score)
        plan, value = respond(traffic, m, domain, score)
        assert value == pytest.approx(expected, rel=1e-12)
        if plan is None:
            plan, value = respond(traffic, m, domains[m], score)
        assert traffic.plans == {**bystanders, m: plan}
        assert traffic.score() == pytest.approx(value, rel=1e-12)
        score = value


def slow_packets(traffic):
    """Packets by resource, each as many times as its task is slow."""
    data, found = traffic.data, np.zeros(traffic.count.shape)
    loads = Loads(data, traffic.plans)
    delays = {i: delay_of(data, loads, i, plan) for i, plan in traffic.plans.items()}
    for i, plan in traffic.plans.items():
        for kind in (DATA, MODEL):
            if plan.packet(kind) is not None:
                found[kind, plan.packet(kind)] += CLEAR * np.exp((delays[i] / max(delays.values()) - 1) / NEAR)
    return np.ceil(found - NONE).astype(int)


def reference(traffic, m, moves, score):
    """Score of the best of all plans, none left out."""
    data, ratio = traffic.data, present_ratio(traffic, m)
    current = traffic.remove(m)
    best = (np.inf,) if current is None else score
    searches = [(traffic.count, times) for times in TIMES]
    if traffic.objective == "max":
        searches.append((slow_packets(traffic), TIMES[0]))
    data, model = (
        [searched(data, m, kind, count[kind], share, moves.arcs[kind], times)[2] for count, times in searches]
        for kind, share in ((DATA, ratio), (MODEL, 1.0))
    )
    for one, other in zip(data, model, strict=True) if traffic.objective == "mean" else product(data, model):
        for c in moves.ends:
            plans = {
                BOTH: Plan(c, one.get(c), other.get(c)),
                DATA_ONLY: Plan(c, one.get(c), None),
                MODEL_ONLY: Plan(c, None, other.get(c)),
            }
            for mode in moves.modes:
                sent = [c in one] * (mode != MODEL_ONLY) + [c in other] * (mode != DATA_ONLY)
                if all(sent):
                    trial = traffic.trial(m, plans[mode])
                    best = trial if better(trial, best) else best
    if current is not None:
        traffic.place(m, current)
    return best


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_is_faster_than_its_bound(seed):
    data = ProblemData(instance_of(seed))
    for m, moves in enumerate(all_moves(data)):
        plans = {}
        for kind in (DATA, MODEL):
            _, _, plans[kind] = searched(data, m, kind, np.zeros(data.resources), 0.3, data.own_arcs(m, kind), 1)
        for c in moves.ends:
            tried = [Plan(c, plans[DATA][c], plans[MODEL][c]), Plan(c, plans[DATA][c], None)]
            tried.append(Plan(c, None, plans[MODEL][c]))
            for plan, bound in zip(tried, data.least_s(m)[:, c], strict=True):
                assert bound <= Traffic(data, {m: plan}, "mean").score()[0] * (1 + 1e-12)
