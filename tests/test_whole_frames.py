"""Whole frames: the integer program of (5), its Pyomo model and (4) against all counts by enumeration."""

from dataclasses import replace

import numpy as np
import pytest

from fitting import Logistic, PiecewiseLinear
from formulation import FORMULATIONS, Problem, check, design_packets, evaluate, least_whole_frames, write_solution
from formulation.whole_frames import best_whole_frames_map, nearest_count, residual_intervals
from instances import Accuracy, make_preset, write_instance
from leosplit.cli import main
from solvers.exact import SolverError, solve_data_packets, solve_full
from solvers.network.arrays import DATA
from solvers.network.data import ProblemData
from solvers.network.whole_frames import FrameCounts, in_whole_frames
from solvers.result import Termination
from tests.brute_force import brute_force, least_bits_of_counts
from tests.tiny import LARGE, SMALL, asked, few_frames, tiny_instance

DIP = PiecewiseLinear((0.0, 0.05, 0.1, 0.2, 0.4), (0.7, 0.79, 0.76, 0.84, 0.83))
FALL = PiecewiseLinear((0.0, 0.1, 0.4), (0.9, 0.8, 0.6))


def with_curve(curve, target, mode, frames, levels=(0.05, 0.1, 0.2, 0.4)):
    base = few_frames(tiny_instance(5), frames)
    tasks = tuple(replace(task, large_map_min=target, residual_levels_bpp=levels) for task in base.tasks)
    return replace(base, accuracy=Accuracy(curve, SMALL), tasks=tasks, residual_accuracy=mode)


@pytest.mark.parametrize("mode", ["mean_residual", "mean_of_levels"])
@pytest.mark.parametrize("levels", [(0.05, 0.1, 0.2, 0.4), (0.07, 0.113, 0.29)])
@pytest.mark.parametrize(
    ("curve", "target"),
    [(LARGE, 0.70), (LARGE, 0.75), (LARGE, 0.81), (LARGE, 0.869), (LARGE, 0.89), (DIP, 0.785), (DIP, 0.8), (FALL, 0.8)],
)
def test_least_counts_equal_enumeration(curve, target, levels, mode):
    for frames in (5, 8):
        instance = with_curve(curve, target, mode, frames, levels)
        task = instance.tasks[0]
        expected = least_bits_of_counts(instance, task)
        for count in range(frames + 1):
            found = least_whole_frames(instance, task, count)
            assert (found is None) == (count not in expected), count
            ratio = [count / frames] * len(instance.tasks)
            model = solve_data_packets(Problem(instance, whole_frames=True), ratio)
            if found is None:
                assert model.termination is Termination.INFEASIBLE
                assert f"by no {count} whole frames" in model.message or "best reachable" in model.message
                continue
            assert sum(found) == count
            residual = sum(q * k for q, k in zip((0.0, *levels), found, strict=True))
            bits = count * task.feature_bits_per_frame + task.pixels_per_frame * residual
            assert bits == pytest.approx(expected[count], rel=1e-9)
            assert model.tasks[0]["data_packet_bits"] == pytest.approx(expected[count], rel=1e-7)
            assert sum(model.tasks[0]["frames_at_levels"]) == count


