"""The tree, its dives and what they stand on: nothing better than the cutoff is ever lost."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from formulation import check, evaluate
from instances import generate_torus, make_preset
from solvers.backends.program import Limits
from solvers.exact import solve_full, solve_routing
from solvers.exact.branch_and_price import driver as proof_module
from solvers.exact.branch_and_price.domains.delay_bounds import sides
from solvers.exact.branch_and_price.domains.refinement import first_pieces, sharpen, split
from solvers.exact.branch_and_price.driver import Proof
from solvers.exact.branch_and_price.heuristics import diving as dive
from solvers.exact.branch_and_price.heuristics.ruin_recreate import Search
from solvers.exact.branch_and_price.master.column_filter import Openness
from solvers.exact.branch_and_price.master.fractions import shares_of
from solvers.exact.branch_and_price.master.level_indexed import Columns
from solvers.exact.branch_and_price.tree.branching import candidates_of
from solvers.exact.branch_and_price.tree.calibration import Promises
from solvers.exact.branch_and_price.tree.search import PRICED, Tree
from solvers.exact.trace import Recorder
from solvers.network.arrays import BOTH, DATA, MODEL
from solvers.network.delay import share_at
from solvers.network.plans import plan_of
from solvers.network.traffic import Loads, score, work_of
from solvers.result import Termination
from tests.brute_force import brute_force
from tests.tiny import tiny_instance

SEEDS = range(4)


def relaxed(instance, objective="mean", mip_gap=1e-9):
    """Return a proof with a poor incumbent, its relaxation and prices."""
    proof = Proof(instance, None, objective, Limits(mip_gap=mip_gap), Recorder(None))
    proof.restart(1)
    proof.divide()
    return proof, *proof.relax()


def holds(scope, plan, work):
    fits = [
        piece
        for piece in scope.pieces
        if plan.end in piece.ends
        and (piece.sends_data, piece.sends_model) == (plan.data is not None, plan.model is not None)
        and (plan.data is None or piece.arcs[plan.data].all())
        and (piece.mode != BOTH or piece.low * (1 - 1e-9) <= work <= piece.high * (1 + 1e-9))
    ]
    return bool(fits) and (plan.model is None or bool(scope.arcs[MODEL][plan.model].all()))


def tree_and_optimum(seed, objective, monkeypatch):
    """Return the result of a proof, a tree that takes no incumbents, and the optimum's plans with their data work."""
    instance = generate_torus(4, 4, tasks=4, computing=2, seed=seed)
    best = solve_full(instance, objective=objective, mip_gap=1e-9)
    proof, prices, bound = relaxed(instance, objective)
    monkeypatch.setattr(proof, "offer", lambda plans: None)  # nothing is pruned by a better incumbent
    optimum = plan_of(proof.tables, best.solution)
    loads = Loads(proof.tables, optimum)
    works = [work_of(proof.tables, loads, m, plan)[0] for m, plan in sorted(optimum.items())]
    return best, Tree(proof, prices, bound), optimum, works


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_is_in_an_open_node_until_it_is_the_incumbent(seed, objective, monkeypatch):
    best, tree, optimum, works = tree_and_optimum(seed, objective, monkeypatch)
    seen = 0
    while tree.open and seen < 40:
        inside = [
            entry
            for entry in tree.open
            if all(holds(scope, optimum[m], works[m]) for m, scope in enumerate(entry[2].node().scopes))
        ]
        assert inside
        assert min(waiting.bound for _, _, waiting in inside) <= best.objective_s * (1 + 1e-9)
        tree.open.remove(inside[0])
        node = inside[0][2].node()
        outcome = tree._price(node)
        assert node.bound <= best.objective_s * (1 + 1e-9)
        tree._divide(node, outcome)
        seen += 1
        if np.isfinite(tree.stuck):
            break
    assert seen > 0


