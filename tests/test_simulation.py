import csv
import json
import math
from itertools import pairwise

import pytest

from formulation import check, evaluate
from instances import Bursts, Drawn, Failures, Listed, Region, Roles, Scenario, parse_constellation, write_scenario
from leosplit.cli import main
from leosplit.simulation import simulate

IRIDIUM = parse_constellation("S:780:86.4:66/6/1")


def scenario(**changes):
    roles = Roles(Drawn(3), Drawn(2))
    defaults = {"name": "sim", "orbits": IRIDIUM, "arrivals": Bursts(math.inf), "roles": roles, "span_s": 300.0}
    return Scenario(**(defaults | changes))


def test_rows_are_what_the_referee_says():
    plan = scenario()
    results = list(simulate(plan, "bs-shortest-path"))
    assert [one.row.slot for one in results] == [0, 1, 2, 3, 4]
    for one in results:
        assert one.instance is not None
        assert one.solution is not None
        assert not check(one.instance, one.solution)
        judged = evaluate(one.instance, one.solution)
        assert one.row.mean_s == judged.mean_s
        assert one.row.max_s == judged.max_s
        assert [task.delay_s for task in one.tasks] == [task.T for task in judged.tasks]
        assert one.row.mean_offload_ratio == pytest.approx(sum(task.offload_ratio for task in one.tasks) / 3)


def test_churn_handovers_and_broken_routes_are_counted():
    plan = scenario(span_s=3000.0)
    results = list(simulate(plan, "bs-shortest-path"))
    networks = [{(a.source, a.target) for a in plan.network(slot).links(0)} for slot in range(plan.count)]
    assert (results[0].row.links_gone, results[0].row.links_new) == (0, 0)
    for slot in range(1, plan.count):
        row = results[slot].row
        assert row.links_gone == len(networks[slot - 1] - networks[slot])
        assert row.links_new == len(networks[slot] - networks[slot - 1])
        assert row.links_up == len(networks[slot])
        old, new = results[slot - 1].paths, results[slot].paths
        assert row.handovers == sum(old[key] != new[key] for key in old.keys() & new.keys())
        broken = [path for path in old.values() if not set(pairwise(path)) <= networks[slot]]
        assert row.broken_routes == len(broken)
        assert row.handovers >= sum(not set(pairwise(old[key])) <= networks[slot] for key in old.keys() & new.keys())
    assert sum(one.row.handovers for one in results) > 0
    assert sum(one.row.broken_routes for one in results) > 0


def test_a_task_that_is_cut_off_is_told_and_the_others_go_on():
    plan = scenario(roles=Roles(Listed(("2-2", "4-4")), Drawn(2)), failures=Failures(satellites=("2-2",)))
    for one in simulate(plan, "bs-shortest-path"):
        assert (one.row.tasks, one.row.cut_off) == (2, 1)
        assert "2-2" in one.row.message
        assert [(task.satellite, task.termination) for task in one.tasks] == [("2-2", "cut_off"), ("4-4", "feasible")]
        assert one.tasks[0].delay_s is None
        assert one.tasks[1].delay_s == one.row.mean_s


def test_a_slot_where_all_are_cut_off_and_an_idle_one():
    nobody = scenario(roles=Roles(Drawn(2), Region((89.9, 90.0), (0.0, 1.0))))
    assert {one.row.termination for one in simulate(nobody, "bs-shortest-path")} == {"cut_off"}
    idle = scenario(arrivals=Bursts(0.0))
    assert {one.row.termination for one in simulate(idle, "bs-shortest-path")} == {"idle"}
    assert all(one.instance is None for one in simulate(idle, "bs-shortest-path"))


def test_a_task_longer_than_its_slot_is_late():
    short = scenario(slot_s=5.0, span_s=15.0)
    for one in simulate(short, "small"):
        assert [task.late for task in one.tasks] == [task.delay_s > 5.0 for task in one.tasks]
        assert one.row.late == sum(task.delay_s > 5.0 for task in one.tasks)
    assert sum(one.row.late for one in simulate(short, "small")) > 0


def test_a_part_of_the_span_equals_that_part_of_the_whole():
    whole = list(simulate(scenario(), "bs-shortest-path"))
    part = list(simulate(scenario(), "bs-shortest-path", start=2, stop=4))
    assert [one.solution for one in part] == [one.solution for one in whole[2:4]]


def run(capsys, *words):
    code = main(["simulate", *map(str, words)])
    return code, capsys.readouterr()


def test_command_writes_tables_figure_and_czml(tmp_path, capsys):
    write_scenario(scenario(), tmp_path / "a.json")
    code, said = run(capsys, tmp_path / "a.json", "--json", "--out", tmp_path / "out", "--czml", tmp_path / "a.czml")
    assert code == 0
    document = json.loads(said.out)
    assert document["summary"]["served"] == 15
    assert len(document["slots"]) == 5
    with (tmp_path / "out" / "simulate-sim-tasks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["delay_s"]) for row in rows] == [task["delay_s"] for task in document["tasks"]]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"simulate-sim{end}" for end in ("-slots.csv", "-tasks.csv", ".png", ".svg")}
    packets = json.loads((tmp_path / "a.czml").read_text())
    assert any(packet["id"].startswith("route") for packet in packets)


def test_command_takes_a_preset(tmp_path, capsys):
    code, said = run(capsys, "iridium", "--slots", 3, "--start", 12, "--out", tmp_path)
    assert code == 0
    assert "tasks, served, cut off" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere.json",), "nowhere.json"),
        (("iridium", "--start", 720), "must be below 720"),
        (("iridium", "--scheme", "magic"), "scheme must be one of"),
    ],
)
def test_bad_command_is_one_line(tmp_path, capsys, words, message):
    code, said = run(capsys, *words, "--out", tmp_path)
    assert code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
