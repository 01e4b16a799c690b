import math

import numpy as np
import pytest

from instances.constellation import EARTH_RADIUS_M, ConstellationError, parse_constellation
from instances.isl import LinkRules, constellation_links, link_state, plane_link_problem

IRIDIUM = "S:780:86.4:66/6/1"
DELTA = "D:1000:53:144/12/1"
SHELL = "D:550:53:1584/72/39"


@pytest.mark.parametrize("code", [IRIDIUM, DELTA, SHELL, "S:1200:87.9:672/12/11", f"{SHELL}+{IRIDIUM}"])
def test_code_round_trips(code):
    assert parse_constellation(code).code == code
    assert parse_constellation(code).total == len(set(parse_constellation(code).ids))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("S:780:86.4:67/6/1", "T = 67 satellites cannot be divided by P = 6 planes"),
        ("S:780:86.4:66/6/6", r"F = 6 is not in \[0, 5\]"),
        ("S:159:86.4:66/6/1", "altitude 159 km is not at least 160 km"),
        ("S:1e300:86.4:66/6/1", "above 100000 km"),
        ("S:780:86.4:600000/6/1", "T = 600000 is more than 100000 satellites"),
        ("S:780:86.4:" + "6" * 5000 + "/6/1", "expected TYPE:ALTITUDE_KM"),
        ("S:nan:86.4:66/6/1", "altitude nan km"),
        ("S:780:181:66/6/1", r"inclination 181° is not in \[0, 180\]"),
        ("X:780:86.4:66/6/1", "'X' is not D"),
        ("S:780:86.4:66/6", "expected TYPE:ALTITUDE_KM"),
        ("S:780:86.4:66/0/0", "P = 0 planes"),
        ("S:high:86.4:66/6/1", "must be numbers"),
        (f"{IRIDIUM}+", "a shell is missing beside"),
        ("D:550:53:1584/72/-1", r"F = -1 is not in \[0, 71\]"),
        ("D:550:53:1584/-72/1", "P = -72 planes"),
        ("D:550:53:72/1584/39", "cannot be divided by P = 1584 planes; T comes first: 1584/72/39 has 72 planes"),
        ("", "expected TYPE"),
    ],
)
def test_bad_code_is_named(code, message):
    with pytest.raises(ConstellationError, match=message):
        parse_constellation(code)


@pytest.mark.parametrize(
    ("altitude_km", "reach_km"),
    [(550, 5014), (780, 6171), (1200, 7926)],
)
def test_line_of_sight_over_80_km(altitude_km, reach_km):
    shell = parse_constellation(f"D:{altitude_km}:53:72/8/1").shells[0]
    assert round(shell.line_of_sight_m(80e3) / 1e3) == reach_km


def test_chord_not_arc_in_the_plane():
    shell = parse_constellation("D:550:53:64/8/1").shells[0]
    assert round(shell.plane_chord_m / 1e3) == 5297
    positions = parse_constellation(shell.code).positions_m(1234.5)
    assert np.linalg.norm(positions[1] - positions[0]) == pytest.approx(shell.plane_chord_m, rel=1e-12)


def test_eight_a_plane_at_550_km_have_no_link_in_their_plane():
    sky = parse_constellation("D:550:53:64/8/1")
    plan = constellation_links(sky)
    _, up = link_state(sky.positions_m(0.0), plan, LinkRules())
    assert not up[~plan.cross].any()
    problem = plane_link_problem(sky.shells[0], LinkRules())
    assert problem is not None
    assert "5297 km" in problem
    assert "5014 km" in problem
    assert "8 planes × 8 satellites" in problem


@pytest.mark.parametrize("per_plane", range(4, 13))
@pytest.mark.parametrize("altitude_km", [550, 780, 1200])
def test_links_in_the_plane_are_up_just_when_their_chord_clears_80_km(altitude_km, per_plane):
    sky = parse_constellation(f"D:{altitude_km}:53:{2 * per_plane}/2/0")
    plan, shell = constellation_links(sky), sky.shells[0]
    length, up = link_state(sky.positions_m(777.0), plan, LinkRules())
    reach = {550: 5014e3, 780: 6171e3, 1200: 7926e3}[altitude_km]
    chord = 2.0 * (6371e3 + 1e3 * altitude_km) * math.sin(math.pi / per_plane)
    assert length[~plan.cross] == pytest.approx(chord)
    assert (up[~plan.cross] == (chord < reach)).all()
    assert (plane_link_problem(shell, LinkRules()) is None) == (chord < reach)


