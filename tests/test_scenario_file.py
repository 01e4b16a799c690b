import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from fitting.errors import LeosplitError
from instances.assignment import Drawn, Listed, Matched, Roles
from instances.catalogue import read_tle
from instances.constellation import parse_constellation
from instances.failures import Failures
from instances.ground import Region
from instances.isl import LinkRules
from instances.link_budget import RADIOS, OpticalLink, ShannonLink
from instances.scenario import Bursts, LinkOverride, Scenario, preset_scenario
from instances.scenario_file import read_scenario, scenario_to_dict, write_scenario
from instances.schema_scenario import scenario_schema
from instances.task_model import TaskModel
from leosplit.cli import main
from tests.tle_of_walker import equivalent_tle

SMALLEST = {"format": "leosplit-scenario", "version": 1, "name": "one", "constellation": "S:780:86.4:66/6/1"}
FULL = Scenario(
    "full",
    parse_constellation("D:1000:53:144/12/1+S:780:86.4:66/6/1", j2=True),
    rules=LinkRules(90e3, 5e6, 65.0, 2),
    technology=ShannonLink(RADIOS["standard"], 250e6),
    roles=Roles(Region((-10.0, 50.0), (170.0, -60.0)), Matched("1-*")),
    arrivals=Bursts(30.0, (1, 2)),
    task_model=TaskModel(frames=(10, 20), residual_levels_bpp=(0.1, 0.2, 0.3)),
    overrides=(LinkOverride("0-0", "0-1", 5e6),),
    failures=Failures((("0-2", "0-3"),), ("0-7",), 0.01, 0.02, 90.0),
    t0_s=30.0,
    slot_s=20.0,
    span_s=200.0,
    seed=9,
    meta={"note": "kept"},
)


def test_every_field_is_read_back(tmp_path):
    write_scenario(FULL, tmp_path / "full.json")
    again = read_scenario(tmp_path / "full.json")
    assert scenario_to_dict(again) == scenario_to_dict(FULL)
    for ours, theirs in zip(FULL.slots(), again.slots(), strict=True):
        assert (ours.satellites, ours.tasks, ours.accuracy) == (theirs.satellites, theirs.tasks, theirs.accuracy)
        assert [(a.source, a.target) for a in ours.links] == [(a.source, a.target) for a in theirs.links]
        assert [a.rate_bps for a in ours.links] == pytest.approx([a.rate_bps for a in theirs.links], rel=1e-9)


@pytest.mark.parametrize("name", RADIOS)
def test_radios_are_read_back(tmp_path, name):
    made = Scenario("radio", parse_constellation("S:780:86.4:66/6/1"), technology=RADIOS[name])
    write_scenario(made, tmp_path / "a.json")
    assert read_scenario(tmp_path / "a.json").technology == RADIOS[name]


TLE = {"format": "leosplit-scenario", "version": 1, "name": "one", "tle": "sats.tle"}


@pytest.mark.parametrize(
    "document", [SMALLEST, TLE, scenario_to_dict(FULL), scenario_to_dict(preset_scenario("shell"))]
)
def test_scenario_files_fit_their_schema(document):
    jsonschema.Draft202012Validator.check_schema(scenario_schema())
    jsonschema.validate(json.loads(json.dumps(document)), scenario_schema())


