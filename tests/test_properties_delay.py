"""The evaluator against equations (1)-(3) written down a second time, on random decisions over random networks."""

from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from formulation import Problem, Solution, SolutionError, TaskDecision, evaluate
from formulation.delay import evaluate_sound
from formulation.volumes import computing_rate, mean_residual
from instances import Satellite
from tests.test_formulation_delay import both, line_instance
from tests.tiny import tiny_instance

LIGHT = 299_792_458.0
SEEDS = range(30)


def drawn(seed):
    """Return an instance with two computing satellites, and decisions at random: all modes, simple paths, shares."""
    rng = np.random.default_rng(seed)
    instance = tiny_instance(seed, tasks=3, computing=2, nodes=7)
    mode = ("mean_residual", "mean_of_levels")[seed % 2]
    instance = replace(instance, residual_accuracy=mode)
    graph = nx.DiGraph([(link.source, link.target) for link in instance.links])
    decisions = []
    for task in instance.tasks:
        c = str(rng.choice(instance.computing))
        ratio = float(rng.choice([0.0, 1.0, rng.uniform(0.05, 0.95)], p=[0.2, 0.2, 0.6]))
        shares = rng.dirichlet(np.ones(1 + len(task.residual_levels_bpp))) * ratio
        paths = [list(nx.all_simple_paths(graph, *ends)) for ends in ((task.satellite, c), (c, task.satellite))]
        data, model = (tuple(found[int(rng.integers(len(found)))]) for found in paths)
        decisions.append(
            TaskDecision(
                task.satellite, c, ratio, tuple(shares), float(rng.uniform(1e6, 3e8)) if ratio < 1 else 0.0,
                data if ratio > 0 else None, model if ratio < 1 else None,
            )
        )  # fmt: skip
    return instance, Solution(instance.name, tuple(decisions))


def by_definition(instance, decisions, *, share_computing=False):
    """Return (T, T^M, T^D, t^fe, t^S, t^L, D^D) of every task, from the equations."""
    links = {(link.source, link.target): link for link in instance.links}
    nodes = {satellite.id: satellite for satellite in instance.satellites}
    rate = {name: node.ops_per_s * node.utilization for name, node in nodes.items() if node.ops_per_s is not None}
    tasks = {task.satellite: task for task in instance.tasks}
    sizes = []
    for d in decisions:
        task = tasks[d.satellite]
        residual = sum(q * s for q, s in zip((0.0, *task.residual_levels_bpp), d.residual_shares, strict=True))
        volume = task.frames * (task.feature_bits_per_frame * d.offload_ratio + task.pixels_per_frame * residual)
        sizes.append((volume, d.model_packet_bits))
    rows = []
    for i, d in enumerate(decisions):
        task, times = tasks[d.satellite], []
        for kind, path in enumerate((d.data_path, d.model_path)):
            others = [other for other in ((o.data_path, o.model_path)[kind] for o in decisions) if other is not None]
            hops = [] if path is None else list(pairwise(path))
            seconds = 0.0
            for hop in hops:
                count = sum(hop in list(pairwise(other)) for other in others)
                seconds += count * sizes[i][kind] / links[hop].rate_bps + links[hop].length_m / LIGHT
            for relay in [] if path is None else path[1:-1]:
                count = sum(relay in other[1:-1] for other in others)
                seconds += count * sizes[i][kind] * nodes[relay].relay_s_per_bit
            times.append(seconds)
        rho = d.offload_ratio
        t_fe = rho * task.frames * task.pixels_per_frame * task.bits_per_pixel * task.feature_ops_per_bit
        t_fe /= rate[d.satellite]
        t_small = (1 - rho) * task.frames * task.small_ops_per_frame / rate[d.satellite]
        t_large = rho * task.frames * task.large_ops_per_frame / rate[d.computing_satellite]
        if share_computing:
            t_large *= sum(o.computing_satellite == d.computing_satellite and o.offload_ratio > 0 for o in decisions)
        total = times[1] + t_fe + max(times[0] + t_large, t_small)
        rows.append((total, times[1], times[0], t_fe, t_small, t_large, sizes[i][0]))
    return rows


def terms(delay):
    return delay.T, delay.T_M, delay.T_D, delay.t_fe, delay.t_S, delay.t_L, delay.data_packet_bits