def test_a_thousand_frames_cost_less_than_a_level_more_than_shares():
    instance = tiny_instance(7)
    for task in instance.tasks:
        for count in (1, 17, task.frames // 3, task.frames):
            found = least_whole_frames(instance, task, count)
            residual = sum(q * k for q, k in zip((0.0, *task.residual_levels_bpp), found, strict=True))
            bits = count * task.feature_bits_per_frame + task.pixels_per_frame * residual
            least = design_packets(instance, task).data_bits_per_ratio * count / task.frames
            assert least * (1 - 1e-8) <= bits < least + task.pixels_per_frame * task.residual_levels_bpp[-1]


def test_intervals_are_where_the_curve_meets_the_target():
    intervals = residual_intervals(DIP, 0.79, 0.4)
    assert [end for interval in intervals for end in interval] == pytest.approx([0.05, 0.05, 0.1375, 0.4])
    assert residual_intervals(DIP, 0.95, 0.4) == ()
    assert residual_intervals(FALL, 0.8, 0.4) == ((0.0, pytest.approx(0.1)),)
    falling = Logistic(0.5, 0.4, -30.0, 0.1, (0.0, 0.4))
    ((start, end),) = residual_intervals(falling, 0.7, 0.4)
    assert (start, end) == (0.0, pytest.approx(0.1))
    assert float(falling(end)) >= 0.7


def test_a_ratio_between_frames_is_rounded_and_said():
    instance = few_frames(tiny_instance(5), 7)
    result = solve_data_packets(Problem(instance, whole_frames=True), 0.5)
    assert [row["offload_ratio"] for row in result.tasks] == [4 / 7, 4 / 7]
    assert "0.5 rounded to 4 of 7 frames" in result.message
    assert solve_data_packets(Problem(instance, whole_frames=True), 3 / 7).message == ""
    assert [nearest_count(instance.tasks[0], ratio) for ratio in (0.0, 0.07, 0.08, 1.0)] == [0, 0, 1, 7]


CASES = [(seed, frames, {}) for seed, frames in ((0, 5), (1, 6), (3, 7), (4, 6))]
CASES += [(seed, 5, {"computing": 2, "nodes": 5}) for seed in (10, 12)]


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize(("seed", "frames", "options"), CASES)
def test_full_problem_equals_brute_force_over_counts(seed, frames, options, objective):
    instance = few_frames(tiny_instance(seed, **options), frames)
    result = solve_full(Problem(instance, objective, whole_frames=True), mip_gap=1e-8)
    best = brute_force(instance, objective, whole_frames=True)
    assert result.objective_s == pytest.approx(best, rel=1e-6)
    assert result.bound_s <= best * (1 + 1e-7)
    assert check(instance, result.solution) == ()
    for decision in result.solution.tasks:
        for share in (decision.offload_ratio, *decision.residual_shares):
            assert share * frames == pytest.approx(round(share * frames), abs=1e-9)
    continuous = solve_full(Problem(instance, objective), mip_gap=1e-8)
    assert continuous.objective_s <= result.objective_s * (1 + 1e-7)


@pytest.mark.parametrize("formulation", [name for name in FORMULATIONS if name != "textbook"])
@pytest.mark.parametrize("mode", ["mean_residual", "mean_of_levels"])
def test_curves_that_fall_and_every_formulation(mode, formulation):
    base = few_frames(tiny_instance(3), 6)
    tasks = tuple(replace(task, large_map_min=0.785) for task in base.tasks)
    instance = replace(base, accuracy=Accuracy(DIP, SMALL), tasks=tasks, residual_accuracy=mode)
    result = solve_full(Problem(instance, whole_frames=True), formulation=formulation, mip_gap=1e-8)
    assert result.objective_s == pytest.approx(brute_force(instance, whole_frames=True), rel=1e-6)
    assert check(instance, result.solution) == ()


COMBINATIONS = [
    {"whole_frames": True, "share_computing": True},
    {"whole_frames": True, "share_computing": True, "objective": "max"},
    {"whole_frames": True, "share_computing": True, "formulation": "joint"},
    {"whole_frames": True, "formulation": "joint", "objective": "max"},
    {"whole_frames": True, "formulation": "load-indexed", "share_computing": True},
    {"share_computing": True, "objective": "max"},
    {"share_computing": True, "formulation": "joint"},
]


@pytest.mark.parametrize("mode", ["mean_residual", "mean_of_levels"])
@pytest.mark.parametrize("options", COMBINATIONS)
def test_options_go_together_as_in_brute_force(options, mode):
    instance = replace(few_frames(tiny_instance(12, computing=2, nodes=5), 5), residual_accuracy=mode)
    problem, rest = asked(instance, **options)
    result = solve_full(problem, mip_gap=1e-8, **rest)
    tried = {key: value for key, value in options.items() if key != "formulation"}
    best = brute_force(instance, **tried)
    assert result.objective_s == pytest.approx(best, rel=1e-6)
    assert result.bound_s <= best * (1 + 1e-7)
    assert check(problem, result.solution) == ()


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("seed", [0, 3, 10])
def test_the_search_over_what_the_proof_leaves_equals_the_model(seed, objective):
    instance = few_frames(tiny_instance(seed, tasks=3, nodes=7), 9)
    searched = solve_full(Problem(instance, objective, whole_frames=True), mip_gap=1e-8)
    model = solve_full(Problem(instance, objective, whole_frames=True), formulation="bit-flow", mip_gap=1e-7)
    assert searched.termination is Termination.OPTIMAL
    assert searched.objective_s == pytest.approx(model.objective_s, rel=1e-6)
    assert searched.bound_s <= model.objective_s * (1 + 1e-9)


@pytest.mark.parametrize("objective", ["mean", "max"])
def test_hundreds_of_frames_are_proven_to_the_default_gap(objective):
    instance = make_preset("iridium", seed=1)
    result = solve_full(Problem(instance, objective, whole_frames=True))
    assert result.termination is Termination.OPTIMAL
    assert check(Problem(instance, whole_frames=True), result.solution) == ()
    continuous = solve_full(Problem(instance, objective))
    assert continuous.bound_s < result.objective_s < continuous.objective_s * 1.002


def test_the_best_counts_on_given_routes_are_those_of_enumeration():
    instance = few_frames(tiny_instance(4), 11)
    routes = solve_full(instance).solution
    best = in_whole_frames(instance, routes)
    assert check(Problem(instance, whole_frames=True), best) == ()
    for m, task in enumerate(instance.tasks):
        for count in range(1, 11):
            if not (routes.tasks[m].sends_data and routes.tasks[m].sends_model):
                continue
            fractions = tuple(k / 11 for k in least_whole_frames(instance, task, count))
            bits = design_packets(instance, task).model_packet_bits
            tried = replace(
                routes.tasks[m], offload_ratio=count / 11, residual_shares=fractions, model_packet_bits=bits
            )
            tasks = (*routes.tasks[:m], tried, *routes.tasks[m + 1 :])
            assert (
                evaluate(instance, best).tasks[m].T
                <= evaluate(instance, replace(routes, tasks=tasks)).tasks[m].T + 1e-9
            )


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6, 11])
def test_the_count_of_least_delay_is_that_of_enumeration_on_drawn_routes(frames):
    """Few frames and little work: the bound may be lower two counts away from where it is least than one away."""
    base = few_frames(tiny_instance(4), frames)
    data = ProblemData(replace(base, tasks=tuple(replace(task, feature_ops_per_bit=10.0) for task in base.tasks)))
    counts, task_data, rng = FrameCounts(data), data.tasks[0], np.random.default_rng(frames)
    for _ in range(1500):
        back, fixed, large = task_data.small_s * rng.uniform(0, [0.3, 0.1, 0.4])
        per_bit = task_data.small_s / task_data.bits[DATA] * rng.uniform(0, 1)

        def delay(k, per_bit=per_bit, back=back, fixed=fixed, large=large):
            ratio = k / frames
            remote = counts.bits(0, k) * per_bit + fixed + large * ratio if k else 0.0
            return back * (k < frames) + task_data.extraction_s * ratio + max(remote, task_data.small_s * (1 - ratio))

        best = min(delay(k) for k in range(frames + 1))
        value, count = counts.least_delay(0, back, per_bit, fixed, large)
        assert value == pytest.approx(delay(count), rel=1e-12)
        assert value == pytest.approx(best, rel=1e-12)


