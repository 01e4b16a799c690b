"""Orbits, links and rates against their formulas written down a second time, pair by pair."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from instances.constellation import (
    EARTH_J2,
    EARTH_MU,
    EARTH_RADIUS_M,
    EQUATORIAL_RADIUS_M,
    Constellation,
    ConstellationError,
    Shell,
    parse_constellation,
)
from instances.isl import (
    LinkPlan,
    LinkRules,
    constellation_links,
    grid_rows,
    link_state,
    nearest_shift,
    plane_link_problem,
    require_plane_links,
)
from instances.link_budget import (
    RADIOS,
    LinkBudgetError,
    OpticalLink,
    RadioLink,
    ShannonLink,
    dish_gain,
    from_decibel,
    to_decibel,
)
from instances.radio_classes import (
    RadioByClass,
    link_rates,
    technology_from_document,
    technology_name,
    technology_to_document,
)

LIGHT, BOLTZMANN = 299_792_458.0, 1.380649e-23
RADIO = RadioLink(2e10, 5.0, 3e3, 2e3, 0.8, 400.0, 8.0, 1.5)
LENGTHS = np.array([1e5, 1e6, 4.2e6])
SHELLS = [
    Shell("delta", 550.0, 53.0, 40, 5, 2),
    Shell("star", 780.0, 86.4, 66, 6, 1),
    Shell("star", 780.0, 86.4, 66, 6, 3, 31.6),
    Shell("delta", 1200.0, 130.0, 9, 3, 0),
    Shell("delta", 600.0, 90.0, 7, 1, 0),
]


def rate_of(radio, length):
    loss = (LIGHT / (4 * math.pi * length * radio.frequency_hz)) ** 2
    signal = radio.power_w * radio.transmit_gain * radio.receive_gain * radio.pointing_loss * loss
    return signal / (BOLTZMANN * radio.noise_temperature_k * radio.eb_n0_required * radio.margin)


def test_rates_are_those_of_the_link_budget():
    expected = [rate_of(RADIO, length) for length in LENGTHS]
    assert RADIO.rate_bps(LENGTHS) == pytest.approx(expected, rel=1e-12)
    capped = replace(RADIO, max_rate_bps=expected[1])
    assert capped.rate_bps(LENGTHS) == pytest.approx([expected[1], expected[1], expected[2]], rel=1e-12)
    assert float(RADIO.rate_bps(1e6)) == pytest.approx(expected[1], rel=1e-12)
    assert RADIO.rate_bps([0.0, 0.5, 1.0, 2.0]) == pytest.approx([rate_of(RADIO, d) for d in (1, 1, 1, 2)], rel=1e-12)
    density = [rate * RADIO.eb_n0_required * RADIO.margin for rate in expected]
    width = 3e8
    shannon = [width * math.log2(1 + c / width) for c in density]
    assert ShannonLink(RADIO, width).rate_bps(LENGTHS) == pytest.approx(shannon, rel=1e-12)
    limit = replace(RADIO, max_rate_bps=shannon[1])
    assert ShannonLink(limit, width).rate_bps(LENGTHS) == pytest.approx([shannon[1], *shannon[1:]], rel=1e-12)
    laser = OpticalLink(1e10, 1e6)
    assert laser.rate_bps([1e6, np.nextafter(1e6, 2e6), 0.0]).tolist() == [1e10, 0.0, 1e10]
    assert OpticalLink(2e9).rate_bps([1e9]).tolist() == [2e9]


def test_decibels_and_dishes():
    for ratio, value in ((1.0, 0.0), (10.0, 10.0), (1000.0, 30.0), (0.5, -3.0102999566)):
        assert to_decibel(ratio) == pytest.approx(value, abs=1e-9)
        assert from_decibel(value) == pytest.approx(ratio, rel=1e-9)
    for diameter, frequency, efficiency in ((0.5, 26e9, 0.55), (2.0, 1e9, 0.7)):
        wave = LIGHT / frequency
        expected = efficiency * (math.pi * diameter / wave) ** 2
        assert dish_gain(diameter, frequency, efficiency) == pytest.approx(expected, rel=1e-12)
    assert dish_gain(0.5, 26e9) == pytest.approx(0.55 * (math.pi * 0.5 * 26e9 / LIGHT) ** 2, rel=1e-12)


SHEET = {
    "frequency_hz": 2.6e10,
    "power_w": 10.0,
    "transmit_gain_dbi": 34.41,
    "receive_gain_dbi": 30.0,
    "pointing_loss_db": 0.6,
    "noise_temperature_k": 459.6,
    "eb_n0_required_db": 10.0,
    "margin_db": 3.0,
}


def test_a_data_sheet_is_read_and_written_in_decibels():
    link = RadioLink.from_db(**SHEET)
    ratios = {key: 10 ** (value / 10) for key, value in SHEET.items() if "_db" in key}
    expected = RadioLink(
        2.6e10,
        10.0,
        ratios["transmit_gain_dbi"],
        ratios["receive_gain_dbi"],
        1 / ratios["pointing_loss_db"],
        459.6,
        ratios["eb_n0_required_db"],
        ratios["margin_db"],
    )
    assert vars(link) == pytest.approx(vars(expected), rel=1e-12)
    assert link.to_values() == {**SHEET, "max_rate_bps": math.inf}
    assert RadioLink.from_values({**SHEET, "max_rate_bps": 1e9}).max_rate_bps == 1e9
    shannon = ShannonLink.from_values({**SHEET, "bandwidth_hz": 5e8})
    assert shannon == ShannonLink(link, 5e8)
    assert shannon.to_values() == {**link.to_values(), "bandwidth_hz": 5e8}
    assert OpticalLink.from_values({"rate_bps": 1e9}) == OpticalLink(1e9)
    assert OpticalLink.from_values({"rate_bps": 1e9, "max_range_m": 2.0}).to_values() == {
        "rate_bps": 1e9,
        "max_range_m": 2.0,
    }


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: replace(RADIO, power_w=0.0), "power_w"),
        (lambda: replace(RADIO, frequency_hz=-1.0), "frequency_hz"),
        (lambda: replace(RADIO, transmit_gain=math.inf), "transmit_gain"),
        (lambda: replace(RADIO, margin=0.999), "margin"),
        (lambda: replace(RADIO, pointing_loss=1.001), "pointing_loss"),
        (lambda: replace(RADIO, power_w=math.nan), "power_w"),
        (lambda: ShannonLink(RADIO, 0.0), "bandwidth_hz"),
        (lambda: ShannonLink(RADIO, math.inf), "bandwidth_hz"),
        (lambda: OpticalLink(0.0), "class_rate_bps"),
        (lambda: OpticalLink(math.inf), "class_rate_bps"),
        (lambda: OpticalLink(1e9, 0.0), "max_range_m"),
        (lambda: replace(RADIO, max_rate_bps=0.0), "max_rate_bps"),
        (lambda: RadioLink.from_db(**SHEET | {"margin_db": -0.1}), "margin_db"),
        (lambda: RadioLink.from_db(**SHEET | {"receive_gain_dbi": 1e6}), "receive_gain_dbi"),
        (lambda: technology_from_document("laser"), "laser"),
        (lambda: technology_from_document({"kind": "sound"}), "sound"),
        (lambda: technology_from_document(3), "3"),
    ],
)
def test_impossible_links_are_refused(make, name):
    with pytest.raises(LinkBudgetError, match=name):
        make()
    assert replace(RADIO, pointing_loss=1.0, margin=1.0).margin == 1.0
    assert OpticalLink(1e9, math.inf).max_range_m == math.inf


def test_classes_of_links_have_rates_of_their_own():
    plan = LinkPlan(np.arange(4), np.arange(4) + 1, ("fore", "right", "", ""), np.array([False, True, True, False]))
    lasers = [OpticalLink(rate) for rate in (1e9, 2e9, 3e9)]
    length = np.full((2, 4), 1e6)
    assert link_rates(RadioByClass(*lasers), length, plan).tolist() == [[1e9, 2e9, 3e9, 1e9]] * 2
    assert link_rates(RadioByClass(*lasers[:2]), length, plan).tolist() == [[1e9, 2e9, 2e9, 1e9]] * 2
    assert link_rates(lasers[2], length, plan).tolist() == [[3e9] * 4] * 2
    assert RadioByClass(*lasers).rate_bps([1.0]).tolist() == [2e9]
    mixed = RadioByClass(RADIOS["optical-10g"], RADIOS["standard"])
    document = technology_to_document(mixed)
    assert document == {"in_plane": "optical-10g", "cross_plane": "standard"}
    assert technology_from_document(document) == mixed
    assert technology_name(mixed) == "in_plane optical-10g, cross_plane standard"
    for name, known in RADIOS.items():
        assert technology_to_document(known) == technology_name(known) == name
        assert technology_from_document(name) is known
    other = ShannonLink(RADIO, 1e8)
    again = technology_from_document(technology_to_document(other))
    assert again.rate_bps(LENGTHS) == pytest.approx(other.rate_bps(LENGTHS), rel=1e-9)
    assert technology_name(other) == "ShannonLink"
    assert (
        RadioByClass(OpticalLink(1.0), RADIOS["standard"], OpticalLink(1.0)).warnings()
        == 2 * OpticalLink(1.0).warnings()
    )
    assert len(OpticalLink(1.0).warnings()) == 1
    with pytest.raises(LinkBudgetError, match="has no file form"):
        technology_to_document(object())


def position(shell, plane, slot, time, j2):
    """Return a satellite's place by turning a circle about its nodes."""
    a = EARTH_RADIUS_M + 1e3 * shell.altitude_km
    motion, tilt = math.sqrt(EARTH_MU / a**3), math.radians(shell.inclination_deg)
    node_rate, along_rate = 0.0, motion
    if j2:
        k = 1.5 * EARTH_J2 * (EQUATORIAL_RADIUS_M / a) ** 2
        node_rate, along_rate = -k * motion * math.cos(tilt), motion * (1 + k * (3 - 4 * math.sin(tilt) ** 2))
    spread = {"delta": 360.0, "star": 180.0}[shell.kind] / shell.planes
    node = math.radians(spread if shell.spacing_deg is None else shell.spacing_deg) * plane + node_rate * time
    per_plane = shell.total // shell.planes
    along = 2 * math.pi * (slot / per_plane + shell.phasing * plane / shell.total) + along_rate * time
    circle = np.array([math.cos(along), math.sin(along), 0.0])
    about_x = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    about_z = np.array([[math.cos(node), -math.sin(node), 0], [math.sin(node), math.cos(node), 0], [0, 0, 1]])
    return a * about_z @ about_x @ circle


