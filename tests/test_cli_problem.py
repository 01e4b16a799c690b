"""What is asked of an instance, on the command line and in studies: one set of options, registries in step."""

import inspect
import json
from importlib import import_module

import pytest

from formulation import OBJECTIVES, Hops, Linear, LinkPackets, Problem, read_problem, rule_to_dict, write_problem
from formulation.models.objective import MODELLED
from formulation.rules.slot import in_slot
from instances import generate_torus, write_instance
from leosplit.cli import main
from leosplit.cli.problem_options import OPTIONS, Asked, Objective
from leosplit.sweeps.parameters import ParameterError, build_problem, check_parameter
from leosplit.sweeps.study import study_from_dict

TAKES = ("solve", "run", "gap", "evaluate", "sensitivity", "simulate", "figures")
ONE_PACKET = json.dumps({"kind": "link_packets", "limit": 1})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "i.json"
    write_instance(generate_torus(3, 3, tasks=2, computing=1, seed=4), path)
    return path


def said(capsys, *words):
    """Exit code and JSON document of a command."""
    code = main([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", TAKES)
def test_every_command_that_takes_instances_has_the_options(name):
    parameters = inspect.signature(import_module(f"leosplit.cli.{name}").command).parameters
    assert set(OPTIONS) <= set(parameters)
    assert "asked" not in parameters


def test_registries_name_the_same_objectives():
    assert list(OBJECTIVES) == [one.value for one in Objective] == list(MODELLED)


def test_solve_run_gap_and_evaluate_agree_under_a_rule(file, tmp_path, capsys):
    asked = ["--rule", ONE_PACKET, "--share-computing"]
    code, solved = said(capsys, "solve", file, *asked, "--out", tmp_path / "s.json")
    assert code == 0
    code, judged = said(capsys, "evaluate", file, tmp_path / "s.json", *asked)
    assert (code, judged["violations"]) == (0, [])
    assert judged["mean_s"] == pytest.approx(solved["objective_s"], rel=1e-9)
    code, run = said(capsys, "run", file, "--scheme", "best-response-4", *asked)
    assert code == 0
    assert run["objective_s"] >= solved["objective_s"] * (1 - 1e-6)
    code, gap = said(capsys, "gap", file, "--scheme", "best-response-4", *asked, "--out", tmp_path / "out")
    rows = {row["scheme"]: row for row in gap["rows"]}
    assert rows["exact"]["objective_s"] == pytest.approx(solved["objective_s"], rel=1e-6)
    assert rows["best-response-4"]["gap_to_optimum"] >= 0


def test_options_override_the_file_and_add_to_its_rules(file, tmp_path):
    path, rules = tmp_path / "p.json", tmp_path / "rules.json"
    instance = read_problem(file).instance
    write_problem(Problem(instance, "max", share_computing=True, rules=(LinkPackets(limit=2),)), path)
    rules.write_text(json.dumps([rule_to_dict(Hops(limit=3, name="short"))]))
    problem = Asked(objective="mean", share_computing=False, rules=(Hops(limit=3, name="short"),)).read(path)
    assert (problem.objective, problem.share_computing, list(problem.named_rules)) == (
        "mean",
        False,
        ["link_packets", "short"],
    )
    assert Asked().read(path) == read_problem(path)
    assert main(["run", str(path), "--scheme", "best-response", "--rules", str(rules), "--objective", "mean"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rule", "{"], "--rule: not JSON"),
        (["--rule", '{"kind": "hop", "limit": 1}'], "--rule.kind must be one of closed, link_packets"),
        (["--rule", '{"kind": "hops", "limit": 1, "tasks": ["nowhere"]}'], "rules[0].tasks must be tasks of the"),
        (["--rules", "missing.json"], "missing.json"),
        (["--problem", "data", "--rule", ONE_PACKET], "goes with --problem full and routing only"),
    ],
)
def test_a_rule_that_cannot_be_one_is_refused_in_one_line(file, words, message, capsys):
    assert main(["solve", str(file), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_rules_that_leave_nothing_are_said_by_name(file, capsys):
    rule = json.dumps({"kind": "hops", "limit": 0, "name": "nowhere to go"})
    code, document = said(capsys, "solve", file, "--rule", rule)
    assert (code, document["termination"], document["solution"]) == (1, "infeasible", None)
    assert "rule nowhere to go" in document["message"]
    code, document = said(capsys, "run", file, "--scheme", "best-response", "--rule", rule)
    assert (code, document["objective_s"]) == (1, None)
    assert "rule nowhere to go" in document["message"]


def test_studies_vary_rules_and_options(tmp_path):
    rules = [[], [{"kind": "hops", "limit": 4}]]
    document = {
        "schemes": ["best-response"],
        "seeds": [1, 2],
        "instances": {"torus": [3, 3], "rules": rules, "share_computing": [False, True], "objective": ["mean", "max"]},
    }
    jobs = list(study_from_dict(document, tmp_path).jobs())
    assert len(jobs) == len({job.key for job in jobs}) == 16
    problems = [build_problem(job.parameters, job.seed) for job in jobs]
    assert {(p.objective, p.share_computing, len(p.rules)) for p in problems} == {
        (objective, share, count) for objective in ("mean", "max") for share in (False, True) for count in (0, 1)
    }
    document["instances"]["rules"] = [{"kind": "hops", "limit": 4}]  # one value: a list of rules
    assert len(list(study_from_dict(document, tmp_path).jobs())) == 8
    with pytest.raises(ParameterError, match="share_computing must be true or false"):
        check_parameter("share_computing", 1, tmp_path)


def test_rules_of_a_scenario_ask_each_slot_of_what_it_has(tmp_path, capsys):
    rule = json.dumps({"kind": "hops", "limit": 3, "tasks": ["0-0", "1-1"], "name": "short"})
    words = ["simulate", "iridium", "--start", "36", "--slots", "3", "--scheme", "best-response", "--seed", "3"]
    words += ["--out", str(tmp_path)]
    assert main([*words, "--rule", rule, "--share-computing", "--json"]) == 0
    slots = json.loads(capsys.readouterr().out)["slots"]
    assert [slot["termination"] for slot in slots][1] == "idle"
    assert {slot["termination"] for slot in slots} <= {"feasible", "infeasible", "idle"}
    assert slots[0]["tasks"] == 5
    assert main([*words, "--rule", rule.replace("1-1", "99-1")]) == 2
    assert "must name satellites of the scenario, got '99-1'" in capsys.readouterr().err


def test_a_rule_in_a_slot_drops_what_is_not_there():
    instance = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    task = instance.tasks[0].satellite
    assert in_slot(Hops(limit=3, tasks=(task, "gone")), instance) == Hops(limit=3, tasks=(task,))
    assert in_slot(Hops(limit=3, tasks=("gone",)), instance) is None
    assert in_slot(LinkPackets(limit=1), instance) == LinkPackets(limit=1)
    sent = {"variable": "sent", "packet": "data", "coefficient": 1}
    linear = Linear(terms=[sent | {"task": task}, sent | {"task": "gone"}], sense="<=", rhs=1)
    assert [term.task for term in in_slot(linear, instance).terms] == [task]