def test_forty_frames_are_within_one_frame_of_shares():
    instance = few_frames(tiny_instance(1), 40)
    continuous = solve_full(instance, mip_gap=1e-8)
    whole = solve_full(Problem(instance, whole_frames=True), mip_gap=1e-5, start=continuous.solution)
    assert whole.termination is Termination.OPTIMAL
    assert check(instance, whole.solution) == ()
    assert continuous.objective_s * (1 - 1e-7) <= whole.objective_s
    worth = []
    for task, delay, decision in zip(
        instance.tasks, evaluate(instance, continuous.solution).tasks, continuous.solution.tasks, strict=True
    ):
        frames, bits = decision.offload_ratio * task.frames, max(delay.data_packet_bits, 1.0)
        dearest = task.pixels_per_frame * task.residual_levels_bpp[-1]
        offloaded = (delay.t_fe + delay.T_D + delay.t_L) / max(frames, 1.0) + delay.T_D * dearest / bits
        worth.append(offloaded + delay.t_S / max(task.frames - frames, 1.0))
    assert whole.objective_s <= continuous.objective_s + sum(worth) / len(worth)


def test_the_textbook_has_no_whole_frames():
    with pytest.raises(SolverError, match="'textbook' knows no whole frames"):
        solve_full(Problem(tiny_instance(1), whole_frames=True), formulation="textbook")


