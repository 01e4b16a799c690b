"""Counterfactual episodes and the lookahead observation: against plays and routes done by hand."""

import numpy as np
import pytest

from formulation.dec_pomdp import Observer, RewardOptions, RoutingCore, feature_names
from formulation.dec_pomdp.lookahead import second_actions
from solvers.marl.counterfactual import deviate
from solvers.marl.policy import untrained_policy
from solvers.marl.rollout import TurnOptions, draw_priority
from solvers.marl.sampling import SampleOptions, draw_packets, make_pool


@pytest.fixture(scope="module")
def pool():
    return make_pool(SampleOptions(presets=("iridium",), slots=2, tasks=(3, 4)), 0)


def play(pool, packets, priority, given):
    """Play the marginal prior greedily, one packet after another; `given` is (step, packet, action) of one change."""
    core = RoutingCore(pool.tables, packets, hop_limit=24)
    observer = Observer(core, "lookahead", priority=priority)
    policy, total, tasks = untrained_policy("lookahead", "marginal"), 0.0, packets.shape[1] // 2
    while core.moving.any() and core.steps < 24:
        actions = np.full(packets.shape, core.stay)
        order = [p for p in np.argsort(-priority[0], kind="stable") if core.moving[0, p]]
        for rank in sorted({round(float(priority[0, p]) * (tasks - 1)) for p in order}, reverse=True):
            group = np.array([p for p in order if round(float(priority[0, p]) * (tasks - 1)) == rank])
            rows = np.zeros(len(group), dtype=np.int64)
            actions[0, group] = policy.utilities(observer.see(rows, group)).argmax(1)
            for p in group:
                if given is not None and (core.steps, p) == given[:2]:
                    actions[0, p] = given[2]
            observer.announce(rows, group, actions[0, group])
        total += float(core.step(actions).reward[0])
    return total * core.count[0]


def test_an_advantage_is_the_difference_of_two_plays(pool):
    rng = np.random.default_rng(3)
    packets = draw_packets(pool, rng, 1)
    priority = draw_priority(rng, *packets.shape)
    policy = untrained_policy("lookahead", "marginal")
    found = deviate(
        pool.tables,
        packets,
        policy,
        priority,
        rng,
        count=500,
        turns=TurnOptions(),
        reward=RewardOptions(),
        hop_limit=24,
    )
    base = play(pool, packets, priority, None)
    core = RoutingCore(pool.tables, packets, hop_limit=24)
    b, p = core.moving_slots()
    by_hand = []
    for slot, legal in zip(p.tolist(), core.legal(b, p), strict=True):
        by_hand += [play(pool, packets, priority, (0, slot, int(a))) - base for a in np.flatnonzero(legal)]
    hops = feature_names("lookahead").index("hops")
    first = found.advantage[found.features[:, 0, hops] == 0]
    changed = np.array(by_hand)
    assert len(first) == len(changed) - len(p)  # all alternatives of the first step, the greedy choices left out
    assert np.sort(np.append(first, np.zeros(len(p)))) == pytest.approx(np.sort(changed), abs=1e-5)


def test_second_actions_leave_the_shortest_path_and_do_not_come_back(pool):
    tables = pool.tables
    found = second_actions(tables)
    nodes, degree = tables.nodes, tables.degree
    seen = 0
    for satellite in range(0, nodes, 7):
        tree = int(tables.tree[0, satellite])
        for node in range(nodes):
            options = {}
            for action in range(degree):
                there = int(tables.target[0, node, action])
                link = node * degree + action
                if there == nodes or link == tables.path_links[tree, node, 0]:
                    continue
                if node in tables.path_relays[tree, there] or not np.isfinite(tables.go_s_per_bit[tree, there]):
                    continue
                relay = tables.relay_s_per_bit[0, there]
                options[action] = tables.seconds_per_bit[0, link] + relay + tables.go_s_per_bit[tree, there]
            if node == satellite:
                continue
            best = min(options, key=lambda action: options[action], default=degree)
            assert found[tree, node] == best
            seen += best != degree
    assert seen > 100


def test_lookahead_sees_what_planned_sees_and_prices_the_second_choice(pool):
    packets = draw_packets(pool, np.random.default_rng(1), 8)
    cores = [RoutingCore(pool.tables, packets) for _ in range(2)]
    b, p = cores[0].moving_slots()
    planned, ahead = (
        Observer(core, name).see(b, p) for core, name in zip(cores, ("planned", "lookahead"), strict=True)
    )
    width = planned.features.shape[2]
    assert (ahead.features[..., :width] == planned.features).all()
    relief, detour, more = np.moveaxis(ahead.features[..., width:], -1, 0)
    assert (relief >= 0).all()
    assert (relief > 0).any()
    known = ahead.legal & (more < 4)
    assert relief[known] == pytest.approx(np.maximum(-more[known], 0), abs=1e-5)
    assert (detour[ahead.legal] >= -1e-6).all()  # no second choice is shorter than the shortest path


def test_a_cautious_policy_takes_shorter_ways():
    pytest.importorskip("torch")
    from solvers.marl.options import TrainOptions
    from solvers.marl.train import Trainer

    sample = SampleOptions(presets=("iridium",), slots=2)
    lengths = []
    for caution in (0.0, 3.0, 1e6):
        trainer = Trainer(TrainOptions(observation="local", validation=32, sample=sample, caution=caution))
        lengths.append(trainer.untrained[1] / trainer.shortest[1])
    assert lengths[0] != lengths[1]
    assert lengths[2] == pytest.approx(1.0, rel=1e-3)  # never leaves a shortest path, but for one as short
