import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from instances.assignment import Drawn, Listed, Matched, Roles
from instances.catalogue import parse_tle
from instances.checks import InstanceError
from instances.constellation import ConstellationError, parse_constellation
from instances.failures import Failures
from instances.ground import Region, ground_track_deg, sidereal_angle_rad
from instances.isl import LinkPlan, LinkRules, link_state
from instances.link_budget import RADIOS
from instances.roles import cut_off_tasks
from instances.scenario import Bursts, LinkOverride, Scenario, preset_scenario
from tests.tle_of_walker import equivalent_tle

IRIDIUM = parse_constellation("S:780:86.4:66/6/1")
EVERY_SLOT = Bursts(math.inf)


def scenario(**changes):
    return Scenario(**({"name": "test", "orbits": IRIDIUM, "arrivals": EVERY_SLOT, "span_s": 1200.0} | changes))


def test_span_is_720_slots_of_a_minute_by_default():
    assert preset_scenario("iridium").count == 720
    assert preset_scenario("iridium").time_s([0, 1, 719]).tolist() == [0.0, 60.0, 43140.0]
    assert scenario(t0_s=100.0, slot_s=30.0).time_s(2) == 160.0


def test_slots_are_lazy_and_equal_instances_made_alone():
    stream = scenario().slots()
    first = next(stream)
    assert first == scenario().instance(0)
    assert [one.meta["slot"] for one in stream] == list(range(1, 20))
    assert first.name == "test-0000"


def test_slots_depend_on_the_seed_but_not_on_each_other():
    assert list(scenario(seed=3).slots(5, 8)) == list(scenario(seed=3).slots())[5:8]
    assert scenario(seed=3).instance(4) != scenario(seed=4).instance(4)


def test_network_of_a_slot_is_that_of_its_time():
    made = scenario(t0_s=600.0).instance(3)
    assert made is not None
    assert made.time_s == 780.0
    positions = np.array([satellite.position_m for satellite in made.satellites])
    assert np.array_equal(positions, IRIDIUM.positions_m(780.0))


def test_bursts_come_at_their_rate_with_several_tasks_at_once():
    wide = Scenario("wide", IRIDIUM, arrivals=Bursts(20.0, (2, 4)), roles=Roles(Drawn(60), Drawn(2)))
    tasks = [len(one.tasks) for one in wide.slots()]
    expected = 720 * (1.0 - math.exp(-20.0 / 60.0))  # Poisson: share of slots with a burst
    assert len(tasks) == pytest.approx(expected, abs=4.0 * math.sqrt(expected))
    assert min(tasks) >= 2
    assert sum(tasks) == pytest.approx(3.0 * 240.0, rel=0.2)


def test_bursts_lose_tasks_that_find_no_satellite():
    counts = {
        len(one.tasks) for one in scenario(arrivals=Bursts(3600.0, (4, 4)), roles=Roles(Drawn(5), Drawn(1))).slots()
    }
    assert counts == {5}


def test_roles_by_id_pattern_and_count():
    roles = Roles(Matched("2-?"), Listed(("0-0", "3-5")))
    made = scenario(roles=roles).instance(0)
    assert made is not None
    assert made.computing == ("0-0", "3-5")
    assert [task.satellite for task in made.tasks] == [f"2-{slot}" for slot in range(10)]
    mixed = scenario(roles=Roles(Drawn(64), Listed(("0-0", "3-5")))).instance(0)
    assert mixed is not None
    assert len(mixed.tasks) == 64


def test_roles_by_region_follow_the_ground():
    region = Region((30.0, 60.0), (-10.0, 40.0))
    watch = scenario(roles=Roles(region, Drawn(2)), span_s=7200.0)
    series = watch.network(np.arange(watch.count))
    latitude, longitude = ground_track_deg(series.positions_m, series.times_s, watch.start)
    seen = set()
    for one in watch.slots():
        slot = one.meta["slot"]
        over = region.covers(latitude[slot], longitude[slot])
        names = {series.ids[k] for k in np.flatnonzero(over)} - set(one.computing)
        assert names == {task.satellite for task in one.tasks}
        seen |= names
    assert len(seen) > 5


def test_region_over_the_date_line():
    box = Region((-10.0, 10.0), (170.0, -170.0))
    assert box.covers(np.zeros(4), np.array([175.0, -175.0, 0.0, 160.0])).tolist() == [True, True, False, False]


def test_ground_track_of_a_known_time():
    """Sidereal time of 1987-04-10 19:21 UT is 128.7378734° (Meeus, example 12.b)."""
    when = datetime(1987, 4, 10, 19, 21, tzinfo=UTC)
    assert math.degrees(sidereal_angle_rad(when)) == pytest.approx(128.7378734, abs=1e-5)
    angle = sidereal_angle_rad(when)
    overhead = 7e6 * np.array([[[math.cos(angle), math.sin(angle), 0.0]]])
    latitude, longitude = ground_track_deg(overhead, np.zeros(1), when)
    assert (latitude[0, 0], longitude[0, 0]) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_listed_failures_take_both_directions_and_whole_satellites():
    plain = scenario().network(0)
    broken = scenario(failures=Failures(links=(("0-1", "0-0"),), satellites=("3-3",))).network(0)
    gone = {(a.source, a.target) for a in plain.links(0)} - {(a.source, a.target) for a in broken.links(0)}
    assert {("0-0", "0-1"), ("1-0", "1-1")} & gone == {("0-0", "0-1")}
    assert ("0-1", "0-0") in gone
    assert all("3-3" in pair for pair in gone - {("0-0", "0-1"), ("0-1", "0-0")})
    assert not any("3-3" in (a.source, a.target) for a in broken.links(0))


