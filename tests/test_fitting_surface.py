"""Curves of two inputs: triangulated functions, their fit, (5) that chooses the feature rate, and (4) with it."""

import csv
import json
from dataclasses import replace

import jsonschema
import numpy as np
import pyomo.environ as pyo
import pytest

from fitting import CurveError, MeasurementError, SaturatingExponential, Triangulated, fit_surface, surface_from_dict
from fitting.presets import DATA
from formulation import FORMULATIONS, Problem, build_feature_rate_model, check, design_packets, evaluate
from instances import (
    Accuracy,
    InstanceError,
    generate_torus,
    instance_from_dict,
    instance_schema,
    instance_to_dict,
)
from leosplit.cli import main
from solvers.exact import solve_full
from solvers.piecewise import solve_bracket
from tests.tiny import few_frames

SMALL = SaturatingExponential(0.78, 0.28, 1.5e-8, (0, 3.741e8))
BENT = Triangulated(((0, 0, 0.1), (1, 0, 0.5), (0, 1, 0.6), (1, 1, 0.9), (0.5, 0.5, 0.65), (0.3, 0.8, 0.4)))


def digits():
    with (DATA / "map_vs_residual_digits.csv").open() as file:
        rows = list(csv.DictReader(file))
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("feature_bpp", "residual_bpp", "map"))


def two_inputs(surface, target=0.95, features=(0.15, 0.45), top=2.0):
    torus = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    pixels = torus.tasks[0].pixels_per_frame
    tasks = tuple(
        replace(
            task,
            feature_bits_per_frame_range=(features[0] * pixels, features[1] * pixels),
            residual_levels_bpp=(0.1, 0.5, top),
            large_map_min=target + 0.01 * index,
            small_map_min=0.7,
        )
        for index, task in enumerate(torus.tasks)
    )
    return replace(torus, tasks=tasks, accuracy=Accuracy(surface.at(9), SMALL, surface))


def by_grid(surface, target, features, residuals):
    """Least sum of both rates on a grid of feature rates; never below the true one."""
    best = np.inf
    for rate in np.linspace(*features, 2001):
        residual = surface.at(rate).inverse(target, *residuals)
        best = best if residual is None else min(best, rate + residual)
    return best


def test_values_at_points_and_on_a_triangle_by_hand():
    for a, b, value in BENT.points:
        assert BENT(a, b) == pytest.approx(value)
    plane = Triangulated(((0, 0, 0.1), (1, 0, 0.3), (0, 1, 0.6)))
    assert plane(0.25, 0.5) == pytest.approx(0.1 + 0.25 * 0.2 + 0.5 * 0.5)
    assert plane(0.5, 3) == plane(0.5, 0.5)  # constant along the residual
    assert plane(-1, 0.5) == plane(0, 0.5)  # and moved to the nearest feature rate


@pytest.mark.parametrize("target", [0.2, 0.45, 0.55, 0.62, 0.65, 0.8, 0.9])
@pytest.mark.parametrize("residuals", [(0, 1), (0, 0.6)])
def test_least_rates_against_a_fine_grid(target, residuals):
    found = BENT.least_rates(target, (0.05, 0.95), residuals)
    grid = by_grid(BENT, target, (0.05, 0.95), residuals)
    if found is None:
        assert grid == np.inf
        return
    assert BENT(*found) >= target
    assert sum(found) <= grid + 1e-9
    assert sum(found) >= grid - 3e-3


def test_the_fit_ascends_in_both_inputs_and_is_least_squares():
    feature, residual, y = digits()
    noisy = np.clip(y + np.random.default_rng(0).normal(0, 0.03, len(y)), 0, 1)
    surface = fit_surface(feature, residual, noisy)
    for rate in np.linspace(*surface.feature_range, 15):
        assert np.all(np.diff(surface.at(rate).y) >= -1e-9)
    for level in np.linspace(0, 2, 9):
        along = [surface(rate, level) for rate in np.linspace(*surface.feature_range, 40)]
        assert np.all(np.diff(along) >= -1e-9)
    fitted = np.array([surface(a, b) for a, b in zip(feature, residual, strict=True)])
    truth = fit_surface(feature, residual, y)
    misses = np.sum((noisy - fitted) ** 2)
    other = np.array([truth(a, b) for a, b in zip(feature, residual, strict=True)])  # ascending too, so no better
    assert misses <= np.sum((noisy - other) ** 2) + 1e-12
    for share in (0.1, 0.5):  # the set of ascending functions is convex
        assert misses <= np.sum((noisy - (1 - share) * fitted - share * other) ** 2) + 1e-12
    assert np.abs(other - y).max() < 1e-3  # the measured points hardly need the constraint


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_problem_5_chooses_the_feature_rate_as_the_pyomo_model_does(ratio):
    instance = two_inputs(fit_surface(*digits()))
    model = build_feature_rate_model(instance, [ratio] * 2)
    assert pyo.SolverFactory("appsi_highs").solve(model).solver.termination_condition == "optimal"
    for task in instance.tasks:
        bits = design_packets(instance, task).data_bits_per_ratio * ratio
        assert pyo.value(model.data_packet_bits[task.satellite]) == pytest.approx(bits, rel=1e-6)
        low, high = task.feature_bits_per_frame_range
        assert low <= task.feature_bits_per_frame <= high