@pytest.mark.parametrize("code", [IRIDIUM, DELTA, SHELL])
def test_shells_of_the_presets_hold_links_in_their_planes(code):
    assert plane_link_problem(parse_constellation(code).shells[0], LinkRules()) is None


def test_transposed_code_is_visible_in_the_summary_and_the_link_problem():
    transposed = parse_constellation("D:550:53:1584/396/39")
    assert "396 planes × 4 satellites" in transposed.summary()
    assert "T/P/F" in (plane_link_problem(transposed.shells[0], LinkRules()) or "")


def ascending_nodes_deg(code):
    """Right ascension of each plane, from the normals of its satellites' positions."""
    sky = parse_constellation(code)
    now = sky.positions_m(0.0).reshape(sky.shells[0].planes, -1, 3)
    normal = np.cross(now[:, 0], now[:, 1])
    return np.degrees(np.arctan2(normal[:, 0], -normal[:, 1])) % 360.0


def test_star_spreads_nodes_over_180_degrees():
    assert ascending_nodes_deg(IRIDIUM) == pytest.approx(np.arange(6) * 30.0, abs=1e-9)


def test_delta_spreads_nodes_over_360_degrees():
    assert ascending_nodes_deg(DELTA) == pytest.approx(np.arange(12) * 30.0, abs=1e-9)


def neighbours(code):
    sky = parse_constellation(code)
    plan, ids = constellation_links(sky), sky.ids
    return {(ids[s], name): ids[t] for s, t, name in zip(plan.source, plan.target, plan.direction, strict=True)}


def test_delta_wraps_with_the_phasing_factor():
    links = neighbours(SHELL)
    assert links["0-0", "right"] == "1-0"
    assert links["71-0", "right"] == "0-17"  # 39 mod 22
    assert links["0-17", "left"] == "71-0"
    assert links["3-21", "fore"] == "3-0"
    assert links["3-0", "aft"] == "3-21"


@pytest.mark.parametrize("code", [IRIDIUM, "S:1200:87.9:672/12/11"])
def test_star_has_a_seam_without_cross_links(code):
    links = neighbours(code)
    last = parse_constellation(code).shells[0].planes - 1
    assert not any(source.startswith(f"{last}-") and name == "right" for source, name in links)
    assert not any(source.startswith("0-") and name == "left" for source, name in links)
    assert not any(
        {source.split("-")[0], target.split("-")[0]} == {"0", str(last)} for (source, _), target in links.items()
    )


@pytest.mark.parametrize("code", [DELTA, SHELL])
def test_wrap_continues_the_phase_of_neighbouring_planes(code):
    """Right of (P − 1, s) is as far away as right of any other satellite: what Walker's F is for."""
    sky = parse_constellation(code)
    plan = constellation_links(sky)
    length, _ = link_state(sky.positions_m(np.arange(0.0, 6000.0, 100.0)), plan, LinkRules())
    right = np.array([name == "right" for name in plan.direction])
    per_plane = sky.shells[0].per_plane
    planes = plan.source // per_plane
    shortest = [length[:, right & (planes == p)].min() for p in (0, sky.shells[0].planes - 1)]
    assert shortest[0] == pytest.approx(shortest[1], rel=2e-3)


def test_fore_is_ahead_and_right_is_east_of_the_node():
    sky = parse_constellation(DELTA)
    before, after = sky.positions_m(-1.0), sky.positions_m(1.0)
    velocity = after[0] - before[0]
    links, ids = neighbours(DELTA), sky.ids
    now = sky.positions_m(0.0)
    assert velocity @ (now[ids.index(links["0-0", "fore"])] - now[0]) > 0.0
    assert velocity @ (now[ids.index(links["0-0", "aft"])] - now[0]) < 0.0
    right = now[ids.index(links["0-0", "right"])]
    assert np.cross(now[0], right)[2] > 0.0  # larger right ascension at the ascending node


