import json
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from instances import Failures, Scenario, make_preset, parse_constellation, preset_scenario
from instances.catalogue import parse_tle
from instances.checks import InstanceError
from instances.czml import SAMPLE_S, instance_packets, scenario_packets, write_czml
from instances.ground import earth_fixed_m
from instances.stk import read_stk_ephemeris, write_stk_ephemerides
from tests.tle_of_walker import equivalent_tle

IRIDIUM = parse_constellation("S:780:86.4:66/6/1")
ROUTES = {
    1: {("0-0", "data"): ("0-0", "0-1", "0-2"), ("0-0", "model"): ("0-2", "0-1", "0-0")},
    2: {("0-0", "data"): ("0-0", "0-1", "0-2")},
}


def read_by_czml3(path):
    """The packets as the czml3 package, which validates every property, reads them."""
    czml3 = pytest.importorskip("czml3")
    document = czml3.Document.model_validate({"packets": json.loads(path.read_text())})
    return document.packets


def interval(text):
    return tuple(datetime.strptime(part, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) for part in text.split("/"))


def test_czml_is_valid_and_holds_the_orbits(tmp_path):
    scenario = preset_scenario("iridium")
    write_czml(scenario_packets(scenario, 0, 30, ROUTES), tmp_path / "a.czml")
    packets = {packet.id: packet for packet in read_by_czml3(tmp_path / "a.czml")}
    assert {name for name in packets if re.fullmatch(r"\d-\d+", name)} == set(IRIDIUM.ids)
    position = packets["3-7"].position
    samples = np.array(position.cartesian.values).reshape(-1, 4)
    assert '"FIXED"' in position.model_dump_json()
    assert np.diff(samples[:, 0]).max() <= SAMPLE_S
    assert samples[[0, -1], 0].tolist() == [0.0, 1800.0]
    start = preset_scenario("iridium").start
    turned = earth_fixed_m(IRIDIUM.positions_m(samples[:, 0]), samples[:, 0], start)
    expected = turned[:, IRIDIUM.ids.index("3-7")]
    assert np.abs(samples[:, 1:] - expected).max() < 1e-3


def test_czml_interpolation_is_accurate_to_metres():
    """Lagrange of degree 5 through samples 120 s apart, evaluated between them."""
    times = np.arange(6) * SAMPLE_S
    points = IRIDIUM.positions_m(times)[:, 0]
    between = 2.5 * SAMPLE_S
    weights = [np.prod([(between - b) / (a - b) for b in times if b != a]) for a in times]
    assert np.linalg.norm(weights @ points - IRIDIUM.positions_m(between)[0]) < 20.0


def test_czml_links_are_shown_while_they_are_up():
    scenario = Scenario("s", IRIDIUM, failures=Failures(link_rate=0.2), seed=3)
    packets = {packet["id"]: packet for packet in scenario_packets(scenario, 10, 40)}
    series = scenario.network(np.arange(10, 40))
    start = scenario.start + timedelta(seconds=600)
    checked = 0
    for j, (a, b) in enumerate(zip(series.plan.source, series.plan.target, strict=True)):
        packet = packets.get(f"link {series.ids[a]} {series.ids[b]}")
        if packet is not None:
            checked += 1
            for slot in range(30):
                middle = start + timedelta(seconds=60 * slot + 30)
                shown = [s["boolean"] for s in packet["polyline"]["show"] if _covers(s["interval"], middle)]
                assert shown == [bool(series.up[slot, j])]
    assert checked == 66 + 55  # rings of six planes, and five pairs of planes: the seam has none


def _covers(text, when):
    begin, end = interval(text)
    return begin <= when < end


def test_czml_routes_are_shown_in_their_slots():
    packets = scenario_packets(preset_scenario("iridium"), 0, 5, ROUTES)
    routes = {packet["name"].partition(" of")[0]: packet for packet in packets if packet["id"].startswith("route")}
    assert [s["boolean"] for s in routes["data"]["polyline"]["show"]] == [False, True, False]
    assert routes["data"]["polyline"]["positions"]["references"] == ["0-0#position", "0-1#position", "0-2#position"]
    shown = [s["interval"] for s in routes["model"]["polyline"]["show"] if s["boolean"]]
    assert shown == ["2025-10-18T00:01:00.000000Z/2025-10-18T00:02:00.000000Z"]