def test_drawn_failures_have_their_rate_and_are_seeded():
    failing = scenario(failures=Failures(link_rate=0.2), span_s=12000.0, seed=5)
    slots = np.arange(failing.count)
    plain, series = scenario(span_s=12000.0).network(slots), failing.network(slots)
    share = series.up[plain.up].mean()
    assert share == pytest.approx(0.8, abs=0.01)
    assert np.array_equal(series.up, failing.network(slots).up)
    assert np.array_equal(series.up[7], failing.network(7).up[0])
    assert not np.array_equal(series.up[7], series.up[8])


@pytest.mark.parametrize(("rate", "outage"), [(0.1, 600.0), (0.3, 60.0), (0.6, 90.0), (0.02, 120.0)])
def test_outages_last_as_long_as_asked_and_keep_their_rate(rate, outage):
    failures = Failures(link_rate=rate, mean_outage_s=outage)
    ids = tuple(map(str, range(4000)))
    plan = LinkPlan(np.arange(2000), np.arange(2000, 4000), ("",) * 2000, np.zeros(2000, dtype=bool))
    down = np.array([failures.down(ids, plan, 4, slot, 60.0)[0] for slot in range(60)])
    assert down.mean() == pytest.approx(rate, rel=0.05)
    ends = down[:-1] & ~down[1:]
    assert 60.0 * down[:-1].sum() / ends.sum() == pytest.approx(outage, rel=0.05)
    failing = scenario(failures=failures, span_s=60.0 * 500, seed=3)
    together, alone = failing.network([7, 400]), failing.network(400)
    assert np.array_equal(together.up[1], alone.up[0])
    assert not np.any(alone.up[0] & failures.down(failing.orbits.ids, failing._plan, 3, 400, 60.0)[0])


def test_outages_without_memory_are_those_without_a_duration():
    plain, said = Failures(link_rate=0.25), Failures(link_rate=0.25, mean_outage_s=60.0 / 0.75)
    made = scenario()
    for slot in (0, 1, 50):
        drawn = [one.down(made.orbits.ids, made._plan, 5, slot, 60.0)[0] for one in (plain, said)]
        assert np.array_equal(*drawn)


def test_satellites_and_certain_failures_have_outages_too():
    made = scenario(failures=Failures(satellite_rate=1.0, mean_outage_s=600.0))
    assert not made.network(9).up.any()
    part = scenario(failures=Failures(satellite_rate=0.2, link_rate=1.0, mean_outage_s=600.0))
    assert not part.network(9).up.any()


SHELLS = "D:550:53:96/8/1+D:1000:70:60/6/1"


def test_shells_have_no_links_between_them_unless_asked_for():
    series = Scenario("two", parse_constellation(SHELLS)).network(0)
    shell = series.plan.source < 96
    assert np.array_equal(shell, series.plan.target < 96)


@pytest.mark.parametrize("terminals", [1, 3])
def test_links_between_shells_are_the_nearest_that_terminals_allow(terminals):
    rules = LinkRules(inter_shell_links=terminals, max_range_m=4.8e6)
    made = Scenario("two", parse_constellation(SHELLS), rules=rules, seed=1)
    series = made.network([0, 5])
    planned = len(made._plan.source)
    for k in (0, 1):
        place, up = series.positions_m[k], series.up[k]
        mine = np.flatnonzero(up[planned:]) + planned
        source, target = series.plan.source[mine], series.plan.target[mine]
        assert len(mine) > 20
        assert np.all((source < 96) != (target < 96))
        counts = np.bincount(source, minlength=156)
        assert counts.max() <= terminals
        assert set(zip(source, target, strict=True)) == set(zip(target, source, strict=True))
        longest = np.zeros(156)
        np.maximum.at(longest, source, series.length_m[k][mine])
        linked = set(zip(source.tolist(), target.tolist(), strict=True))
        pairs = [(a, b) for a in range(96) for b in range(96, 156) if (a, b) not in linked]
        plan = LinkPlan(*np.array(pairs).T, (), np.ones(len(pairs), dtype=bool))
        length, could = link_state(place, plan, rules)
        for (a, b), metres, free in zip(pairs, length, could, strict=True):  # no two would both gain by a link
            if free:
                assert (counts[a] == terminals and longest[a] <= metres) or (
                    counts[b] == terminals and longest[b] <= metres
                )
        assert np.all(series.rate_bps[k][mine] > 0)
    alone = made.network(5)
    assert alone.pairs(0) == series.pairs(1)
    assert {link.direction for link in alone.links(0)} == {"fore", "aft", "left", "right", None}


