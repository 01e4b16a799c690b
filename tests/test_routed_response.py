"""Best response on (7), at given packets."""

from dataclasses import replace

import pytest

from formulation import Problem, check, evaluate
from instances import Accuracy, Instance, Link, Satellite
from instances.presets import make_preset
from solvers.assignment import NoSolution, assign
from solvers.bisection import pack
from solvers.exact import solve_routing
from solvers.routed_response import best_response_router
from solvers.routing import shortest_path_router
from tests.tiny import LARGE, SMALL, tiny_instance


@pytest.fixture(scope="module")
def case():
    instance = make_preset("hotspot", seed=2)
    assignments = assign(instance)
    return instance, pack(instance, assignments, [0.5] * len(assignments))


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_it_keeps_the_packets_and_is_above_the_optimum(case, objective):
    instance, packets = case
    one, eight = (best_response_router(runs)(Problem(instance, objective), packets) for runs in (1, 8))
    for routed in (one, eight):
        assert check(instance, routed) == ()
        for before, after in zip(packets.tasks, routed.tasks, strict=True):
            assert after.offload_ratio == before.offload_ratio
            assert after.model_packet_bits == before.model_packet_bits
            assert after.residual_shares == before.residual_shares
    value = {name: evaluate(instance, routed).objective_s(objective) for name, routed in (("1", one), ("8", eight))}
    bound = solve_routing(Problem(instance, objective), packets, time_limit=5).bound_s
    assert bound is not None
    assert bound * (1 - 1e-9) <= value["8"] <= value["1"]


def two_ways() -> Instance:
    """Two tasks that share a satellite's two equal ways to the computing one, the upper of them a little shorter."""
    sensing = [Satellite(name, "remote_sensing", 1e13, 0.4) for name in ("s0", "s1")]
    relays = [Satellite(name, "relay", None, None) for name in ("x", "up", "down")]
    ends = [("s0", "x", 1e6), ("s1", "x", 1e6), ("x", "up", 1e6), ("x", "down", 1.1e6)]
    ends += [("up", "c", 1e6), ("down", "c", 1.1e6)]
    links = [Link(*pair, 1e8, length) for a, b, length in ends for pair in ((a, b), (b, a))]
    tasks = [replace(task, satellite=f"s{m}") for m, task in enumerate(tiny_instance(0).tasks)]
    satellites = (*sensing, *relays, Satellite("c", "computing", 1e14, 0.4))
    return Instance("two-ways", satellites, tuple(links), tuple(tasks), Accuracy(LARGE, SMALL))


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_it_avoids_the_link_that_shortest_paths_share(objective):
    instance = two_ways()
    packets = pack(instance, assign(instance), [0.5, 0.5])
    shortest, routed = shortest_path_router(instance, packets), best_response_router(1)
    assert [d.data_path[1:] for d in shortest.tasks] == [("x", "up", "c")] * 2
    found = routed(instance, packets)
    for of in ("data_path", "model_path"):
        assert {getattr(d, of)[2 if of == "data_path" else 1] for d in found.tasks} == {"up", "down"}
    best = solve_routing(Problem(instance, objective), packets)
    assert evaluate(instance, found).objective_s(objective) == pytest.approx(best.objective_s, rel=1e-3)  # who is up


def test_a_fixed_computing_satellite_is_kept_and_one_seed_gives_one_result():
    instance = make_preset("iridium", seed=1)
    assignments = assign(instance)
    pairs = list(zip(instance.tasks, assignments, strict=True))
    fixed = replace(instance, tasks=tuple(replace(t, computing_satellite=a.computing_satellite) for t, a in pairs))
    packets = pack(instance, assignments, [0.5] * len(pairs))
    first, again = (best_response_router(4, seed=3)(fixed, packets) for _ in range(2))
    assert [d.computing_satellite for d in first.tasks] == [a.computing_satellite for a in assignments]
    assert first == again


def test_what_cannot_be_routed_is_refused(case):
    instance, packets = case
    source = instance.tasks[0].satellite
    cut = replace(instance, links=tuple(link for link in instance.links if source not in (link.source, link.target)))
    with pytest.raises(NoSolution, match=source):
        best_response_router(1)(cut, packets)
    with pytest.raises(ValueError, match="at least 1"):
        best_response_router(0)
