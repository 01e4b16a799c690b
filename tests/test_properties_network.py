"""A task alone and its delay function against enumeration of every path, ρ by ρ."""

from dataclasses import replace
from itertools import pairwise, product

import networkx as nx
import numpy as np
import pytest

from formulation import Problem, evaluate
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.exact.branch_and_price.domains.domain import TaskDomain, initial_domains
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.data import ProblemData
from solvers.network.delay import delay_share, share_at, work_limit
from solvers.network.plans import solution_of
from solvers.network.single_task import first_bound, single_task_optimum
from solvers.network.traffic import Plan
from tests.tiny import tiny_instance

SEEDS = range(12)
RATIOS = np.linspace(0.0, 1.0, 100_001)


def every_path(data, m, kind, c):
    """Return the resources of every simple path of a packet to or from a candidate, from the task's side on."""
    instance, graph = data.instance, nx.DiGraph()
    graph.add_edges_from((link.source, link.target) for link in instance.links)
    own, other = instance.tasks[m].satellite, instance.candidates(instance.tasks[m])[c]
    ids, found = instance.network.index, []
    place = {(int(data.tail[r]), int(data.head[r])): r for r in range(data.arcs)}
    n = data.nodes
    for path in nx.all_simple_paths(graph, *((own, other) if kind == DATA else (other, own))):
        nodes = [ids[name] for name in path]
        used = [place[a + n, b] for a, b in pairwise(nodes)] + [place[k, k + n] for k in nodes[1:-1]]
        found.append(np.array(used))
    return found


def least_over_ratios(task, work, fixed):
    """Return min over ρ of α ρ + max(ρ A + p, s (1 - ρ)), the data packet sent or not."""
    values = task.extraction_s * RATIOS + np.maximum(RATIOS * work + fixed, task.small_s * (1 - RATIOS))
    return min(float(values.min()), task.small_s)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_delay_function_is_the_least_over_the_ratio(seed):
    rng = np.random.default_rng(seed)
    task = ProblemData(tiny_instance(seed)).tasks[0]
    for _ in range(6):
        work, fixed = task.small_s * rng.uniform(0.01, 5), task.small_s * rng.uniform(0, 1.2)
        value = delay_share(task, work, fixed)
        assert value == pytest.approx(least_over_ratios(task, work, fixed), rel=1e-4)
        if fixed < task.small_s and task.extraction_s < task.small_s:
            assert value == pytest.approx(share_at(task, work, fixed), rel=1e-12)
            limit = work_limit(task, value, fixed)
            assert limit == pytest.approx(work, rel=1e-6)
            assert delay_share(task, limit * 1.01, fixed) > value > delay_share(task, limit * 0.99, fixed)
        else:
            assert value == task.small_s
    assert work_limit(task, task.small_s, 0.0) == work_limit(task, 2 * task.small_s, 0.0) == np.inf
    assert np.isfinite(work_limit(task, task.small_s * (1 - 1e-9), 0.0)) or task.extraction_s >= task.small_s
    assert delay_share(task, 1.0, task.small_s) == task.small_s


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("at", [None, 0.0, 0.4, 1.0])
def test_a_task_alone_has_the_least_delay_of_all_its_plans(seed, at):
    instance = tiny_instance(seed, computing=2, nodes=7)
    packets = None if at is None else fixed_packets(instance, at)
    data = ProblemData(instance, packets)
    for m, task in enumerate(data.tasks):
        single = single_task_optimum(data, m)
        for c in range(len(task.ends)):
            routes, models = every_path(data, m, DATA, c), every_path(data, m, MODEL, c)
            work = [task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c] for used in routes]
            fixed = [data.fixed[used].sum() for used in routes]
            model = min(task.bits[MODEL] * data.per_bit[used].sum() + data.fixed[used].sum() for used in models)
            expected = {}
            if at is None:
                expected[MODEL_ONLY] = model + task.small_s
                expected[DATA_ONLY] = task.extraction_s + min(np.add(work, fixed))
                if task.extraction_s < task.small_s:
                    shares = [least_over_ratios(task, a, p) for a, p in zip(work, fixed, strict=True)]
                    expected[BOTH] = model + min(shares)
            elif at == 0:
                expected[MODEL_ONLY] = model + task.small_s
            else:
                side = min(at * a + p for a, p in zip(work, fixed, strict=True))
                value = at * task.extraction_s + max(side, (1 - at) * task.small_s)
                expected[BOTH if at < 1 else DATA_ONLY] = value + (model if at < 1 else 0.0)
            assert set(single.values) == set(expected)
            for mode, value in expected.items():
                assert single.values[mode][c] == pytest.approx(value, rel=1e-4 if mode == BOTH and at is None else 1e-9)
            if at != 0:
                assert single.work_low[c] == pytest.approx(min(work), rel=1e-9)
                assert single.fixed_low[c] == pytest.approx(min(fixed), rel=1e-9)
            if at != 1:
                assert single.model_low[c] == pytest.approx(model, rel=1e-9)
        assert single.least_s == min(values.min() for values in single.values.values())
    least = [single_task_optimum(data, m).least_s for m in range(len(data.tasks))]
    assert first_bound(data, "mean") == pytest.approx(np.mean(least), rel=1e-12)
    assert first_bound(data, "max") == max(least)