@pytest.mark.parametrize("j2", [False, True])
def test_positions_are_circles_turned_about_their_nodes(j2):
    sky = Constellation(tuple(SHELLS), j2=j2)
    times = [0.0, 1234.5, 86_400.0]
    found = sky.positions_m(times)
    expected, ids, first = [], [], 0
    for shell in SHELLS:
        for plane, slot in product(range(shell.planes), range(shell.per_plane)):
            expected.append([position(shell, plane, slot, time, j2) for time in times])
            ids.append(f"{first + plane}-{slot}")
        first += shell.planes
    assert found == pytest.approx(np.array(expected).swapaxes(0, 1), abs=2.0)
    assert sky.positions_m(1234.5) == pytest.approx(found[1], abs=1e-6)
    assert sky.ids == tuple(ids)
    assert sky.total == len(ids)
    assert sky.shell_numbers.tolist() == [k for k, shell in enumerate(SHELLS) for _ in range(shell.total)]


@pytest.mark.parametrize("shell", SHELLS)
def test_sizes_of_a_shell(shell):
    a = EARTH_RADIUS_M + 1e3 * shell.altitude_km
    near, far = (position(shell, 0, slot, 0.0, False) for slot in (0, 1 % shell.per_plane))
    assert shell.plane_chord_m == pytest.approx(np.linalg.norm(near - far), abs=1e-3)
    assert shell.semi_major_axis_m == a
    for clearance in (0.0, 80e3, 500e3):
        half = math.sqrt(a**2 - (EARTH_RADIUS_M + clearance) ** 2)
        assert shell.line_of_sight_m(clearance) == pytest.approx(2 * half, rel=1e-12)
    assert shell.line_of_sight_m(1e3 * shell.altitude_km) == shell.line_of_sight_m(1e3 * shell.altitude_km + 1) == 0.0
    period = 2 * math.pi * math.sqrt(a**3 / EARTH_MU) / 60
    assert f"period {period:.1f} min" in shell.summary()
    assert f"{shell.plane_chord_m / 1e3:.0f} km apart" in shell.summary()
    assert parse_constellation(shell.code).shells == (shell,)
    assert parse_constellation(f"{shell.code} + {shell.code}", j2=True) == Constellation((shell, shell), j2=True)
    assert replace(shell, planes=1, total=1, phasing=0).plane_chord_m == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"altitude_km": 159.999}, "not at least 160"),
        ({"altitude_km": 100_001.0}, "above 100000"),
        ({"inclination_deg": -0.1}, "not in"),
        ({"inclination_deg": 180.1}, "not in"),
        ({"total": 100_005}, "more than 100000"),
        ({"total": 41}, "cannot be divided"),
        ({"planes": 0}, "cannot be divided"),
        ({"total": 0}, "cannot be divided"),
        ({"planes": -5}, "cannot be divided"),
        ({"phasing": 5}, r"not in \[0, 4\]"),
        ({"phasing": -1}, r"not in \[0, 4\]"),
        ({"total": 5, "planes": 40}, "T comes first: 40/5/2 has 5 planes"),
        ({"spacing_deg": 10.0}, "is for a star"),
        ({"kind": "star", "spacing_deg": 90.0}, "is for a star"),
        ({"kind": "star", "spacing_deg": 0.0}, "is for a star"),
    ],
)
def test_impossible_shells_are_refused_and_the_ends_of_ranges_are_not(changes, words):
    with pytest.raises(ConstellationError, match=words):
        replace(SHELLS[0], **changes)
    for possible in (
        {"altitude_km": 160.0},
        {"altitude_km": 100_000.0},
        {"inclination_deg": 0.0},
        {"inclination_deg": 180.0},
        {"total": 100_000},
        {"phasing": 4},
        {"phasing": 0},
        {"kind": "star", "spacing_deg": 89.9},
        {"kind": "star", "spacing_deg": 0.05},
        {"kind": "star", "planes": 2, "phasing": 0, "spacing_deg": 300.0},
        {"total": 1, "planes": 1, "phasing": 0},
    ):
        replace(SHELLS[0], **possible)
    with pytest.raises(ConstellationError) as caught:
        replace(SHELLS[0], total=41)
    assert "T comes first" not in str(caught.value)
    with pytest.raises(ConstellationError, match="at least one shell"):
        Constellation(())


