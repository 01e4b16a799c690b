"""A bound above a known solution is an error that names both, in every command."""

import json
from dataclasses import replace

import pytest

from instances import write_instance
from leosplit.cli import main
from leosplit.sweeps import Store, read_results
from leosplit.sweeps.study import Job
from leosplit.sweeps.worker import failed_row
from solvers.exact import solve_full
from solvers.network import single_task
from solvers.result import CONTRADICTION, Result, Termination
from tests.tiny import asked, few_frames, tiny_instance

WAYS = [{}, {"formulation": "bit-flow"}, {"formulation": "joint"}, {"share_computing": True}, {"solver": "scip"}]
WAYS += [{"whole_frames": True}, {"objective": "max"}]


@pytest.fixture
def false_bounds(monkeypatch):
    """A bound of a task alone that is a fifth too high, as an error in its search would make it."""
    right = single_task._least_share
    monkeypatch.setattr(single_task, "_least_share", lambda *asked: 1.2 * right(*asked))


@pytest.fixture
def instance():
    return few_frames(tiny_instance(2, tasks=1), 4)  # sends both packets


@pytest.mark.usefixtures("false_bounds")
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_solve_whose_bound_is_above_its_solution_is_an_error(instance, options):
    problem, options = asked(instance, **options)
    found = solve_full(problem, **options)
    assert found.termination is Termination.ERROR
    assert CONTRADICTION in found.message
    assert "\n" not in found.message
    assert found.bound_s is None or found.bound_s <= found.objective_s


@pytest.mark.usefixtures("false_bounds")
@pytest.mark.parametrize("words", [[], ["--formulation", "bit-flow"], ["--share-computing"]], ids=str)
def test_the_command_says_so_in_one_line(instance, words, tmp_path, capsys):
    write_instance(instance, tmp_path / "i.json")
    assert main(["solve", str(tmp_path / "i.json"), "--json", *words]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["termination"] == "error"
    assert CONTRADICTION in json.loads(printed.out)["message"]
    assert "Traceback" not in printed.err


def claimed(problem, name, options):
    """Results of a scheme with 2 s and of an exact solver that claims 3 s."""
    if name == "exact":
        return Result(Termination.OPTIMAL, objective_s=3.0, bound_s=3.0)
    return Result(Termination.FEASIBLE, objective_s=2.0)


def test_a_gap_below_zero_is_an_error_that_names_both(instance, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("solvers.gaps.attempt_scheme", claimed)
    write_instance(instance, tmp_path / "i.json")
    words = ["gap", str(tmp_path / "i.json"), "--scheme", "small", "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 1
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["termination"] for row in rows] == ["error", "error"]
    for row in rows:
        assert row["gap_to_optimum"] is row["gap_to_bound"] is None
        assert "2.0 s of small" in row["message"]
        assert "3.0 s of exact" in row["message"]


@pytest.fixture
def store(tmp_path):
    """Runs of one problem: an exact one that claims 3 s, one scheme with 2 s and one with 4 s."""
    made = []
    for scheme, value, bound in (("exact", 3.0, 3.0), ("small", 2.0, None), ("even", 4.0, None)):
        row = failed_row(Job("study", {"preset": "iridium"}, 0, scheme), "abc", "")
        made.append(replace(row, key=scheme, instance="i", instance_sha256="h", termination="feasible", wall_s=1.0))
        made[-1] = replace(made[-1], objective_s=value, bound_s=bound)
    with Store(tmp_path / "r.db") as opened:
        opened.add(made)
    return tmp_path / "r.db"


def test_runs_that_contradict_each_other_are_errors_in_the_table(store):
    table = read_results(store).set_index("scheme")
    assert table["termination"].to_dict() == {"exact": "error", "small": "error", "even": "feasible"}
    assert table["gap_to_optimum"].isna().all()
    assert table["gap_to_bound"].isna().all()
    for scheme in ("exact", "small"):
        assert "2.0 s of small (seed 0) below bound 3.0 s of exact (seed 0)" in table.loc[scheme, "message"]


@pytest.mark.parametrize("words", [["--json"], []])
def test_a_report_of_runs_that_contradict_each_other_ends_with_exit_code_1(store, words, tmp_path, capsys):
    page = tmp_path / "r.html"
    assert main(["report", str(store), "-o", str(page), *words]) == 1
    assert "2.0 s of small" in capsys.readouterr().err
    assert "2.0 s of small" in page.read_text()
