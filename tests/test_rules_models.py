"""Every kind of rule, and pairs of kinds, by the Pyomo models against brute force and the checker."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from formulation import RULES, LinkPackets, Problem, check, evaluate
from solvers.exact import solve_full
from solvers.result import Termination
from tests.brute_force_rules import least
from tests.rule_cases import draw_rule
from tests.tiny import tiny_instance

PAIRS = list(combinations(RULES, 2))


def drawn(seed, kinds):
    """A tiny problem with these kinds, and weights, deadlines, limits of ρ, sharing and the maximum now and then."""
    rng = np.random.default_rng([seed, 17])
    instance = tiny_instance(seed, tasks=2, computing=2, nodes=5)
    tasks = tuple(
        replace(
            task,
            weight=float(rng.choice([1.0, rng.uniform(1, 10)])),
            deadline_s=float(rng.uniform(6, 30)) if rng.random() < 0.3 else None,
            offload_ratio_range=(0.0, 1.0) if rng.random() < 0.7 else (0.1, float(rng.uniform(0.3, 0.9))),
        )
        for task in instance.tasks
    )
    satellites = tuple(replace(s, joule_per_op=2e-13, transmit_w=4.0) for s in instance.satellites)
    instance = replace(instance, tasks=tasks, satellites=satellites)
    rules = tuple(draw_rule(instance, kind, seed) for kind in kinds)
    objective = "max" if rng.random() < 0.3 else "mean"
    return Problem(instance, objective, share_computing=bool(rng.random() < 0.3), rules=rules)


def compare(problem, **options):
    """Hold a solve against brute force and the checker."""
    best = least(problem)
    result = solve_full(problem, mip_gap=1e-6, **options)
    if math.isinf(best):
        assert (result.termination, result.solution) == (Termination.INFEASIBLE, None)
        assert result.message
        return False
    assert result.termination is Termination.OPTIMAL, result.message
    assert result.objective_s == pytest.approx(best, rel=3e-6)
    assert result.bound_s <= best * (1 + 2e-6)
    assert check(problem, result.solution) == ()
    assert evaluate(problem, result.solution).objective_s() == result.objective_s
    return True


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", RULES)
def test_each_kind_equals_brute_force(kind, seed):
    compare(drawn(seed, [kind]))


@pytest.mark.parametrize("pair", PAIRS[::4], ids="-".join)
def test_pairs_of_kinds_equal_brute_force(pair):
    compare(drawn(50 + PAIRS.index(pair), pair))


@pytest.mark.parametrize("formulation", ["textbook", "load-indexed", "joint"])
def test_every_formulation_has_the_rules(formulation):
    compare(drawn(11, ["relay_packets", "energy"]), formulation=formulation)


def test_rules_that_cannot_be_met_are_named_with_what_can():
    problem = Problem(tiny_instance(2, tasks=3), rules=(LinkPackets(limit=0, name="no link at all"),))
    for options, words in (
        ({}, "rule no link at all"),
        ({"formulation": "bit-flow"}, "no link at all is 1, allowed 0"),
    ):
        result = solve_full(problem, **options)
        assert (result.termination, result.solution, result.objective_s) == (Termination.INFEASIBLE, None, None)
        assert words in result.message