def test_latitude_cutoff_takes_links_between_planes_only():
    sky = parse_constellation(IRIDIUM)
    plan, positions = constellation_links(sky), sky.positions_m(np.arange(0.0, 6000.0, 60.0))
    _, up = link_state(positions, plan, LinkRules(latitude_cutoff_deg=70.0))
    _, free = link_state(positions, plan, LinkRules(latitude_cutoff_deg=90.0))
    latitude = np.degrees(np.arcsin(positions[..., 2] / np.linalg.norm(positions, axis=-1)))
    polar = (np.abs(latitude[:, plan.source]) > 70.0) | (np.abs(latitude[:, plan.target]) > 70.0)
    assert (up == (free & ~(polar & plan.cross))).all()
    assert up[:, ~plan.cross].all()
    assert 0.0 < up[:, plan.cross].mean() < free[:, plan.cross].mean()


def test_range_limits_links():
    sky = parse_constellation(IRIDIUM)
    plan = constellation_links(sky)
    length, up = link_state(sky.positions_m(0.0), plan, LinkRules(max_range_m=3.5e6, latitude_cutoff_deg=90.0))
    assert (up == (length <= 3.5e6)).all()
    assert up.any()
    assert not up.all()


def test_a_short_range_is_named_as_what_keeps_planes_apart():
    shell = parse_constellation("S:780:86.4:66/6/1").shells[0]
    problem = plane_link_problem(shell, LinkRules(max_range_m=3e6)) or ""
    assert "4029 km apart, but a link of max_range_m reaches 3000 km" in problem
    assert "over 80 km of air" not in problem


@pytest.mark.parametrize("field", ["clearance_m", "max_range_m", "latitude_cutoff_deg"])
def test_bad_link_rule_is_named(field):
    with pytest.raises(ConstellationError, match=field):
        LinkRules(**{field: -1.0})


def test_links_are_symmetric_and_unique():
    for code in (IRIDIUM, DELTA, "D:1000:53:24/2/1", "D:1000:53:12/1/0"):
        plan = constellation_links(parse_constellation(code))
        ends = list(zip(plan.source.tolist(), plan.target.tolist(), strict=True))
        assert len(ends) == len(set(ends))
        assert {(b, a) for a, b in ends} == set(ends)


def test_positions_over_time_equal_positions_one_by_one():
    sky = parse_constellation(f"{IRIDIUM}+{DELTA}")
    times = np.array([0.0, 60.0, 43140.0])
    together = sky.positions_m(times)
    assert together.shape == (3, 210, 3)
    for k, time in enumerate(times):
        assert np.array_equal(together[k], sky.positions_m(float(time)))


def test_orbits_are_circular_with_the_two_body_period():
    sky = parse_constellation(DELTA)
    shell = sky.shells[0]
    period = 2.0 * math.pi / shell.mean_motion_rad_s
    positions = sky.positions_m(np.array([0.0, period / 3.0, period]))
    assert np.linalg.norm(positions, axis=-1) == pytest.approx(EARTH_RADIUS_M + 1e6, rel=1e-12)
    assert positions[2] == pytest.approx(positions[0], abs=1e-2)
    assert period == pytest.approx(6297.97, abs=0.01)  # 2π √(7371e3³ / 3.986004418e14)


def test_j2_makes_a_sun_synchronous_orbit_follow_the_sun():
    """800 km, 98.6°: the node drifts by 360° a year (Vallado, section 11.4.1)."""
    shell = parse_constellation("D:800:98.603:12/1/0").shells[0]
    node_rate, phase_rate = shell.drift_rad_s(j2=True)
    assert math.degrees(node_rate) * 365.2422 * 86400.0 == pytest.approx(360.0, rel=5e-3)
    assert phase_rate != shell.mean_motion_rad_s