@pytest.mark.parametrize("radio", [*RADIOS, OpticalLink(1e9, 4e6), ShannonLink(RADIOS["standard"], 1e8)])
def test_radios_fit_the_schema(radio):
    made = Scenario("a", parse_constellation("S:780:86.4:66/6/1"), technology=RADIOS.get(radio, radio))
    jsonschema.validate(json.loads(json.dumps(scenario_to_dict(made))), scenario_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"tle": "sats.tle"},
        {"colour": "red"},
        {"version": 2},
        {"rules": {"inter_shell_links": 0.5}},
        {"rules": {"reach": 1}},
        {"radio": "loud"},
        {"roles": {"remote_sensing": {"count": 0}, "computing": {"count": 1}}},
        {"arrivals": "sometimes"},
        {"failures": {"link_rate": 1.5}},
        {"failures": {"mean_outage_s": 0}},
        {"overrides": [{"from": "0-0", "to": "0-1"}]},
        {"slot_s": 0},
        {"seed": -1},
        {"accuracy": {"large": {"kind": "line"}, "small": {"kind": "line"}}},
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_in_one_line(tmp_path, capsys, change):
    document = SMALLEST | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(document)), scenario_schema())
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert main(["instance", "show", str(tmp_path / "a.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "a.json" in error
    assert error.count("\n") == 1


def test_radio_by_its_data_sheet(tmp_path):
    sheet = {"kind": "optical", "rate_bps": 1e9, "max_range_m": 4e6}
    (tmp_path / "a.json").write_text(json.dumps(SMALLEST | {"radio": sheet}))
    assert read_scenario(tmp_path / "a.json").technology == OpticalLink(1e9, 4e6)
    sheet = {
        "kind": "radio",
        "frequency_hz": 26e9,
        "power_w": 10.0,
        "transmit_gain_dbi": 34.41,
        "receive_gain_dbi": 34.41,
        "pointing_loss_db": 0.6,
        "noise_temperature_k": 459.6,
        "eb_n0_required_db": 10.0,
        "margin_db": 3.0,
    }
    (tmp_path / "a.json").write_text(json.dumps(SMALLEST | {"radio": sheet}))
    rate = read_scenario(tmp_path / "a.json").technology.rate_bps([1e6])
    assert rate == pytest.approx(RADIOS["small-dish"].rate_bps([1e6]), rel=1e-3)


def test_smallest_file_has_the_defaults(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(SMALLEST))
    made = read_scenario(tmp_path / "a.json")
    assert (made.slot_s, made.span_s, made.count) == (60.0, 43200.0, 720)
    assert list(made.slots(0, 60)) == [
        one.__class__(**{**vars_of(one), "name": one.name.replace("iridium", "one"), "meta": meta(one)})
        for one in preset_scenario("iridium").slots(0, 60)
    ]


def vars_of(instance):
    names = ("satellites", "links", "tasks", "accuracy", "residual_accuracy", "time_s")
    return {name: getattr(instance, name) for name in names}


def meta(instance):
    return {key: value for key, value in instance.meta.items() if key != "preset"} | {"scenario": "one"}


def test_element_sets_are_found_beside_the_file(tmp_path):
    (tmp_path / "iridium.tle").write_text(equivalent_tle(parse_constellation("S:780:86.4:66/6/1")))
    document = {key: value for key, value in SMALLEST.items() if key != "constellation"} | {"tle": "iridium.tle"}
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert read_scenario(tmp_path / "a.json").orbits.ids[0] == "WALKER 0-0"


def test_written_path_of_element_sets_is_seen_from_the_file(tmp_path, monkeypatch):
    (tmp_path / "sets").mkdir()
    (tmp_path / "made").mkdir()
    (tmp_path / "sets" / "i.tle").write_text(equivalent_tle(parse_constellation("S:780:86.4:66/6/1")))
    monkeypatch.chdir(tmp_path)
    write_scenario(Scenario("one", read_tle("sets/i.tle")), "made/a.json")
    assert json.loads(Path("made/a.json").read_text())["tle"] == "../sets/i.tle"
    monkeypatch.chdir(tmp_path / "made")
    assert read_scenario("a.json").orbits.total == 66


def test_selections_and_arrivals(tmp_path):
    roles = {"remote_sensing": {"ids": ["0-0", "1-1"]}, "computing": {"count": 3}}
    (tmp_path / "a.json").write_text(json.dumps(SMALLEST | {"roles": roles, "arrivals": "every_slot"}))
    made = read_scenario(tmp_path / "a.json")
    assert made.roles == Roles(Listed(("0-0", "1-1")), Drawn(3))
    assert np.isinf(made.arrivals.per_hour)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "unknown key 'colour'"),
        ({"version": 2}, "version must be 1, got 2"),
        ({"constellation": "S:780:86.4:67/6/1"}, "T = 67 satellites cannot be divided"),
        ({"constellation": 7}, "constellation must be a non-empty text"),
        ({"rules": {"clearance": 1}}, "unknown key 'clearance'"),
        ({"rules": {"latitude_cutoff_deg": "high"}}, "rules.latitude_cutoff_deg must be a finite number"),
        ({"radio": "loud"}, "radio 'loud' is unknown"),
        ({"radio": {"kind": "optical"}}, "key 'rate_bps' is missing"),
        ({"roles": {"remote_sensing": {"count": 0}, "computing": {"count": 1}}}, "roles.remote_sensing.count"),
        ({"roles": {"remote_sensing": {"some": 1}, "computing": {"count": 1}}}, "one of count, ids, pattern, region"),
        ({"task_model": {"frames": [9, 3]}}, r"task_model.frames must be \[least, most\]"),
        ({"task_model": {"frames": [1.5, 3]}}, r"frames must be a whole number"),
        ({"task_model": {"bits_per_pixel": -1}}, "bits_per_pixel"),
        ({"hardware": {"utilization": 2}}, "utilization"),
        ({"arrivals": {"per_hour": -1}}, "arrivals.per_hour"),
        ({"failures": {"links": [["0-0"]]}}, "failures.links must be a list of pairs"),
        ({"failures": {"link_rate": 1.5}}, "failures.link_rate"),
        ({"overrides": [{"from": "0-0", "to": "0-1"}]}, "key 'rate_bps' is missing"),
        ({"epoch": "yesterday"}, "epoch must be a time"),
        ({"epoch": "0001-01-01T00:00:00+14:00"}, "epoch must be a time"),
        ({"epoch": "9999-01-01"}, "years 1957 to 2200"),
        ({"arrivals": {"per_hour": 1e30}}, "arrivals.per_hour"),
        ({"arrivals": {"tasks": [1, 10**30]}}, "arrivals.tasks"),
        ({"task_model": {"frames": [1, 1e300]}}, "task_model.frames"),
        ({"overrides": [{"from": ["0-0"], "to": "0-1", "rate_bps": 1}]}, "overrides: from must be"),
        ({"constellation": "S:780:86.4:66/11/1"}, "11 planes × 6 satellites"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"j2": 1}, "j2 must be true or false"),
        ({"meta": []}, "meta must be an object"),
        ({"accuracy": {"large": {"kind": "odd"}, "small": {}}}, "accuracy.large"),
    ],
)
def test_bad_file_is_one_sentence(tmp_path, change, message):
    (tmp_path / "a.json").write_text(json.dumps(SMALLEST | change))
    with pytest.raises(LeosplitError, match=message) as caught:
        read_scenario(tmp_path / "a.json")
    assert str(tmp_path / "a.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_element_sets_name_their_line(tmp_path):
    lines = equivalent_tle(parse_constellation("S:780:86.4:66/6/1")).splitlines()
    lines[4] = lines[4][:-2]
    (tmp_path / "iridium.tle").write_text("\n".join(lines))
    document = {key: value for key, value in SMALLEST.items() if key != "constellation"} | {"tle": "iridium.tle"}
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(LeosplitError, match=r"iridium\.tle, line 5"):
        read_scenario(tmp_path / "a.json")
