"""The subproblems' examples run as they stand, and what they print holds."""

import re
import runpy
from pathlib import Path

import pytest

from instances import read_instance
from solvers.exact import solve_routing
from solvers.schemes import packets_at

EXAMPLES = Path(__file__).parent.parent / "examples"


def printed(name, capsys):
    runpy.run_path(str(EXAMPLES / f"solve_{name}.py"), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_data_packets_equal_the_closed_form_and_whole_frames_are_no_less(capsys):
    lines = printed("data_packets", capsys)
    assert len(lines) == 2
    for line in lines:
        solved, closed, whole = (
            float(x) for x in re.findall(r"([\d.e+]+) bit, closed form ([\d.e+]+), whole frames ([\d.e+]+)", line)[0]
        )
        assert solved == pytest.approx(closed, rel=1e-5)
        assert whole >= solved * (1 - 1e-5)
        assert sum(map(int, re.search(r"\[(.*)\]", line)[1].split(","))) == 6


def test_model_packets_equal_the_closed_form(capsys):
    lines = printed("model_packets", capsys)
    assert len(lines) == 2
    for line in lines:
        solved, closed = (float(x) for x in re.findall(r"([\d.e+]+) bit, closed form ([\d.e+]+)", line)[0])
        assert solved == pytest.approx(closed, rel=1e-5)


def test_routing_equals_the_pyomo_model(capsys):
    first, *routes = printed("routing", capsys)
    assert first.startswith("optimal")
    assert len(routes) == 3
    instance = read_instance(EXAMPLES / "data" / "routing.json")
    model = solve_routing(instance, packets_at(instance, 0.5), formulation="bit-flow")
    assert float(re.search(r"([\d.e+-]+) s", first)[1]) == pytest.approx(model.objective_s, rel=1e-5)
