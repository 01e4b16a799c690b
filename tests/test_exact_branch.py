"""The tree, its diving and what they stand on: nothing better than the cutoff is ever lost."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from formulation import Problem, check, evaluate
from instances import generate_torus, make_preset
from solvers.backends.program import Limits
from solvers.exact import solve_full, solve_routing
from solvers.exact.branch_and_price.domains.delay_bounds import delay_bounds
from solvers.exact.branch_and_price.domains.refinement import initial_segments, refine_segments, split
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.branch_and_price.heuristics.ruin_recreate import RuinRecreate
from solvers.exact.branch_and_price.master.column_filter import ColumnFilter
from solvers.exact.branch_and_price.master.fractions import TaskFractions, fractions_of
from solvers.exact.branch_and_price.master.level_indexed import LevelMaster
from solvers.exact.branch_and_price.settings import Settings
from solvers.exact.branch_and_price.tree.branching import candidates_of
from solvers.exact.branch_and_price.tree.calibration import ScoreCalibration
from solvers.exact.branch_and_price.tree.search import TreeSearch
from solvers.network.arrays import BOTH, DATA, MODEL
from solvers.network.delay import share_at
from solvers.network.plans import plan_of
from solvers.network.traffic import Loads, score, work_of
from solvers.result import Termination
from tests.brute_force import brute_force
from tests.searching import begun, diving_of, tree_of
from tests.tiny import tiny_instance

SEEDS = range(4)


def relaxed(instance, objective="mean", mip_gap=1e-9):
    """Return a search with a poor incumbent, its relaxation and multipliers."""
    search = begun(instance, None, objective, Limits(mip_gap=mip_gap))
    return search, *search.generation.solve_root()


def holds(domain, plan, work):
    fits = [
        segment
        for segment in domain.segments
        if plan.end in segment.ends
        and (segment.sends_data, segment.sends_model) == (plan.data is not None, plan.model is not None)
        and (plan.data is None or segment.arcs[plan.data].all())
        and (segment.mode != BOTH or segment.low * (1 - 1e-9) <= work <= segment.high * (1 + 1e-9))
    ]
    return bool(fits) and (plan.model is None or bool(domain.arcs[MODEL][plan.model].all()))


def acyclic(data, m, kind):
    """Return a mask of the arcs that lead away from a packet's start by numbers of hops: paths, and no cycles."""
    mask = np.ones(data.resources, dtype=bool)
    reached, _ = data.search(np.ones(data.resources), data.start_of(m, kind), kind == MODEL, mask)
    tail, head = (data.tail, data.head) if kind == DATA else (data.head, data.tail)
    return reached[tail] < reached[head]


