"""The reference instances of another program, read, solved and equal to their proven optima."""

import csv
from functools import cache
from pathlib import Path

import pytest

from formulation import check, evaluate
from instances import read_instance
from solvers import run_scheme
from solvers.exact import solve_full

REFERENCE = Path(__file__).parent / "data" / "reference"
with (REFERENCE / "optima.csv").open() as file:
    OPTIMA = {row["instance"]: float(row["mean_delay_s"]) for row in csv.DictReader(file)}


@cache
def solved(name):
    instance = read_instance(REFERENCE / f"{name}.json")
    return instance, solve_full(instance, mip_gap=1e-7)


@pytest.mark.parametrize("name", OPTIMA)
def test_optimum_equals_the_reference(name):
    instance, result = solved(name)
    assert result.termination == "optimal"
    assert result.objective_s == pytest.approx(OPTIMA[name], rel=1e-6)
    assert result.bound_s == pytest.approx(OPTIMA[name], rel=1e-6)
    assert not check(instance, result.solution)


@pytest.mark.parametrize("name", OPTIMA)
@pytest.mark.parametrize("scheme", ["small", "centralized", "even", "bs-shortest-path", "best-response"])
def test_no_scheme_is_below_the_reference_optimum(name, scheme):
    instance = read_instance(REFERENCE / f"{name}.json")
    result = run_scheme(instance, scheme)
    assert result.termination == "feasible"
    assert not check(instance, result.solution)
    assert result.objective_s == pytest.approx(evaluate(instance, result.solution).mean_s, rel=1e-12)
    assert result.objective_s >= OPTIMA[name] * (1 - 1e-9)


def test_reference_set_has_both_forced_ends():
    ends = set()
    for name in ("tiny-805", "tiny-806"):
        solution = solved(name)[1].solution
        ends |= {d.offload_ratio for d in solution.tasks if d.offload_ratio in (0.0, 1.0)}
    assert ends == {0.0, 1.0}
