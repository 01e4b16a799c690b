"""Instances whose optimum was once claimed wrongly: every way to the optimum finds the value that is right."""

from pathlib import Path

import pytest

from instances import read_instance
from solvers.exact import solve_full
from solvers.result import Termination

TRUTH = Path(__file__).parent / "data" / "truth"
OPTIMA_S = {"short-or-fast": 0.0425276112362352}
WAYS = [{}, {"formulation": "bit-flow"}, {"formulation": "textbook"}, {"formulation": "joint"}, {"solver": "scip"}]


@pytest.mark.parametrize("objective", ["mean", "max"])
@pytest.mark.parametrize("options", [*WAYS, {"share_computing": True}], ids=str)
@pytest.mark.parametrize("name", OPTIMA_S)
def test_the_optimum_is_the_known_one(name, options, objective):
    found = solve_full(read_instance(TRUTH / f"{name}.json"), objective=objective, time_limit=120, **options)
    assert found.termination is Termination.OPTIMAL, found.message
    assert found.objective_s == pytest.approx(OPTIMA_S[name], rel=1e-6)
    assert found.bound_s <= OPTIMA_S[name] * (1 + 1e-12)
