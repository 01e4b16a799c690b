"""`leosplit sensitivity`: its document, its tables, its exit codes."""

import json
from dataclasses import replace

import pytest

from formulation import Problem, evaluate, read_solution, write_solution
from instances import write_instance
from instances.generate import generate_torus
from leosplit.cli import main
from solvers.exact import ratio_curves, solve_full, worths
from solvers.schemes import run_scheme


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensitivity")
    instance = generate_torus(3, 4, tasks=3, computing=1, seed=2)
    write_instance(instance, folder / "i.json")
    write_solution(solve_full(instance).solution, folder / "best.json")
    return instance, folder


def run(capsys, *words):
    code = main(["sensitivity", *(str(word) for word in words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_document_at_the_optimum_is_what_python_says(files, capsys):
    instance, folder = files
    code, out, _ = run(capsys, folder / "i.json", "--json", "--factor", 1.5)
    document = json.loads(out)
    solution = read_solution(folder / "best.json", instance)
    assert (code, document["termination"]) == (0, "optimal")
    assert document["objective_s"] == pytest.approx(evaluate(instance, solution).mean_s, rel=1e-5)
    assert document["bound_s"] <= document["objective_s"] * (1 + 1e-9)
    for row, curve in zip(document["tasks"], ratio_curves(instance, solution), strict=True):
        assert row["breakpoints"]["delay_s"] == pytest.approx(list(curve.delay_s), rel=1e-9)
        assert row["satellite"] == curve.satellite
    expected = worths(instance, solution, factor=1.5)
    assert [row["what"] for row in document["worths"]] == [worth.what for worth in expected]
    assert document["worths"][0]["saving_s"] == pytest.approx(expected[0].saving_s) != 0


def test_a_task_stands_at_the_bottom_of_its_curve(files, capsys):
    _, folder = files
    _, out, _ = run(capsys, folder / "i.json", "--json", "--solution", folder / "best.json")
    rows = json.loads(out)["tasks"]
    assert any(0 < row["offload_ratio"] < 1 for row in rows)
    for row in rows:
        if 0 < row["offload_ratio"] < 1:
            assert row["T"] == pytest.approx(min(row["breakpoints"]["delay_s"]), rel=1e-9)
            assert row["T"] <= min(row["local_s"], row["offloaded_s"]) * (1 + 1e-9)


def test_a_better_ratio_alone_is_no_worth_of_a_link(files):
    instance, _ = files
    poor = run_scheme(instance, "even").solution
    for worth in worths(instance, poor, factor=1.0 + 1e-9):
        assert abs(worth.saving_s) < 1e-6


def test_tables_name_the_tasks_and_what_saves_most(files, capsys):
    instance, folder = files
    code, out, _ = run(capsys, folder / "i.json", "--solution", folder / "best.json", "--objective", "max")
    assert code == 0
    for task in instance.tasks:
        assert f"\n {task.satellite} " in out
    best = worths(Problem(instance, "max"), read_solution(folder / "best.json", instance))[0]
    assert best.what in out


def test_an_infeasible_problem_says_why_and_exits_1(files, tmp_path, capsys):
    instance, _ = files
    name = instance.tasks[0].satellite
    cut = replace(instance, links=tuple(k for k in instance.links if name not in (k.source, k.target)))
    write_instance(cut, tmp_path / "cut.json")
    code, out, _ = run(capsys, tmp_path / "cut.json", "--json")
    document = json.loads(out)
    assert (code, document["termination"], document["worths"]) == (1, "infeasible", [])
    assert name in document["message"]


def test_bad_words_and_violating_solutions_are_one_line_and_exit_2(files, tmp_path, capsys):
    instance, folder = files
    code, _, error = run(capsys, folder / "i.json", "--factor", 1)
    assert (code, error.count("\n")) == (2, 1)
    assert "above 1, got 1" in error
    solution = read_solution(folder / "best.json", instance)
    first = next(d for d in solution.tasks if d.sends_model)
    small = replace(first, model_packet_bits=first.model_packet_bits / 2)
    broken = replace(solution, tasks=tuple(small if d is first else d for d in solution.tasks))
    write_solution(broken, tmp_path / "broken.json")
    code, _, error = run(capsys, folder / "i.json", "--solution", tmp_path / "broken.json")
    assert (code, error.count("\n")) == (2, 1)
    assert f"task {first.satellite} violates" in error
