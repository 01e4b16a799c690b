"""The Dec-POMDP: core against the evaluator, masks, rewards, reachability, and the PettingZoo face."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formulation import check, evaluate
from formulation.dec_pomdp import (
    Observer,
    RewardOptions,
    RoutingCore,
    build_tables,
    grow_trees,
    packets_of,
    repeat,
    stack_tables,
)
from formulation.dec_pomdp.reach import can_reach
from instances import Instance
from instances.generate import generate_from_graph, generate_torus
from instances.presets import make_preset
from solvers.assignment import assign
from solvers.bisection import pack


def packets_at(instance: Instance, ratio: float):
    return pack(instance, assign(instance), [ratio] * len(instance.tasks))


def random_joint(core: RoutingCore, rng) -> np.ndarray:
    mask = core.mask()
    return np.where(mask, rng.random(mask.shape), -1.0).argmax(-1)


def routed(packets, core, b=0):
    tasks = [
        replace(d, data_path=core.path(b, 2 * m), model_path=core.path(b, 2 * m + 1))
        for m, d in enumerate(packets.tasks)
    ]
    return replace(packets, tasks=tuple(tasks))


def directionless(seed: int) -> Instance:
    graph = nx.gnp_random_graph(9, 0.3, seed=seed, directed=True)
    graph.add_edges_from(nx.cycle_graph(9, create_using=nx.DiGraph).edges)
    return generate_from_graph(graph, tasks=3, computing=2, seed=seed)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    ratio=st.sampled_from([0.0, 0.3, 1.0]),
    kind=st.sampled_from(["torus", "graph", "iridium"]),
)
def test_random_masked_rollouts_arrive_check_and_cost_what_the_evaluator_says(seed, ratio, kind):
    instance = {
        "torus": lambda: generate_torus(3, 4, tasks=3, computing=1, seed=seed),
        "graph": lambda: directionless(seed),
        "iridium": lambda: make_preset("iridium", seed=seed),
    }[kind]()
    packets = packets_at(instance, ratio)
    core = RoutingCore(build_tables(instance), repeat(packets_of(instance, packets), 3))
    rng = np.random.default_rng(seed)
    while core.moving.any():
        result = core.step(random_joint(core, rng))
    assert result.terminated.all()
    assert not result.truncated.any()
    delays = core.packets.service_delay(core.packet_delays_s())
    for b in range(3):
        solution = routed(packets, core, b)
        assert check(instance, solution) == ()
        assert delays[b] == pytest.approx([task.T for task in evaluate(instance, solution).tasks], rel=1e-9)
    assert core.total_delay_s() == pytest.approx(core.packet_delays_s().sum(1), rel=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_reachability_is_exact(seed):
    instance = directionless(seed)
    tables, rng = build_tables(instance), np.random.default_rng(seed)
    graph = nx.DiGraph((link.source, link.target) for link in instance.links)
    ids = instance.network.ids
    visited = rng.random((20, 1, 10)) < 0.35
    visited[..., -1] = False
    node, end = rng.integers(9, size=20), rng.integers(9, size=20)
    visited[np.arange(20), 0, node] = visited[np.arange(20), 0, end] = False
    rows, zero = np.arange(20), np.zeros(20, dtype=int)
    found = can_reach(tables, zero, tables.tree[0, end], visited, rows, zero, node)
    for k in rows:
        free = graph.subgraph([name for i, name in enumerate(ids) if not visited[k, 0, i]])
        assert found[k] == nx.has_path(free, ids[node[k]], ids[end[k]])


def test_one_seed_gives_one_trace_over_whole_episodes():
    instance = make_preset("iridium", seed=3)
    packets = repeat(packets_of(instance, packets_at(instance, 0.5)), 4)
    traces = []
    for _ in range(2):
        core, rng, trace = RoutingCore(build_tables(instance), packets), np.random.default_rng(5), []
        observer = Observer(core, "planned")
        while core.moving.any():
            actions = random_joint(core, rng)
            b, p = core.moving_slots()
            trace.append(observer.see(b, p).features)
            observer.announce(b, p, actions[b, p])
            trace.append(core.step(actions).reward)
        traces.append(trace)
    assert len(traces[0]) == len(traces[1])
    assert all((a == b).all() for a, b in zip(*traces, strict=True))


@pytest.mark.parametrize("shaping", ["none", "delay", "potential"])
def test_returns_are_those_of_the_specification(shaping):
    instance = generate_torus(4, 4, tasks=3, computing=1, seed=2)
    packets = packets_of(instance, packets_at(instance, 0.5))
    core = RoutingCore(build_tables(instance), packets, reward=RewardOptions(shaping=shaping))
    phi = core._phi()
    rng, total = np.random.default_rng(0), 0.0
    while core.moving.any():
        total += core.step(random_joint(core, rng)).reward[0]
    delay = packets.service_delay(core.packet_delays_s())[0]
    reference = packets.service_delay(core.alone_s)[0]
    reward = np.mean(1 + np.exp(-delay / reference))
    extra = {
        "none": 0.0,
        "delay": -core.packet_delays_s().sum() / core.alone_s.sum(),
        "potential": -phi[0],
    }[shaping]
    assert total == pytest.approx(reward + extra)


def test_truncation_at_the_hop_limit_is_not_termination():
    instance = generate_torus(4, 4, tasks=2, computing=1, seed=1)
    core = RoutingCore(build_tables(instance), packets_of(instance, packets_at(instance, 0.5)), hop_limit=1)
    result = core.step(random_joint(core, np.random.default_rng(0)))
    assert (result.truncated | result.terminated).all()
    assert (result.truncated == core.moving.any(1)).all()


def test_masked_actions_are_refused():
    instance = generate_torus(3, 3, tasks=2, computing=1, seed=0)
    core = RoutingCore(build_tables(instance), packets_of(instance, packets_at(instance, 0.5)))
    with pytest.raises(ValueError, match="must take a link"):
        core.step(np.full(core.packets.shape, core.stay))
    core.step(random_joint(core, np.random.default_rng(0)))
    back = np.full(core.packets.shape, core.stay)
    b, p = core.moving_slots()
    here, source = core.at[b, p], core.packets.source[b, p]
    back[b, p] = (core.tables.target[0, here] == source[:, None]).argmax(1)
    with pytest.raises(ValueError, match="masked"):
        core.step(back)


def test_actions_are_directions_where_links_have_them():
    instance = generate_torus(3, 4, tasks=1, computing=1, seed=0)
    tables = build_tables(instance)
    for link in instance.out_links(instance.satellites[0].id):
        action = ("fore", "aft", "left", "right").index(link.direction)
        assert tables.target[0, 0, action] == instance.network.index[link.target]


def test_stacked_tables_give_the_same_episode():
    made = [make_preset("iridium", seed=1), generate_torus(5, 5, tasks=5, computing=2, seed=1)]
    tables = stack_tables([build_tables(instance) for instance in made])
    for k, instance in enumerate(made):
        packets = packets_of(instance, packets_at(instance, 0.5))
        alone = RoutingCore(build_tables(instance), packets)
        together = RoutingCore(tables, replace(packets, slot=packets.slot + k))
        views = Observer(alone, "planned"), Observer(together, "planned")
        rng = np.random.default_rng(0)
        while alone.moving.any():
            seen = [view.see(*alone.moving_slots()) for view in views]
            assert seen[0].features == pytest.approx(seen[1].features[:, : alone.stay])
            actions = random_joint(alone, rng)
            moved = np.where(actions == alone.stay, together.stay, actions)
            for view, joint in zip(views, (actions, moved), strict=True):
                b, p = view.core.moving_slots()
                view.announce(b, p, joint[b, p])
                view.core.step(joint)
        assert alone.packet_delays_s() == pytest.approx(together.packet_delays_s())


def test_planned_loads_predict_the_true_delay_of_the_plan():
    """With everyone on plan, what a packet foresees of the others is what the core charges in the end."""
    instance = make_preset("hotspot", seed=1)
    core = RoutingCore(build_tables(instance), packets_of(instance, packets_at(instance, 0.5)))
    observer = Observer(core, "planned")
    b, p = core.moving_slots()
    seen = observer.see(b, p)
    own = seen.features[..., observer.names.index("route_own_s")].astype(float) + seen.cost
    plan = seen.features[..., observer.names.index("on_plan")].argmax(1)
    foreseen = own[np.arange(len(p)), plan] * core.unit_s[0]
    while core.moving.any():
        b_now, p_now = core.moving_slots()
        on_plan = observer.see(b_now, p_now).features[..., observer.names.index("on_plan")]
        actions = np.full(core.packets.shape, core.stay)
        actions[b_now, p_now] = on_plan.argmax(1)
        core.step(actions)
    assert core.packet_delays_s()[0][p] == pytest.approx(foreseen, rel=1e-5)


class TestPettingZoo:
    @pytest.fixture(autouse=True)
    def _needs(self):
        pytest.importorskip("pettingzoo")

    def make(self, observation="local"):
        from formulation.dec_pomdp.env import RoutingEnv

        instance = make_preset("iridium", seed=7)
        return RoutingEnv(instance, packets_at(instance, 0.5), observation=observation)

    @pytest.mark.parametrize("observation", ["local", "planned"])
    def test_api_and_seed(self, observation):
        from pettingzoo.test import parallel_api_test, parallel_seed_test

        parallel_api_test(self.make(observation), num_cycles=60)
        parallel_seed_test(lambda: self.make(observation))

    @pytest.mark.parametrize("observation", ["local", "planned"])
    def test_face_and_core_give_the_same_trace(self, observation):
        env, rng = self.make(observation), np.random.default_rng(1)
        core = RoutingCore(env.core.tables, env.core.packets)
        observations, _ = env.reset(seed=4)
        priority = np.random.default_rng(4).random(core.packets.shape)
        observer = Observer(core, observation, priority=priority)
        while env.agents:
            joint = random_joint(core, rng)
            b, p = core.moving_slots()
            seen = observer.see(b, p)
            for row, slot in enumerate(p):
                agent = env.possible_agents[slot]
                assert (observations[agent]["features"] == seen.features[row]).all()
                assert (observations[agent]["action_mask"][:-1] == seen.legal[row]).all()
            assert (env.state() == core.state()[0]).all()
            observer.announce(b, p, joint[b, p])
            result = core.step(joint)
            given = dict(zip(env.possible_agents, joint[0].tolist(), strict=True))
            observations, rewards, terminated, truncated, _ = env.step(given)
            assert set(rewards.values()) == {float(result.reward[0])}
            assert set(terminated.values()) == {bool(result.terminated[0])}
            assert set(truncated.values()) == {bool(result.truncated[0])}


def test_trees_of_a_loaded_network_avoid_its_loads():
    """Their paths are no dearer than others where bits count many times; what they cost empty is told apart."""
    tables = build_tables(generate_torus(5, 5, tasks=3, computing=1, seed=3))
    rng, shape = np.random.default_rng(0), tables.seconds_per_bit.shape[1]
    times = rng.integers(1, 6, size=(len(tables.go_s), shape)).astype(float)
    passing = np.ones((len(tables.go_s), tables.nodes + 1))
    grown = grow_trees(tables, times, passing)
    trees = np.arange(len(tables.go_s))[:, None, None]

    def cost(which, weight):
        return (weight[trees, which.path_links] * tables.seconds_per_bit[0][which.path_links]).sum(-1)

    assert (cost(grown, times) <= cost(tables, times) + 1e-12).all()
    assert (cost(grown, times) < cost(tables, times) - 1e-12).any()
    assert (grown.go_s_per_bit >= tables.go_s_per_bit - 1e-18).all()
    relays = tables.relay_s_per_bit[0][grown.path_relays].sum(-1)
    np.testing.assert_allclose(grown.go_s_per_bit[:, :-1], (cost(grown, np.ones_like(times)) + relays)[:, :-1])
