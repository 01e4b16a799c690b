"""The sandwich of (4): functions under and over the curves enclose the optimum of the exact inverse."""

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from fitting import CurveError, Logistic, PiecewiseLinear, SaturatingExponential
from formulation import Problem, check
from instances import Accuracy, generate_torus, read_instance, write_instance
from leosplit.cli import main
from solvers.exact import solve_full
from solvers.piecewise import solve_bracket, with_piecewise
from solvers.result import Termination

REFERENCE = Path(__file__).parent / "data" / "reference"
DIPS = PiecewiseLinear((0, 0.05, 0.1, 0.2, 0.4), (0.70, 0.775, 0.755, 0.765, 0.80))
SMALL = SaturatingExponential(0.78, 0.28, 1.5e-8, (0, 3.741e8))


def optimum(name):
    with (REFERENCE / "optima.csv").open() as file:
        return {row["instance"]: float(row["mean_delay_s"]) for row in csv.DictReader(file)}[name]


@pytest.mark.parametrize("name", ["tiny-801", "tiny-803", "tiny-805"])
def test_bracket_contains_the_known_optimum_and_narrows(name):
    instance, true = read_instance(REFERENCE / f"{name}.json"), optimum(name)
    widths = []
    for error in (8e-3, 4e-3, 2e-3, 1e-3):
        both = solve_bracket(instance, error)
        assert both.lower_s <= true * (1 + 1e-9)
        assert both.upper_s >= true * (1 - 1e-9)
        assert check(instance, both.under.solution) == ()
        widths.append(both.upper_s - both.lower_s)
    assert all(narrow < 0.75 * wide for wide, narrow in pairwise(widths))


@pytest.mark.parametrize("large", [DIPS, Logistic(0.6, 0.2, 30, 0.1, (0, 0.5))], ids=["dips", "logistic"])
@pytest.mark.parametrize("target", [0.76, 0.7701])
def test_bracket_contains_the_optimum_of_curves_that_are_not_concave(large, target):
    torus = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    tasks = tuple(replace(task, large_map_min=target, small_map_min=0.7) for task in torus.tasks)
    instance = replace(torus, tasks=tasks, accuracy=Accuracy(large, SMALL))
    true = solve_full(instance).objective_s
    both = solve_bracket(instance, 1e-3)
    assert both.lower_s <= true * (1 + 1e-6)
    assert both.upper_s >= true * (1 - 1e-6)
    assert both.result.gap < 0.2


def test_under_infeasible_leaves_the_upper_end_open():
    torus = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    tasks = tuple(
        replace(t, large_map_min=0.7999, small_map_min=0.779, residual_levels_bpp=(0.4,)) for t in torus.tasks
    )
    instance = replace(torus, tasks=tasks, accuracy=Accuracy(DIPS, SMALL))
    both = solve_bracket(Problem(instance, objective="max"), 5e-3)
    assert both.upper_s is None
    assert both.lower_s is not None
    assert both.lower_s <= solve_full(Problem(instance, objective="max")).objective_s
    assert both.result.termination is Termination.INFEASIBLE
    assert "no upper end" in both.result.message


def test_curves_of_single_tasks_are_replaced_too():
    torus = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    own = replace(torus.tasks[0], accuracy=Accuracy(Logistic(0.6, 0.2, 30, 0.1, (0, 0.5)), SMALL))
    changed = with_piecewise(replace(torus, tasks=(own, torus.tasks[1])), "under", 1e-3).instance
    assert isinstance(changed.tasks[0].accuracy.large, PiecewiseLinear)
    assert changed.tasks[1].accuracy is None
    with pytest.raises(CurveError, match="max_error"):
        with_piecewise(torus, "under", 0)


@pytest.mark.parametrize("problem", ["data", "model"])
def test_packets_are_enclosed_too(problem, capsys):
    path = str(REFERENCE / "tiny-803.json")

    def solved(*words):
        code = main(["solve", path, "--problem", problem, "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    true = solved()[1]["objective_bits"]
    widths = []
    for error in ("4e-3", "1e-3"):
        code, document = solved("--pwl", "bracket", "--pwl-error", error)
        low, high = document["bracket"]
        assert code == 0
        assert low == document["bound_bits"] == document["over"]["bound_bits"]
        assert low <= true * (1 + 1e-9)
        assert true * (1 - 1e-9) <= high == document["objective_bits"]
        assert solved("--pwl", "under", "--pwl-error", error)[1]["objective_bits"] == high
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_packets_without_an_upper_end_say_so(capsys, tmp_path):
    torus = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    tasks = tuple(replace(task, large_map_min=0.7999, residual_levels_bpp=(0.4,)) for task in torus.tasks)
    write_instance(replace(torus, tasks=tasks, accuracy=Accuracy(DIPS, SMALL)), tmp_path / "i.json")
    words = ["solve", str(tmp_path / "i.json"), "--problem", "data", "--pwl", "bracket", "--pwl-error", "5e-3"]
    assert main([*words, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["termination"] == "infeasible"
    assert document["bracket"][0] > 0
    assert document["bracket"][1] is None
    assert document["message"].startswith("no upper end, with functions under the curves")


def test_command_line(capsys, tmp_path):
    path = str(REFERENCE / "tiny-803.json")
    assert main(["solve", path, "--pwl", "bracket", "--pwl-error", "0.002", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    low, high = document["bracket"]
    assert low == document["bound_s"] < optimum("tiny-803") < high == document["objective_s"]
    assert document["gap"] == pytest.approx((high - low) / low)
    assert document["solution"]["tasks"]
    assert main(["solve", path, "--pwl", "over", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["objective_s"] <= optimum("tiny-803")
    assert main(["solve", path, "--pwl", "under", "--problem", "routing"]) == 2
    assert "(7) is given its packets and has no accuracy curve" in capsys.readouterr().err
    assert main(["solve", path, "--pwl", "under", "--pwl-error", "-1"]) == 2
    assert "max_error must be" in capsys.readouterr().err