def test_links_between_shells_fail_with_their_satellites_and_their_rate():
    rules = LinkRules(inter_shell_links=2)
    made = Scenario("two", parse_constellation(SHELLS), rules=rules, seed=1)
    end = next(link.source for link in made.network(0).links(0) if link.direction is None)
    dead = replace(made, failures=Failures(satellites=(end,))).network(0)
    assert not any(end in pair for pair in dead.pairs(0))
    drawn = replace(made, failures=Failures(link_rate=0.5))
    between = [sum(link.direction is None for link in one.network(3).links(0)) for one in (made, drawn)]
    assert between[1] == pytest.approx(0.5 * between[0], rel=0.4)
    assert drawn.network([1, 3]).pairs(1) == drawn.network(3).pairs(0)
    assert drawn.instance(3) is None or drawn.instance(3) == drawn.instance(3)


def test_overrides_replace_rates_while_the_link_is_up():
    made = scenario(overrides=(LinkOverride("0-0", "0-1", 123.0),)).network([0, 1])
    rates = {(a.source, a.target): a.rate_bps for a in made.links(1)}
    assert rates["0-0", "0-1"] == 123.0
    assert rates["0-1", "0-0"] > 1e6


@pytest.mark.parametrize("radio", RADIOS)
def test_every_radio_makes_slots(radio):
    made = scenario(technology=RADIOS[radio]).instance(0)
    assert made is not None
    lengths, rates = (np.array([getattr(link, key) for link in made.links]) for key in ("length_m", "rate_bps"))
    assert rates == pytest.approx(RADIOS[radio].rate_bps(lengths))


def test_cut_off_tasks_are_told():
    alone = scenario(roles=Roles(Listed(("2-2", "4-4")), Drawn(1)), failures=Failures(satellites=("2-2",))).instance(0)
    assert alone is not None
    assert cut_off_tasks(alone) == ("2-2",)
    nobody = scenario(roles=Roles(Drawn(2), Region((89.9, 90.0), (0.0, 1.0)))).instance(0)
    assert nobody is not None
    assert len(cut_off_tasks(nobody)) == 2


def test_scenario_of_element_sets():
    text = equivalent_tle(IRIDIUM)
    made = Scenario("tle", parse_tle(text, "iridium"))
    walker = Scenario("walker", IRIDIUM)
    lengths = [one.network([0, 100]).length_m.mean() for one in (made, walker)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.02)
    assert made.start == datetime(2025, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"roles": Roles(Listed(("9-9",)), Drawn(1))}, "9-9"),
        ({"roles": Roles(Matched("x*"), Drawn(1))}, r"'x\*' matches none"),
        (
            {"roles": Roles(Listed(("0-0",)), Listed(("0-0",)))},
            "'0-0' is selected for remote_sensing and for computing",
        ),
        ({"roles": Roles(Drawn(60), Drawn(7))}, "60 remote_sensing satellites asked for, 59 are free"),
        ({"failures": Failures(satellites=("9-9",))}, "'9-9' is no satellite"),
        ({"failures": Failures(link_rate=0.1, mean_outage_s=30.0)}, "mean_outage_s must be >= 60 s with slots of 60 s"),
        ({"failures": Failures(link_rate=0.9, mean_outage_s=300.0)}, "mean_outage_s must be >= 540 s"),
        ({"span_s": 1e300}, "span_s must hold at most 10000000 slots of slot_s 60, got 1e\\+300"),
        ({"rules": LinkRules(inter_shell_links=1)}, "needs two or more shells; these orbits have one shell"),
        ({"failures": Failures(links=(("0-0", "3-0"),))}, "no link between '0-0' and '3-0'"),
        ({"overrides": (LinkOverride("0-0", "3-0", 1.0),)}, "no link from '0-0' to '3-0'"),
        ({"slot_s": 0.0}, "slot_s"),
        ({"span_s": 10.0}, "span_s"),
        ({"seed": -1}, "seed"),
        ({"name": ""}, "name"),
    ],
)
def test_bad_scenario_is_named(changes, message):
    with pytest.raises(InstanceError, match=message):
        scenario(**changes)


def test_no_line_of_sight_in_the_plane_is_said_with_the_numbers():
    with pytest.raises(ConstellationError, match="5297 km apart, but a link over 80 km of air reaches 5014 km"):
        Scenario("low", parse_constellation("D:550:53:64/8/1"))
    with pytest.raises(ConstellationError, match="reaches 3000 km"):
        scenario(rules=LinkRules(max_range_m=3e6))


def test_slot_out_of_the_span_is_refused():
    with pytest.raises(InstanceError, match=r"slots must be in \[0, 19\]"):
        scenario().network(20)


def test_element_sets_keep_their_epoch():
    elements = parse_tle(equivalent_tle(IRIDIUM), "iridium")
    with pytest.raises(InstanceError, match="differs from that of the element sets"):
        Scenario("tle", elements, epoch=datetime(2025, 1, 1, tzinfo=UTC))
    assert replace(Scenario("tle", elements), seed=1).start == elements.epoch
