"""Algorithm 1 against its text: where ρ goes, which iterate is returned, when it stops, what it records."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from formulation import Problem, evaluate
from solvers.assignment import assign
from solvers.bisection import Timed, bisect, halve, pack
from solvers.routing import shortest_path_router
from tests.tiny import tiny_instance

VALUE = {"mean": lambda delays: sum(delays) / len(delays), "max": max}
MEAN = VALUE["mean"]
FREE, NEVER, ALWAYS = (SimpleNamespace(forced_ratio=ratio) for ratio in (None, 0.0, 1.0))


def balance(targets, delays=None):
    """Return a `time` whose sides meet at these ρ, and the ρ that it was asked for."""
    asked = []

    def time(ratios):
        asked.append(list(ratios))
        local = [1.0 - ratio for ratio in ratios]
        remote = [1.0 - 2 * target + ratio for ratio, target in zip(ratios, targets, strict=True)]
        number = len(asked) - 1
        delay = [max(pair) for pair in zip(local, remote, strict=True)] if delays is None else delays[number]
        return Timed(delay, local, remote, number)

    return time, asked


def test_ratios_halve_towards_where_the_sides_meet():
    targets = [0.3, 0.77, 0.5]  # at 0.5 both sides are equal: not t^S > T^D + t^L, so ρ goes down
    time, asked = balance(targets)
    answer, trace = halve([FREE] * 3, time, MEAN)
    assert len(trace) == len(asked) == 20
    assert asked[0] == [0.5] * 3
    for number, (before, after) in enumerate(pairwise(asked)):
        for ratio, later, target in zip(before, after, targets, strict=True):
            assert later - ratio == (1 if ratio < target else -1) * 0.5 ** (number + 2)
    assert asked[-1] == pytest.approx(targets, abs=1e-5)
    assert asked[1][2] == 0.25
    means = [record["mean_delay_s"] for record in trace]
    assert answer == int(np.argmin(means))


def test_forced_ratios_stay():
    time, asked = balance([0.3, 0.9, 0.1])
    halve([FREE, NEVER, ALWAYS], time, MEAN, iterations=6)
    assert asked[0] == [0.5, 0.0, 1.0]
    assert all(ratios[1:] == [0.0, 1.0] for ratios in asked)
    assert len({ratios[0] for ratios in asked}) == 6


DELAYS = [[2.0, 6.0], [3.0, 4.0], [5.0, 3.5], [1.0, 5.5], [3.4, 3.5], [1.0, 6.5], [2.9, 3.6]]
"""Means 4, 3.5, 4.25, 3.25, 3.45, 3.75, 3.25; maxima 6, 4, 5, 5.5, 3.5, 6.5, 3.6."""


@pytest.mark.parametrize(("objective", "best"), [("mean", 3), ("max", 4)])
def test_the_best_iterate_is_the_first_of_least_delay(objective, best):
    time, asked = balance([0.3, 0.6], DELAYS)
    answer, trace = halve([FREE] * 2, time, VALUE[objective], iterations=7)
    assert (answer, len(trace), len(asked)) == (best, 7, 7)
    for record, delays, ratios in zip(trace, DELAYS, asked, strict=True):
        assert record["mean_delay_s"] == sum(delays) / 2
        assert record["offload_ratio"] == ratios
    assert [record["iteration"] for record in trace] == list(range(7))


@pytest.mark.parametrize(("objective", "steps", "answer"), [("mean", 3, 1), ("max", 3, 1)])
def test_the_first_rise_ends_it_with_the_iterate_before(objective, steps, answer):
    time, asked = balance([0.3, 0.6], DELAYS)
    found, trace = halve([FREE] * 2, time, VALUE[objective], iterations=7, stop="first_rise")
    assert (found, len(trace), len(asked)) == (answer, steps, steps)


def test_no_rise_is_no_reason_to_stop():
    for delays in ([[2.0], [2.0], [1.0]], [[3.0], [2.0], [1.0]]):
        time, _ = balance([0.3], delays)
        found, trace = halve([FREE], time, MEAN, iterations=3, stop="first_rise")
        assert (found, len(trace)) == (2, 3)
    time, _ = balance([0.3], [[2.0], [2.0], [2.0]])
    assert halve([FREE], time, MEAN, iterations=3)[0] == 0


def test_idle_times_are_what_one_side_waits_for_the_other():
    record = Timed([3.0, 5.0], [2.0, 4.0], [3.5, 1.0], None).record(7, (0.5, 0.25))
    assert record == {
        "iteration": 7, "mean_delay_s": 4.0, "offload_ratio": [0.5, 0.25], "idle_computing_s": [0.0, 3.0],
        "idle_remote_sensing_s": [1.5, 0.0],
    }  # fmt: skip


def test_impossible_options_are_named():
    time, asked = balance([0.3])
    with pytest.raises(ValueError, match="stop must be one of best, first_rise, got 'never'"):
        halve([FREE], time, MEAN, stop="never")
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        halve([FREE], time, MEAN, iterations=0)
    assert asked == []
    assert len(halve([FREE], time, MEAN, iterations=1)[1]) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("objective", ["mean", "max"])
def test_with_a_router_the_sides_are_the_evaluators(seed, objective):
    instance = tiny_instance(seed, tasks=3, nodes=7)
    assignments = assign(instance)
    problem = Problem(instance, objective)
    solution, trace = bisect(problem, assignments, shortest_path_router, iterations=8)
    values = []
    for record in trace:
        routed = shortest_path_router(instance, pack(instance, assignments, record["offload_ratio"]))
        found = evaluate(instance, routed)
        values.append(found.objective_s(objective))
        assert record["mean_delay_s"] == pytest.approx(found.mean_s, rel=1e-12)
        idle = [t.t_S - (t.T_D + t.t_L) for t in found.tasks]
        assert record["idle_computing_s"] == pytest.approx([max(x, 0.0) for x in idle], abs=1e-9)
        assert record["idle_remote_sensing_s"] == pytest.approx([max(-x, 0.0) for x in idle], abs=1e-9)
    assert evaluate(instance, solution).objective_s(objective) == pytest.approx(min(values), rel=1e-12)
    assert solution.meta == {"iterations": 8}


def test_packets_at_a_ratio_are_the_least_and_none_where_all_is_offloaded():
    instance = tiny_instance(2)
    assignments = assign(instance)
    for ratios in ([0.0, 1.0], [0.4, 0.999]):
        packed = pack(instance, assignments, ratios)
        for task, a, d, ratio in zip(instance.tasks, assignments, packed.tasks, ratios, strict=True):
            assert (d.satellite, d.computing_satellite, d.offload_ratio) == (
                task.satellite,
                a.computing_satellite,
                ratio,
            )
            assert d.model_packet_bits == (a.design.model_packet_bits if ratio < 1 else 0.0)
            assert d.residual_shares == pytest.approx([ratio * share for share in a.design.residual_mix], rel=1e-12)
            assert len(d.residual_shares) == 1 + len(task.residual_levels_bpp)
            assert d.data_path is d.model_path is None