@pytest.mark.parametrize("seed", SEEDS)
def test_every_term_is_what_the_equations_say(seed):
    instance, solution = drawn(seed)
    for share in (False, True):
        found = evaluate(Problem(instance, share_computing=share), solution)
        expected = by_definition(instance, solution.tasks, share_computing=share)
        assert [terms(delay) for delay in found.tasks] == [pytest.approx(row, rel=1e-12) for row in expected]
        assert found.mean_s == pytest.approx(sum(row[0] for row in expected) / len(expected), rel=1e-12)
        assert found.max_s == max(delay.T for delay in found.tasks)


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracies_are_those_of_the_residuals_and_packets(seed):
    instance, solution = drawn(seed)
    for task, d, delay in zip(instance.tasks, solution.tasks, evaluate(instance, solution).tasks, strict=True):
        curves = instance.accuracy
        assert delay.small_map == (None if d.offload_ratio == 1 else curves.small(d.model_packet_bits))
        if d.offload_ratio == 0:
            assert delay.large_map is delay.residual_bpp is None
            continue
        mix = [s / d.offload_ratio for s in d.residual_shares]
        levels = (0.0, *task.residual_levels_bpp)
        mean = sum(q * s for q, s in zip(levels, mix, strict=True))
        assert delay.residual_bpp == pytest.approx(mean, rel=1e-12)
        by_level = sum(curves.large(q) * s for q, s in zip(levels, mix, strict=True))
        expected = curves.large(mean) if instance.residual_accuracy == "mean_residual" else by_level
        assert delay.large_map == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_broken_routes_have_no_delay_and_burden_nobody(seed):
    instance, solution = drawn(seed)
    assert evaluate_sound(instance, solution) == evaluate(instance, solution).tasks
    rng = np.random.default_rng(seed)
    linked = {(link.source, link.target) for link in instance.links}
    for broken in ((0,), (1, 2), (0, 1, 2)):
        decisions = list(solution.tasks)
        for m in broken:
            d = decisions[m]
            kind = "data_path" if d.data_path is not None else "model_path"
            names = [satellite.id for satellite in instance.satellites]
            gaps = [(a, b) for a in names for b in names if a != b and (a, b) not in linked]
            decisions[m] = replace(d, **{kind: None if rng.random() < 0.5 or not gaps else gaps[0]})
        sound = [d for m, d in enumerate(decisions) if m not in broken]
        expected = by_definition(instance, sound)
        found = evaluate_sound(instance, Solution(solution.instance, tuple(decisions)))
        assert [m for m, delay in enumerate(found) if delay is None] == list(broken)
        assert [terms(d) for d in found if d is not None] == [pytest.approx(row, rel=1e-12) for row in expected]
        with pytest.raises(SolutionError):
            evaluate(instance, Solution(solution.instance, tuple(decisions)))


def test_a_solution_of_other_tasks_is_refused():
    instance, solution = drawn(0)
    turned = Solution(solution.instance, solution.tasks[::-1])
    for judge in (evaluate, evaluate_sound):
        with pytest.raises(SolutionError, match="tasks must be those of the instance"):
            judge(instance, turned)


def test_a_ratio_within_its_tolerance_of_an_end_is_that_end():
    line, every = line_instance(), {"residual_shares": (0.0, 1.0, 0.0), "model_path": None}
    none = {"residual_shares": (0.0, 0.0, 0.0), "data_path": None}
    for near, end, changes in ((1 - 5e-10, 1.0, every), (5e-10, 0.0, none)):
        found, exact = (evaluate(line, both(offload_ratio=ratio, **changes)).tasks[0] for ratio in (near, end))
        assert (found.t_fe, found.t_S, found.t_L) == (exact.t_fe, exact.t_S, exact.t_L)
        assert pytest.approx(exact.T, rel=1e-8) == found.T
        assert mean_residual(line.tasks[0], both(offload_ratio=near, **changes).tasks[0]) == pytest.approx(0.1 * end)


@pytest.mark.parametrize(("ops", "utilization"), [(None, 0.5), (1e12, None), (None, None)])
def test_a_satellite_without_ops_or_utilization_computes_nothing(ops, utilization):
    line = line_instance()
    satellites = (*line.satellites[:3], Satellite("d", "relay", ops, utilization), line.satellites[3])
    with pytest.raises(SolutionError, match="satellite 'd' has no ops_per_s and utilization"):
        computing_rate(replace(line, satellites=satellites), "d")
    assert computing_rate(line, "c") == 5e13
