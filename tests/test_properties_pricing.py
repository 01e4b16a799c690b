"""Multipliers, bounds, fixing and segments against enumeration of every path, segment and end of tiny networks."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from formulation import Problem
from formulation.rules import ComputingTasks, Hops
from solvers.exact.branch_and_price.domains.delay_bounds import chord, delay_bounds
from solvers.exact.branch_and_price.domains.domain import initial_domains
from solvers.exact.branch_and_price.domains.refinement import (
    initial_segments,
    refine_segments,
    split,
    tighten_segments,
)
from solvers.exact.branch_and_price.domains.segment import Segment
from solvers.exact.branch_and_price.pricing.commodities import Commodities, allowed_arcs
from solvers.exact.branch_and_price.pricing.completion import complete_duals, zero_cost_entry
from solvers.exact.branch_and_price.pricing.fixing import reduced_cost_fixing, single_task_fixing
from solvers.exact.branch_and_price.pricing.lagrangian import lagrangian_bound, resource_bound
from solvers.exact.branch_and_price.pricing.multipliers import between, dual_feasible
from solvers.exact.branch_and_price.pricing.subproblems import solve_pricing
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY
from solvers.network.data import ProblemData
from solvers.network.delay import share_at, work_limit
from tests.searching import search_of
from tests.test_properties_network import every_path, fixed_packets
from tests.tiny import tiny_instance

SEEDS = range(6)


def drawn(seed, at=None, tasks=2, *, share=False):
    """Return arrays, domains cut into segments with arcs missing here and there, and multipliers at random."""
    rng = np.random.default_rng(seed)
    instance = tiny_instance(seed, tasks=tasks, computing=2, nodes=6)
    packets = None if at is None else fixed_packets(instance, at)
    data = ProblemData(Problem(instance, share_computing=share), packets)
    domains = initial_domains(data)
    for m, domain in enumerate(domains):
        domain.segments = initial_segments(data, m, domain, [domain.low * 2, domain.low * 3])
        if at is None:
            for segment in domain.segments[1:]:
                segment.arcs[: data.arcs] &= rng.random(data.arcs) < 0.9
            domain.segments[-1].ends = domain.segments[-1].ends[:1]
        domain.gather()
    commodities = Commodities(domains)
    price = rng.uniform(0, 0.3, (len(commodities.task), data.resources)) * (rng.random(data.resources) < 0.6)
    objective = ("mean", "max")[seed % 2]
    thetas = [
        rng.uniform(0, 1, len(delay_bounds(data.tasks[m], domain.segments[0]))) for m, domain in enumerate(domains)
    ]
    return data, domains, dual_feasible(data, commodities, thetas, price, objective), thetas, objective


def side_of(data, multipliers, m, segment, thetas):
    """Return C, K and KP of a segment from the affine bounds and their weights."""
    sides, theta = delay_bounds(data.tasks[m], segment), thetas[m] / thetas[m].sum() * multipliers.weight[m]
    return [
        sum(t * getattr(side, name) for t, side in zip(theta, sides, strict=True))
        for name in ("const", "work", "fixed")
    ]


def priced_plans(data, domain, multipliers, m, thetas):
    """Yield (segment's commodity, end, data path, model path, reduced cost) of every plan of a task."""
    task, commodities = data.tasks[m], multipliers.commodities
    y, model = multipliers.weight[m], commodities.model(m)
    for q, segment in enumerate(domain.segments, start=int(commodities.first[m])):
        const, work, fixed = side_of(data, multipliers, m, segment, thetas)
        for c in segment.ends:
            weights = (
                work * task.bits[DATA] * data.per_bit + fixed * data.fixed + multipliers.price[q],
                y * (task.bits[MODEL] * data.per_bit + data.fixed) + multipliers.price[model],
            )
            sent = updated = [(None, 0.0)]
            if segment.mode != MODEL_ONLY:
                paths = [used for used in every_path(data, m, DATA, c) if segment.arcs[used].all()]
                server = work * task.large_s[c]
                if data.share_computing:
                    server += multipliers.price[q, data.arcs + task.ends[c]]
                sent = [(used, weights[DATA][used].sum() + server) for used in paths]
            if segment.mode != DATA_ONLY:
                paths = [used for used in every_path(data, m, MODEL, c) if domain.arcs[MODEL][used].all()]
                updated = [(used, weights[MODEL][used].sum()) for used in paths]
            for (one, a), (other, b) in product(sent, updated):
                yield q, c, one, other, const + a + b


@pytest.mark.parametrize(("at", "share"), [(None, False), (None, True), (0.4, True), (1.0, False), (0.0, False)])
@pytest.mark.parametrize("seed", SEEDS)
def test_pricing_finds_the_least_reduced_cost_of_every_segment_and_end(seed, at, share):
    data, domains, multipliers, thetas, objective = drawn(seed, at, share=share)
    assert multipliers.weight.sum() == pytest.approx(1.0)
    if objective == "mean":
        assert multipliers.weight == pytest.approx(1 / len(domains))
    else:
        assert multipliers.weight == pytest.approx(
            [theta.sum() / np.sum([t.sum() for t in thetas]) for theta in thetas]
        )
    bound = lagrangian_bound(data, domains, multipliers)
    total = 0.0
    for m, domain in enumerate(domains):
        expected = {}
        for q, c, _, _, value in priced_plans(data, domain, multipliers, m, thetas):
            expected[c, q] = min(expected.get((c, q), np.inf), value)
        found = bound.tasks[m]
        assert {key for key, value in found.values.items() if np.isfinite(value)} == set(expected)
        for key, value in expected.items():
            assert found.values[key] == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert found.least == pytest.approx(min(expected.values()), rel=1e-9)
        total += found.least
        (again,) = [solve_pricing(data, domain, multipliers, m)]
        assert again.values == found.values
    for kind, r in product((DATA, MODEL), range(data.resources)):
        total += least_set(data, domains, multipliers, kind, r)
    assert bound.value == pytest.approx(total, rel=1e-9)


def least_set(data, domains, multipliers, kind, r):
    """Return what a resource bears at least: the congestion of a set of commodities less their prices."""
    commodities = multipliers.commodities
    users = [u for u in range(len(commodities.task)) if commodities.kind[u] == kind]
    allowed = allowed_arcs(domains)
    users = [u for u in users if allowed[u, r] and multipliers.price[u, r] > 0]
    bits = {u: data.tasks[commodities.task[u]].bits[kind] for u in users}
    k = {u: multipliers.work[u] if kind == DATA else multipliers.weight[commodities.task[u]] for u in users}

    def each(u):
        if r >= data.arcs:  # of the satellite that serves, which no model packet uses
            task = data.tasks[commodities.task[u]]
            served = multipliers.work[u] if kind == DATA else 0.0
            return served * task.large_s[task.ends == r - data.arcs].sum()
        return k[u] * bits[u] * data.per_bit[r]

    least = 0.0
    for size in range(1, len(domains) + 1):
        for chosen in combinations(users, size):
            if len({commodities.task[u] for u in chosen}) == size:
                value = sum((size - 1) * each(u) - multipliers.price[u, r] for u in chosen)
                least = min(least, value)
    return least


def test_a_resource_that_nobody_uses_bears_nothing():
    assert resource_bound(np.zeros(0), np.zeros(0)) == 0.0


def test_multipliers_are_made_feasible_and_lie_between_others():
    data, domains, multipliers, thetas, _ = drawn(0)
    commodities, n = multipliers.commodities, len(domains)
    below = [-theta for theta in thetas]
    for objective in ("mean", "max"):
        made = dual_feasible(data, commodities, below, -multipliers.price - 1.0, objective)
        assert made.weight == pytest.approx([1 / n] * n)
        assert (made.price == 0).all()
        assert made.const == pytest.approx(
            [delay_bounds(data.tasks[m], s)[0].const / n for m, s in commodities.segments]
        )
    other = dual_feasible(data, commodities, thetas, multipliers.price + 0.5, "mean")
    mixed = between(data, multipliers, other, 0.25)
    assert mixed.price == pytest.approx(multipliers.price + 0.125)
    assert (mixed.work == other.work).all()
    assert multipliers.served.tolist() == [*multipliers.work, *[0.0] * n]
    bits = [data.tasks[m].bits[kind] for m, kind in zip(commodities.task, commodities.kind, strict=True)]
    expected = np.array(bits) * np.concatenate([multipliers.work, multipliers.weight])
    assert multipliers.load_weight == pytest.approx(expected)
    assert multipliers.per_packet(data, 3) == pytest.approx(expected * data.per_bit[3])
    assert commodities.model(1) == len(commodities.segments) + 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("room", [0.0, 0.05, 0.5])
def test_fixing_leaves_exactly_what_the_cutoff_allows(seed, room):
    """What stays is on a walk within the cutoff; every plan within it keeps its segment, end and arcs."""
    data, domains, multipliers, thetas, _ = drawn(seed)
    bound = lagrangian_bound(data, domains, multipliers)
    cutoff = bound.value + room * abs(bound.value)
    plans = [list(priced_plans(data, domain, multipliers, m, thetas)) for m, domain in enumerate(domains)]
    limits = [bound.tasks[m].least + cutoff - bound.value for m in range(len(domains))]
    before = [domain.copy() for domain in domains]
    reduced_cost_fixing(data, domains, multipliers, bound, cutoff)
    margin = 2e-9 * (abs(cutoff) + 1)
    for m, domain in enumerate(domains):
        first, kept = int(multipliers.commodities.first[m]), set()
        for q, c, one, other, value in plans[m]:
            if value > limits[m] * (1 - 1e-12):
                continue
            segment = domain.segments[q - first]
            kept.add((q, c))
            assert c in segment.ends
            assert one is None or segment.arcs[one].all()
            assert other is None or domain.arcs[MODEL][other].all()
        loosely = {(q, c) for q, c, *_, value in plans[m] if value <= limits[m] + margin}
        assert kept <= {(q, c) for q, s in enumerate(domain.segments, start=first) for c in s.ends} <= loosely
        costs, commodities = bound.tasks[m], multipliers.commodities
        for q, segment in enumerate(domain.segments, start=first):
            if not segment.ends:
                assert not segment.arcs.any()
            elif segment.sends_data:
                rest = {c: costs.values[c, q] - costs.parts[q][c] for c in segment.ends}
                walks = through(data, costs.weights[q], before[m].segments[q - first].arcs, m, DATA, rest)
                near = np.abs(walks - limits[m]) < margin
                arcs = np.arange(data.arcs)
                assert (segment.arcs[arcs] == (before[m].segments[q - first].arcs[arcs] & (walks <= limits[m])))[
                    ~near
                ].all()
        rest = {}
        for (c, q), value in costs.values.items():
            if c in domain.segments[q - first].ends and domain.segments[q - first].sends_model:
                rest[c] = min(rest.get(c, np.inf), value - costs.parts[commodities.model(m)][c])
        model = domain.arcs[MODEL]
        if rest:
            walks = through(data, costs.weights[commodities.model(m)], before[m].arcs[MODEL], m, MODEL, rest)
            near = np.abs(walks - limits[m]) < margin
            assert (model[: data.arcs] == (before[m].arcs[MODEL][: data.arcs] & (walks <= limits[m])))[~near].all()
        else:
            assert not model.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_rounding_at_the_cutoff_takes_nothing(seed):
    """A plan that costs 1e-9 (|cutoff| + 1) more than the cutoff allows may be one that costs as much; it stays."""
    for part, stays in ((0.0, True), (0.9, True), (1.2, False)):
        data, domains, multipliers, _, _ = drawn(seed)
        bound = lagrangian_bound(data, domains, multipliers)
        values = dict(sorted(bound.tasks[0].values.items()))
        (c, q), value = max(((key, v) for key, v in values.items() if np.isfinite(v)), key=lambda item: item[1])
        cutoff = bound.value + value - bound.tasks[0].least
        cutoff -= part * 1e-9 * (abs(cutoff) + 1)
        reduced_cost_fixing(data, domains, multipliers, bound, cutoff)
        assert (c in domains[0].segments[q].ends) == stays
        data, domains, _, _, _ = drawn(seed)
        commodities = Commodities(domains)
        zero = np.zeros((len(commodities.task), data.resources))
        alone = dual_feasible(data, commodities, [np.ones(1), np.zeros(1)], zero, "max")
        costs = solve_pricing(data, domains[0], alone, 0)
        (c, q), value = max(((key, v) for key, v in costs.values.items() if np.isfinite(v)), key=lambda item: item[1])
        limit = value - part * 1e-9 * (abs(value) + 1)
        single_task_fixing(data, domains, np.array([limit, np.inf]))
        assert (c in domains[0].segments[q].ends) == stays
    data, domains, _, _, _ = drawn(seed)
    single_task_fixing(data, domains, np.array([costs.least, np.inf]))  # the least of all is within its own cutoff
    assert [(c, q) for q, segment in enumerate(domains[0].segments) for c in segment.ends] == [
        key for key, value in costs.values.items() if value <= costs.least + 1e-9 * (costs.least + 1)
    ]


def through(data, weight, mask, m, kind, rest):
    """Return the cost of the cheapest walk through each arc, with what its end costs beside it, shape (arcs,)."""
    size = 2 * data.nodes
    cost = np.full((size, size), np.inf)
    np.fill_diagonal(cost, 0.0)
    ends = (data.tail, data.head) if kind == DATA else (data.head, data.tail)
    for r in np.flatnonzero(mask[: data.arcs]):
        a, b = int(ends[0][r]), int(ends[1][r])
        cost[a, b] = min(cost[a, b], max(weight[r], 0.0))
    for k in range(size):
        cost = np.minimum(cost, cost[:, k : k + 1] + cost[k])
    start = data.start_of(m, kind)
    back = np.min([cost[:, data.end_of(int(data.tasks[m].ends[c]), kind)] + extra for c, extra in rest.items()], axis=0)
    return cost[start, ends[0]][: data.arcs] + weight[: data.arcs] + back[ends[1]][: data.arcs]


@pytest.mark.parametrize("seed", SEEDS)
def test_fixing_by_one_task_keeps_what_it_can_do_within_the_cutoff(seed):
    data, domains, _, _, _ = drawn(seed)
    zero = [np.ones(1)] * len(domains)
    commodities = Commodities(domains)
    expected = []
    for m, domain in enumerate(domains):
        theta = [np.full(1, float(i == m)) for i in range(len(domains))]
        none = dual_feasible(data, commodities, theta, np.zeros((len(commodities.task), data.resources)), "max")
        assert none.weight.tolist() == [float(i == m) for i in range(len(domains))]
        expected.append(list(priced_plans(data, domain, none, m, zero)))
    cutoff = max(min(value for *_, value in plans) for plans in expected) * 1.02
    before = domains[0].copy()
    single_task_fixing(data, domains, np.array([np.inf, cutoff]))
    assert [segment.ends for segment in domains[0].segments] == [segment.ends for segment in before.segments]
    single_task_fixing(data, domains, np.full(len(domains), cutoff))
    for m, domain in enumerate(domains):
        first = int(commodities.first[m])
        for q, c, one, other, value in expected[m]:
            if value > cutoff:
                continue
            assert c in domain.segments[q - first].ends
            assert one is None or domain.segments[q - first].arcs[one].all()
            assert other is None or domain.arcs[MODEL][other].all()
        ends = {(q, c) for q, s in enumerate(domain.segments, start=first) for c in s.ends}
        assert ends <= {(q, c) for q, c, *_, value in expected[m] if value <= cutoff * (1 + 1e-8) + 1e-8}


@pytest.mark.parametrize("seed", range(20))
def test_newcomers_take_nothing_from_a_resource(seed):
    rng = np.random.default_rng(seed)
    task = np.sort(rng.integers(0, 4, 7))
    weight, known = rng.uniform(0.2, 1.0, 7), rng.random(7) < 0.5
    known[0], known[-1] = True, False
    old, new = np.flatnonzero(known), np.flatnonzero(~known)
    price = rng.uniform(0, 2.0, len(old))
    entry = zero_cost_entry(task, weight, price, old, new)
    assert (entry >= 0).all()

    def least(users, prices):
        sets = (s for size in range(len(users) + 1) for s in combinations(range(len(users)), size))
        single = [s for s in sets if len({task[users[i]] for i in s}) == len(s)]
        return min(sum((len(s) - 1) * weight[users[i]] - prices[i] for i in s) for s in single)

    base = least(old, price)
    order = np.argsort(np.concatenate([old, new]), kind="stable")
    users, prices = np.concatenate([old, new])[order], np.concatenate([price, entry])[order]
    assert resource_bound(price, weight[old], task[old]) == pytest.approx(base, abs=1e-12)
    assert least(users, prices) == pytest.approx(base, abs=1e-9)
    for i in range(len(new)):  # none could ask for more alone without being charged to the resource, or to its kin
        more = entry.copy()
        more[i] += 1e-3
        worse = np.concatenate([price, more])[order]
        assert least(users, worse) <= least(users, prices) + 1e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_completed_duals_leave_the_bound_and_reach_every_open_resource(seed):
    data, domains, multipliers, _, _ = drawn(seed)
    rng = np.random.default_rng(seed)
    known = rng.random(multipliers.price.shape) < 0.4
    multipliers.price *= known & allowed_arcs(domains)
    price, places = multipliers.price.copy(), list(product((DATA, MODEL), range(data.arcs)))
    before = [least_set(data, domains, multipliers, kind, r) for kind, r in places]
    complete_duals(data, domains, multipliers, known)
    after = [least_set(data, domains, multipliers, kind, r) for kind, r in places]
    assert after == pytest.approx(before, abs=1e-9)
    assert (multipliers.price[known] == price[known]).all()
    assert (multipliers.price[~allowed_arcs(domains) & ~known] == 0).all()
    commodities = multipliers.commodities
    for kind in (DATA, MODEL):
        rows = np.flatnonzero(commodities.kind == kind)
        for r in range(data.resources):
            new = rows[~known[rows, r] & allowed_arcs(domains)[rows, r]]
            old = rows[known[rows, r]]
            if len(new) and (price[old, r] > 0).any():
                entry = zero_cost_entry(commodities.task, multipliers.per_packet(data, r), price[old, r], old, new)
                assert multipliers.price[new, r] == pytest.approx(entry)


@pytest.mark.parametrize("seed", SEEDS)
def test_chords_bound_the_delay_function_and_meet_it_at_both_ends(seed):
    rng = np.random.default_rng(seed)
    task = next(t for t in ProblemData(tiny_instance(seed)).tasks)
    for _ in range(10):
        low = task.small_s * rng.uniform(0.1, 2)
        high, p = low * rng.uniform(1.01, 4), task.small_s * rng.uniform(0, 0.3)
        const, slope, per_fixed = chord(task, low, high, p)
        assert const + slope * low + per_fixed * p == pytest.approx(share_at(task, low, p), rel=1e-9)
        assert const + slope * high + per_fixed * p == pytest.approx(share_at(task, high, p), rel=1e-9)
        for work, more in product(np.linspace(low, high, 7), (0.0, 0.01, 0.2)):
            fixed = p + more * task.small_s
            assert const + slope * work + per_fixed * fixed <= share_at(task, work, fixed) + 1e-9
        assert const + slope * high + per_fixed * (p + 1.0) == pytest.approx(share_at(task, high, p + 1.0), rel=1e-9)
        same = chord(task, low, low, p)
        at = share_at(task, low, p)
        step = 1e-5 * low
        assert same[0] + same[1] * low + same[2] * p == pytest.approx(at, rel=1e-9)
        assert same[1] == pytest.approx(
            (share_at(task, low + step, p) - share_at(task, low - step, p)) / (2 * step), rel=1e-4
        )
        (infinite,) = delay_bounds(task, Segment(BOTH, low, np.inf, p, [0], np.ones(1, dtype=bool)))
        assert (infinite.const, infinite.work, infinite.fixed) == (at, 0.0, 0.0)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_bounds_at_a_fixed_ratio_are_the_sides_of_the_maximum(ratio):
    task = ProblemData(tiny_instance(3), fixed_packets(tiny_instance(3), ratio)).tasks[0]
    mode = {0.0: MODEL_ONLY, 1.0: DATA_ONLY}.get(ratio, BOTH)
    sides = delay_bounds(task, Segment(mode, 0.0, np.inf, 0.0, [0], np.ones(1, dtype=bool)))
    for work, fixed in ((3.0, 0.2), (50.0, 0.0), (0.1, 7.0)):
        remote = ratio * work + fixed if ratio > 0 else 0.0
        expected = ratio * task.extraction_s + max(remote, (1 - ratio) * task.small_s)
        assert max(side.const + side.work * work + side.fixed * fixed for side in sides) == pytest.approx(expected)
    free = ProblemData(tiny_instance(3)).tasks[0]
    (model,) = delay_bounds(free, Segment(MODEL_ONLY, 0.0, np.inf, 0.0, [0], np.ones(1, dtype=bool)))
    (data,) = delay_bounds(free, Segment(DATA_ONLY, 0.0, np.inf, 0.0, [0], np.ones(1, dtype=bool)))
    assert (model.const, model.work, model.fixed) == (free.small_s, 0.0, 0.0)
    assert (data.const, data.work, data.fixed) == (free.extraction_s, 1.0, 1.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_segments_divide_the_work_and_are_cut_where_they_lose(seed):
    data = ProblemData(tiny_instance(seed, computing=2, nodes=6))
    for m, (domain, task) in enumerate(zip(initial_domains(data), data.tasks, strict=True)):
        works = [domain.low * 2, domain.low * (1 + 1e-12), domain.low * 0.5, domain.low * 3, domain.low * 2]
        domain.segments = initial_segments(data, m, domain, works)
        both = [s for s in domain.segments if s.mode == BOTH]
        if not both:
            continue
        assert [(s.low, s.high) for s in both] == [
            (domain.low, 2 * domain.low),
            (2 * domain.low, 3 * domain.low),
            (3 * domain.low, np.inf),
        ]
        assert [s.mode for s in domain.segments if s.mode != BOTH] == [mode for mode in domain.modes if mode != BOTH]
        first = both[0]
        at = domain.segments.index(first)
        for outside in (first.low, first.high, first.low * (1 + 1e-7), first.high * (1 - 1e-7), 0.0):
            assert not split(domain, first, outside)
        assert split(domain, first, 1.5 * domain.low)
        assert [(s.low, s.high) for s in domain.segments[at : at + 2]] == [
            (first.low, 1.5 * domain.low),
            (1.5 * domain.low, first.high),
        ]
        work, fixed = 1.2 * domain.low, domain.fixed_low * 1.3
        truth, allowance = share_at(task, work, fixed), 1e-3 * task.small_s

        def losses(domain=domain, task=task, work=work, fixed=fixed, truth=truth):
            sides = [delay_bounds(task, s)[0] for s in domain.segments if s.mode == BOTH]
            return [truth - side.const - side.work * work - side.fixed * fixed for side in sides]

        loose = max(losses()) > allowance
        assert refine_segments(task, domain, work, fixed, allowance) == loose
        assert max(losses()) <= allowance
        assert not refine_segments(task, domain, work, fixed, allowance)


@pytest.mark.parametrize("seed", SEEDS)
def test_segments_are_tightened_to_the_paths_and_works_that_are_left(seed):
    data, domains, _, _, _ = drawn(seed)
    for m, (domain, task) in enumerate(zip(domains, data.tasks, strict=True)):
        allowed = 0.9 * task.small_s
        limit = work_limit(task, allowed, domain.floor[1]) if task.extraction_s < task.small_s else np.inf
        for segment in domain.segments:
            if segment.mode == MODEL_ONLY:
                segment.arcs[:] = False  # it needs no data path
        before = [segment.part(segment.low, segment.high) for segment in domain.segments]
        tighten_segments(data, m, domain, allowed)
        expected = []
        for segment in before:
            low, fixed_low, high = segment.low, segment.fixed_low, segment.high
            if segment.sends_data:
                pairs = [
                    (c, used) for c in segment.ends for used in every_path(data, m, DATA, c) if segment.arcs[used].all()
                ]
                if not pairs:
                    continue
                works = [task.bits[DATA] * data.per_bit[used].sum() + task.large_s[c] for c, used in pairs]
                low = max(low, min(works))
                fixed_low = max(fixed_low, min(data.fixed[used].sum() for _, used in pairs))
                if segment.mode == BOTH:
                    high = min(high, limit)
                    if low > high * (1 + 1e-9):
                        continue
            expected.append((segment.mode, low, high, fixed_low))
        found = [(s.mode, s.low, s.high, s.fixed_low) for s in domain.segments]
        assert [f[0] for f in found] == [e[0] for e in expected]
        for one, other in zip(found, expected, strict=True):
            assert one[1:] == pytest.approx(other[1:], rel=1e-9)
        assert domain.ends == sorted({c for s in domain.segments for c in s.ends})
        assert domain.modes == [x for x in (MODEL_ONLY, DATA_ONLY, BOTH) if any(s.mode == x for s in domain.segments)]
        union = np.any([s.arcs for s in domain.segments if s.sends_data], axis=0)
        assert (domain.arcs[DATA] == union).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_any_multipliers_is_below_every_solution(seed):
    search = search_of(tiny_instance(seed, nodes=6))
    search.run()
    data, domains = search.state.data, initial_domains(search.state.data)
    for m, domain in enumerate(domains):
        domain.segments = initial_segments(data, m, domain, [domain.low * 1.5])
    commodities, rng = Commodities(domains), np.random.default_rng(seed)
    for scale in (0.0, 0.01, 0.1, 1.0):
        price = rng.uniform(0, scale, (len(commodities.task), data.resources))
        made = dual_feasible(data, commodities, [np.ones(1)] * len(domains), price, "mean")
        assert lagrangian_bound(data, domains, made).value <= search.state.primal_bound * (1 + 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("objective", ["mean", "max"])
def test_multipliers_of_deadlines_add_to_the_weights_of_their_tasks(seed, objective):
    """Those of tasks without a deadline, and negative ones, are 0; the bound loses what the deadlines allow."""
    rng = np.random.default_rng(seed)
    instance = tiny_instance(seed, tasks=3, nodes=7)
    due = 1.5 * max(domain.least_s for domain in initial_domains(ProblemData(instance)))
    tasks = (*(replace(task, deadline_s=due) for task in instance.tasks[:2]), instance.tasks[2])
    data = ProblemData(replace(instance, tasks=tasks))
    domains = initial_domains(data)
    for m, domain in enumerate(domains):
        domain.segments = initial_segments(data, m, domain, [domain.low * 1.5])
    commodities, thetas = Commodities(domains), [np.array([x]) for x in rng.uniform(0.1, 1, 3)]
    price = rng.uniform(0, 0.1, (len(commodities.task), data.resources))
    made = dual_feasible(data, commodities, thetas, price, objective, late=np.array([0.3, -0.2, 0.7]))
    own = np.array([0.3, 0.0, 0.0])
    sums = np.maximum(np.concatenate(thetas) - own, 0.0)
    expected = own + (np.full(3, 1 / 3) if objective == "mean" else sums / sums.sum())
    assert made.weight == pytest.approx(expected)
    value = lagrangian_bound(data, domains, made).value
    total = -0.3 * due
    for m, domain in enumerate(domains):
        total += min(v for *_, v in priced_plans(data, domain, made, m, thetas))
    for kind, r in product((DATA, MODEL), range(data.resources)):
        total += least_set(data, domains, made, kind, r)
    assert value == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_add_their_tolls_to_every_plan_and_take_their_limits_from_the_bound(seed):
    """Each rule's own count of a plan, times its multiplier, is what pricing adds, whatever a solver says."""
    rng = np.random.default_rng(seed)
    instance = tiny_instance(seed, tasks=2, computing=2, nodes=6)
    data = ProblemData(Problem(instance, rules=(Hops(limit=2), ComputingTasks(limit=1))))
    domains = initial_domains(data)
    for m, domain in enumerate(domains):
        domain.segments = initial_segments(data, m, domain, [domain.low * 2])
    commodities, thetas = Commodities(domains), [np.ones(1)] * 2
    price = rng.uniform(0, 0.1, (len(commodities.task), data.resources))
    mu = rng.uniform(0.1, 1.0, len(data.rows.high))
    free = dual_feasible(data, commodities, thetas, price, "mean")
    assert (free.tolls.mu == 0).all()
    made = dual_feasible(data, commodities, thetas, price, "mean", mu)
    bound, value = lagrangian_bound(data, domains, made), -float(mu @ data.rows.high)
    for m, domain in enumerate(domains):
        least = {}
        for q, c, one, other, cost in priced_plans(data, domain, free, m, thetas):
            rows, amounts = data.rows.of_plan(m, c, one, other)
            toll = float(mu[rows] @ amounts)
            least[c, q] = min(least.get((c, q), np.inf), cost + toll)
        assert bound.tasks[m].values == pytest.approx(least, rel=1e-9)
        value += min(least.values())
    for kind, r in product((DATA, MODEL), range(data.resources)):
        value += least_set(data, domains, made, kind, r)
    assert bound.value == pytest.approx(value, rel=1e-9)
    half = between(data, made, dual_feasible(data, commodities, thetas, price, "mean", 3 * mu), 0.5)
    assert half.tolls.mu == pytest.approx(2 * mu)
