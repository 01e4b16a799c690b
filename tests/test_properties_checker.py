"""The checker at each limit: clean on the limit's near side, one violation with place, value and limit beyond it."""

import math
from dataclasses import replace

import pytest

from fitting import PiecewiseLinear
from formulation import Problem, SolutionError, check, evaluate
from formulation.rules import ComputingTasks
from formulation.solution import Solution
from formulation.violation import Violation
from instances import Accuracy
from tests.test_formulation_delay import both, decision, line_instance

LEVELS = PiecewiseLinear((0.0, 0.1, 0.2), (0.7, 0.8, 0.9))
UPDATE = PiecewiseLinear((0.0, 1e8), (0.5, 0.9))
LINE = replace(line_instance(), accuracy=Accuracy(LEVELS, UPDATE))


def broken(instance, changes, problem=None, **others):
    """Return what is broken by changes of the first task's decision."""
    solution = Solution("line", (decision("a", **changes), decision("b", **others)))
    return check(problem or instance, solution)


def with_task(**changes):
    return replace(LINE, tasks=(replace(LINE.tasks[0], **changes), LINE.tasks[1]))


def equal_to(target, value_of):
    """Return x with value_of(x) == target in floating point, near the target."""
    x = target + (target - value_of(target))
    for _ in range(64):
        found = value_of(x)
        if found == target:
            return x
        x = math.nextafter(x, math.inf if found < target else -math.inf)
    raise AssertionError("no such float near the target")


def shares_of(ratio, task=LINE.tasks[0]):
    return (0.0, ratio, *[0.0] * (len(task.residual_levels_bpp) - 1))


def test_what_is_feasible_is_clean():
    assert check(LINE, both()) == ()
    assert check(Problem(LINE, whole_frames=True), both()) == ()


@pytest.mark.parametrize(("ratio", "limit"), [(-1e-9, 0.0), (1 + 1e-9, 1.0)])
def test_ratios_outside_zero_and_one(ratio, limit):
    beyond = ratio + (ratio - limit) / 10
    missing = {"data_path": None} if limit == 0 else {"model_path": None}
    assert broken(LINE, {"offload_ratio": ratio, "residual_shares": shares_of(limit), **missing}) == ()
    found = broken(LINE, {"offload_ratio": beyond, "residual_shares": shares_of(limit), **missing})
    assert found == (Violation("a", "offload_ratio", beyond, limit),)


@pytest.mark.parametrize(("low", "high", "near", "beyond", "limit"), [
    (0.3, 1.0, 0.3 - 0.9e-9, 0.3 - 1.1e-9, 0.3), (0.0, 0.4, 0.4 + 0.9e-9, 0.4 + 1.1e-9, 0.4),
])  # fmt: skip
def test_ratios_outside_the_tasks_range(low, high, near, beyond, limit):
    instance = with_task(offload_ratio_range=(low, high))
    assert broken(instance, {"offload_ratio": near, "residual_shares": shares_of(near)}) == ()
    found = broken(instance, {"offload_ratio": beyond, "residual_shares": shares_of(beyond)})
    assert found == (Violation("a", "offload_ratio_range", beyond, limit),)
    inside = (low + high) / 2
    assert broken(instance, {"offload_ratio": inside, "residual_shares": shares_of(inside)}) == ()
    for end in (low, high):  # an end of the range that is 0 or 1 is the whole range's
        exact = end - 1e-9 if end == low else end + 1e-9
        missing = {"data_path": None} if end == 0 else {"model_path": None} if end == 1 else {}
        assert broken(instance, {"offload_ratio": exact, "residual_shares": shares_of(end), **missing}) == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_shares_that_do_not_sum_to_the_ratio(sign):
    for part, clean in ((0.9, True), (1.0, True), (1.1, False)):
        total = 0.5 + sign * part * 1e-6
        found = broken(LINE, {"residual_shares": (0.0, total, 0.0)})
        assert found == (() if clean else (Violation("a", "sum of residual_shares", total, 0.5),))
    (found,) = broken(with_task(large_map_min=0.1), {"residual_shares": (0.1, 0.2, 0.1)})
    assert (found.value, found.limit) == (pytest.approx(0.4), 0.5)
    exact = 1e-6 + 1e-12
    clean = {"offload_ratio": 0.0, "residual_shares": (exact, 0.0, 0.0), "data_path": None}
    assert broken(LINE, clean) == ()
    assert len(broken(LINE, clean | {"residual_shares": (1e-6 + 1.5e-12, 0.0, 0.0)})) == 1


