"""Packet design (5), (6): the closed form against the Pyomo models and against a scan of the curve."""

import re
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitting import PiecewiseLinear
from formulation import build_data_packet_model, build_model_packet_model, design_packets
from formulation.packets import least_mix_of_levels, mix_of_two_levels
from instances import Accuracy
from tests.tiny import SMALL, tiny_instance

DIP = PiecewiseLinear((0.0, 0.05, 0.1, 0.2, 0.4), (0.7, 0.79, 0.785, 0.84, 0.89))


def with_curve(curve, target, mode="mean_residual", small_map_min=0.7):
    base = tiny_instance(5)
    tasks = tuple(replace(task, large_map_min=target, small_map_min=small_map_min) for task in base.tasks)
    return replace(base, accuracy=Accuracy(curve, SMALL), tasks=tasks, residual_accuracy=mode)


def solved(model):
    pyo.SolverFactory("highs").solve(model)
    return pyo.value(model.total_bits)


@pytest.mark.parametrize("mode", ["mean_residual", "mean_of_levels"])
@pytest.mark.parametrize("target", [0.69, 0.74, 0.7875, 0.79, 0.8, 0.86, 0.89])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_data_packet_model_equals_the_closed_form(target, ratio, mode):
    instance = with_curve(DIP, target, mode)
    expected = sum(ratio * design_packets(instance, task).data_bits_per_ratio for task in instance.tasks)
    total = solved(build_data_packet_model(instance, [ratio] * len(instance.tasks)))
    assert total == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("target", [0.55, 0.6, 0.7, 0.77])
def test_model_packet_model_equals_the_closed_form(target):
    instance = with_curve(DIP, 0.75, small_map_min=target)
    expected = sum(design_packets(instance, task).model_packet_bits for task in instance.tasks)
    assert solved(build_model_packet_model(instance)) == pytest.approx(expected, rel=1e-9)


def test_least_residual_on_a_curve_that_falls_again():
    task = with_curve(DIP, 0.7875).tasks[0]
    grid = np.linspace(0, 0.4, 400_001)
    first = grid[np.argmax(np.asarray(DIP(grid)) >= 0.7875)]
    design = design_packets(with_curve(DIP, 0.7875), task)
    mean = sum(q * s for q, s in zip((0.0, *task.residual_levels_bpp), design.residual_mix, strict=True))
    assert mean == pytest.approx(first, abs=2e-6)
    assert mean < 0.05  # before the dip, not behind it


def test_unreachable_targets_are_said_with_the_best_reachable():
    instance = with_curve(DIP, 0.95, small_map_min=0.9)
    design = design_packets(instance, instance.tasks[0])
    assert not design.can_offload
    assert not design.can_stay
    assert design.large_map_best == pytest.approx(0.89)
    assert design.small_map_best == pytest.approx(float(SMALL(3.7e8)))
    reason = design.reason(instance.tasks[0])
    assert "(4b)" in reason
    assert "0.89" in reason
    assert "(4c)" in reason


@pytest.mark.parametrize("build", [lambda i: build_data_packet_model(i, [0.5, 0.5]), build_model_packet_model])
def test_unreachable_targets_make_the_models_infeasible(build):
    model = build(with_curve(DIP, 0.95, small_map_min=0.9))
    status = pyo.SolverFactory("highs").solve(model, load_solutions=False).solver.termination_condition
    assert status == pyo.TerminationCondition.infeasible


@given(residual=st.floats(0, 0.4))
def test_mix_of_two_adjacent_levels_has_the_asked_mean(residual):
    levels = (0.0, 0.05, 0.1, 0.2, 0.4)
    shares = mix_of_two_levels(levels, residual)
    used = [s for s, share in enumerate(shares) if share > 0]
    assert sum(shares) == pytest.approx(1.0)
    assert sum(q * share for q, share in zip(levels, shares, strict=True)) == pytest.approx(residual, abs=1e-12)
    assert len(used) == 1 or used[1] - used[0] == 1


@settings(max_examples=60)
@given(values=st.lists(st.floats(0.3, 0.95), min_size=5, max_size=5), target=st.floats(0.3, 0.95))
def test_mean_of_levels_equals_the_linear_program(values, target):
    from scipy.optimize import linprog

    levels = (0.0, 0.05, 0.1, 0.2, 0.4)
    shares = least_mix_of_levels(PiecewiseLinear(levels, tuple(values)), levels, target)
    lp = linprog(levels, A_ub=[[-v for v in values]], b_ub=[-target], A_eq=[[1.0] * 5], b_eq=[1.0])
    assert (shares is None) == (lp.status == 2)
    if shares is not None:
        assert sum(q * s for q, s in zip(levels, shares, strict=True)) == pytest.approx(lp.fun, abs=1e-7)
        assert sum(v * s for v, s in zip(values, shares, strict=True)) >= target - 1e-12


@pytest.mark.parametrize("field", ["large_map_min", "small_map_min"])
def test_a_target_one_ulp_above_the_best_is_refused_in_words_that_show_the_difference(field):
    instance = with_curve(DIP, 0.785)
    task, design = instance.tasks[0], design_packets(instance, instance.tasks[0])
    best = {"large_map_min": design.large_map_best, "small_map_min": design.small_map_best}[field]
    kept = {"large_map_min": (1.0, "(4b)"), "small_map_min": (0.0, "(4c)")}[field]
    exact = replace(task, **{field: best})
    above = replace(task, **{field: float(np.nextafter(best, 1.0))})
    assert design_packets(instance, exact).forbids(exact, kept[0]) is None
    said = design_packets(instance, above).forbids(above, kept[0])
    assert kept[1] in said
    asked, reached = re.search(rf"asks {field} (\S+), best reachable (\S+)", said).groups()
    assert float(asked) == np.nextafter(best, 1.0)
    assert float(reached) == best
