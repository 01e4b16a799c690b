"""T(ρ), worths and the smallest change of an infeasible problem, against the evaluator and the solver."""

import re
from dataclasses import replace

import numpy as np
import pytest

from formulation import Problem, design_packets, evaluate
from instances import generate_torus
from solvers.diagnosis import missing_link
from solvers.exact import ratio_curves, solve_full, solve_routing, worths
from solvers.ratios import with_ratio
from solvers.result import Termination
from solvers.schemes import packets_at


@pytest.fixture(scope="module")
def solved():
    instance = generate_torus(3, 4, tasks=3, computing=1, seed=2)
    return instance, solve_full(instance).solution


def test_curves_agree_with_the_evaluator_at_any_ratio(solved):
    instance, solution = solved
    checked = 0
    for m, curve in enumerate(ratio_curves(instance, solution)):
        if not curve.offload_ratio:
            continue
        design = design_packets(instance, instance.tasks[m])
        for at in (0.25, curve.offload_ratio[1], 0.8):
            left = max(i for i, x in enumerate(curve.offload_ratio[:-1]) if x <= at)
            x, y = curve.offload_ratio[left : left + 2], curve.delay_s[left : left + 2]
            value = y[0] + (at - x[0]) / (x[1] - x[0]) * (y[1] - y[0])
            moved = with_ratio(instance, solution, design, m, at)
            assert pytest.approx(value, rel=1e-9) == evaluate(instance, moved).tasks[m].T
            checked += 1
    assert checked


def test_worths_are_savings_that_the_solver_confirms(solved):
    instance, solution = solved
    found = worths(instance, solution, factor=1.5)
    savings = [worth.saving_s for worth in found]
    assert savings == sorted(savings, reverse=True)
    assert savings[0] > 0
    source, _, target = found[0].what.removeprefix("link ").partition(" -> ")
    if found[0].what.startswith("link"):
        links = tuple(
            replace(link, rate_bps=1.5 * link.rate_bps) if (link.source, link.target) == (source, target) else link
            for link in instance.links
        )
        faster = solve_full(replace(instance, links=links))
        assert evaluate(instance, solution).mean_s - faster.objective_s >= savings[0] * (1 - 1e-6) - 1e-5


def test_the_named_link_makes_an_infeasible_problem_feasible(solved):
    instance, _ = solved
    name = instance.tasks[0].satellite
    cut = replace(instance, links=tuple(k for k in instance.links if name not in (k.source, k.target)))
    result = solve_full(cut)
    assert result.termination is Termination.INFEASIBLE
    source, target = missing_link(cut, cut.tasks[0], reverse=False)
    assert f"a link {source} -> {target} would let it offload" in result.message
    added = replace(instance.links[0], source=source, target=target, direction=None)
    assert solve_full(replace(cut, links=(*cut.links, added))).solution is not None


@pytest.mark.parametrize("cut_to_it", [False, True])
@pytest.mark.parametrize("cut_from_it", [False, True])
def test_the_links_named_for_routing_make_it_feasible(solved, cut_from_it, cut_to_it):
    instance, _ = solved
    name = instance.tasks[0].satellite
    gone = {k for k in instance.links if (cut_from_it and k.source == name) or (cut_to_it and k.target == name)}
    cut = replace(instance, links=tuple(k for k in instance.links if k not in gone))
    packets = packets_at(instance, 0.5)
    result = solve_routing(cut, packets)
    named = re.findall(r"(\S+) -> (\S+)", result.message or "")
    assert len(named) == cut_from_it + cut_to_it
    assert (result.termination is Termination.INFEASIBLE) == bool(named)
    added = [replace(instance.links[0], source=a, target=b, direction=None) for a, b in named]
    assert solve_routing(replace(cut, links=(*cut.links, *added)), packets).solution is not None


def test_routing_without_a_common_end_names_the_link_to_one():
    def link(source, target):
        return replace(base.links[0], source=source, target=target, direction=None)

    base = generate_torus(1, 3, tasks=1, computing=2, seed=0)
    name, (one, other) = base.tasks[0].satellite, base.computing
    split = replace(base, links=(link(name, one), link(other, name)))
    packets = packets_at(base, 0.5)
    message = solve_routing(split, packets).message
    assert "no computing satellite can be reached by the data and the model packet both" in message
    assert f"; a link {one} -> " in message
    ((source, target),) = re.findall(r"(\S+) -> (\S+)", message)
    assert solve_routing(replace(split, links=(*split.links, link(source, target))), packets).solution is not None


def test_curves_count_a_shared_computing_satellite(solved):
    instance, _ = solved
    problem = Problem(instance, share_computing=True)
    solution = solve_full(problem).solution
    shared = evaluate(problem, solution)
    for curve, decision, task in zip(ratio_curves(problem, solution), solution.tasks, shared.tasks, strict=True):
        if curve.offload_ratio:
            assert np.interp(decision.offload_ratio, curve.offload_ratio, curve.delay_s) == pytest.approx(task.T)
