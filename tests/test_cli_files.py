"""`leosplit instance` and `leosplit evaluate`: what they print and how they end."""

import json
from dataclasses import replace

import jsonschema
import pytest

from formulation import Problem, Solution, TaskDecision, evaluate, evaluate_sound, write_solution
from formulation.packets import design_packets
from instances import Instance, read_instance, write_instance
from instances.generate import generate_torus
from leosplit.cli import main
from solvers.exact import solve_full


@pytest.fixture
def instance(tmp_path):
    made = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    write_instance(made, tmp_path / "i.json")
    return made


def local_solution(instance: Instance) -> Solution:
    """Everything stays on board; the model comes by the route that networkx finds."""
    import networkx as nx

    graph = nx.DiGraph((link.source, link.target) for link in instance.links)
    decisions = []
    for task in instance.tasks:
        serving = instance.computing[0]
        decisions.append(
            TaskDecision(
                satellite=task.satellite,
                computing_satellite=serving,
                offload_ratio=0.0,
                residual_shares=(0.0,) * (1 + len(task.residual_levels_bpp)),
                model_packet_bits=design_packets(instance, task).model_packet_bits,
                data_path=None,
                model_path=tuple(nx.shortest_path(graph, serving, task.satellite)),
            )
        )
    return Solution(instance.name, tuple(decisions))


def test_evaluate_reports_every_part_of_the_delay(instance, tmp_path, capsys):
    solution = local_solution(instance)
    write_solution(solution, tmp_path / "s.json")
    assert main(["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    expected = evaluate(instance, solution)
    assert document["mean_s"] == pytest.approx(expected.mean_s, rel=1e-12)
    assert document["violations"] == []
    for task, delay in zip(document["tasks"], expected.tasks, strict=True):
        assert task["T"] == pytest.approx(task["T_M"] + max(task["T_D"] + task["t_L"], task["t_S"]) + task["t_fe"])
        assert task["t_S"] == delay.t_S > 0
        assert task["large_map"] is None


def test_evaluate_exits_1_and_names_what_is_violated(instance, tmp_path, capsys):
    good = local_solution(instance)
    first = replace(good.tasks[0], model_packet_bits=instance.tasks[0].model_packet_bits_range[1] * 2)
    write_solution(replace(good, tasks=(first, *good.tasks[1:])), tmp_path / "s.json")
    assert main(["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json")]) == 1
    assert f"violated: {first.satellite} (4d) model_packet_bits_range" in capsys.readouterr().out


def test_evaluate_can_share_computing(tmp_path, capsys):
    made = generate_torus(3, 3, tasks=3, computing=1, seed=4)
    write_instance(made, tmp_path / "i.json")
    solution = solve_full(Problem(made, share_computing=True)).solution
    write_solution(solution, tmp_path / "s.json")
    words = ["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json"), "--json"]
    for share in (False, True):
        assert main([*words, *(["--share-computing"] if share else [])]) == 0
        expected = evaluate(Problem(made, share_computing=share), solution)
        assert json.loads(capsys.readouterr().out)["mean_s"] == pytest.approx(expected.mean_s, rel=1e-12)
    rest = replace(made, tasks=made.tasks[1:])
    broken = replace(solution, tasks=(replace(solution.tasks[0], model_path=None), *solution.tasks[1:]))
    expected = evaluate(Problem(rest, share_computing=True), replace(solution, tasks=solution.tasks[1:]))
    assert evaluate_sound(Problem(made, share_computing=True), broken) == (None, *expected.tasks)


def test_evaluate_of_a_missing_route_is_an_answer_not_a_crash(instance, tmp_path, capsys):
    good = local_solution(instance)
    first = replace(good.tasks[0], model_path=None)
    write_solution(replace(good, tasks=(first, *good.tasks[1:])), tmp_path / "s.json")
    assert main(["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    broken, *sound = document["tasks"]
    assert (broken["satellite"], broken["T"], broken["t_S"]) == (first.satellite, None, None)
    alone = replace(instance, tasks=instance.tasks[1:])
    expected = evaluate(alone, Solution(alone.name, good.tasks[1:]))
    assert [task["T"] for task in sound] == [delay.T for delay in expected.tasks]
    assert len(sound) >= 1
    assert document["mean_s"] is document["max_s"] is None
    assert [violation["task"] for violation in document["violations"]] == [first.satellite]


def test_evaluate_shows_the_sound_tasks_of_a_broken_solution(instance, tmp_path, capsys):
    good = local_solution(instance)
    first = replace(good.tasks[0], model_path=None)
    write_solution(replace(good, tasks=(first, *good.tasks[1:])), tmp_path / "s.json")
    assert main(["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json")]) == 1
    text = capsys.readouterr().out
    assert f"\n {good.tasks[1].satellite} " in text
    assert "mean and max: –" in text


def test_evaluate_of_a_solution_of_another_instance_is_bad_input(instance, tmp_path, capsys):
    write_solution(replace(local_solution(instance), instance="another"), tmp_path / "s.json")
    assert main(["evaluate", str(tmp_path / "i.json"), str(tmp_path / "s.json")]) == 2
    assert "another" in capsys.readouterr().err


def test_instance_new_writes_what_can_be_read_and_repeats_with_its_seed(tmp_path, capsys):
    words = ["instance", "new", "--preset", "iridium", "--seed", "3", "--tasks", "2", "--computing", "1"]
    assert main([*words, "-o", str(tmp_path / "a.json")]) == 0
    assert main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    made = read_instance(tmp_path / "a.json")
    assert printed == json.loads((tmp_path / "a.json").read_text())
    assert (len(made.tasks), len(made.computing)) == (2, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "moon"], "moon"),
        (["--seed", "-1"], "seed"),
        (["--constellation", "D:550"], "D:550"),
        (["-o", "no/such/directory/a.json"], "no/such/directory/a.json"),
    ],
)
def test_instance_new_refuses_bad_input_in_one_line(words, message, capsys):
    assert main(["instance", "new", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_instance_show_tells_what_packets_need(instance, tmp_path, capsys):
    assert main(["instance", "show", str(tmp_path / "i.json"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["satellites"] == 9
    designs = [design_packets(instance, task) for task in instance.tasks]
    assert [task["data_packet_bits_at_ratio_1"] for task in document["tasks"]] == [
        d.data_bits_per_ratio for d in designs
    ]
    assert main(["instance", "show", str(tmp_path / "i.json")]) == 0
    assert instance.tasks[0].satellite in capsys.readouterr().out


def test_instance_schema_accepts_the_files_that_the_package_writes(instance, tmp_path, capsys):
    write_solution(local_solution(instance), tmp_path / "s.json")
    assert main(["instance", "schema"]) == 0
    schemas = json.loads(capsys.readouterr().out)
    jsonschema.validate(json.loads((tmp_path / "i.json").read_text()), schemas["instance"])
    jsonschema.validate(json.loads((tmp_path / "s.json").read_text()), schemas["solution"])
    assert main(["instance", "schema", "solution"]) == 0
    assert json.loads(capsys.readouterr().out) == schemas["solution"]
    assert main(["instance", "schema", "sky"]) == 2
    assert "must be instance, solution, scenario or all" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "a.json"), ("{", "a.json"), ("[" * 100_000, "a.json"), ('{"format": NaN}', "a.json"), (None, "a.json")],
    ids=["empty", "not JSON", "deeply nested", "NaN", "missing"],
)
def test_every_command_refuses_a_broken_file_in_one_line(text, message, tmp_path, capsys):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    assert main(["instance", "show", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert len(error) < 500
