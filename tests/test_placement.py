"""Placement: which satellites compute, as rule, solver and command."""

import json
from dataclasses import replace

import pytest

from formulation import check
from instances import generate_torus, write_instance
from leosplit.cli import main
from solvers.exact import solve_full
from solvers.placement import PlacementError, place, with_candidates
from solvers.result import Termination


@pytest.fixture(scope="module")
def torus():
    return generate_torus(3, 4, tasks=3, computing=1, seed=210)


def test_the_delay_never_rises_with_the_count(torus):
    problem = with_candidates(torus)
    assert len(problem.instance.computing) == len(torus.satellites) - len(torus.tasks)
    found = place(problem, [1, 2, 3])
    assert all(one.result.termination is Termination.OPTIMAL for one in found)
    delays = [one.result.objective_s for one in found]
    assert delays[0] >= delays[1] * (1 - 1e-6)
    assert delays[1] >= delays[2] * (1 - 1e-6)
    for one in found:
        assert 1 <= len(one.places) <= one.count
        assert {d.computing_satellite for d in one.result.solution.tasks} == set(one.places)
        assert check(problem, one.result.solution) == ()


def test_one_place_is_the_best_of_all_single_ones(torus):
    problem = with_candidates(torus)
    (one,) = place(problem, [1])
    singles = [solve_full(with_candidates(torus, [c])).objective_s for c in problem.instance.computing]
    assert one.result.objective_s == pytest.approx(min(singles), rel=2e-6)


def test_candidates_and_counts_are_checked(torus):
    with pytest.raises(PlacementError, match="must be satellites of"):
        with_candidates(torus, ["nowhere"])
    with pytest.raises(PlacementError, match="must not be imaging"):
        with_candidates(torus, [torus.tasks[0].satellite])
    idle = [
        replace(s, role="relay", ops_per_s=None, utilization=None) for s in torus.satellites if s.role == "computing"
    ]
    rest = [s for s in torus.satellites if s.role != "computing"]
    with pytest.raises(PlacementError, match="needs a computing satellite"):
        with_candidates(replace(torus, satellites=(*rest, *idle)))
    with pytest.raises(PlacementError, match="positive and ascending, got 2, 1"):
        place(torus, [2, 1])


def test_the_command_prints_places_and_draws(torus, tmp_path, capsys):
    path = tmp_path / "torus.json"
    write_instance(torus, path)
    figure = tmp_path / "place.png"
    assert main(["place", str(path), "--count", "1-2", "--figure", str(figure), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["count"] for row in rows] == [1, 2]
    assert rows[0]["objective_s"] >= rows[1]["objective_s"] * (1 - 1e-6)
    assert figure.stat().st_size > 0
    assert main(["place", str(path), "--count", "1"]) == 0
    assert "candidates" in capsys.readouterr().out
    for words in (["--count", "0"], ["--count", "3-1"], ["--candidates", "nowhere"], ["--preset", "iridium"]):
        assert main(["place", str(path), *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