@pytest.mark.parametrize(
    ("planes", "per_plane", "shift", "closed", "ahead"),
    [
        (3, 4, 1, True, 0),
        (3, 4, 1, False, 0),
        (2, 3, 0, True, 1),
        (1, 5, 0, True, 0),
        (4, 1, 0, True, 0),
        (3, 5, 2, True, -2),
    ],
)
def test_a_grid_links_each_satellite_to_its_four_neighbours(planes, per_plane, shift, closed, ahead):
    expected = {}
    for p, s in product(range(planes), range(per_plane)):
        here = 10 + p * per_plane + s
        expected.setdefault((here, 10 + p * per_plane + (s + 1) % per_plane), set()).add("fore")
        expected.setdefault((10 + p * per_plane + (s + 1) % per_plane, here), set()).add("aft")
        last = p == planes - 1
        if planes == 1 or (last and not closed):
            continue
        other = 10 + (p + 1) % planes * per_plane + (s + ahead + (shift if last else 0)) % per_plane
        expected.setdefault((here, other), set()).add("right")
        expected.setdefault((other, here), set()).add("left")
    rows = grid_rows(planes, per_plane, shift=shift, closed=closed, first=10, ahead=ahead)
    found = {}
    for source, target, direction in rows:
        found.setdefault((source, target), set()).add(direction)
    assert found == expected
    plan = LinkPlan.from_rows(rows)
    pairs = list(zip(plan.source.tolist(), plan.target.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {pair for pair in expected if pair[0] != pair[1]}
    for pair, direction, cross in zip(pairs, plan.direction, plan.cross, strict=True):
        assert direction == next(d for a, b, d in rows if (a, b) == pair)
        assert cross == (direction in ("left", "right"))


def test_lists_of_links_and_shells_one_after_the_other():
    sky = Constellation((SHELLS[0], SHELLS[1]))
    plan = constellation_links(sky)
    rows = grid_rows(5, 8, shift=2) + grid_rows(6, 11, shift=1, closed=False, first=40)
    expected = LinkPlan.from_rows(rows)
    assert plan.source.tolist() == expected.source.tolist()
    assert plan.direction == expected.direction
    made = LinkPlan.from_pairs([("a", "b"), ("b", "c"), ("c", "d")], "abcd", [0, 0, 1, None])
    pairs = list(zip(made.source.tolist(), made.target.tolist(), made.cross.tolist(), strict=True))
    assert sorted(pairs) == [(0, 1, False), (1, 0, False), (1, 2, True), (2, 1, True), (2, 3, True), (3, 2, True)]
    assert LinkPlan.from_pairs([("a", "b")], "ab", [None, None]).cross.tolist() == [True, True]
    for pair, words in ((("a", "x"), "'x' is no satellite"), (("a", "a"), "cannot be linked to itself")):
        with pytest.raises(ConstellationError, match=words):
            LinkPlan.from_pairs([pair], "ab", [0, 0])


@pytest.mark.parametrize(
    "shell", [*SHELLS, Shell("delta", 550.0, 53.0, 1584, 72, 39), Shell("delta", 600.0, 30.0, 40, 4, 3)]
)
def test_the_nearest_neighbour_is_nearest_on_average_over_an_orbit(shell):
    if shell.planes == 1:
        return
    times = np.linspace(0.0, 2 * math.pi / shell.mean_motion_rad_s, 40, endpoint=False)
    found = Constellation((shell,)).positions_m(times)
    own, beside = found[:, 0], found[:, shell.per_plane : 2 * shell.per_plane]
    square = ((beside - own[:, None]) ** 2).sum(axis=2).mean(axis=0)
    ahead = nearest_shift(shell)
    assert square[ahead % shell.per_plane] <= square.min() * (1 + 1e-9)
    plan = constellation_links(Constellation((shell,)), "nearest")
    right = [b for a, b, d in zip(plan.source, plan.target, plan.direction, strict=True) if a == 0 and d == "right"]
    assert right in ([], [shell.per_plane + ahead % shell.per_plane])


def chord(a, b, clearance, most):
    """Return the length of a chord, and whether its nearest point to the Earth's centre is high enough."""
    shares = np.linspace(0.0, 1.0, 20_001)[:, None]
    least = np.linalg.norm(a + shares * (b - a), axis=1).min()
    length = float(np.linalg.norm(b - a))
    return length, least - EARTH_RADIUS_M - clearance, length <= most


@pytest.mark.parametrize(
    "rules",
    [
        LinkRules(),
        LinkRules(0.0, latitude_cutoff_deg=90.0),
        LinkRules(400e3, 4.5e6, 45.0),
        LinkRules(latitude_cutoff_deg=30.0),
    ],
)
def test_links_are_up_where_the_chord_clears_the_air_within_range_and_latitude(rules):
    sky = Constellation((Shell("delta", 780.0, 80.0, 18, 3, 1), Shell("star", 550.0, 60.0, 8, 2, 0)))
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 26, (150, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    plan = LinkPlan(ends[:, 0], ends[:, 1], ("",) * len(ends), rng.random(len(ends)) < 0.5)
    cross = {}
    for a, b, c in zip(*ends.T.tolist(), plan.cross.tolist(), strict=True):  # both directions of a pair are alike
        cross.setdefault(frozenset((a, b)), c)
    plan = replace(plan, cross=np.array([cross[frozenset(pair)] for pair in ends.tolist()]))
    places = sky.positions_m([0.0, 1000.0, 2500.0])
    length, up = link_state(places, plan, rules)
    for k, frame in enumerate(places):
        latitude = np.degrees(np.arcsin(frame[:, 2] / np.linalg.norm(frame, axis=1)))
        for i, (a, b) in enumerate(ends.tolist()):
            far, spare, near = chord(frame[a], frame[b], rules.clearance_m, rules.max_range_m)
            polar = max(abs(latitude[a]), abs(latitude[b])) > rules.latitude_cutoff_deg
            assert length[k, i] == pytest.approx(far, rel=1e-12)
            if abs(spare) > 1.0:
                assert up[k, i] == (spare > 0 and near and not (plan.cross[i] and polar))
    alone = link_state(places[1], plan, rules)
    assert (alone[0] == length[1]).all()
    assert (alone[1] == up[1]).all()


def test_limits_themselves_are_within_reach_and_docked_satellites_are_linked():
    places = np.array([[8e6, 0.0, 0.0], [8e6, 1e6, 0.0], [8e6, 0.0, 0.0]])
    plan = LinkPlan.from_rows([(0, 1, "fore"), (1, 0, "aft"), (0, 2, "right"), (2, 0, "left")])
    for most, expected in ((1e6, True), (1e6 * (1 - 1e-12), False)):
        length, up = link_state(places, plan, LinkRules(max_range_m=most))
        assert length.tolist() == [1e6, 1e6, 0.0, 0.0]
        assert up.tolist() == [expected, expected, True, True]
    height = 8e6 - EARTH_RADIUS_M
    assert link_state(places, plan, LinkRules(height))[1].all()
    assert not link_state(places, plan, LinkRules(height + 1.0))[1].any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clearance_m": -1.0}, "clearance_m"),
        ({"clearance_m": math.nan}, "clearance_m"),
        ({"clearance_m": 1.1e8}, "clearance_m"),
        ({"max_range_m": 0.0}, "max_range_m"),
        ({"max_range_m": math.nan}, "max_range_m"),
        ({"latitude_cutoff_deg": 0.0}, "latitude"),
        ({"latitude_cutoff_deg": 90.1}, "latitude"),
        ({"inter_shell_links": -1}, "inter_shell_links"),
        ({"inter_shell_links": 101}, "inter_shell_links"),
        ({"nearest_links": 101}, "nearest_links"),
        ({"nearest_links": 1, "inter_shell_links": 1}, "nearest_links replaces"),
        ({"cross_shift": "far"}, "cross_shift"),
        ({"cross_shift": True}, "cross_shift"),
        ({"cross_shift": 10**6 + 1}, "cross_shift"),
        ({"cross_shift": 1.5}, "cross_shift"),
    ],
)
def test_impossible_rules_are_refused_and_the_ends_of_ranges_are_not(changes, words):
    with pytest.raises(ConstellationError, match=words):
        LinkRules(**changes)
    for possible in (
        {"clearance_m": 0.0},
        {"clearance_m": 1e8},
        {"max_range_m": 1e-3},
        {"max_range_m": math.inf},
        {"latitude_cutoff_deg": 90.0},
        {"inter_shell_links": 100},
        {"nearest_links": 100},
        {"cross_shift": -(10**6)},
        {"cross_shift": "nearest"},
        {"cross_shift": 10**6},
    ):
        LinkRules(**possible)
    assert LinkRules() == LinkRules(80e3, math.inf, 70.0, 0, 0, 0)


def test_planes_that_can_hold_no_link_are_named():
    eight, three = Shell("delta", 550.0, 53.0, 64, 8, 1), Shell("delta", 20_000.0, 53.0, 6, 2, 1)
    assert plane_link_problem(three, LinkRules()) is None
    sight, apart = eight.line_of_sight_m(80e3), eight.plane_chord_m
    found = plane_link_problem(eight, LinkRules())
    assert f"8 satellites a plane are {apart / 1e3:.0f} km apart" in found
    assert f"over 80 km of air reaches {sight / 1e3:.0f} km" in found
    assert "of max_range_m reaches 4000 km" in plane_link_problem(eight, LinkRules(max_range_m=4e6))
    near = Shell("delta", 1200.0, 53.0, 96, 8, 1)
    assert plane_link_problem(near, LinkRules()) is None
    assert plane_link_problem(near, LinkRules(max_range_m=near.plane_chord_m)) is None
    assert plane_link_problem(near, LinkRules(max_range_m=near.plane_chord_m * 0.999)) is not None
    assert "one satellite a plane (4 planes)" in plane_link_problem(Shell("delta", 550.0, 53.0, 4, 4, 1), LinkRules())
    two = Shell("delta", 90_000.0, 53.0, 4, 2, 1)
    assert plane_link_problem(two, LinkRules()) is not None  # through the Earth
    require_plane_links(Constellation((near,)), LinkRules())
    with pytest.raises(ConstellationError, match=r"8 planes × 8.*; .*one satellite a plane"):
        require_plane_links(Constellation((eight, near, Shell("delta", 550.0, 53.0, 4, 4, 1))), LinkRules())


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("frequency_hz", 1e8, 1e15),
        ("power_w", 1e-3, 1e4),
        ("noise_temperature_k", 3.0, 1e5),
        ("bandwidth_hz", 1e3, 1e12),
        ("max_range_m", 1e3, 1e9),
    ],
)
def test_unlikely_numbers_are_warned_about_and_likely_ones_are_not(name, low, high):
    def warnings(value):
        if name == "max_range_m":
            made = OpticalLink(1e10, value)
        elif name == "bandwidth_hz":
            made = ShannonLink.from_values({**SHEET, name: value})
        else:
            made = RadioLink.from_db(**SHEET | {name: value})
        return [text for text in made.warnings() if name in text]  # others are about the rate that follows

    assert warnings(low) == warnings(high) == []
    assert len(warnings(low * 0.9)) == len(warnings(high * 1.1)) == 1


def test_the_named_technologies_and_the_ranges_of_data_sheets():
    lasers = {name: RADIOS[name].class_rate_bps for name in RADIOS if name.startswith("optical")}
    assert lasers == {"optical-2.5g": 2.5e9, "optical-10g": 1e10, "optical-100g": 1e11}
    assert all(RADIOS[name].max_range_m == math.inf for name in lasers)
    assert technology_from_document({"kind": "optical", "rate_bps": 1e9}) == OpticalLink(1e9)
    for name, low, high in (
        ("pointing_loss_db", 0.0, 100.0),
        ("margin_db", 0.0, 100.0),
        ("eb_n0_required_db", -10.0, 60.0),
    ):
        for value in (low, high):
            RadioLink.from_db(**SHEET | {name: value})
        for value in (low - 0.1, high + 0.1):
            with pytest.raises(LinkBudgetError, match=name):
                RadioLink.from_db(**SHEET | {name: value})