@pytest.mark.parametrize("seed", [0, 3])  # whose relaxation is not whole
def test_children_wait_with_their_own_bounds(seed, monkeypatch):
    """Of the branchings that are priced, the tree takes one whose children rise most, or that leaves one child."""
    proof, prices, bound = relaxed(generate_torus(4, 4, tasks=11, computing=1, seed=seed))
    tree = Tree(proof, prices, bound)
    node = tree.open.pop(0)[2].node()
    outcome = tree._price(node)
    candidates = candidates_of(tree.tables, tree.proof.levels, node.scopes, shares_of(tree.columns, outcome.values))
    assert len(candidates) > 1
    priced, price = [], tree._price
    monkeypatch.setattr(tree, "_price", lambda child: (price(child), priced.append(child))[0])
    monkeypatch.setattr(tree._promises, "expected", lambda m, promise: np.inf)  # look at all that may be priced
    children = tree._children(node, candidates)
    assert 1 <= len(priced) // 2 <= PRICED
    rises = [min(child.bound - node.bound, tree.proof.cutoff - node.bound) for child in priced]
    assert min(rises) >= 0
    pairs = list(zip(rises[::2], rises[1::2], strict=True))
    mine = pairs[[priced[i] is children[0] for i in range(0, len(priced), 2)].index(True)]
    settled = max(mine) >= tree.proof.cutoff - node.bound
    assert settled or np.prod(mine) >= 0.9 * max(map(np.prod, pairs)) - 1e-12
    assert len(priced) // 2 == min(PRICED, len(candidates)) or settled
    tree._divide(node, outcome)
    assert all(node.bound <= waiting.bound < proof.cutoff for _, _, waiting in tree.open)
    assert any(waiting.bound > node.bound for _, _, waiting in tree.open) or settled