def test_shares_below_zero():
    for share, clean in ((-0.9e-9, True), (-1e-9, True), (-1.1e-9, False), (-0.5e-6, False)):
        found = broken(LINE, {"residual_shares": (0.0, 0.5, share)})
        assert found == (() if clean else (Violation("a", "residual_shares", share, 0.0),))


def test_accuracy_of_the_large_model():
    reached = LEVELS(0.1)
    exact = equal_to(reached, lambda least: least - 1e-6 - 1e-12)
    for least, clean in ((reached, True), (reached + 0.9e-6, True), (exact, True), (reached + 1.1e-6, False)):
        found = broken(with_task(large_map_min=least), {})
        assert found == (() if clean else (Violation("a", "(4b) large_map_min", reached, least),))
    assert broken(with_task(large_map_min=reached + 1e-6 + 3e-12), {}) != ()
    none = {"offload_ratio": 0.0, "residual_shares": (0.0, 0.0, 0.0), "data_path": None}
    assert broken(with_task(large_map_min=0.99), none) == ()


def test_accuracy_of_the_small_model():
    reached = UPDATE(5e7)
    exact = equal_to(reached, lambda least: least - 1e-6 - 1e-12)
    for least, clean in ((reached, True), (reached + 0.9e-6, True), (exact, True), (reached + 1.1e-6, False)):
        found = broken(with_task(small_map_min=least), {})
        assert found == (() if clean else (Violation("a", "(4c) small_map_min", reached, least),))
    assert broken(with_task(small_map_min=reached + 1e-6 + 3e-12), {}) != ()
    every = {"offload_ratio": 1.0, "residual_shares": (0.0, 1.0, 0.0), "model_path": None}
    assert broken(with_task(small_map_min=0.99), every) == ()


@pytest.mark.parametrize(("bound", "sign"), [(4e7, -1), (6e7, 1)])
def test_model_packets_outside_their_range(bound, sign):
    instance = with_task(model_packet_bits_range=(4e7, 6e7), small_map_min=0.1)
    for part, clean in ((0.9e-9, True), (1e-9, True), (1.1e-9, False)):
        bits = bound * (1 + sign * part)
        found = broken(instance, {"model_packet_bits": bits})
        assert found == (() if clean else (Violation("a", "(4d) model_packet_bits_range", bits, bound),))
    every = {"offload_ratio": 1.0, "residual_shares": (0.0, 1.0, 0.0), "model_path": None, "model_packet_bits": 0.0}
    assert broken(instance, every) == ()


def test_the_computing_satellite_has_its_role_and_is_the_one_that_is_fixed():
    away = {"data_path": ("a", "r"), "model_path": ("r", "a"), "computing_satellite": "r"}
    assert broken(LINE, away) == (Violation("a", "computing_satellite", "relay", "computing"),)
    two = replace(LINE, satellites=(*LINE.satellites[:2], replace(LINE.satellites[3], id="d"), *LINE.satellites[2:]))
    fixed = replace(two, tasks=(replace(two.tasks[0], computing_satellite="d"), two.tasks[1]))
    assert broken(fixed, {}) == (Violation("a", "computing_satellite", "c", "d"),)
    fixed = replace(two, tasks=(replace(two.tasks[0], computing_satellite="c"), two.tasks[1]))
    assert broken(fixed, {}) == ()


@pytest.mark.parametrize(("key", "name", "ends", "other"), [
    ("data_path", "(4e) data_path", ("a", "c"), ("a", "r")),
    ("model_path", "(4f) model_path", ("c", "a"), ("r", "a")),
])  # fmt: skip
def test_paths(key, name, ends, other):
    assert broken(LINE, {key: None}) == (Violation("a", name, None, f"a path from {ends[0]} to {ends[1]}"),)
    assert broken(LINE, {key: other}) == (
        Violation("a", name, f"from {other[0]} to {other[-1]}", f"from {ends[0]} to {ends[1]}"),
    )
    assert broken(LINE, {key: ends}) == (Violation("a", name, f"{ends[0]} to {ends[1]}", "an existing link"),)
    backwards = decision("a").model_path if key == "data_path" else decision("a").data_path
    assert broken(LINE, {key: backwards}) == (
        Violation("a", name, f"from {ends[1]} to {ends[0]}", f"from {ends[0]} to {ends[1]}"),
    )


