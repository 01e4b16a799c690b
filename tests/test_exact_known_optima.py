"""Every way to the optimum proves the value that is right.

Instances whose optimum was once claimed wrongly or not at all, and delays from 1 ms to 1e6 s.
"""

from pathlib import Path

import pytest

from formulation.models.units import in_time_units
from instances import generate_torus, read_instance
from solvers.exact import solve_full
from solvers.result import Termination
from tests.brute_force import optima
from tests.tiny import asked, tiny_instance

TRUTH = Path(__file__).parent / "data" / "truth"
OPTIMA_S = {
    ("short-or-fast", "mean"): 0.042527611236235,
    ("short-or-fast", "max"): 0.042527611236235,
    ("ten-milliseconds", "mean"): 0.011254081187504,
    ("ten-milliseconds", "max"): 0.017088068125434,
    ("many-frames", "mean"): 12654.445991965,
    ("many-frames", "max"): 20994.638186841,
}
FORMULATIONS = ("bit-flow", "textbook", "joint", "load-indexed")
WAYS = [{}, *({"formulation": name} for name in FORMULATIONS), {"solver": "scip"}, {"share_computing": True}]


def proves(instance, objective, options, optimum_s):
    problem, rest = asked(instance, objective=objective, **options)
    found = solve_full(problem, **rest)
    assert found.termination is Termination.OPTIMAL, found.message
    assert found.objective_s == pytest.approx(optimum_s, rel=1.1e-6)
    assert optimum_s * (1 - 1.1e-6) <= found.bound_s <= optimum_s * (1 + 1e-9)


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize(("name", "objective"), OPTIMA_S)
def test_the_optimum_is_the_known_one(name, objective, options):
    instance = read_instance(TRUTH / f"{name}.json")
    truth = optima(instance, share_computing=options.get("share_computing", False))[objective]
    if "share_computing" not in options:
        assert truth == pytest.approx(OPTIMA_S[name, objective], rel=1e-12)
    proves(instance, objective, options, truth)


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("delay_s", [1e-3, 1e-1, 1e2, 1e4, 1e6])
def test_delays_of_any_length_are_proven_by_every_formulation(delay_s, options):
    instance = tiny_instance(3, computing=2, nodes=5)
    shared = options.get("share_computing", False)
    scaled = in_time_units(instance, optima(instance, share_computing=shared)["mean"] / delay_s)
    proves(scaled, "mean", options, delay_s)


@pytest.mark.parametrize("scale", [1e-4, 1e5])
def test_branch_and_price_proves_a_tree_of_delays_of_any_length(scale):
    instance = generate_torus(5, 5, tasks=6, computing=1, seed=3)
    usual = solve_full(instance, mip_gap=1e-5)
    scaled = solve_full(in_time_units(instance, 1 / scale), mip_gap=1e-5)
    assert usual.termination is scaled.termination is Termination.OPTIMAL
    assert scaled.objective_s == pytest.approx(usual.objective_s * scale, rel=1.1e-5)
