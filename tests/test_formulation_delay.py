"""The evaluator against numbers worked out by hand, and the checker against each constraint."""

from dataclasses import replace
from pathlib import Path

import pytest

from fitting.errors import LeosplitError
from formulation import (
    Problem,
    Solution,
    SolutionError,
    TaskDecision,
    check,
    evaluate,
    read_solution,
    solution_schema,
)
from formulation.solution import solution_from_dict, solution_to_dict, write_solution
from instances import Accuracy, Instance, Link, Satellite, Task, instance_sha256, read_instance
from tests.tiny import LARGE, SMALL

LIGHT = 299_792_458.0
PAIR = Path(__file__).parent / "data" / "pair.json"


def line_instance() -> Instance:
    """Two tasks a, b at one end of the line a → r → c, b → r; both packets share r → c and the relay r."""
    satellites = (
        Satellite("a", "remote_sensing", 1e13, 0.5),
        Satellite("b", "remote_sensing", 1e13, 0.5),
        Satellite("r", "relay", relay_s_per_bit=1e-8),
        Satellite("c", "computing", 1e14, 0.5),
    )
    ends = [("a", "r"), ("b", "r"), ("r", "c")]
    links = [Link(i, j, 1e8, 3e6) for i, j in ends] + [Link(j, i, 5e7, 3e6) for i, j in ends]
    task = Task("a", 100, 1e6, 8, 1e5, 1000, 1e11, 3e11, (0.1, 0.2), (1e6, 1e8), 0.75, 0.6)
    tasks = (task, replace(task, satellite="b"))
    return Instance("line", satellites, tuple(links), tasks, Accuracy(LARGE, SMALL))


def decision(name: str, **changes) -> TaskDecision:
    base = TaskDecision(name, "c", 0.5, (0.0, 0.5, 0.0), 5e7, (name, "r", "c"), ("c", "r", name))
    return replace(base, **changes)


def both(**changes) -> Solution:
    return Solution("line", (decision("a", **changes), decision("b", **changes)))


def test_shared_links_and_relays_divide_their_rate():
    delay = evaluate(line_instance(), both()).tasks[0]
    bits = 100 * (1e5 * 0.5 + 1e6 * 0.1 * 0.5)  # 10 Mbit
    assert delay.data_packet_bits == pytest.approx(bits)
    assert pytest.approx(bits / 1e8 + 2 * bits / 1e8 + 2 * bits * 1e-8 + 2 * 3e6 / LIGHT) == delay.T_D
    assert pytest.approx(5e7 / 5e7 + 2 * 5e7 / 5e7 + 2 * 5e7 * 1e-8 + 2 * 3e6 / LIGHT) == delay.T_M
    assert delay.t_fe == pytest.approx(0.5 * 8e8 * 1000 / 5e12)
    assert delay.t_S == pytest.approx(0.5 * 100 * 1e11 / 5e12)
    assert delay.t_L == pytest.approx(0.5 * 100 * 3e11 / 5e13)
    assert pytest.approx(delay.T_M + delay.t_fe + max(delay.T_D + delay.t_L, delay.t_S)) == delay.T
    assert delay.residual_bpp == pytest.approx(0.1)
    assert delay.large_map == pytest.approx(0.83)


def test_a_dropped_packet_leaves_the_loads():
    alone = Solution(
        "line", (decision("a"), decision("b", offload_ratio=0.0, residual_shares=(0, 0, 0), data_path=None))
    )
    delay = evaluate(line_instance(), alone).tasks
    bits = 100 * (1e5 * 0.5 + 1e6 * 0.1 * 0.5)
    assert pytest.approx(2 * bits / 1e8 + bits * 1e-8 + 2 * 3e6 / LIGHT) == delay[0].T_D
    assert delay[1].T_D == delay[1].t_fe == delay[1].t_L == 0
    assert delay[1].large_map is None
    assert delay[1].data_packet_bits == 0


def test_all_offloaded_needs_no_model_packet():
    changes = {"offload_ratio": 1.0, "residual_shares": (0.0, 1.0, 0.0), "model_path": None, "model_packet_bits": 0.0}
    solution = both(**changes)
    delay = evaluate(line_instance(), solution).tasks[0]
    assert delay.T_M == delay.t_S == 0
    assert delay.small_map is None
    assert not check(line_instance(), solution)


def test_shared_computing_is_an_option():
    plain, shared = (
        evaluate(Problem(line_instance(), share_computing=share), both()).tasks[0] for share in (False, True)
    )
    assert shared.t_L == pytest.approx(2 * plain.t_L)


def test_objectives():
    evaluation = evaluate(line_instance(), Solution("line", (decision("a"), decision("b", offload_ratio=0.4))))
    delays = [task.T for task in evaluation.tasks]
    assert evaluation.objective_s("mean") == pytest.approx(sum(delays) / 2)
    assert evaluation.objective_s("max") == max(delays)
    with pytest.raises(SolutionError, match="mean, max"):
        evaluation.objective_s("median")