def test_czml_of_one_slot(tmp_path):
    instance = make_preset("iridium", seed=1)
    task = instance.tasks[0].satellite
    neighbour = instance.out_links(task)[0].target
    write_czml(instance_packets(instance, {(task, "data"): (task, neighbour)}), tmp_path / "a.czml")
    packets = {packet.id: packet for packet in read_by_czml3(tmp_path / "a.czml")}
    epoch = datetime.fromisoformat(instance.meta["epoch"])
    place = np.array([[instance.satellite(task).position_m]])
    expected = earth_fixed_m(place, np.array([instance.time_s]), epoch)[0, 0]
    assert packets[task].position.cartesian.values == pytest.approx(expected.tolist(), abs=1e-3)
    assert len([name for name in packets if name.startswith("link")]) == len(instance.links) // 2


def test_czml_needs_positions():
    from instances import generate_torus

    with pytest.raises(InstanceError, match="'0-0' has no position_m"):
        instance_packets(generate_torus(3, 3, tasks=1, computing=1))


def test_czml_escapes_names_in_references():
    scenario = Scenario(
        "tle", parse_tle(equivalent_tle(parse_constellation("D:1000:53:24/2/1")).replace("WALKER ", "A.#"), "x")
    )
    packets = scenario_packets(scenario, 0, 1)
    link = next(packet for packet in packets if packet["id"].startswith("link"))
    assert link["polyline"]["positions"]["references"][0].startswith(r"A\.\#0-")


def test_stk_ephemerides_are_read_back(tmp_path):
    scenario = preset_scenario("iridium")
    files = write_stk_ephemerides(scenario, tmp_path, satellites=["0-0", "5-10"])
    assert [path.name for path in files] == ["0-0.e", "5-10.e"]
    back = read_stk_ephemeris(files[1])
    assert (back.epoch, back.frame) == (scenario.start, "TEMEOfDate")
    assert np.array_equal(back.times_s, 60.0 * np.arange(721))
    assert np.array_equal(back.positions_m, IRIDIUM.positions_m(back.times_s)[:, -1])


def test_stk_header_is_as_stk_wants_it(tmp_path):
    (path,) = write_stk_ephemerides(preset_scenario("iridium"), tmp_path, satellites=["0-0"])
    lines = path.read_text().splitlines()
    assert lines[:4] == [
        "stk.v.11.0",
        "BEGIN Ephemeris",
        "NumberOfEphemerisPoints 721",
        "ScenarioEpoch 18 Oct 2025 00:00:00.000000",
    ]
    assert lines[-1] == "END Ephemeris"


def test_stk_frame_of_element_sets(tmp_path):
    scenario = Scenario("tle", parse_tle(equivalent_tle(parse_constellation("D:1000:53:24/2/1")), "x"))
    files = write_stk_ephemerides(scenario, tmp_path)
    assert len(files) == 24
    assert files[0].name == "WALKER_0-0.e"
    assert read_stk_ephemeris(files[0]).frame == "TEMEOfDate"


HEAD = "stk.v.11.0\nBEGIN Ephemeris\nNumberOfEphemerisPoints 1\nScenarioEpoch 1 Jan 2025 00:00:00\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "line 1: an STK ephemeris starts with stk.v."),
        (HEAD + "EphemerisTimePos\n0 1 2 3\n", "END Ephemeris is missing"),
        (HEAD + "EphemerisTimePos\n0 1 2\nEND Ephemeris\n", "line 6: expected four numbers"),
        (HEAD + "EphemerisTimePos\n0 1 2 x\nEND Ephemeris\n", "line 6: expected four numbers"),
        (HEAD + "EphemerisTimePos\nEND Ephemeris\n", "0 points, announced are 1"),
        (HEAD + "DistanceUnit Feet\nEphemerisTimePos\n0 1 2 3\nEND Ephemeris\n", "DistanceUnit must be one of"),
        (HEAD.replace("1 Jan", "Jan 1") + "EphemerisTimePos\n0 1 2 3\nEND Ephemeris\n", "ScenarioEpoch must look like"),
    ],
)
def test_bad_ephemeris_is_named(tmp_path, text, message):
    (tmp_path / "a.e").write_text(text)
    with pytest.raises(InstanceError, match=message):
        read_stk_ephemeris(tmp_path / "a.e")


def test_stk_kilometres(tmp_path):
    (tmp_path / "a.e").write_text(HEAD + "DistanceUnit Kilometers\nEphemerisTimePos\n0 1 2 3\nEND Ephemeris\n")
    assert read_stk_ephemeris(tmp_path / "a.e").positions_m.tolist() == [[1e3, 2e3, 3e3]]


def test_unknown_satellite_is_named(tmp_path):
    with pytest.raises(InstanceError, match="'9-9' is no satellite"):
        write_stk_ephemerides(preset_scenario("iridium"), tmp_path, satellites=["9-9"])
