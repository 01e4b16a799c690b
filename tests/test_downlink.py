"""Beyond the paper: results to the ground, roles by station, and satellites that lose their orbit in a span."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fitting.errors import LeosplitError
from instances import (
    Bursts,
    Downlink,
    GroundStation,
    Listed,
    Roles,
    Scenario,
    parse_constellation,
    preset_scenario,
    read_scenario,
    scenario_schema,
    write_scenario,
)
from instances.catalogue import parse_tle
from instances.stations import InView
from leosplit.simulation import simulate
from tests.tle_of_walker import equivalent_tle

STATIONS = (GroundStation("north", 78.2, 15.4, 5.0), GroundStation("south", -72.0, 2.5, 5.0))
SKY = parse_constellation("S:780:86.4:66/6/1")


def scenario(**changes):
    roles = Roles(Listed(("0-0", "3-3")), Listed(("1-1",)))
    return replace(Scenario("s", SKY, roles=roles, arrivals=Bursts(float("inf"))), **changes)


def test_results_reach_the_ground_at_a_contact():
    downlink = Downlink(STATIONS, rate_bps=1e6, bits_per_frame=1e3)
    made = scenario(downlink=downlink)
    plain = list(simulate(scenario(), "bs-shortest-path", stop=3))
    sent = list(simulate(made, "bs-shortest-path", stop=3))
    assert all(task.downlink_s is None for one in plain for task in one.tasks)
    for before, after in zip(plain, sent, strict=True):
        assert [task.delay_s for task in before.tasks] == [task.delay_s for task in after.tasks]
        frames = {task.satellite: task.frames for task in after.instance.tasks}
        for task in after.tasks:
            least = max(task.offload_ratio, 1.0 - task.offload_ratio) * frames[task.satellite] * 1e3 / 1e6
            assert task.downlink_s >= least - 1e-6
            assert task.downlink_s <= downlink.longest_wait_s + 600.0


def test_roles_of_satellites_in_view():
    made = scenario(roles=Roles(Listed(("0-0",)), InView(STATIONS[:1])))
    seen = 0
    for slot in range(0, 100, 20):
        instance = made.instance(slot)
        if instance is None:
            continue
        for name in instance.computing:
            x = np.array(instance.satellite(name).position_m)
            assert x[2] / np.linalg.norm(x) > np.sin(np.radians(78.2 - 28.0))  # 780 km at 5°: 22° of the ground
            seen += 1
    assert seen > 5


def test_scenario_file_keeps_stations(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    made = scenario(downlink=Downlink(STATIONS), roles=Roles(Listed(("0-0",)), InView(STATIONS[:1])))
    write_scenario(made, tmp_path / "a.json")
    jsonschema.validate(json.loads((tmp_path / "a.json").read_text()), scenario_schema())
    back = read_scenario(tmp_path / "a.json")
    assert (back.downlink, back.roles) == (made.downlink, made.roles)
    document = json.loads((tmp_path / "a.json").read_text())
    for change, message in (
        ({"downlink": {"stations": []}}, "downlink.stations must hold at least one"),
        ({"downlink": {"stations": [{"name": "a", "latitude_deg": 91, "longitude_deg": 0}]}}, "latitude_deg must be"),
        ({"downlink": {"stations": [{"name": "a"}]}}, "key 'latitude_deg' is missing"),
        ({"downlink": {"stations": 5}}, "must be a list of ground stations"),
    ):
        (tmp_path / "b.json").write_text(json.dumps({**document, **change}))
        with pytest.raises(LeosplitError, match=message):
            read_scenario(tmp_path / "b.json")


def checked(line):
    total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10
    return line[:68] + str(total)


def test_a_satellite_that_decays_is_the_slots_row_and_not_the_end_of_the_run():
    """Walker 0-1 and 0-2 get so much drag that SGP4 gives them up within the span."""
    lines = equivalent_tle(SKY).splitlines()
    for k in (1, 2):
        lines[3 * k + 1] = checked(lines[3 * k + 1][:53] + " 50000-0 0    0")
        lines[3 * k + 2] = checked(lines[3 * k + 2][:52] + "16.20000000" + lines[3 * k + 2][63:])
    orbits = parse_tle("\n".join(lines), "falling")
    roles = Roles(Listed(("WALKER 0-1", "WALKER 3-3")), Listed(("WALKER 1-1",)))
    made = Scenario("falling", orbits, roles=roles, arrivals=Bursts(float("inf")), slot_s=3600.0, span_s=480 * 3600.0)
    lost = [made.network(slot).lost(0) for slot in range(0, 480, 24)]
    assert lost[0] == []
    assert set(lost[-1]) == {"WALKER 0-1", "WALKER 0-2"}
    last = 24 * (len(lost) - 1)
    (result,) = simulate(made, "small", start=last, stop=last + 1)
    assert result.row.message.startswith("no orbit: WALKER 0-1, WALKER 0-2")
    ends = {task.satellite: task.termination for task in result.tasks}
    assert ends["WALKER 0-1"] == "cut_off"
    assert ends["WALKER 3-3"] != "cut_off"
    instance = made.instance(last)
    assert instance.satellite("WALKER 0-1").position_m is None
    with pytest.raises(LeosplitError, match="2 of 66 satellites have no orbit"):
        orbits.positions_m(np.array([last * 3600.0]))


def test_presets_have_no_downlink():
    assert preset_scenario("iridium").downlink is None


def test_slots_decided_at_the_same_time_give_the_same_rows():
    pytest.importorskip("distributed")
    made = Scenario("p", parse_tle(equivalent_tle(SKY), "sets"), arrivals=Bursts(60.0))
    made.network(0)
    one, two = (list(simulate(made, "bs-shortest-path", stop=12, workers=workers)) for workers in (1, 2))
    assert [replace(a.row, decision_s=0.0) for a in one] == [replace(b.row, decision_s=0.0) for b in two]
    assert [a.tasks for a in one] == [b.tasks for b in two]
    assert sum(a.row.tasks for a in one) > 5