def halves(search, acyclic_only=False):
    """Return a point that is not whole, whatever a solver finds: half of two routes of every packet, where it has two.

    The second route of a packet does without an arc of the first, and may have another end.
    """
    data, found = search.state.data, []
    for m, domain in enumerate(search.state.domains):
        mine = TaskFractions({}, [{}, {}], [[], []])
        i = next(i for i, segment in enumerate(domain.segments) if segment.mode == BOTH)
        for kind in (DATA, MODEL):
            start, end = data.start_of(m, kind), int(data.end_of(data.tasks[m].ends[domain.ends[:1]], kind)[0])
            if acyclic_only:
                domain.arcs[kind] &= acyclic(data, m, kind)
                for segment in domain.segments if kind == DATA else ():
                    segment.arcs &= domain.arcs[DATA]
            routes, mask = [], domain.arcs[kind].copy()
            while len(routes) < 2:
                reached, before = data.search(data.per_bit + data.fixed, start, kind == MODEL, mask)
                if not np.isfinite(reached[end]):
                    break
                routes.append(data.path_arcs(before, end, start, kind))
                mask[routes[0][len(routes[0]) // 2]] = False
            mine.routes[kind] = [(1 / len(routes), domain.ends[0], used) for used in routes]
            for share, _, used in mine.routes[kind]:
                for r in used.tolist():
                    mine.flows[kind][r] = mine.flows[kind].get(r, 0.0) + share
        mine.segments[i, domain.ends[0]] = 1.0
        found.append(mine)
    return found


def tree_and_optimum(seed, objective, monkeypatch):
    """Return the result of a search, a tree that takes no incumbents, and the optimum's plans with their data work."""
    instance = generate_torus(4, 4, tasks=4, computing=2, seed=seed)
    best = solve_full(Problem(instance, objective), mip_gap=1e-9)
    search, multipliers, bound = relaxed(instance, objective)
    monkeypatch.setattr(
        search.state, "try_solution", lambda plans, source: False
    )  # nothing is pruned by a better incumbent
    optimum = plan_of(search.state.data, best.solution)
    search.state.primal_bound = 1.02 * best.objective_s  # the optimum is of interest to the end
    loads = Loads(search.state.data, optimum)
    works = [work_of(search.state.data, loads, m, plan)[0] for m, plan in sorted(optimum.items())]
    return best, TreeSearch(search.state, search.generation, (multipliers, bound)), optimum, works


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_is_in_an_open_node_until_it_is_the_incumbent(seed, objective, monkeypatch):
    best, tree, optimum, works = tree_and_optimum(seed, objective, monkeypatch)
    seen = 0
    while tree.open and seen < 40:
        inside = [
            entry
            for entry in tree.open
            if all(
                holds(domain, optimum[m], works[m]) for m, domain in enumerate(entry[2].node(tree.state.data).domains)
            )
        ]
        assert inside
        assert min(waiting.bound for _, _, waiting in inside) <= best.objective_s * (1 + 1e-9)
        tree.open.remove(inside[0])
        node = inside[0][2].node(tree.state.data)
        outcome = tree._evaluate(node)
        assert node.bound <= best.objective_s * (1 + 1e-9)
        tree._branch(node, outcome)
        seen += 1
        if np.isfinite(tree.inexact_bound):
            break
    assert seen > 0


@pytest.mark.parametrize("seed", [0, 3])
def test_children_wait_with_their_own_bounds(seed, monkeypatch):
    """Of the branchings that are priced, the tree takes one whose children rise most, or that leaves one child."""
    search, multipliers, bound = relaxed(generate_torus(4, 4, tasks=11, computing=1, seed=seed))
    search.state.primal_bound *= 1.2  # the root is of interest
    tree = TreeSearch(search.state, search.generation, (multipliers, bound))
    node = tree.open.pop(0)[2].node(tree.state.data)
    outcome = tree._evaluate(node)
    point = halves(search)
    candidates = candidates_of(tree.state, node.domains, point)
    assert len(candidates) > 1
    priced, price = [], tree._evaluate
    monkeypatch.setattr(tree, "_evaluate", lambda child: (price(child), priced.append(child))[0])
    calibration = tree.strong_branching.calibration
    monkeypatch.setattr(calibration, "expected", lambda m, score: np.inf)  # look at all that may be priced
    children = tree.strong_branching.children(node, candidates, tree.column_filter, tree._evaluate)
    most = search.state.settings.branching.max_evaluated
    assert 1 <= len(priced) // 2 <= most
    rises = [min(child.bound - node.bound, tree.state.cutoff - node.bound) for child in priced]
    assert min(rises) >= 0
    room = tree.state.cutoff - node.bound
    pairs = list(zip(rises[::2], rises[1::2], strict=True))
    mine = pairs[[priced[i] is children[0] for i in range(0, len(priced), 2)].index(True)]
    settled = max(mine) >= room
    gains = [float(np.prod(np.array(pair) / room + search.state.settings.branching.min_gain)) for pair in pairs]
    assert settled or gains[pairs.index(mine)] >= max(gains) * (1 - 1e-9)
    assert len(priced) // 2 == min(most, len(candidates)) or settled
    monkeypatch.setattr("solvers.exact.branch_and_price.tree.search.fractions_of", lambda *_: point)
    tree._branch(node, outcome)
    assert all(node.bound <= waiting.bound < search.state.cutoff for _, _, waiting in tree.open)


def test_what_is_expected_of_a_promise_is_what_such_promises_have_kept():
    scores = ScoreCalibration(0.9)
    assert scores.expected(0, 0.7) == 0.7
    for _ in range(50):
        scores.learn(0, 0.2)
    assert scores.expected(0, 0.7) == pytest.approx(0.7 * 0.2, rel=0.1)
    assert 0.7 * 0.2 < scores.expected(1, 0.7) < 0.7 * 0.4  # of another task: as of all tasks
    for _ in range(50):
        scores.learn(1, 0.9)
    assert scores.expected(0, 1.0) < 0.3 < 0.8 < scores.expected(1, 1.0)
    assert [m for m, _ in scores.history] == [0] * 50 + [1] * 50


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_tree_that_goes_on_with_cut_pieces_keeps_the_optimum_and_its_bounds(seed, objective, monkeypatch):
    best, tree, optimum, works = tree_and_optimum(seed, objective, monkeypatch)
    state = tree.state
    state.primal_bound = 1.02 * best.objective_s  # the optimum is of interest to the end
    tree._process_nodes(3)
    if tree.open:
        node = tree.open.pop(0)[2].node(tree.state.data)
        tree._keep_inexact(node, node.bound, None)
    bounds = sorted(waiting.bound for waiting in [*(item for _, _, item in tree.open), *tree.inexact])
    before = [list(domain.segments) for domain in state.domains]
    for m, domain in enumerate(state.domains):
        whole = [p for p in domain.segments if p.mode == BOTH and np.isfinite(p.high) and p.high > p.low * 1.01]
        for segment in whole:
            assert split(
                domain, segment, works[m] if segment.low < works[m] < segment.high else (segment.low + segment.high) / 2
            )
    assert sum(map(len, before)) < sum(len(domain.segments) for domain in state.domains)
    tree.after_refinement(before)
    assert not tree.inexact
    assert sorted(waiting.bound for _, _, waiting in tree.open) == bounds
    inside = 0
    for _, _, waiting in tree.open:
        node = waiting.node(tree.state.data)
        for domain, root in zip(node.domains, state.domains, strict=True):
            assert [(p.mode, p.low, p.high) for p in domain.segments] == [
                (p.mode, p.low, p.high) for p in root.segments
            ]
        if all(holds(domain, optimum[m], works[m]) for m, domain in enumerate(node.domains)):
            inside += 1
            tree._evaluate(node)
            assert node.bound <= best.objective_s * (1 + 1e-9)
    assert inside


@pytest.mark.parametrize("seed", range(60, 66))
def test_every_gap_asked_for_gives_a_bound_below_the_optimum(seed):
    instance = tiny_instance(seed, computing=1 + seed % 2, nodes=6)
    truth = brute_force(instance)
    for gap in (0.0, 1e-6, 1e-3, 1e-1):
        result = solve_full(instance, mip_gap=gap)
        assert result.termination is Termination.OPTIMAL or gap == 0.0
        assert result.gap <= max(gap, 1e-7) + 1e-12
        assert result.bound_s <= truth * (1 + 1e-9)
        assert result.objective_s >= truth * (1 - 1e-9)


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_tree_and_integer_program_agree(seed, objective, monkeypatch):
    instance = generate_torus(4, 5, tasks=5, computing=1 + seed % 2, seed=seed)
    tree = solve_full(Problem(instance, objective))
    routed = solve_routing(Problem(instance, objective), tree.solution)
    monkeypatch.setattr(BranchAndPrice, "tree_search", lambda search: None)
    program = solve_full(Problem(instance, objective))
    assert tree.termination is program.termination is Termination.OPTIMAL
    assert tree.objective_s == pytest.approx(program.objective_s, rel=2e-6)
    assert max(tree.bound_s, program.bound_s) <= min(tree.objective_s, program.objective_s) * (1 + 1e-9)
    again = solve_routing(Problem(instance, objective), tree.solution)
    assert routed.objective_s == pytest.approx(again.objective_s, rel=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_open_paths_are_those_that_the_scopes_allow(seed):
    search, multipliers, _ = relaxed(generate_torus(4, 4, tasks=4, computing=2, seed=seed))
    master, commodities = search.generation.master, multipliers.commodities
    point = search.generation.lp_solution
    candidates = candidates_of(search.state, search.state.domains, fractions_of(master, point.values))
    column_filter = ColumnFilter(master)
    assert column_filter.of(search.state.domains).all()
    domains = [domain.copy() for domain in search.state.domains]
    for candidate in candidates:
        candidate.this.apply(domains[candidate.task])
    found = column_filter.of(domains)
    for (_, commodity, used, c), open_path in zip(master.routes, found, strict=True):
        m, kind = int(commodities.task[commodity]), int(commodities.kind[commodity])
        if kind == MODEL:
            expected = c in domains[m].ends and domains[m].arcs[MODEL][used].all()
        else:
            segment = domains[m].segments[commodity - int(commodities.first[m])]
            expected = c in segment.ends and segment.arcs[used].all()
        assert open_path == bool(expected)
    assert all(domain.arcs[DATA].any() for domain in search.state.domains)  # copies were cut, not these


def test_children_keep_every_path_between_them_and_cutsets_divide_paths():
    search, _, _ = relaxed(generate_torus(6, 6, tasks=8, computing=1, seed=1))
    data, rng, fractions = search.state.data, np.random.default_rng(0), halves(search, acyclic_only=True)
    paths = cutsets = 0
    for candidate in candidates_of(search.state, search.state.domains, fractions):
        if candidate.kind < 0:
            continue
        cutsets += str(candidate.what[0]).startswith("cutset")
        m, kind, domain = candidate.task, candidate.this.kind, search.state.domains[candidate.task]
        lost = candidate.this.without, candidate.other.without
        flows = fractions[m].flows[kind]
        for side in lost:
            assert sum(flows.get(r, 0.0) for r in side.tolist()) > 0  # both children lose some of the point
        for _ in range(20):
            weights = rng.random(data.resources)
            reached, before = data.search(weights, data.start_of(m, kind), kind == MODEL, domain.arcs[kind])
            for end in data.end_of(data.tasks[m].ends[domain.ends], kind):
                if np.isfinite(reached[end]):
                    path = data.path_arcs(before, end, data.start_of(m, kind), kind)
                    assert not all(np.isin(side, path).any() for side in lost)
                    paths += 1
    assert paths > 0
    assert cutsets > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_that_are_added_when_violated_give_the_value_with_all_of_them(seed):
    instance = generate_torus(3, 4, tasks=4, computing=1, seed=seed)
    search, multipliers, _ = relaxed(instance)
    search.state.load_levels = [np.where(search.state.data.shareable, 3, 1) for _ in range(2)]
    every = set(product((DATA, MODEL), range(4), range(search.state.data.resources), range(1, 4)))
    values = []
    for tight in (set(), every):
        master = LevelMaster(search.state.data, search.state.domains, multipliers.commodities, "mean", Limits(), tight)
        for (m, kind, c, _), used in search.state.columns.paths.items():
            own = range(multipliers.commodities.first[m], multipliers.commodities.first[m + 1])
            sending = [q for q in own if multipliers.commodities.segments[q][1].sends_data]
            for commodity in [multipliers.commodities.model(m)] if kind == MODEL else sending:
                master.add(commodity, c, used)
        for kind in (DATA, MODEL):
            for r in np.flatnonzero(search.state.load_levels[kind] > 1):
                master.add_levels(kind, int(r), 3)
        outcome = master.solve(Limits())
        while master.separate(outcome.values, outcome.objective):
            outcome = master.solve(Limits())
        values.append(outcome.objective)
    assert values[0] == pytest.approx(values[1], rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_sharpened_pieces_charge_a_plan_what_is_due(seed):
    search, _, _ = relaxed(generate_torus(4, 4, tasks=3, computing=2, seed=seed))
    loads, rng = Loads(search.state.data, search.state.plans), np.random.default_rng(seed)
    for m, (domain, task) in enumerate(zip(search.state.domains, search.state.data.tasks, strict=True)):
        domain.segments = initial_segments(search.state.data, m, domain, [domain.low * 3])
        if not any(segment.mode == BOTH for segment in domain.segments):
            continue
        work = work_of(search.state.data, loads, m, search.state.plans[m])[0] or domain.low * 1.5
        fixed = domain.fixed_low * (1 + rng.random())
        refine_segments(task, domain, work, fixed, 1e-4)
        finite = [segment for segment in domain.segments if segment.mode == BOTH and np.isfinite(segment.high)]
        charged = [side.const + side.work * work + side.fixed * fixed for p in finite for side in delay_bounds(task, p)]
        assert min(charged) >= share_at(task, work, fixed) - 1e-4


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_dives_end_in_networks_that_count(objective):
    instance = generate_torus(4, 4, tasks=11, computing=1, seed=4)
    search, _multipliers, bound = relaxed(instance, objective)
    before = search.state.primal_bound
    diving, try_solution = diving_of(search), search.state.try_solution
    reached = []
    search.state.try_solution = lambda plans, source: (reached.append(plans), try_solution(plans, source))[1]
    diving.from_root([False, True], 2)
    scores = [score(search.state.data, plans, objective)[0] for plans in reached if plans]
    assert scores  # the solutions at the ends, and what they descend to
    assert search.state.primal_bound == pytest.approx(min([before, *scores]), rel=1e-12)
    solution = search.state.solution
    assert check(instance, solution) == ()
    assert evaluate(instance, solution).objective_s(objective) == pytest.approx(search.state.primal_bound, rel=1e-9)
    assert min(scores) >= bound.value * (1 - 1e-9)


def test_with_many_tasks_dives_near_a_dive_start_at_its_own_end(monkeypatch):
    instance = generate_torus(4, 4, tasks=11, computing=1, seed=4)
    search, _multipliers, _bound = relaxed(instance)
    end = search.state.plans
    RuinRecreate(search.state).run(200)  # the incumbent may be better than where the dive ends
    diving = diving_of(search)
    starts, dive_near = [], diving._neighbourhood_dive
    monkeypatch.setattr(
        diving, "_neighbourhood_dive", lambda domains, plans: (starts.append(plans), dive_near(domains, plans))[1]
    )
    monkeypatch.setattr(diving, "dive", lambda *_, **__: end)
    monkeypatch.setattr(RuinRecreate, "run", lambda search, moves: None)  # nor does it go on from there
    root = fractions_of(diving.master, search.generation.lp_solution.values)
    diving.dive_and_improve(search.state.domains, root)
    assert starts == []
    search.state.effort = Settings(few_tasks=10, many_tasks=11).effort(11, "mean")
    search.state.dual_bound = 0.0  # it is not done
    diving.dive_and_improve(search.state.domains, root, randomised=True)
    values = [score(search.state.data, plans, "mean")[0] for plans in starts]
    assert values[0] == score(search.state.data, end, "mean")[0]
    assert len(starts) >= search.state.settings.diving.failures
    assert values == sorted(values, reverse=True)  # it goes on from the best so far
    assert check(instance, search.state.solution) == ()


def test_a_look_at_a_child_that_ends_early_ends_nothing_else():
    search, _, _ = relaxed(make_preset("hotspot", seed=0))
    master = search.generation.master
    column_filter = ColumnFilter(master)
    active = column_filter.of(search.state.domains)
    whole = master.solve(Limits())
    basis = master.basis
    with master.restricted_to(active & (whole.values[[route[0] for route in master.routes]] < 0.5)):
        value, outcome = master.probe(1, basis, Limits())
        later, _ = master.probe(10_000, basis, Limits())
    assert outcome.termination is Termination.FEASIBLE
    assert value >= whole.objective * (1 - 1e-9)
    search.state.note_outcome(outcome)
    assert not search.state.limit_reached()
    assert later >= value * (1 - 1e-9)


@pytest.mark.parametrize("at", [1, 5])
def test_ctrl_c_in_a_dive_ends_the_proof(at, monkeypatch):
    search, _multipliers, _bound = relaxed(make_preset("hotspot", seed=0))
    search.state.primal_bound *= 1.5
    monkeypatch.setattr(
        search.state, "try_solution", lambda plans, source: False
    )  # nothing is proven before the dives end
    program = type(search.generation.master)
    solve, calls = program.solve, []

    def interrupted(master, limits, tolerance):
        calls.append(limits)
        outcome = solve(master, limits, tolerance)
        return replace(outcome, termination=Termination.INTERRUPTED) if len(calls) == at else outcome

    monkeypatch.setattr(program, "solve", interrupted)
    diving_of(search).from_root([False] * 8, 8)
    assert search.state.limit_reached()
    assert search.state.termination is Termination.INTERRUPTED
    assert len(calls) == at


def test_one_seed_gives_one_tree():
    instance = make_preset("hotspot", seed=1)
    one, other = (solve_full(instance, seed=3) for _ in range(2))
    assert one.solution == other.solution
    assert (one.bound_s, [r["bound_s"] for r in one.trace]) == (other.bound_s, [r["bound_s"] for r in other.trace])


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_a_tree_of_routes_alone_goes_on_after_levels_were_added(objective):
    instance = generate_torus(4, 4, tasks=4, computing=2, seed=0)
    packets = solve_full(instance).solution
    search = begun(instance, packets, objective)
    tree = tree_of(search)
    tree.after_refinement([list(domain.segments) for domain in search.state.domains])
    tree.run()
    assert search.state.gap_closed or tree.inexact
    best = solve_routing(Problem(instance, objective), packets)
    assert search.state.dual_bound <= best.objective_s * (1 + 1e-6)
