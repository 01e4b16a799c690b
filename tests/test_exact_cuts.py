"""Congestion by cuts: as much as the levels charge, never more than is due, in whatever segments."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from instances import generate_torus
from solvers.backends.highs import run
from solvers.backends.program import Limits, Outcome
from solvers.exact.branch_and_price.domains.refinement import split
from solvers.exact.branch_and_price.master.congestion import congestion, two_levels
from solvers.exact.branch_and_price.master.congestion_cuts import CutMaster
from solvers.exact.branch_and_price.master.level_indexed import LevelMaster
from solvers.exact.branch_and_price.pricing.commodities import Commodities
from solvers.exact.branch_and_price.pricing.lagrangian import resource_bound
from solvers.network.arrays import BOTH, DATA, MODEL
from solvers.result import Termination
from tests.searching import begun

SEEDS = range(6)


def drawn_users(seed, tasks=4):
    """Return task, weight and part of commodities of one resource, sorted by task."""
    rng = np.random.default_rng(seed)
    task = np.sort(np.concatenate([np.arange(tasks), rng.integers(tasks, size=2)]))
    return task, rng.uniform(0.2, 2.0, len(task)), drawn_parts(task, rng)


def drawn_parts(task, rng):
    part = rng.random(len(task))
    return part / np.bincount(task, part)[task] * rng.random(int(task[-1]) + 1)[task]


def by_sets(task, weight, part):
    """Return the least mean cost of sets of commodities that make up the parts."""
    commodities = range(len(task))
    sets = [
        s
        for size in range(1, len(task) + 1)
        for s in combinations(commodities, size)
        if len(set(task[list(s)])) == size
    ]
    cost = [sum((len(s) - 1) * weight[u] for u in s) for s in sets]
    found = linprog(
        cost,
        A_ub=np.vstack([[[-float(u in s) for s in sets] for u in commodities], np.ones(len(sets))]),
        b_ub=[*-part, 1.0],
    )
    return found.fun


@pytest.mark.parametrize("seed", SEEDS)
def test_congestion_is_that_of_the_cheapest_sets(seed):
    commodities = [drawn_users(10 * seed + i) for i in range(5)]
    group = np.repeat(np.arange(5), [len(task) for task, _, _ in commodities])
    task, weight, part = (np.concatenate(of) for of in zip(*commodities, strict=True))
    value, price, others = congestion(group, task, weight, part)
    assert value == pytest.approx([by_sets(*mine) for mine in commodities], abs=1e-7)
    assert value.max() > 0
    assert np.bincount(group, weight * others) == pytest.approx(value, abs=1e-7)
    rng, gains = np.random.default_rng(seed), []
    for _ in range(3):  # the multipliers are subgradients
        other = np.concatenate([drawn_parts(mine, rng) for mine, _, _ in commodities])
        least = value + np.bincount(group, price * (other - part))
        gains.append(congestion(group, task, weight, other)[0] - least)
    assert np.min(gains) >= -1e-7
    assert np.max(gains) > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_two_numbers_of_packets_bound_the_congestion_and_are_exact_for_two_tasks(seed):
    for tasks, exact in ((2, True), (5, False)):
        task, weight, part = drawn_users(seed, tasks)
        group = np.zeros_like(task)
        (value,), _, _ = congestion(group, task, weight, part)
        (bound,) = two_levels(group, task, weight, part)
        assert bound >= value - 1e-9
        assert not exact or bound == pytest.approx(value, abs=1e-9)


def behind_one_link(seed):
    """Return a torus whose computing satellite is reached by one link, which therefore has several packets."""
    instance = generate_torus(3, 4, tasks=4, computing=1, seed=seed)
    old = instance.satellite(instance.computing[0])
    rest = [satellite for satellite in instance.satellites if satellite is not old]
    new = (replace(old, role="relay", ops_per_s=None, utilization=None), replace(old, id="behind"))
    links = [
        replace(instance.links[0], source=a, target=b, direction=None)
        for a, b in ((old.id, "behind"), ("behind", old.id))
    ]
    return replace(instance, satellites=(*rest, *new), links=(*instance.links, *links))


def programs(seed):
    """Return a search after its first relaxation, and its columns in a new program of cuts and one of all levels."""
    search = begun(behind_one_link(seed))
    search.generation.solve_root()
    commodities = Commodities(search.state.domains)
    both = (
        CutMaster(search.state.data, search.state.domains, commodities, Limits()),
        LevelMaster(search.state.data, search.state.domains, commodities, "mean", Limits(), set()),
    )
    for master in both:
        fill(search, master)
    for kind in (DATA, MODEL):
        for r in np.flatnonzero(search.state.data.shareable):
            both[1].add_levels(kind, int(r), 4)
    return search, *both


def fill(search, master):
    commodities = master.commodities
    for (m, kind, c, _), used in search.state.columns.paths.items():
        sending = [
            q for q in range(commodities.first[m], commodities.first[m + 1]) if commodities.segments[q][1].sends_data
        ]
        for commodity in [commodities.model(m)] if kind == MODEL else sending:
            master.add(commodity, c, used)


def settled(master):
    """Return the value with every row that a point violates."""
    outcome = master.solve(Limits())
    while isinstance(master, LevelMaster) and master.separate(outcome.values, outcome.objective):
        outcome = master.solve(Limits())
    return outcome


def assert_valid(search, master):
    """No set of commodities is charged more by any cut than its congestion."""
    assert master.cuts
    commodities, share = master.commodities, master._even.load_weight
    for key, price, base in master.cuts:
        kind, r = divmod(key, search.state.data.resources)
        mine = np.flatnonzero(commodities.kind == kind)
        per_bit = search.state.data.per_bit[r]
        assert -resource_bound(price[mine], share[mine] * per_bit, commodities.task[mine]) <= base + 1e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_have_the_value_of_all_levels(seed):
    search, cuts, levels = programs(seed)
    mine, theirs = settled(cuts), settled(levels)
    assert mine.objective == pytest.approx(theirs.objective, rel=1e-7)
    assert_valid(search, cuts)
    commodities, bits = cuts.commodities, np.array([task.bits for task in search.state.data.tasks])
    slope = cuts._even.load_weight / bits[commodities.task, commodities.kind]
    paid = sum(cuts._paid(key, mine.values) for key in range(search.state.data.resources))
    assert float(slope @ cuts.meeting_work(mine.values)) == pytest.approx(paid, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tolerance_saves_rounds_and_no_tolerance_leaves_nothing(seed):
    _, cuts, levels = programs(seed)
    exact = settled(levels).objective
    rough = cuts.solve(Limits(), exact).objective
    few = len(cuts.cuts)
    assert rough <= exact * (1 + 1e-9)
    assert cuts.solve(Limits()).objective == pytest.approx(exact, rel=1e-7)
    assert len(cuts.cuts) >= few


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_hold_in_other_pieces_too(seed):
    search, cuts, _ = programs(seed)
    outcome = settled(cuts)
    for domain in search.state.domains:
        for segment in [segment for segment in domain.segments if segment.mode == BOTH]:
            split(domain, segment, segment.low * 1.1)
    commodities = Commodities(search.state.domains)
    assert len(commodities.segments) > len(cuts.commodities.segments)
    heir, anew = (CutMaster(search.state.data, search.state.domains, commodities, Limits()) for _ in range(2))
    for master in (heir, anew):
        fill(search, master)
    heir.inherit(cuts, outcome.values)
    assert_valid(search, heir)
    first = heir._lp
    first.flush()
    assert first.rows > anew._lp.rows + len(anew._lp._rows)
    assert settled(heir).objective == pytest.approx(settled(anew).objective, rel=1e-7)


@pytest.mark.parametrize("anew", [1e-3, 2.0])
def test_a_solver_that_goes_in_circles_begins_anew(anew):
    """At first without a basis, then by interior points."""
    _, cuts, levels = programs(0)
    cuts.settings = replace(cuts.settings, stall_factor=1e-3, cold_stall_factor=anew)
    assert settled(cuts).objective == pytest.approx(settled(levels).objective, rel=1e-7)


@pytest.mark.parametrize("patience", [1e-3, 1.0])
@pytest.mark.parametrize(("program", "at"), [("cuts", 1), ("cuts", 2), ("levels", 1)])
def test_ctrl_c_ends_the_rounds_of_a_program(program, at, patience, monkeypatch):
    """A run that has caught Ctrl-C is the last one, though it may have ended with a point, or at its limit."""
    _, *both = programs(0)
    master, runs = both[program == "levels"], []
    master.settings = replace(master.settings, stall_factor=patience)

    def interrupted(h, limits):
        outcome = run(h, limits)
        runs.append(outcome)
        return replace(outcome, termination=Termination.INTERRUPTED, pressed=True) if len(runs) == at else outcome

    monkeypatch.setattr("solvers.exact.branch_and_price.master.base.run", interrupted)
    assert master.solve(Limits()).termination is Termination.INTERRUPTED
    assert len(runs) == at


def test_ctrl_c_in_the_congestion_of_resources_is_not_lost(monkeypatch):
    task, weight, part = drawn_users(0)
    outcome = Outcome(Termination.INTERRUPTED, None, None, None, "")
    monkeypatch.setattr("solvers.exact.branch_and_price.master.congestion.solve_program", lambda *_: outcome)
    with pytest.raises(KeyboardInterrupt):
        congestion(np.zeros_like(task), task, weight, part)