def test_what_is_expected_of_a_promise_is_what_such_promises_have_kept():
    promises = Promises()
    assert promises.expected(0, 0.7) == 0.7
    for _ in range(50):
        promises.learn(0, 0.2)
    assert promises.expected(0, 0.7) == pytest.approx(0.7 * 0.2, rel=0.1)
    assert 0.7 * 0.2 < promises.expected(1, 0.7) < 0.7 * 0.4  # of another task: as of all tasks
    for _ in range(50):
        promises.learn(1, 0.9)
    assert promises.expected(0, 1.0) < 0.3 < 0.8 < promises.expected(1, 1.0)
    assert [m for m, _ in promises.kept] == [0] * 50 + [1] * 50


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_tree_that_goes_on_with_cut_pieces_keeps_the_optimum_and_its_bounds(seed, objective, monkeypatch):
    best, tree, optimum, works = tree_and_optimum(seed, objective, monkeypatch)
    proof = tree.proof
    proof.upper = 1.02 * best.objective_s  # the optimum is of interest to the end
    tree._work(3)
    if tree.open:
        node = tree.open.pop(0)[2].node()
        tree._strand(node, node.bound, None)
    bounds = sorted(waiting.bound for waiting in [*(item for _, _, item in tree.open), *tree.stranded])
    before = [list(scope.pieces) for scope in proof.scopes]
    for m, scope in enumerate(proof.scopes):
        whole = [p for p in scope.pieces if p.mode == BOTH and np.isfinite(p.high) and p.high > p.low * 1.01]
        for piece in whole:
            assert split(scope, piece, works[m] if piece.low < works[m] < piece.high else (piece.low + piece.high) / 2)
    assert sum(map(len, before)) < sum(len(scope.pieces) for scope in proof.scopes)
    tree.renew(before)
    assert not tree.stranded
    assert sorted(waiting.bound for _, _, waiting in tree.open) == bounds
    inside = 0
    for _, _, waiting in tree.open:
        node = waiting.node()
        for scope, root in zip(node.scopes, proof.scopes, strict=True):
            assert [(p.mode, p.low, p.high) for p in scope.pieces] == [(p.mode, p.low, p.high) for p in root.pieces]
        if all(holds(scope, optimum[m], works[m]) for m, scope in enumerate(node.scopes)):
            inside += 1
            tree._price(node)
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
    tree = solve_full(instance, objective=objective)
    routed = solve_routing(instance, tree.solution, objective=objective)
    monkeypatch.setattr(Proof, "branch", lambda proof: None)
    program = solve_full(instance, objective=objective)
    assert tree.termination is program.termination is Termination.OPTIMAL
    assert tree.objective_s == pytest.approx(program.objective_s, rel=2e-6)
    assert max(tree.bound_s, program.bound_s) <= min(tree.objective_s, program.objective_s) * (1 + 1e-9)
    again = solve_routing(instance, tree.solution, objective=objective)
    assert routed.objective_s == pytest.approx(again.objective_s, rel=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_open_paths_are_those_that_the_scopes_allow(seed):
    proof, prices, _ = relaxed(generate_torus(4, 4, tasks=4, computing=2, seed=seed))
    columns, users = proof.relaxation.columns, prices.users
    point = proof.relaxation.point
    candidates = candidates_of(proof.tables, proof.levels, proof.scopes, shares_of(columns, point.values))
    openness = Openness(columns)
    assert openness.of(proof.scopes).all()
    scopes = [scope.copy() for scope in proof.scopes]
    for candidate in candidates:
        candidate.this.apply(scopes[candidate.task])
    found = openness.of(scopes)
    for (_, user, used, c), open_path in zip(columns.routes, found, strict=True):
        m, kind = int(users.task[user]), int(users.kind[user])
        if kind == MODEL:
            expected = c in scopes[m].ends and scopes[m].arcs[MODEL][used].all()
        else:
            piece = scopes[m].pieces[user - int(users.first[m])]
            expected = c in piece.ends and piece.arcs[used].all()
        assert open_path == bool(expected)
    assert all(scope.arcs[DATA].any() for scope in proof.scopes)  # copies were cut, not these


def test_children_keep_every_path_between_them_and_passages_divide_paths():
    proof, _, _ = relaxed(generate_torus(6, 6, tasks=8, computing=1, seed=1))
    tables, columns, rng = proof.tables, proof.relaxation.columns, np.random.default_rng(0)
    shares = shares_of(columns, proof.relaxation.point.values)
    paths = passages = 0
    for candidate in candidates_of(tables, proof.levels, proof.scopes, shares):
        if candidate.what[0] not in ("data", "model", "data passage", "model passage"):
            continue
        passages += str(candidate.what[0]).endswith("passage")
        m, kind, scope = candidate.task, candidate.this.kind, proof.scopes[candidate.task]
        sides = candidate.this.without, candidate.other.without
        flows = shares[m].flows[kind]
        for side in sides:
            assert sum(flows.get(r, 0.0) for r in side.tolist()) > 0  # both children lose some of the point
        for _ in range(20):
            weights = rng.random(tables.resources)
            reached, before = tables.search(weights, tables.start_of(m, kind), kind == MODEL, scope.arcs[kind])
            for end in tables.end_of(tables.tasks[m].ends[scope.ends], kind):
                if np.isfinite(reached[end]):
                    path = tables.trace(before, end, tables.start_of(m, kind), kind)
                    assert not all(np.isin(side, path).any() for side in sides)
                    paths += 1
    assert paths > 0
    assert passages > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_that_are_added_when_violated_give_the_value_with_all_of_them(seed):
    instance = generate_torus(3, 4, tasks=4, computing=1, seed=seed)
    proof, prices, _ = relaxed(instance)
    proof.levels = [np.where(proof.tables.shareable, 3, 1) for _ in range(2)]
    every = set(product((DATA, MODEL), range(4), range(proof.tables.resources), range(1, 4)))
    values = []
    for tight in (set(), every):
        columns = Columns(proof.tables, proof.scopes, prices.users, "mean", Limits(), tight)
        for (m, kind, c, _), used in proof.relaxation.pool.items():
            own = range(prices.users.first[m], prices.users.first[m + 1])
            sending = [q for q in own if prices.users.pieces[q][1].sends_data]
            for user in [prices.users.model(m)] if kind == MODEL else sending:
                columns.add(user, c, used)
        for kind in (DATA, MODEL):
            for r in np.flatnonzero(proof.levels[kind] > 1):
                columns.deepen(kind, int(r), 3)
        outcome = columns.solve(Limits())
        while columns.separate(outcome.values):
            outcome = columns.solve(Limits())
        values.append(outcome.objective)
    assert values[0] == pytest.approx(values[1], rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_sharpened_pieces_charge_a_plan_what_is_due(seed):
    proof, _, _ = relaxed(generate_torus(4, 4, tasks=3, computing=2, seed=seed))
    loads, rng = Loads(proof.tables, proof.plans), np.random.default_rng(seed)
    for m, (scope, task) in enumerate(zip(proof.scopes, proof.tables.tasks, strict=True)):
        scope.pieces = first_pieces(proof.tables, m, scope, [scope.low * 3])
        if not any(piece.mode == BOTH for piece in scope.pieces):
            continue
        work = work_of(proof.tables, loads, m, proof.plans[m])[0] or scope.low * 1.5
        fixed = scope.fixed_low * (1 + rng.random())
        sharpen(task, scope, work, fixed, 1e-4)
        finite = [piece for piece in scope.pieces if piece.mode == BOTH and np.isfinite(piece.high)]
        charged = [side.const + side.work * work + side.fixed * fixed for p in finite for side in sides(task, p)]
        assert min(charged) >= share_at(task, work, fixed) - 1e-4


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_dives_end_in_networks_that_count(objective):
    instance = generate_torus(4, 4, tasks=11, computing=1, seed=4)
    proof, prices, bound = relaxed(instance, objective)
    before = proof.upper
    dives = Tree(proof, prices, bound).dives
    reached = []
    proof.offer, offer = lambda plans: (reached.append(plans), offer(plans)), proof.offer
    dives.from_root([False, True], 2)
    assert len(reached) > 2  # the networks at the ends, and what they descend to
    assert proof.upper < before
    solution = proof.solution()
    assert check(instance, solution) == ()
    assert evaluate(instance, solution).objective_s(objective) == pytest.approx(proof.upper, rel=1e-9)
    assert all(score(proof.tables, plans, objective)[0] >= bound.value * (1 - 1e-9) for plans in reached if plans)


def test_with_many_tasks_dives_near_a_dive_start_at_its_own_end(monkeypatch):
    instance = generate_torus(4, 4, tasks=11, computing=1, seed=4)
    proof, prices, bound = relaxed(instance)
    Search(proof).run(200)
    dives = Tree(proof, prices, bound).dives
    starts, dive_near = [], dives._near
    monkeypatch.setattr(dives, "_near", lambda scopes, plans: (starts.append(plans), dive_near(scopes, plans))[1])
    root = shares_of(dives.columns, proof.relaxation.point.values)
    dives.deep(proof.scopes, root)
    assert starts == []
    monkeypatch.setattr(proof_module, "MANY", 11)
    best = proof.upper
    dives.deep(proof.scopes, root, astray=True)
    values = [score(proof.tables, plans, "mean")[0] for plans in starts]
    assert len(starts) >= dive.NEAR
    assert values == sorted(values, reverse=True)  # it goes on from the best so far
    assert values[0] > best >= proof.upper
    assert check(instance, proof.solution()) == ()


def test_a_look_at_a_child_that_ends_early_ends_nothing_else():
    proof, _, _ = relaxed(make_preset("hotspot", seed=0))
    columns = proof.relaxation.columns
    openness = Openness(columns)
    open_paths = openness.of(proof.scopes)
    whole = columns.solve(Limits())
    basis = columns.basis
    columns.restrict(open_paths & (whole.values[[route[0] for route in columns.routes]] < 0.5))
    value, outcome = columns.peek(1, basis, Limits())
    assert outcome.termination is Termination.FEASIBLE
    assert value >= whole.objective * (1 - 1e-9)
    proof.note(outcome)
    assert not proof.stopped
    later, outcome = columns.peek(10_000, basis, Limits())
    assert later >= value * (1 - 1e-9)


@pytest.mark.parametrize("at", [1, 5])
def test_ctrl_c_in_a_dive_ends_the_proof(at, monkeypatch):
    proof, prices, bound = relaxed(make_preset("hotspot", seed=0))
    program = type(proof.relaxation.columns)
    solve, calls = program.solve, []

    def interrupted(columns, limits, tolerance):
        calls.append(limits)
        outcome = solve(columns, limits, tolerance)
        return replace(outcome, termination=Termination.INTERRUPTED) if len(calls) == at else outcome

    monkeypatch.setattr(program, "solve", interrupted)
    Tree(proof, prices, bound).dives.from_root([False] * 8, 8)
    assert proof.stopped
    assert proof.ended is Termination.INTERRUPTED
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
    proof = Proof(instance, packets, objective, Limits(), Recorder(None))
    proof.restart(1)
    proof.divide()
    tree = Tree(proof, *proof.relax())
    tree.renew([list(scope.pieces) for scope in proof.scopes])
    tree.run()
    assert proof.done or tree.stranded
    best = solve_routing(instance, packets, objective=objective)
    assert proof.lower <= best.objective_s * (1 + 1e-6)