def fixed_packets(instance, ratio):
    """Return packets at this ρ for all tasks."""
    return pack(instance, assign(instance), [ratio] * len(instance.tasks))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_domain_begins_with_the_bounds_over_all_paths(seed):
    instance = tiny_instance(seed, computing=2, nodes=7)
    data = ProblemData(instance)
    for m, (domain, task) in enumerate(zip(initial_domains(data), data.tasks, strict=True)):
        single = single_task_optimum(data, m)
        assert domain.ends == [0, 1]
        assert set(domain.modes) == set(single.values)
        pairs = [(c, used) for c in (0, 1) for used in every_path(data, m, DATA, c)]
        work = min(task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c] for c, used in pairs)
        fixed = min(data.fixed[used].sum() for _, used in pairs)
        assert (domain.low, domain.data_low, domain.floor[0]) == pytest.approx((work,) * 3, rel=1e-9)
        assert (domain.fixed_low, domain.floor[1]) == pytest.approx((fixed,) * 2, rel=1e-9)
        assert (domain.high, domain.data_high) == (np.inf, np.inf)
        assert domain.least_s == pytest.approx(single.least_s, rel=1e-12)
        assert domain.far == (BOTH in domain.modes)
        assert domain.has_far == (domain.far and MODEL_ONLY in domain.modes)
        for kind, c in product((DATA, MODEL), (0, 1)):
            assert all(domain.arcs[kind][used].all() for used in every_path(data, m, kind, c))
        copy = domain.copy()
        copy.arcs[DATA][:] = False
        copy.ends.clear()
        copy.modes.clear()
        assert domain.ends
        assert domain.modes
        assert domain.arcs[DATA].any()


@pytest.mark.parametrize("seed", range(4))
def test_the_least_delay_alone_is_the_evaluators(seed):
    """The plan that attains it has it: every mode, every pair of paths, in a network of its own."""
    instance = tiny_instance(seed, tasks=1, computing=2, nodes=6)
    data = ProblemData(instance)
    best = np.inf
    for c in range(2):
        routes, models = every_path(data, 0, DATA, c), every_path(data, 0, MODEL, c)
        plans = [Plan(c, used, None) for used in routes] + [Plan(c, None, used) for used in models]
        plans += [Plan(c, *pair) for pair in product(routes, models)]
        for plan in plans:
            best = min(best, evaluate(Problem(instance), solution_of(data, {0: plan})).tasks[0].T)
    assert single_task_optimum(data, 0).least_s == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_task_cannot_do_is_not_in_its_domain(seed):
    instance = tiny_instance(seed, computing=2, nodes=8)
    lost = instance.computing[1]
    links = tuple(link for link in instance.links if lost not in (link.source, link.target))
    away = ProblemData(replace(instance, links=links))
    for m, domain in enumerate(initial_domains(away)):
        reached = every_path(away, m, DATA, 0), every_path(away, m, MODEL, 0)
        assert all(reached), "the other satellite lay between"
        assert domain.ends == [0]
        assert set(domain.modes) == set(single_task_optimum(away, m).values)
    never = tuple(replace(task, large_map_min=0.99) for task in instance.tasks)
    for domain in initial_domains(ProblemData(replace(instance, tasks=never))):
        assert domain.modes == [MODEL_ONLY]
        assert (domain.low, domain.data_low, domain.fixed_low, domain.floor) == (0.0, 0.0, 0.0, (0.0, 0.0))
        assert not domain.far
    always = tuple(replace(task, small_map_min=0.99) for task in instance.tasks)
    for domain in initial_domains(ProblemData(replace(instance, tasks=always))):
        assert domain.modes == [DATA_ONLY]
        assert not domain.far


