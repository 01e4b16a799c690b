"""Link technologies as one registry, radios for each class of link, and what a scenario file says of them."""

import json
import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from fitting.errors import LeosplitError
from instances import (
    RADIOS,
    Drawn,
    LinkRules,
    OpticalLink,
    RadioByClass,
    RadioLink,
    Roles,
    Scenario,
    ShannonLink,
    make_preset,
    observe,
    parse_constellation,
    preset_scenario,
    read_scenario,
    scenario_schema,
    write_scenario,
)
from instances.catalogue import parse_tle
from instances.link_budget import SMALL_DISH_RADIO
from instances.radio_classes import technology_from_document, technology_to_document
from instances.technology import POSITIVE, TECHNOLOGIES, Quantity, Technology
from tests.made_up_sky import MadeUpSky

SHEET = SMALL_DISH_RADIO.to_document()
IRIDIUM = parse_constellation("S:780:86.4:66/6/1")


def test_every_kind_is_written_read_and_allowed_by_the_schema(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    examples = {
        "radio": replace(SMALL_DISH_RADIO, max_rate_bps=2e9),
        "shannon": ShannonLink(replace(SMALL_DISH_RADIO, max_rate_bps=1e9), 250e6),
        "optical": OpticalLink(3e9, 4e6),
    }
    assert set(examples) == set(TECHNOLOGIES)
    classes = RadioByClass(examples["optical"], RADIOS["standard"], examples["radio"])
    for technology in (*examples.values(), classes):
        made = Scenario("a", IRIDIUM, technology=technology)
        write_scenario(made, tmp_path / "a.json")
        document = json.loads((tmp_path / "a.json").read_text())
        jsonschema.validate(document, scenario_schema())
        back = read_scenario(tmp_path / "a.json").technology
        lengths = np.array([1e5, 1e6, 5e6])
        assert back.rate_bps(lengths) == pytest.approx(technology.rate_bps(lengths))


def test_a_new_kind_is_one_class(tmp_path):
    @dataclass(frozen=True)
    class Tin(Technology, kind="tin-can"):
        string_m: float
        quantities: ClassVar[tuple[Quantity, ...]] = (Quantity("string_m", POSITIVE, likely=(1.0, 1e7)),)

        def rate_bps(self, length_m):
            return np.where(np.asarray(length_m) <= self.string_m, 1e4, 0.0)

        @classmethod
        def from_values(cls, values):
            return cls(**values)

        def to_values(self):
            return {"string_m": self.string_m}

    try:
        made = Scenario("tin", IRIDIUM, technology=Tin(4.2e6))
        write_scenario(made, tmp_path / "a.json")
        assert read_scenario(tmp_path / "a.json").technology == Tin(4.2e6)
        assert "tin-can" in json.dumps(scenario_schema())
        assert Tin(0.5).warnings() == ["radio.string_m is 0.5; 1 to 1e+07 is usual: is the unit right?"]
    finally:
        TECHNOLOGIES.pop("tin-can")


def test_classes_of_links_have_radios_of_their_own():
    technology = RadioByClass(RADIOS["optical-10g"], RADIOS["optical-2.5g"], RADIOS["optical-100g"])
    sky = parse_constellation("D:550:53:66/6/1+D:600:53:66/6/1")
    series = observe(sky, [0.0], LinkRules(inter_shell_links=1), technology)
    plan, rate, up = series.plan, series.rate_bps[0], series.up[0]
    named = np.array([direction or "none" for direction in plan.direction])
    for directions, expected in ((("fore", "aft"), 1e10), (("left", "right"), 2.5e9), (("none",), 1e11)):
        which = up & np.isin(named, directions)
        assert which.any()
        assert set(rate[which]) == {expected}
    two = observe(sky, [0.0], LinkRules(inter_shell_links=1), replace(technology, other=None))
    assert set(two.rate_bps[0][up & (named == "none")]) == {2.5e9}


def test_highest_rate_caps_shannon():
    free = ShannonLink(SMALL_DISH_RADIO, 500e6)
    capped = ShannonLink(replace(SMALL_DISH_RADIO, max_rate_bps=1e9), 500e6)
    lengths = np.array([1e5, 1e6, 3e6, 5e6])
    assert capped.rate_bps(lengths) == pytest.approx(np.minimum(free.rate_bps(lengths), 1e9))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transmit_gain_dbi": 10209.0}, r"radio.transmit_gain_dbi must be .* <= 100, got 10209.0; .* is 40.09 dB"),
        ({"margin_db": -3}, r"radio.margin_db must be a finite number >= 0"),
        ({"eb_n0_required_db": 1e300}, r"radio.eb_n0_required_db must be"),
        ({"frequency_hz": 0}, r"radio.frequency_hz must be a finite number > 0"),
        ({"power_w": "10"}, r"radio.power_w must be a finite number"),
        ({"kind": "semaphore"}, r"an object with kind radio, shannon, optical"),
    ],
)
def test_bad_numbers_are_refused_in_the_words_of_their_field(change, message):
    with pytest.raises(LeosplitError, match=message):
        technology_from_document({**SHEET, **change})


