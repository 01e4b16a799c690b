"""The compiled rollouts are those of the batched core: same routes, same delays, whatever the policy sees."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formulation import evaluate
from formulation.dec_pomdp import packets_of, repeat
from instances.generate import generate_torus
from instances.presets import make_preset
from solvers.assignment import assign
from solvers.bisection import bisect, pack
from solvers.marl.batch import play_batch
from solvers.marl.policy import untrained_policy
from solvers.marl.rollout import TurnOptions, draw_priority
from solvers.marl.router import PolicyRouter, attach_paths, tables_of
from solvers.marl.schemes import bs_marl, load_policy

pytest.importorskip("numba")


def weighted(seed, observation, prior):
    """Return a policy with drawn weights."""
    policy, rng = untrained_policy(observation, prior, 6), np.random.default_rng(seed)
    return replace(
        policy, weights={k: (0.1 * rng.normal(size=v.shape)).astype(np.float32) for k, v in policy.weights.items()}
    )


def both_ways(instance, policy, turns, seed, *, again=False):
    packets = pack(instance, assign(instance), [0.4] * len(instance.tasks))
    batch = repeat(packets_of(instance, packets), 3)
    tables, priority = tables_of(instance), draw_priority(np.random.default_rng(seed), *batch.shape)
    found = []
    for compiled in (True, False):
        routes = None
        for _ in range(1 + again):
            rollout = play_batch(
                tables, batch, policy, priority=priority, routes=routes, rng=np.random.default_rng(0), turns=turns,
                compiled=compiled,
            )  # fmt: skip
            routes = rollout.routes
        found.append(rollout)
    return found


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000), observation=st.sampled_from(["local", "planned", "lookahead"]),
    prior=st.sampled_from(["none", "cost_to_go", "marginal"]), rows=st.integers(2, 6), columns=st.integers(3, 6),
    turns=st.sampled_from([TurnOptions(), TurnOptions(1, 1), TurnOptions(0, 2)]), again=st.booleans(),
)  # fmt: skip
def test_compiled_rollouts_equal_the_cores(seed, observation, prior, rows, columns, turns, again):
    instance = generate_torus(rows, columns, tasks=3, computing=2, seed=seed)  # drawn rates: no ties
    fast, slow = both_ways(instance, weighted(seed, observation, prior), turns, seed, again=again)
    assert fast.decisions == slow.decisions
    assert [fast.paths(b) for b in range(3)] == [slow.paths(b) for b in range(3)]
    np.testing.assert_allclose(fast.delay_s, slow.delay_s, rtol=1e-12)
    np.testing.assert_allclose(fast.seconds_per_bit, slow.seconds_per_bit, rtol=1e-12)


@pytest.mark.parametrize("observation", ["local", "lookahead"])
@pytest.mark.parametrize("preset", ["iridium", "hotspot", "paper"])
def test_shipped_policies_decide_alike_compiled_or_not(preset, observation):
    instance = make_preset(preset, seed=9)
    fast, slow = both_ways(instance, load_policy(None, observation), None, 1)
    np.testing.assert_allclose(fast.delay_s, slow.delay_s, rtol=1e-9)


def test_delays_of_a_rollout_are_the_evaluators():
    instance = make_preset("hotspot", seed=3)
    packets = pack(instance, assign(instance), [0.6] * len(instance.tasks))
    rollout = PolicyRouter(instance, load_policy()).route(packets_of(instance, packets))
    delays = [task.T for task in evaluate(instance, attach_paths(packets, rollout.paths(0))).tasks]
    np.testing.assert_allclose(rollout.delay_s[0], delays, rtol=1e-12)


def test_a_route_longer_than_the_memory_is_played_again():
    """A policy that turns back as late as it can wanders over the whole torus."""
    instance = generate_torus(12, 12, tasks=2, computing=1, seed=0)
    policy = untrained_policy("local", "none")
    away = policy.weights["linear.weight"].copy()
    away[0, 1] = 100.0  # cost-to-go: the farther the better
    policy = replace(policy, weights={**policy.weights, "linear.weight": away})
    fast, slow = both_ways(instance, policy, None, 0)
    assert max(len(path) for path in slow.paths(0)) > 4 * tables_of(instance).path_links.shape[-1] + 16
    assert fast.paths(0) == slow.paths(0)


def test_noise_repeats_with_its_seed_and_changes_with_it():
    instance = make_preset("hotspot", seed=4)
    batch = repeat(packets_of(instance, pack(instance, assign(instance), [0.5] * 8)), 8)
    tables, noise = tables_of(instance), np.full(8, 0.5)
    priority = draw_priority(np.random.default_rng(0), *batch.shape)
    first, again, other = (
        play_batch(tables, batch, load_policy(), priority=priority, noise=noise, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert (first.routes == again.routes).all()
    assert (first.delay_s != other.delay_s).any()


def test_algorithm_1_on_arrays_is_algorithm_1():
    """Bisection over arrays and over solutions, with the same policy as router, agree."""
    instance = make_preset("iridium", seed=12)
    solution, trace = bs_marl(instance, load_policy(), seed=2)
    router = PolicyRouter(instance, load_policy(), seed=2)
    expected, records = bisect(instance, assign(instance), router)
    assert solution.tasks == expected.tasks
    for ours, theirs in zip(trace, records, strict=True):
        assert ours["offload_ratio"] == theirs["offload_ratio"]
        assert ours["mean_delay_s"] == pytest.approx(theirs["mean_delay_s"], rel=1e-12)
        np.testing.assert_allclose(ours["idle_computing_s"], theirs["idle_computing_s"], atol=1e-9)
