"""What no reader foresees: mutated files, odd options, failing schemes. One line and a code, never a traceback."""

import copy
import json
import random
import xml.etree.ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from formulation import check, evaluate, read_solution, solution_to_dict, write_solution
from instances import instance_from_dict, instance_to_dict, write_instance
from leosplit.cli import main
from solvers import SchemeError, SchemeOptions, Termination, run_scheme
from solvers.gaps import compare
from tests.tiny import tiny_instance

ODD = (None, True, 0, -1, 1e-300, 1e300, 5e-324, 10**400, "", "x", "\ud800", "\x1b[31m\n", [], {}, [1, 2], {"a": 1})
SCALES = (0, -1, 1e-30, 1e30, 1e-8, 1e8, 1e-3, 1e3, 0.5, 2)


@pytest.fixture
def tiny(tmp_path):
    """Write a tiny instance and its even split; return both and their files."""
    instance = tiny_instance(1)
    solution = run_scheme(instance, "even").solution
    write_instance(instance, tmp_path / "i.json")
    write_solution(solution, tmp_path / "s.json")
    return instance, solution, str(tmp_path / "i.json"), str(tmp_path / "s.json")


def places(document, path=()):
    """Yield the path of every value in a JSON document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def mutate(document, rng: random.Random) -> None:
    """Delete, scale or replace one value; every kind of field is equally likely."""
    kinds: dict[tuple, list] = {}
    for path in places(document):
        kinds.setdefault(tuple("#" if isinstance(key, int) else key for key in path), []).append(path)
    path = rng.choice(kinds[rng.choice(list(kinds))])
    for key in path[:-1]:
        document = document[key]
    value, draw = document[path[-1]], rng.random()
    if draw < 0.1:
        del document[path[-1]]
    elif draw < 0.6 and isinstance(value, int | float):
        document[path[-1]] = value * rng.choice(SCALES)
    else:
        document[path[-1]] = copy.deepcopy(rng.choice(ODD))


def no_constant(name: str):
    raise AssertionError(f"{name} in JSON")


def assert_answered(words: list[str], capsys) -> None:
    """Assert that a command ends in a document with code 0 or 1, or in one line with code 2."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    if code == 2:
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    else:
        assert code in (0, 1)
        json.loads(out, parse_constant=no_constant)
        out.encode()


@pytest.mark.parametrize("seed", range(60))
def test_mutated_instances_are_answered_or_refused(seed, tmp_path, capsys):
    rng = random.Random(seed)
    document = instance_to_dict(tiny_instance(seed % 3))
    mutate(document, rng)
    path = tmp_path / "i.json"
    path.write_text(json.dumps(document))
    problem = rng.choice(["full", "routing", "data", "model"])
    assert_answered(["instance", "show", str(path)], capsys)
    assert_answered(["run", str(path), "--scheme", "best-response"], capsys)
    assert_answered(["solve", str(path), "--problem", problem, "--time-limit", "5"], capsys)


@pytest.mark.parametrize("seed", range(60))
def test_mutated_solutions_are_judged_or_refused(seed, tiny, tmp_path, capsys):
    _, solution, instance_file, _ = tiny
    document = solution_to_dict(solution)
    mutate(document, random.Random(seed))
    path = tmp_path / "mutated.json"
    path.write_text(json.dumps(document))
    assert_answered(["evaluate", instance_file, str(path)], capsys)