def small_domain(**changes):
    """Return a domain of four resources with one segment of each mode."""

    def mask(*which):
        return np.isin(np.arange(4), which)

    segments = [
        Segment(BOTH, 1.0, 2.0, 0.1, [0, 2], mask(0, 1)), Segment(MODEL_ONLY, 1.0, np.inf, 0.1, [1], mask(3)),
        Segment(DATA_ONLY, 1.0, np.inf, 0.1, [], mask(2)),
    ]  # fmt: skip
    values = {
        "ends": [0, 1, 2], "modes": [BOTH, MODEL_ONLY], "low": 1.0, "high": 2.0, "data_low": 1.0, "data_high": 3.0,
        "fixed_low": 0.1, "arcs": [mask(0), mask(0, 1, 2, 3)], "least_s": 1.0, "segments": segments, "beyond": mask(2),
    }  # fmt: skip
    return TaskDomain(**values | changes)


@pytest.mark.parametrize(("far", "modes", "expected"), [
    (True, [BOTH, MODEL_ONLY], True), (True, [BOTH], False), (False, [BOTH, MODEL_ONLY], False), (False, [BOTH], False),
])  # fmt: skip
def test_what_is_far_is_in_the_mode_without_data(far, modes, expected):
    assert small_domain(far=far, modes=modes).has_far is expected


def test_a_domain_gathers_what_its_segments_have():
    domain = small_domain()
    domain.gather()
    assert domain.ends == [0, 1, 2]
    assert domain.modes == [MODEL_ONLY, BOTH]  # no end is left for the data packet alone
    assert domain.arcs[DATA].tolist() == [True, True, False, False]
    domain.segments[0].ends = []
    domain.gather()
    assert (domain.ends, domain.modes) == ([1], [MODEL_ONLY])
    assert not domain.arcs[DATA].any()
    domain.segments[2].ends = [2]
    domain.gather()
    assert domain.arcs[DATA].tolist() == [False, False, True, False]


def test_a_domain_is_expanded_by_what_larger_works_have_left():
    domain = small_domain()
    domain.expand(5.0)
    assert (domain.low, domain.high, domain.far, domain.modes) == (1.0, 5.0, True, [BOTH, MODEL_ONLY])
    assert domain.arcs[DATA].tolist() == [True, False, True, False]
    domain = small_domain(modes=[MODEL_ONLY])
    domain.expand(1.5, far=False)
    assert (domain.low, domain.high, domain.far, domain.modes) == (2.0, 2.0, False, [MODEL_ONLY, BOTH])
    copy = domain.copy()
    copy.segments[0].arcs[:] = False
    copy.breakpoints.append(1.0)
    assert domain.segments[0].arcs.any()
    assert domain.breakpoints == []


def test_a_search_counts_the_packets_of_others_twice_for_the_margin_and_once_for_itself():
    data, rng = ProblemData(tiny_instance(3, tasks=3, nodes=7)), np.random.default_rng(0)
    corridor = data.vicinity(0, DATA).corridor(0)
    count, mask = rng.integers(0, 4, data.resources), data.own_arcs(0, DATA)
    query = corridor.query(count, 0.4, mask)
    used = corridor.resource[: len(query.load)]
    bits = 0.4 * data.tasks[0].bits[DATA] * data.per_bit[used]
    expected = [bits * (times * count[used] + 1) + data.fixed[used] for times in (2, 1)]
    found = query.weights()
    assert found.shape == (2, len(used))
    for row, values in zip(found, expected, strict=True):
        assert row[mask[used]] == pytest.approx(np.maximum(values, 1e-15)[mask[used]], rel=1e-9, abs=1e-13)
        assert np.isinf(row[~mask[used]]).all()
    assert corridor.query(0 * count, 0.4, mask).weights().shape[0] == 1
