"""`leosplit gap` and `leosplit run`: rows, files and exit codes."""

import csv
import json
from dataclasses import replace

import pytest

from formulation import check, evaluate, read_solution
from instances import Instance, instance_sha256, write_instance
from instances.generate import generate_torus
from leosplit.cli import main
from solvers import gaps
from solvers.gaps import GapRow, gap_row, mean_gaps
from solvers.result import Result, Termination
from solvers.schemes import SCHEMES

ROW_KEYS = [
    "instance",
    "scheme",
    "termination",
    "objective_s",
    "bound_s",
    "gap_to_optimum",
    "gap_to_bound",
    "decision_s",
    "seed",
    "message",
]


@pytest.fixture
def instance(tmp_path) -> Instance:
    made = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    write_instance(made, tmp_path / "i.json")
    return made


def test_gap_json_holds_the_rows_of_the_contract(instance, tmp_path, capsys):
    assert main(["gap", str(tmp_path / "i.json"), "--out", str(tmp_path / "out"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["scheme"] for row in document["rows"]] == list(SCHEMES)
    assert all(list(row) == ROW_KEYS for row in document["rows"])
    exact = document["rows"][-1]
    assert (exact["termination"], exact["gap_to_optimum"]) == ("optimal", 0)
    for row in document["rows"]:
        assert row["objective_s"] >= exact["bound_s"] * (1 - 1e-9)
        expected = (row["objective_s"] - exact["objective_s"]) / exact["objective_s"]
        assert row["gap_to_optimum"] == pytest.approx(expected, abs=1e-6)


def test_gap_writes_tables_figures_and_a_solution_that_checks(instance, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["gap", str(tmp_path / "i.json"), "--out", str(out), "--scheme", "small", "--scheme", "best-response"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "proven (bound" in text
    assert "best-response" in text
    assert text.startswith((out / "gaps.txt").read_text()[:200])
    with (out / "gaps.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["scheme"] for row in rows] == ["small", "best-response", "exact"]
    assert json.loads((out / "gaps.json").read_text())["rows"][0]["objective_s"] == float(rows[0]["objective_s"])
    for name in ("gaps.png", "gaps.svg", "map.png", "map.svg"):
        assert (out / name).stat().st_size > 1000
    solution = read_solution(out / f"{instance.name}.solution.json", instance)
    assert check(instance, solution) == ()
    assert evaluate(instance, solution).mean_s == pytest.approx(float(rows[-1]["objective_s"]))


def test_gap_of_routing_alone_runs_only_the_routers_asked_for(instance, tmp_path, capsys):
    words = ["gap", str(tmp_path / "i.json"), "--problem", "routing", "--out", str(tmp_path / "out"), "--json"]
    assert main([*words, "--scheme", "policy", "--scheme", "shortest-path"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["scheme"] for row in rows] == ["shortest-path", "policy", "exact"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--count", "3"], "--count"),
        (["--problem", "routing", "--scheme", "bs-marl"], "must be one of shortest-path, policy"),
    ],
)
def test_gap_refuses_what_it_would_ignore(words, said, instance, tmp_path, capsys):
    assert main(["gap", str(tmp_path / "i.json"), "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


def test_gap_rows_say_why_a_scheme_is_infeasible(tmp_path, capsys):
    made = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    tasks = (replace(made.tasks[0], large_map_min=0.999), *made.tasks[1:])
    write_instance(replace(made, tasks=tasks), tmp_path / "i.json")
    words = ["gap", str(tmp_path / "i.json"), "--scheme", "centralized", "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert "(4b)" in rows[0]["message"]


def test_gap_of_routing_alone(instance, tmp_path, capsys):
    words = ["gap", str(tmp_path / "i.json"), "--problem", "routing", "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    rows = {row["scheme"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["exact"]["objective_s"] <= rows["assigned-exact"]["objective_s"] * (1 + 1e-9)
    assert rows["assigned-exact"]["objective_s"] <= rows["shortest-path"]["objective_s"] * (1 + 1e-6)
    assert {"policy", "policy-local"} <= rows.keys()
    for prefix, best in (("assigned-", "assigned-exact"), ("", "exact")):
        delays = [rows[f"{prefix}best-response{runs}"]["objective_s"] for runs in ("", "-4", "-32")]
        assert delays == sorted(delays, reverse=True)
        assert delays[-1] >= rows[best]["objective_s"] * (1 - 1e-6)


def test_gap_keeps_going_where_a_scheme_or_an_instance_is_infeasible(instance, tmp_path, capsys):
    task = replace(instance.tasks[0], large_map_min=0.99)
    write_instance(replace(instance, name="b", tasks=(task, *instance.tasks[1:])), tmp_path / "b.json")
    worse = replace(task, small_map_min=0.99)
    write_instance(replace(instance, name="c", tasks=(worse, *instance.tasks[1:])), tmp_path / "c.json")
    files = [str(tmp_path / f"{name}.json") for name in "bci"]
    assert main(["gap", *files, "--out", str(tmp_path / "out"), "--json", "--scheme", "centralized"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["termination"] for row in rows] == [
        "infeasible",
        "optimal",
        "infeasible",
        "infeasible",
        "feasible",
        "optimal",
    ]
    assert [row["objective_s"] is None for row in rows] == [True, False, True, True, False, False]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scheme", "nope"], "nope"),
        (["--preset", "moon"], "moon"),
        (["no-such-file.json"], "no-such-file.json"),
        (["--objective", "median"], "median"),
        (["a.json", "--preset", "iridium"], "--preset"),
    ],
)
def test_gap_refuses_bad_input_in_one_line(words, message, tmp_path, capsys):
    assert main(["gap", *words, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_run_reports_what_the_evaluator_says(instance, tmp_path, capsys):
    words = ["run", str(tmp_path / "i.json"), "--scheme", "bs-shortest-path", "--json", "-o", str(tmp_path / "s.json")]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    solution = read_solution(tmp_path / "s.json", instance)
    assert document["objective_s"] == evaluate(instance, solution).mean_s
    assert len(document["trace"]) == 20
    assert {"scheme", "termination", "objective_s", "decision_s", "solution", "trace"} <= set(document)


def test_run_of_an_infeasible_scheme_exits_1_with_the_reason(instance, tmp_path, capsys):
    task = replace(instance.tasks[0], large_map_min=0.99)
    write_instance(replace(instance, tasks=(task, *instance.tasks[1:])), tmp_path / "b.json")
    assert main(["run", str(tmp_path / "b.json"), "--scheme", "centralized"]) == 1
    out = capsys.readouterr().out
    assert task.satellite in out
    assert "(4b)" in out


def test_run_that_is_stopped_before_its_end_exits_1(instance, tmp_path, capsys):
    words = ["run", str(tmp_path / "i.json"), "--scheme", "exact", "--json"]
    assert main(words) == 0
    assert main([*words, "--time-limit", "0"]) == 1
    documents = capsys.readouterr().out.replace("}\n{", "}\0{").split("\0")
    assert json.loads(documents[1])["termination"] == "time_limit"


def test_an_interrupted_gap_prints_the_rows_so_far(instance, tmp_path, capsys, monkeypatch):
    write_instance(replace(instance, name="second"), tmp_path / "second.json")

    def press(one, *rest, **keywords):
        if one.instance.name == "second":
            raise KeyboardInterrupt
        return compare(one, *rest, **keywords)

    compare = gaps.compare
    monkeypatch.setattr(gaps, "compare", press)
    files = [str(tmp_path / f"{name}.json") for name in ("i", "second")]
    assert main(["gap", *files, "--scheme", "small", "--out", str(tmp_path / "out"), "--json"]) == 1
    captured = capsys.readouterr()
    assert {row["instance"] for row in json.loads(captured.out)["rows"]} == {instance.name}
    assert captured.err.endswith("error: interrupted\n")


def result(objective: float | None, bound: float | None = None) -> Result:
    return Result(Termination.FEASIBLE, objective_s=objective, bound_s=bound)


def test_gaps_divide_by_optimum_and_bound_and_know_when_the_optimum_is_not_proven():
    proven, open_ = result(10.0, 10.0 - 1e-6), result(10.0, 8.0)
    assert gap_row("i", "s", result(11.0), proven).gap_to_optimum == pytest.approx(0.1)
    assert gap_row("i", "s", result(11.0), open_).gap_to_optimum is None
    assert gap_row("i", "s", result(11.0), open_).gap_to_bound == pytest.approx(3 / 8)
    assert gap_row("i", "s", result(10.0 - 5e-6), proven).gap_to_optimum == 0
    assert gap_row("i", "s", result(9.0), proven).gap_to_optimum == pytest.approx(-0.1)
    assert gap_row("i", "s", result(None), proven).gap_to_bound is None


def test_gaps_to_optima_and_to_bounds_are_never_averaged_together():
    def row(optimum: float | None, bound: float | None) -> GapRow:
        return GapRow("i", "s", Termination.FEASIBLE, 1.0 if bound is not None else None, 1.0, optimum, bound, 0.0, 0)

    (mean,) = mean_gaps([row(0.1, 0.1), row(0.3, 0.3), row(None, 0.8), row(None, None)])
    assert (mean.to_optimum, mean.proven) == (pytest.approx(0.2), 2)
    assert (mean.to_bound, mean.unproven) == (0.8, 1)
    assert mean.infeasible == 1


def test_instances_of_one_name_keep_their_rows_and_solutions_apart(tmp_path, capsys):
    made = [replace(generate_torus(3, 3, tasks=2, computing=1, seed=seed), name="twin") for seed in (4, 5)]
    for k, twin in enumerate([*made, made[0]]):
        write_instance(twin, tmp_path / f"{k}.json")
    files = [str(tmp_path / f"{k}.json") for k in range(3)]
    assert main(["gap", *files, "--scheme", "small", "--out", str(tmp_path / "out"), "--json"]) == 0
    said = capsys.readouterr()
    names = list(dict.fromkeys(row["instance"] for row in json.loads(said.out)["rows"]))
    assert names == ["twin", f"twin-{instance_sha256(made[1])[:12]}"]
    assert f"warning: two instances are called twin; this one is {names[1]} from here on" in said.err
    for name, twin in zip(names, made, strict=True):
        solution = read_solution(tmp_path / "out" / f"{name}.solution.json", twin)
        assert check(twin, solution) == ()
