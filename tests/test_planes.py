"""Planes, shells and links of made-up catalogues with the faults of real ones."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.errors import LeosplitError
from instances import RADIOS, LinkRules, SatelliteFilter, Scenario, observe, parse_constellation
from instances.catalogue import parse_tle
from instances.isl import LinkPlan, link_state
from instances.nearest import nearest_pairs
from instances.planes import BUNCHED, MOTION, NODE
from instances.roles import components
from instances.series import link_stability
from tests.made_up_sky import MadeUpSky, mixed_text
from tests.tle_of_walker import equivalent_tle

SIX_HOURS = np.arange(0.0, 6 * 3600.0 + 1.0, 600.0)


@pytest.fixture(scope="module")
def mixed():
    return parse_tle(mixed_text(), "mixed")


def test_planes_are_the_true_ones(mixed):
    assert [len(shell.planes) for shell in mixed.sky.shells] == [24, 24]
    for shell in mixed.sky.shells:
        for plane in shell.planes:
            names = {mixed.names[k].rpartition("-")[0] for k in plane.members.tolist()}
            assert len(names) == 1
            slots = [int(mixed.names[k].rpartition("-")[2]) for k in plane.members.tolist()]
            assert sorted((slot - slots[0]) % len(slots) for slot in slots) == list(range(len(slots)))
            assert [(slot - slots[0]) % len(slots) for slot in slots] == list(range(len(slots)))


def test_what_is_off_station_is_named_with_its_reason(mixed):
    reasons = {mixed.names[k]: reason for k, reason in mixed.sky.off_station.items()}
    assert {name.split()[0] for name in reasons} == {"CLIMBER", "TRAIN", "SPARE", "DRIFT"}
    assert len(reasons) == 69
    assert {reasons[f"SPARE {k}"] for k in range(5)} == {NODE}
    assert {reasons[f"TRAIN {k}"] for k in range(20)} == {BUNCHED}
    assert {reasons[f"CLIMBER {k}"] for k in range(40)} == {MOTION}
    assert "off station: 69 of 597 satellites" in mixed.summary()
    assert mixed.planes_and_slots()[0][mixed.names.index("SPARE 0")] is None


def test_grid_links_join_what_flies_together(mixed):
    plan = mixed.links
    on = np.array([k not in mixed.sky.off_station for k in range(mixed.total)])
    assert on[plan.source].all()
    inside = np.bincount(plan.source[~plan.cross], minlength=mixed.total)
    assert (inside[on] == 2).all()
    nodes = mixed.elements.node_deg
    apart = np.abs((nodes[plan.source] - nodes[plan.target] + 180.0) % 360.0 - 180.0)
    assert apart[~plan.cross].max() < 0.5
    assert apart[plan.cross].min() > 14.0
    assert np.bincount(plan.source).max() <= 4
    assert link_stability(mixed, LinkRules(), SIX_HOURS) == 1.0


def test_each_shell_is_one_part_and_links_between_shells_join_all(mixed):
    for rules, parts in ((LinkRules(), 2), (LinkRules(inter_shell_links=1), 1)):
        series = observe(mixed, [0.0], rules, RADIOS["optical-10g"])
        up = series.up[0]
        label = components(mixed.total, series.plan.source[up], series.plan.target[up])
        on = [k for k in range(mixed.total) if k not in mixed.sky.off_station]
        assert len(np.unique(label[on])) == parts


def test_a_star_keeps_its_seam_and_spares_take_no_link():
    """Iridium: planes 31.6° apart, 22° at the seam; without and with spares between planes and beside one."""
    plain = MadeUpSky(2)
    plain.shell("STAR", 6, 11, 774.6, 86.4, spacing_deg=31.6)
    spared = MadeUpSky(2)
    spared.shell("STAR", 6, 11, 774.6, 86.4, spacing_deg=31.6)
    spared.add("SPARE 1", 774.6, 86.4, 57.0, 100.0)
    spared.add("SPARE 2", 774.6, 86.4, 57.1, 250.0)
    spared.add("SPARE 3", 625.4, 86.2, 103.5, 10.0)
    plans = []
    for sky in (plain, spared):
        made = parse_tle(sky.catalogue(), "star")
        ids, plan = made.ids, made.links
        plans.append({(ids[a], ids[b]) for a, b in zip(plan.source, plan.target, strict=True)})
        assert not any({a[5], b[5]} == {"0", "5"} for a, b in plans[-1])
        period_s = 2 * np.pi / made.sets[0].motion_rad_per_min * 60.0
        series = observe(made, np.arange(0.0, period_s, 60.0), LinkRules(), RADIOS["standard"])
        stars = [k for k, name in enumerate(ids) if name.startswith("STAR")]
        for up in series.up:
            label = components(made.total, plan.source[up], plan.target[up])
            assert len(np.unique(label[stars])) == 1
    assert plans[0] == plans[1]


def test_loose_planes_are_found_with_a_wider_neighbourhood():
    """Like GPS: planes 60° apart, scattered by degrees and kilometres."""
    sky = MadeUpSky(3)
    for plane in range(6):
        for slot in range(6):
            height = 20180.0 + float(sky.rng.uniform(-8.0, 8.0))
            node, tilt = 60.0 * plane + float(sky.rng.uniform(-3.0, 3.0)), 55.0 + float(sky.rng.uniform(-0.8, 0.8))
            sky.add(f"P{plane}-{slot}", height, tilt, node, 60.0 * slot)
    made = parse_tle(sky.catalogue(), "loose")
    planes = made.planes_and_slots()[0]
    assert {(name[1], plane) for name, plane in zip(made.names, planes, strict=True) if plane is not None} == {
        (str(k), planes[6 * k]) for k in range(6)
    }
    assert len(made.sky.off_station) <= 3


def test_a_plane_wider_than_half_the_distance_is_warned_about():
    sky = MadeUpSky(4)
    sky.shell("WIDE", 24, 40, 550.0, 53.0, scatter_deg=4.5)
    made = parse_tle(sky.catalogue(), "wide")
    assert any("wide in right ascension, more than half" in text for text in made.warnings())


def test_nearest_links_reach_what_has_no_plane(mixed):
    series = observe(mixed, [0.0, 60.0], LinkRules(nearest_links=3, max_range_m=4e6), RADIOS["optical-10g"])
    held = np.array([np.bincount(series.plan.source[up], minlength=mixed.total) for up in series.up])
    assert held.max() == 3
    assert (held > 0).mean() > 0.95


@pytest.mark.parametrize(
    ("only", "count"),
    [
        ({"names": ("UP 3-*", "SPARE 1")}, 13),
        ({"numbers": ("1", "00002")}, 2),
        ({"altitude_km": (553.0, 556.0)}, 293),
        ({"inclination_deg": (53.2, 53.3)}, 240),
        ({"shell": 1}, 240),
        ({"shell": 0, "names": ("UP *",)}, 288),
    ],
)
def test_satellites_are_chosen(only, count):
    assert parse_tle(mixed_text(), "mixed", only=SatelliteFilter(**only)).total == count


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ({"names": ("UP 3-*", "NONE")}, "satellites.names 'NONE' matches none"),
        ({"numbers": ("99999",)}, "satellites.numbers: there is no 99999"),
        ({"altitude_km": (600.0, 700.0)}, "none of 597 satellites is as asked for"),
        ({"altitude_km": (700.0, 600.0)}, "must be .least, most."),
        ({"shell": 7}, "satellites.shell must be below 2, got 7"),
    ],
)
def test_what_nothing_fits_is_refused(only, message):
    with pytest.raises(LeosplitError, match=message):
        parse_tle(mixed_text(), "mixed", only=SatelliteFilter(**only))


def test_walker_shift_to_the_nearest():
    """D:550:53:1584/72/39: same slots are 1431 to 1510 km apart, the nearest ones 543 to 725 km."""
    sky = parse_constellation("D:550:53:1584/72/39")
    times = np.arange(0.0, 6000.0, 300.0)
    lengths = {}
    for shift in (0, "nearest"):
        series = observe(sky, times, LinkRules(cross_shift=shift), RADIOS["optical-10g"])
        lengths[shift] = series.length_m[:, series.plan.cross] / 1e3
    assert (round(lengths[0].min()), round(lengths[0].max())) == (1431, 1510)
    assert [lengths["nearest"].min(), lengths["nearest"].max()] == pytest.approx([543, 725], abs=2)
    assert observe(sky, [0.0], LinkRules(cross_shift=-1), RADIOS["optical-10g"]).length_m == pytest.approx(
        observe(sky, [0.0], LinkRules(cross_shift="nearest"), RADIOS["optical-10g"]).length_m
    )


def test_shift_of_slots_is_refused_for_catalogues():
    made = parse_tle(equivalent_tle(parse_constellation("S:780:86.4:66/6/1")), "x")
    with pytest.raises(ValueError, match="belongs to a Walker shell"):
        Scenario("x", made, rules=LinkRules(cross_shift=2))
    assert replace(Scenario("x", made), rules=LinkRules(cross_shift="nearest")).network(0).up.any()


def test_no_satellite_in_reach_is_no_link():
    made = parse_tle("\n".join(mixed_text().splitlines()[:9]), "three")
    series = observe(made, [0.0, 60.0], LinkRules(nearest_links=2, max_range_m=1e5), RADIOS["optical-10g"])
    assert series.up.shape == (2, 0)


def test_nearest_pairs_are_those_of_a_greedy_search_over_all(mixed):
    """The staged search against all pairs sorted by length."""
    frame = mixed.positions_m(0.0)
    rules = LinkRules(nearest_links=3)
    found = nearest_pairs(frame, np.arange(mixed.total), rules)
    a, b = np.triu_indices(mixed.total, 1)
    length, up = link_state(frame, LinkPlan(a, b, (), np.ones(len(a), dtype=bool)), rules)
    free, expected = np.full(mixed.total, 3), []
    for k in np.argsort(length, kind="stable").tolist():
        if up[k] and free[a[k]] and free[b[k]]:
            free[[a[k], b[k]]] -= 1
            expected.append((int(a[k]), int(b[k])))
    assert found.tolist() == [list(pair) for pair in sorted(expected)]
