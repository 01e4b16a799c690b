"""`leosplit solve`: documents, files and exit codes of the four problems."""

import json
import shutil
import subprocess
from dataclasses import replace

import highspy
import pytest

from formulation import check, design_packets, evaluate, read_solution, solution_from_dict
from instances import Instance, instance_sha256, write_instance
from instances.generate import generate_torus
from leosplit.cli import main


@pytest.fixture
def instance(tmp_path) -> Instance:
    made = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    write_instance(made, tmp_path / "i.json")
    return made


@pytest.fixture
def solve(instance, tmp_path, capsys):
    def run(*words: str):
        code = main(["solve", str(tmp_path / "i.json"), "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_full_problem_is_proven_and_its_solution_checks(solve, instance):
    code, document = solve()
    assert (code, document["termination"]) == (0, "optimal")
    solution = solution_from_dict(document["solution"])
    assert check(instance, solution) == ()
    assert evaluate(instance, solution).mean_s == pytest.approx(document["objective_s"], rel=1e-12)
    assert document["gap"] <= 1e-6
    assert document["bound_s"] <= document["objective_s"]
    assert document["solver"] == "highs"
    assert document["solver_version"]


def test_largest_delay_is_another_objective(solve, instance):
    code, document = solve("--objective", "max")
    assert code == 0
    assert evaluate(instance, solution_from_dict(document["solution"])).max_s == pytest.approx(document["objective_s"])


def test_routing_takes_packets_from_a_ratio_or_from_a_solution(solve, instance, tmp_path):
    _, full = solve("-o", str(tmp_path / "best.json"))
    code, document = solve("--problem", "routing", "--offload-ratio", "0.25")
    ratios = {task["offload_ratio"] for task in document["solution"]["tasks"]}
    assert (code, ratios) == (0, {0.25})
    code, same = solve("--problem", "routing", "--solution", str(tmp_path / "best.json"))
    assert code == 0
    assert same["objective_s"] == pytest.approx(full["objective_s"], rel=1e-6)


def test_data_packets_are_the_closed_form(solve, instance):
    code, document = solve("--problem", "data", "--offload-ratio", "0.5")
    assert code == 0
    for task, row in zip(instance.tasks, document["tasks"], strict=True):
        expected = 0.5 * design_packets(instance, task).data_bits_per_ratio
        assert row["satellite"] == task.satellite
        assert row["data_packet_bits"] == pytest.approx(expected, rel=1e-6)
    assert document["objective_bits"] == pytest.approx(sum(row["data_packet_bits"] for row in document["tasks"]))


def test_model_packets_are_the_closed_form(solve, instance):
    code, document = solve("--problem", "model")
    assert code == 0
    expected = [design_packets(instance, task).model_packet_bits for task in instance.tasks]
    assert [row["model_packet_bits"] for row in document["tasks"]] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("problem", ["full", "routing", "data", "model"])
@pytest.mark.parametrize("suffix", [".lp", ".mps"])
def test_export_writes_a_model_that_highs_reads(problem, suffix, solve, tmp_path):
    import highspy

    path = tmp_path / f"model{suffix}"
    code, document = solve("--problem", problem, "--export", str(path))
    assert code == 0
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.setOptionValue("mip_rel_gap", 1e-6)
    highs.run()
    reached = document["objective_s"] if problem in ("full", "routing") else document["objective_bits"]
    assert highs.getInfo().objective_function_value == pytest.approx(reached, rel=1e-5)


MPS_SECTIONS = {"NAME", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA"}
VARIANTS = [["--problem", name] for name in ("full", "routing", "data", "model")]
VARIANTS += [["--share-computing"], ["--whole-frames"], ["--objective", "max"]]
VARIANTS += [["--formulation", name] for name in ("textbook", "load-indexed", "joint")]


@pytest.mark.parametrize("words", VARIANTS, ids=" ".join)
def test_an_exported_mps_file_has_the_sections_that_every_reader_knows(words, solve, tmp_path):
    path = tmp_path / "model.mps"
    assert solve(*words, "--export", str(path))[0] == 0
    lines = [line for line in path.read_text().splitlines() if not line.startswith("*")]
    sections = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert set(sections) <= MPS_SECTIONS
    assert sections[0] == "NAME"
    assert sections[-1] == "ENDATA"
    fields = {"ROWS": {2}, "COLUMNS": {3}, "RHS": {3}, "RANGES": {3}, "BOUNDS": {3, 4}}
    section = ""
    for line in lines:
        section = section if line.startswith(" ") else line.split()[0]
        assert not line.startswith(" ") or len(line.split()) in fields[section], line


@pytest.mark.skipif(shutil.which("glpsol") is None, reason="GLPK is not installed")
@pytest.mark.parametrize("suffix", [".lp", ".mps"])
@pytest.mark.parametrize("words", VARIANTS, ids=" ".join)
def test_glpk_reads_an_exported_model(words, suffix, solve, tmp_path):
    path = tmp_path / f"model{suffix}"
    assert solve(*words, "--export", str(path))[0] == 0
    form = "--lp" if suffix == ".lp" else "--freemps"
    subprocess.run(["glpsol", form, str(path), "--check"], check=True, capture_output=True)


@pytest.mark.parametrize("problem", ["full", "routing", "data"])
@pytest.mark.parametrize("suffix", [".lp", ".mps"])
def test_ids_that_look_alike_in_a_model_file_are_kept_apart(problem, suffix, solve, instance, tmp_path):
    first, second = (task.satellite for task in instance.tasks)
    path, text = tmp_path / f"model{suffix}", (tmp_path / "i.json").read_text()
    (tmp_path / "i.json").write_text(text.replace(f'"{first}"', '"IRIDIUM 33"').replace(f'"{second}"', '"IRIDIUM-33"'))
    code, document = solve("--problem", problem, "--export", str(path))
    assert code == 0
    assert "IRIDIUM_33" in path.read_text()
    if problem != "data":
        assert "use(data,IRIDIUM_33," in path.read_text()
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.setOptionValue("mip_rel_gap", 1e-6)
    highs.run()
    reached = document["objective_bits"] if problem == "data" else document["objective_s"]
    assert highs.getInfo().objective_function_value == pytest.approx(reached, rel=1e-5)


def test_infeasible_is_an_answer_with_its_reason(instance, tmp_path, capsys):
    task = replace(instance.tasks[0], large_map_min=0.99, small_map_min=0.99)
    write_instance(replace(instance, tasks=(task, *instance.tasks[1:])), tmp_path / "b.json")
    for problem in ("full", "routing", "data", "model"):
        assert main(["solve", str(tmp_path / "b.json"), "--problem", problem, "--json"]) == 1
        document = json.loads(capsys.readouterr().out)
        assert document["termination"] == "infeasible"
        assert task.satellite in document["message"]


def test_infeasible_routing_names_every_task_what_is_asked_and_a_link(instance, tmp_path, capsys):
    c = instance.computing[0]
    cut = tuple(link for link in instance.links if link.target != c)
    hard = tuple(replace(task, small_map_min=0.99) for task in instance.tasks)
    relays = tuple(
        replace(s, role="relay", ops_per_s=None, utilization=None) if s.role == "computing" else s
        for s in instance.satellites
    )
    cases = [
        (replace(instance, tasks=hard, links=cut), ["small_map_min 0.99", "a link ", f"-> {c} would let it offload"]),
        (replace(instance, tasks=hard), ["(4c) forbids ρ = 0.5: asks small_map_min 0.99, best reachable"]),
        (replace(instance, satellites=relays), ["no computing satellite"]),
    ]
    for broken, words in cases:
        write_instance(broken, tmp_path / "b.json")
        assert main(["solve", str(tmp_path / "b.json"), "--problem", "routing", "--json"]) == 1
        message = json.loads(capsys.readouterr().out)["message"]
        for task in instance.tasks:
            assert f"task {task.satellite}: " in message
        assert all(word in message for word in words)


@pytest.mark.parametrize("what", ["no links", "no computing satellite", "no accuracy"])
@pytest.mark.parametrize("words", [["--formulation", "bit-flow"], ["--formulation", "joint"], ["--problem", "routing"]])
def test_an_infeasible_model_is_written_all_the_same(what, words, instance, tmp_path, capsys):
    if what == "no links":
        source = instance.tasks[0].satellite
        kept = tuple(link for link in instance.links if source not in (link.source, link.target))
        broken = replace(instance, links=kept)
    elif what == "no computing satellite":
        relays = (
            replace(s, role="relay", ops_per_s=None, utilization=None) if s.role == "computing" else s
            for s in instance.satellites
        )
        broken = replace(instance, satellites=tuple(relays))
    else:
        tasks = tuple(replace(task, large_map_min=0.9999, small_map_min=0.9999) for task in instance.tasks)
        broken = replace(instance, tasks=tasks)
    write_instance(broken, tmp_path / "broken.json")
    path = tmp_path / "model.lp"
    assert main(["solve", str(tmp_path / "broken.json"), "--json", "--export", str(path), *words]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["termination"] == "infeasible"
    if "routing" in words and what != "no links":
        assert "no model was written" in document["message"]
        return
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(path))
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible


def test_an_interrupt_before_the_solver_is_a_document_and_code_1(solve, monkeypatch):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("solvers.exact.solve_full", press, raising=False)
    code, document = solve()
    assert code == 1
    assert document["termination"] == "interrupted"
    assert document["solution"] is None


def test_a_start_is_accepted_and_not_lost(solve, instance, tmp_path):
    solve("-o", str(tmp_path / "best.json"))
    solution = read_solution(tmp_path / "best.json", instance)
    assert solution.instance_sha256 == instance_sha256(instance)
    code, document = solve("--start", str(tmp_path / "best.json"), "--time-limit", "30")
    assert code == 0
    assert document["objective_s"] == pytest.approx(evaluate(instance, solution).mean_s, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--solver", "nope"], "nope"),
        (["--solver-option", "presolve"], "NAME=VALUE"),
        (["--solver-option", "no_such_option=1"], "no_such_option"),
        (["--export", "model.txt"], ".lp"),
        (["--offload-ratio", "2"], "offload-ratio"),
        (["--offload-ratio", "0.3"], "--offload-ratio: goes with --problem routing and data only"),
        (["--solution", "s.json"], "--solution: goes with --problem routing and data only"),
        (["--problem", "model", "--offload-ratio", "0.3"], "goes with --problem routing and data only"),
        (["--problem", "data", "--start", "s.json"], "--start: goes with --problem full and routing only"),
        (["--problem", "model", "--objective", "max"], "--objective: goes with --problem full and routing only"),
        (["--problem", "data", "--relax"], "--relax: goes with --problem full and routing only"),
        (["--problem", "model", "--formulation", "joint"], "--formulation: goes with --problem full and routing only"),
        (["--threads", "99999"], "1024"),
        (["--start", "missing.json"], "missing.json"),
        (["--problem", "half"], "half"),
    ],
)
def test_bad_input_is_one_line(words, message, instance, tmp_path, capsys):
    assert main(["solve", str(tmp_path / "i.json"), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("option", ["foo=1", "mip_rel_gap=-1", "threads=99999999", "presolve=17", "log_file=x.log"])
@pytest.mark.parametrize("words", [[], ["--formulation", "bit-flow"], ["--log", "solver.log"]])
def test_refused_options_leave_stdout_to_documents(option, words, instance, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["solve", "i.json", "--json", "--solver-option", option, *words]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_whole_frames_are_whole_and_go_with_full_and_data_only(solve, instance, capsys):
    code, document = solve("--problem", "data", "--whole-frames", "--offload-ratio", "0.50001")
    assert code == 0
    assert "rounded to" in document["message"]
    for task, row in zip(instance.tasks, document["tasks"], strict=True):
        assert sum(row["frames_at_levels"]) == pytest.approx(row["offload_ratio"] * task.frames, abs=1e-9)
    assert main(["solve", "i.json", "--problem", "routing", "--whole-frames"]) == 2
    assert "goes with --problem full and data only" in capsys.readouterr().err