def test_numbers_that_highs_refuses_are_named(tmp_path, capsys):
    instance = tiny_instance(1)
    one, *others = instance.links
    write_instance(replace(instance, links=(replace(one, rate_bps=1e-12), *others)), tmp_path / "i.json")
    assert main(["solve", str(tmp_path / "i.json"), "--formulation", "bit-flow"]) == 2
    assert "below 1e15" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("mip_max_nodes=inf", "expects a int"),
        ("mip_max_nodes=2.7", "expects a int"),
        ("output_flag=true", "--log FILE"),
        ("log_to_console=true", "--log FILE"),
    ],
)
def test_solver_options_are_neither_bent_nor_on_stdout(option, message, tiny, capfd):
    assert main(["solve", tiny[2], "--json", "--solver-option", option]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err


def test_threads_may_change_as_a_solver_option_too(tiny, capsys):
    for threads in ("1", "2", "1"):
        assert main(["solve", tiny[2], "--json", "--solver-option", f"threads={threads}"]) == 0
        assert json.loads(capsys.readouterr().out)["termination"] == "optimal"


@pytest.mark.parametrize("gap", [0.02, 0.2, 0.5, 2.0])
def test_the_asked_gap_is_over_the_bound(gap, tmp_path, capsys):
    write_instance(tiny_instance(3, tasks=3, computing=2, nodes=8), tmp_path / "i.json")
    assert main(["solve", str(tmp_path / "i.json"), "--json", "--mip-gap", str(gap)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["termination"] == "optimal"
    assert document["gap"] == pytest.approx(document["objective_s"] / document["bound_s"] - 1)
    assert document["gap"] <= gap


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "missing/s.json"],
        ["--log", "missing/log.txt"],
        ["--problem", "model", "--out", "s.json"],
        ["--problem", "routing", "--offload-ratio", "0.2", "--solution", "s.json"],
    ],
)
def test_what_cannot_be_done_is_said_before_the_solve(words, tiny, tmp_path, capsys):
    words = [str(tmp_path / word) if word.endswith((".json", ".txt")) else word for word in words]
    assert_answered(["solve", tiny[2], *words], capsys)
    assert main(["solve", tiny[2], *words]) == 2
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("text", ["def f(:", "import no_such_module", "undefined", "raise OSError('x')"])
def test_scheme_modules_that_cannot_be_imported(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"broken_{abs(hash(text))}"
    Path(f"{name}.py").write_text(text)
    with pytest.raises(SchemeError, match="cannot be loaded"):
        run_scheme(tiny_instance(1), f"{name}:f")


def test_a_scheme_that_fails_is_a_row_with_its_error(capsys):
    rows, results = compare(tiny_instance(1), ["tests.own_schemes:fails"], SchemeOptions(seed=4))
    result = results["tests.own_schemes:fails"]
    assert (result.termination, result.objective_s, result.seed) == (Termination.ERROR, None, 4)
    assert "ZeroDivisionError" in result.message
    assert [row.termination for row in rows] == ["error", "optimal"]
    with pytest.raises(SchemeError, match="must return"):
        run_scheme(tiny_instance(1), "tests.own_schemes:one_in_a_tuple")


def test_a_scheme_that_prints_leaves_stdout_to_the_document(tiny, capsys):
    assert main(["run", tiny[2], "--scheme", "tests.own_schemes:prints", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["scheme"] == "tests.own_schemes:prints"
    assert "hello" in err


def test_a_solution_file_may_list_its_tasks_in_any_order(tiny):
    instance, solution, _, path = tiny
    write_solution(replace(solution, tasks=solution.tasks[::-1]), path)
    assert read_solution(path, instance).tasks == solution.tasks


@pytest.mark.parametrize(("ratio", "end"), [(1e-9, 0.0), (1 - 1e-9, 1.0)])
def test_a_ratio_within_tolerance_of_an_end_is_that_end(ratio, end, tiny):
    instance, solution, _, _ = tiny
    unused = {"data_path": None} if end == 0 else {"model_path": None}

    def delay(rho: float):
        shares = (rho, *(0.0 for _ in solution.tasks[0].residual_shares[1:]))
        changed = replace(solution.tasks[0], offload_ratio=rho, residual_shares=shares, **unused)
        return evaluate(instance, replace(solution, tasks=(changed, *solution.tasks[1:]))).tasks[0]

    for name in ("t_fe", "t_S", "t_L"):
        assert getattr(delay(ratio), name) == getattr(delay(end), name)


def test_tolerances_hold_at_their_limit(tiny):
    instance, solution, _, _ = tiny
    first = solution.tasks[0]
    for excess, clean in ((1e-6, True), (1.001e-6, False)):
        shares = (*first.residual_shares[:-1], first.residual_shares[-1] + excess)
        changed = replace(solution, tasks=(replace(first, residual_shares=shares), *solution.tasks[1:]))
        assert (check(instance, changed) == ()) is clean
    reached = float(instance.accuracy_of(instance.tasks[0]).small(first.model_packet_bits))
    for slack, clean in ((1e-6, True), (1.001e-6, False)):
        asked = replace(instance.tasks[0], small_map_min=reached + slack)
        assert (check(replace(instance, tasks=(asked, *instance.tasks[1:])), solution) == ()) is clean


STEERING = "\x1b[31mred\x07\x9b2J\u202e$\\frac$"
ESCAPED = "\\x1b[31mred\\x07\\x9b2J\\u202e$"


def steering_instance():
    """An instance whose name and satellites would colour a terminal, ring, clear it, and be mathematics in a figure."""
    names = {satellite.id: satellite.id + STEERING for satellite in tiny_instance(1).satellites}
    document = instance_to_dict(tiny_instance(1)) | {"name": "i" + STEERING}
    for satellite in document["satellites"]:
        satellite["id"] = names[satellite["id"]]
    for link in document["links"]:
        link["from"], link["to"] = names[link["from"]], names[link["to"]]
    for task in document["tasks"]:
        task["satellite"] = names[task["satellite"]]
    return instance_from_dict(document)


def test_names_steer_neither_terminal_nor_figure_and_json_stays_exact(tmp_path, capsys):
    instance = steering_instance()
    write_instance(instance, tmp_path / "i.json")
    file, solution, out = (str(tmp_path / name) for name in ("i.json", "s.json", "out"))
    steps = (
        ["solve", file, "--out", solution],
        ["evaluate", file, solution],
        ["run", file, "--scheme", "even"],
        ["sensitivity", file],
        ["instance", "show", file, "--out", str(tmp_path / "map.svg")],
        ["gap", file, "--scheme", "small", "--out", out],
    )
    for words in steps:
        assert main(words) == 0, words
        said = capsys.readouterr()
        assert ESCAPED in said.out, words
        assert (said.out + said.err).replace("\n", "").isprintable(), words
        assert main([*words, "--json"]) == 0
        said = capsys.readouterr()
        assert not set(said.out) & {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160))}, words
        json.loads(said.out, parse_constant=no_constant)
    for path in (tmp_path / "map.svg", tmp_path / "out" / "map.svg"):
        xml.etree.ElementTree.parse(path)
        assert ESCAPED in path.read_text(encoding="utf-8")
    assert main(["instance", "show", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == instance.name
    assert main(["run", file, "--scheme", "a\x1b[31m"]) == 2
    assert "\x1b" not in capsys.readouterr().err