def test_feasible_solution_has_no_violations():
    assert check(line_instance(), both()) == ()


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"offload_ratio": 1.2}, "offload_ratio"),
        ({"offload_ratio": -0.1}, "offload_ratio"),
        ({"residual_shares": (0.0, 0.4, 0.0)}, "sum of residual_shares"),
        ({"residual_shares": (-0.1, 0.6, 0.0)}, "residual_shares"),
        ({"residual_shares": (0.5, 0.0, 0.0)}, "(4b)"),
        ({"model_packet_bits": 2e6}, "(4c)"),
        ({"model_packet_bits": 1e3}, "(4d)"),
        ({"model_packet_bits": 2e8}, "(4d)"),
        ({"data_path": None}, "(4e)"),
        ({"model_path": None}, "(4f)"),
        ({"data_path": ("a", "c")}, "(4e)"),
        ({"data_path": ("a", "r")}, "(4e)"),
        ({"model_path": ("r", "a")}, "(4f)"),
        ({"computing_satellite": "r", "data_path": ("a", "r"), "model_path": ("r", "a")}, "computing_satellite"),
        ({"offload_ratio": 0.0, "residual_shares": (0.0, 0.0, 0.0)}, "(4e)"),
        ({"offload_ratio": 1.0, "residual_shares": (0.0, 1.0, 0.0)}, "(4f)"),
    ],
)
def test_checker_names_the_broken_constraint(changes, constraint):
    solution = Solution("line", (decision("a", **changes), decision("b")))
    found = check(line_instance(), solution)
    assert any(violation.constraint.startswith(constraint) and violation.task == "a" for violation in found), found


def test_checker_knows_a_fixed_computing_satellite():
    instance = line_instance()
    other = replace(instance.satellites[2], role="computing", ops_per_s=1e14, utilization=0.5)
    tasks = (replace(instance.tasks[0], computing_satellite="r"), instance.tasks[1])
    fixed = replace(instance, satellites=(*instance.satellites[:2], other, instance.satellites[3]), tasks=tasks)
    assert [v.constraint for v in check(fixed, both())] == ["computing_satellite"]


@pytest.mark.parametrize(
    ("changes", "clean"),
    [
        ({"offload_ratio": 0.5 + 9e-7}, True),
        ({"offload_ratio": 0.5 + 2e-6}, False),
        ({"residual_shares": (-9e-10, 0.5, 0.0)}, True),
        ({"model_packet_bits": 1e8 * (1 + 5e-10)}, True),
        ({"model_packet_bits": 1e8 * (1 + 5e-9)}, False),
    ],
)
def test_checker_tolerances(changes, clean):
    assert (check(line_instance(), both(**changes)) == ()) is clean


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["tasks"].pop(), "tasks must be those of the instance"),
        (lambda d: d["tasks"][0].update(data_path=["a", "r", "a", "c"]), "must not repeat a satellite, 'a'"),
        (lambda d: d["tasks"][0].update(data_path=["a", "x"]), "must name satellites of the instance, got 'x'"),
        (lambda d: d["tasks"][0].update(data_path="a-c"), "null or a list"),
        (lambda d: d["tasks"][0].update(offload_ratio=None), "offload_ratio must be a finite number"),
        (lambda d: d["tasks"][0].update(residual_shares=[0.5]), "must hold 3 shares"),
        (lambda d: d["tasks"][0].update(speed=1), "unknown key 'speed'"),
        (lambda d: d.update(instance="other"), "instance must be 'line', got 'other'"),
        (lambda d: d.update(instance_sha256="0" * 64), "instance_sha256 does not match"),
        (lambda d: d.update(format="x"), "format must be 'leosplit-solution'"),
        (lambda d: d.update(tasks=3), "tasks must be a list"),
    ],
)
def test_broken_solution_file_gets_one_sentence(change, message, tmp_path):
    import json

    document = solution_to_dict(both())
    change(document)
    path = tmp_path / "s.json"
    path.write_text(json.dumps(document))
    with pytest.raises(LeosplitError) as error:
        read_solution(path, line_instance())
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_solution_file_round_trips_and_fits_its_schema(tmp_path):
    import jsonschema

    solution = replace(both(), instance_sha256=instance_sha256(line_instance()), meta={"by": "hand"})
    write_solution(solution, tmp_path / "s.json")
    assert read_solution(tmp_path / "s.json", line_instance()) == solution
    jsonschema.validate(solution_to_dict(solution), solution_schema())
    assert solution_from_dict(solution_to_dict(solution)) == solution


def test_hash_of_the_file_bytes_is_accepted(tmp_path):
    import hashlib

    instance = read_instance(PAIR)
    made = Solution("pair", (TaskDecision("a", "b", 0.0, (0.0, 0.0, 0.0), 2e8, None, ("b", "a")),))
    write_solution(replace(made, instance_sha256=hashlib.sha256(PAIR.read_bytes()).hexdigest()), tmp_path / "s.json")
    assert read_solution(tmp_path / "s.json", instance, PAIR).tasks == made.tasks
    with pytest.raises(SolutionError, match="instance_sha256 does not match"):
        read_solution(tmp_path / "s.json", instance)