def test_problem_4_takes_two_inputs_and_gains_from_the_choice():
    instance = two_inputs(fit_surface(*digits()))
    result = solve_full(instance)
    assert check(instance, result.solution) == ()
    assert evaluate(instance, result.solution).mean_s == pytest.approx(result.objective_s)
    for end in (0, 1):  # with either end of the range as given features, the optimum is no better
        tasks = tuple(
            replace(t, feature_bits_per_frame=t.feature_bits_per_frame_range[end], feature_bits_per_frame_range=None)
            for t in instance.tasks
        )
        fixed = solve_full(replace(instance, tasks=tasks))
        assert fixed.objective_s >= result.objective_s * (1 - 1e-6)
    both = solve_bracket(instance, 1e-3)
    assert both.lower_s <= result.objective_s * (1 + 1e-6)
    assert both.upper_s >= result.objective_s * (1 - 1e-6)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_every_formulation_takes_feature_rates_with_one_optimum(formulation):
    instance = two_inputs(fit_surface(*digits()))
    result = solve_full(instance, formulation=formulation, mip_gap=1e-7)
    assert result.objective_s == pytest.approx(solve_full(instance, mip_gap=1e-8).objective_s, rel=1e-6)
    assert check(instance, result.solution) == ()


def test_whole_frames_take_feature_rates():
    instance = few_frames(two_inputs(fit_surface(*digits())), 8)
    joint, searched = (
        solve_full(Problem(instance, whole_frames=True), formulation=name, mip_gap=1e-7) for name in ("joint", None)
    )
    assert joint.objective_s == pytest.approx(searched.objective_s, rel=1e-6)
    assert check(Problem(instance, whole_frames=True), searched.solution) == ()


def test_file_round_trip_schema_and_command_line(tmp_path, capsys):
    instance = two_inputs(fit_surface(*digits()))
    document = json.loads(json.dumps(instance_to_dict(instance)))
    assert "feature_bits_per_frame" not in document["tasks"][0]
    assert document["accuracy"]["large"]["kind"] == "triangulated"
    assert instance_from_dict(document) == instance
    jsonschema.validate(document, instance_schema())
    path = tmp_path / "two.json"
    path.write_text(json.dumps(document))
    assert main(["solve", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["termination"] == "optimal"
    document["tasks"][0]["feature_bits_per_frame"] = 1.0
    with pytest.raises(InstanceError, match="not both"):
        instance_from_dict(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, instance_schema())
    del document["tasks"][0]["feature_bits_per_frame"]
    document["accuracy"]["large"] = {"kind": "piecewise_linear", "x": [0, 1], "y": [0, 1]}
    with pytest.raises(
        InstanceError, match=r"tasks\[0\].feature_bits_per_frame_range needs accuracy.large of the kind"
    ):
        instance_from_dict(document)


def test_an_unreachable_target_forces_the_task_to_stay():
    instance = two_inputs(BENT, target=0.95, features=(0.1, 0.9), top=1.0)
    assert not design_packets(instance, instance.tasks[0]).can_offload


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0, 0, 0.5]], "three points"),
        ([[0, 0, 0.1], [1, 1, 0.2], [2, 2, 0.3]], "not on one line"),
        ([[0, 0, 0.1], [0, 0, 0.2], [1, 2, 0.3]], r"points\[1\] repeats"),
        ([[0, 0], [0, 1], [1, 2]], r"large.points\[0\] must be \[feature, residual, mAP\], got 2 numbers"),
        ([[0, 0, float("nan")], [0, 1, 1], [1, 2, 1]], r"large.points\[0\]\[2\] must be a finite number"),
        ({}, "points must be a list"),
    ],
)
def test_bad_points(points, message):
    with pytest.raises(CurveError, match=message):
        surface_from_dict({"kind": "triangulated", "points": points}, "accuracy.large")


def test_bad_measurements_of_a_surface():
    with pytest.raises(MeasurementError, match="not on one line"):
        fit_surface([0, 1, 2], [0, 1, 2], [0.1, 0.2, 0.3])
    with pytest.raises(MeasurementError, match="one length"):
        fit_surface([0, 1, 2], [0, 1, 0], [0.1, 0.2])