def test_the_checker_says_whose_frames_are_fractional():
    instance = few_frames(tiny_instance(1), 40)
    continuous, whole = (
        solve_full(Problem(instance, whole_frames=whole), time_limit=5.0, mip_gap=1e-3).solution
        for whole in (False, True)
    )
    assert check(Problem(instance, whole_frames=True), whole) == ()
    assert check(instance, continuous) == ()
    found = check(Problem(instance, whole_frames=True), continuous)
    fractional = [(40 * share) % 1 > 1e-6 for d in continuous.tasks for share in (d.offload_ratio, *d.residual_shares)]
    assert len(found) == sum(fractional) > 0
    for violation in found:
        assert violation.constraint.startswith("whole frames: ")
        assert violation.limit == round(violation.value) != violation.value


def test_evaluate_asks_for_whole_frames(tmp_path, capsys):
    instance = few_frames(tiny_instance(1), 40)
    write_instance(instance, tmp_path / "i.json")
    write_solution(solve_full(instance).solution, tmp_path / "s.json")
    words = ["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json")]
    assert main(words) == 0
    assert main([*words, "--whole-frames"]) == 1
    assert "whole frames: offload_ratio of 40" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["mean_residual", "mean_of_levels"])
@pytest.mark.parametrize("formulation", [None, "joint"])
def test_infeasible_whole_frames_name_task_constraints_and_what_is_reached(mode, formulation):
    peak = PiecewiseLinear((0.0, 0.1, 0.2, 0.4), (0.5, 0.55, 0.6, 0.4))
    instance = with_curve(peak, 0.55 if mode == "mean_residual" else 0.499, mode, 3, levels=(0.4,))
    tasks = list(instance.tasks)
    tasks[0] = replace(tasks[0], small_map_min=0.95, frames=1)
    reached = 0.5
    if mode == "mean_of_levels":
        tasks[0] = replace(tasks[0], large_map_min=0.51)
    result = solve_full(Problem(replace(instance, tasks=tuple(tasks)), whole_frames=True), formulation=formulation)
    assert result.termination is Termination.INFEASIBLE
    assert result.bound_s is None
    words = (f"task {tasks[0].satellite}: (4b) asks", "(4c) asks small_map_min 0.95", f"{reached:g}")
    assert all(word in result.message for word in words)
    assert tasks[1].satellite not in result.message
    assert best_whole_frames_map(instance, tasks[0], 1) == pytest.approx(reached, abs=2e-6)
    most = {"mean_residual": peak(0.4 / 3), "mean_of_levels": 0.5}[mode]
    assert best_whole_frames_map(instance, tasks[1], 3) == pytest.approx(most, abs=2e-6)