def test_python_calls_check_decibels_too():
    values = {**SHEET, "receive_gain_dbi": 10209.0}
    values.pop("kind")
    with pytest.raises(LeosplitError, match="receive_gain_dbi"):
        RadioLink.from_db(**values)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({**SHEET, "frequency_hz": 26}, "radio.frequency_hz is 26; 1e.08 to 1e.15 is usual"),
        ({"kind": "optical", "rate_bps": 10}, "radio.rate_bps is 10; 1000 to 1e.13 is usual"),
        ({**SHEET, "transmit_gain_dbi": 99, "receive_gain_dbi": 99}, "a link of 1000 km has .* bit/s"),
    ],
)
def test_implausible_numbers_are_warned_about(document, message):
    made = Scenario("a", IRIDIUM, technology=technology_from_document(document))
    (text,) = made.warnings()
    assert re.search(message, text)
    assert Scenario("a", IRIDIUM).warnings() == []


def test_docked_satellites_have_a_link_at_a_finite_rate():
    sky = MadeUpSky(1)
    sky.shell("RING", 2, 12, 550.0, 53.0)
    text = sky.catalogue()
    name, first, second = text.splitlines()[:3]
    docked = "\n".join(["DOCKED", first[:2] + "99999" + first[7:68], second[:2] + "99999" + second[7:68]])
    made = parse_tle(text + docked + "\n", "x")
    for technology in (RADIOS["standard"], RADIOS["small-dish"], RADIOS["shannon"], RADIOS["optical-10g"]):
        series = observe(made, [0.0], LinkRules(), technology)
        length = series.length_m[0]
        zero = length == 0.0
        assert zero.sum() == 2
        assert series.up[0][zero].all()
        assert np.isfinite(series.rate_bps).all()
    scenario = Scenario("d", made, roles=Roles(Drawn(2), Drawn(1)))
    assert scenario.network(0).links(0)
    assert name == "RING 0-0"


def test_scenario_keeps_links_rules_and_filter(tmp_path):
    made = preset_scenario("iridium", rules=LinkRules(cross_shift="nearest"))
    write_scenario(made, tmp_path / "a.json")
    assert read_scenario(tmp_path / "a.json") == made
    own = replace(preset_scenario("iridium"), links=(("0-0", "0-1"), ("0-1", "1-1")))
    write_scenario(own, tmp_path / "b.json")
    back = read_scenario(tmp_path / "b.json")
    assert back.links == own.links
    assert back.network(0).pairs(0) == {("0-0", "0-1"), ("0-1", "0-0"), ("0-1", "1-1"), ("1-1", "0-1")}
    with pytest.raises(LeosplitError, match="links replaces the grid"):
        replace(own, rules=LinkRules(nearest_links=2))
    with pytest.raises(LeosplitError, match="'9-9' is no satellite"):
        replace(own, links=(("0-0", "9-9"),))
    with pytest.raises(LeosplitError, match="inter_shell_links must be 0"):
        LinkRules(nearest_links=2, inter_shell_links=1)


def test_any_technology_makes_a_preset():
    instance = make_preset("iridium", radio=OpticalLink(5e9), rules=LinkRules(nearest_links=4))
    assert {link.rate_bps for link in instance.links} == {5e9}
    assert instance.meta["radio"] == "OpticalLink"
    assert instance.meta["nearest_links"] == 4
    assert technology_to_document(RADIOS["shannon"]) == "shannon"


def test_published_constellations_have_their_planes():
    sky = parse_constellation("iridium-next")
    place = sky.positions_m(0.0).reshape(6, 11, 3)
    normals = np.cross(place[:, 0], place[:, 1])
    nodes = np.degrees(np.arctan2(normals[:, 0], -normals[:, 1]))
    assert np.diff(nodes) == pytest.approx(31.6)
    assert (nodes[0] + 180.0 - nodes[-1]) % 360.0 == pytest.approx(22.0)
    assert parse_constellation(sky.code) == sky
    with pytest.raises(LeosplitError, match="planes fit within 360°"):
        parse_constellation("S:780:86.4:66/6/1:80")
    with pytest.raises(LeosplitError, match="or one of iridium-next, starlink-550"):
        parse_constellation("nonsense")