def test_paths_of_packets_that_are_not_sent():
    text = "path of a packet that is not sent"
    none = {"offload_ratio": 0.0, "residual_shares": (0.0, 0.0, 0.0)}
    every = {"offload_ratio": 1.0, "residual_shares": (0.0, 1.0, 0.0)}
    assert broken(LINE, none) == (Violation("a", "(4e) data_path", text, None),)
    assert broken(LINE, every) == (Violation("a", "(4f) model_path", text, None),)
    assert broken(LINE, none | {"data_path": None}) == broken(LINE, every | {"model_path": None}) == ()


def test_frames_that_are_not_whole():
    whole = Problem(LINE, whole_frames=True)  # of 100 frames
    for off, clean in ((0.9e-8, True), (-0.9e-8, True), (1.1e-8, False), (-1.1e-8, False)):
        ratio = 0.5 + off
        found = broken(LINE, {"offload_ratio": ratio, "residual_shares": (0.0, ratio, 0.0)}, whole)
        expected = [("offload_ratio", ratio), ("residual_shares[1]", ratio)]
        assert found == tuple(
            Violation("a", f"whole frames: {key} of 100", value * 100, 50.0) for key, value in expected if not clean
        )
        assert broken(LINE, {"offload_ratio": ratio, "residual_shares": (0.0, ratio, 0.0)}) == ()
    shares = (0.004, 0.496, 0.0)
    assert [v.constraint for v in broken(with_task(large_map_min=0.1), {"residual_shares": shares}, whole)] == [
        "whole frames: residual_shares[0] of 100", "whole frames: residual_shares[1] of 100",
    ]  # fmt: skip
    half = with_task(frames=1, large_map_min=0.1)
    least = {"offload_ratio": 1e-6, "residual_shares": (1e-6, 0.0, 0.0)}
    assert broken(half, least, Problem(half, whole_frames=True)) == ()
    found = broken(half, {"residual_shares": (0.0, 0.5, 0.0)}, Problem(half, whole_frames=True))
    assert [(v.value, v.limit) for v in found] == [(0.5, 0.0)] * 2


def test_deadlines():
    late = evaluate(LINE, both()).tasks[0].T
    for part, clean in ((1.0, True), (1 - 0.9e-6, True), (1 - 1.1e-6, False)):
        instance = with_task(deadline_s=late * part)
        found = check(instance, both())
        assert found == (() if clean else (Violation("a", "deadline_s", late, late * part),))
    every = replace(LINE, tasks=tuple(replace(task, deadline_s=late / 2) for task in LINE.tasks))
    assert [(v.task, v.constraint) for v in check(every, both())] == [("a", "deadline_s"), ("b", "deadline_s")]
    other = replace(LINE, tasks=(LINE.tasks[0], replace(LINE.tasks[1], deadline_s=late / 2)))
    assert [(v.task, v.constraint) for v in check(other, both())] == [("b", "deadline_s")]
    assert [v.constraint for v in broken(with_task(deadline_s=late / 2), {"data_path": ("a", "c")})] == [
        "(4e) data_path"
    ]


def test_rules_are_counted_unless_a_link_is_missing():
    rule = ComputingTasks(limit=1, name="one each")
    problem = Problem(LINE, rules=(rule,))
    (found,) = check(problem, both())
    assert (found.constraint, found.value, found.limit) == ("rule one each", 2, 1)
    assert [v.constraint for v in broken(LINE, {"data_path": ("a", "c")}, problem)] == ["(4e) data_path"]
    assert [v.constraint for v in broken(LINE, {"model_path": ("c", "a")}, problem)] == ["(4f) model_path"]
    assert [v.constraint for v in broken(LINE, {"data_path": None}, problem)] == ["(4e) data_path", "rule one each"]


def test_every_task_is_looked_at_and_strangers_are_refused():
    found = check(LINE, both(residual_shares=(0.0, 0.4, 0.0)))
    assert [(v.task, v.constraint) for v in found] == [("a", "sum of residual_shares"), ("b", "sum of residual_shares")]
    with pytest.raises(SolutionError, match="tasks must be those of the instance"):
        check(LINE, Solution("line", both().tasks[::-1]))
