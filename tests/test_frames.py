"""Frames, ground stations and contacts against skyfield, which shares no code with this package but SGP4."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from instances import Drawn, GroundStation, Roles, Scenario, parse_constellation, scenario_packets
from instances.catalogue import parse_tle
from instances.ground import earth_fixed_m
from instances.stations import Downlink, contacts
from tests.tle_of_walker import equivalent_tle

SETS = equivalent_tle(parse_constellation("D:700:60:4/4/1"))
UT1_ERROR_M = 450.0  # 0.9 s of the Earth's rotation at 7000 km


@pytest.fixture(scope="module")
def sky():
    api = pytest.importorskip("skyfield.api")
    return api, api.load.timescale(builtin=True)


def skyfield_satellites(sky):
    api, ts = sky
    lines = SETS.splitlines()
    return [api.EarthSatellite(lines[k + 1], lines[k + 2], lines[k], ts) for k in range(0, len(lines), 3)]


def times_of(ts, epoch, seconds):
    return ts.from_datetimes([epoch + timedelta(seconds=float(second)) for second in seconds])


def test_earth_fixed_positions_agree_with_itrs(sky):
    from skyfield.framelib import itrs

    made = parse_tle(SETS, "x")
    times = np.arange(0.0, 43200.0, 1800.0)
    ours = earth_fixed_m(made.positions_m(times), times, made.epoch)
    for k, satellite in enumerate(skyfield_satellites(sky)):
        theirs = satellite.at(times_of(sky[1], made.epoch, times)).frame_xyz(itrs).m.T
        assert np.linalg.norm(ours[:, k] - theirs, axis=1).max() < UT1_ERROR_M


def test_czml_agrees_with_itrs(sky):
    from skyfield.framelib import itrs

    made = parse_tle(SETS, "x")
    scenario = Scenario("s", made, roles=Roles(Drawn(1), Drawn(1)))
    packets = {packet["id"]: packet for packet in scenario_packets(scenario, 3, 30)}
    position = packets["WALKER 2-0"]["position"]
    assert position["referenceFrame"] == "FIXED"
    samples = np.array(position["cartesian"]).reshape(-1, 4)
    begin = datetime.fromisoformat(position["epoch"].replace("Z", "+00:00"))
    theirs = skyfield_satellites(sky)[2].at(times_of(sky[1], begin, samples[:, 0])).frame_xyz(itrs).m.T
    assert np.linalg.norm(samples[:, 1:] - theirs, axis=1).max() < UT1_ERROR_M


def test_contacts_agree_with_skyfield(sky):
    api, ts = sky
    made = parse_tle(SETS, "x")
    stations = [GroundStation("K", 67.857, 20.964, 5.0, 400.0), GroundStation("S", -33.15, -70.67, 20.0)]
    found = contacts(made, stations, made.epoch, 0.0, 43200.0)
    begin, end = times_of(ts, made.epoch, [0.0, 43200.0])
    checked = 0
    for station in stations:
        place = api.wgs84.latlon(station.latitude_deg, station.longitude_deg, station.height_m)
        for satellite in skyfield_satellites(sky):
            times, events = satellite.find_events(place, begin, end, station.minimum_elevation_deg)
            rises = [t.utc_datetime() for t, event in zip(times, events, strict=True) if event == 0]
            ours = [c.begin_s for c in found if c.station == station.name and c.satellite == satellite.name]
            ours = [second for second in ours if second > 0.0]
            theirs = [(when - made.epoch).total_seconds() for when in rises]
            assert ours == pytest.approx(theirs, abs=1.0)
            checked += len(ours)
    assert checked > 10


def test_station_sees_what_is_overhead():
    station = GroundStation("a", 50.0, 10.0, 30.0)
    outward = np.array([np.cos(np.radians(50)) * np.cos(np.radians(10)), 0.0, np.sin(np.radians(50))])
    outward[1] = np.cos(np.radians(50)) * np.sin(np.radians(10))
    assert station.elevation_deg(station.position_m + 5e5 * outward) == pytest.approx(90.0)
    assert station.elevation_deg(-station.position_m) < -80.0
    assert station.sees(np.stack([station.position_m + 5e5 * outward, -station.position_m])).tolist() == [True, False]


def test_results_wait_for_contacts_and_continue_in_the_next_one():
    downlink = Downlink((GroundStation("a", 0.0, 0.0),), rate_bps=1e3, bits_per_frame=1e3, longest_wait_s=500.0)
    windows = ((100.0, 110.0), (200.0, 260.0))
    assert downlink.done_s(windows, 0.0, 5) == 105.0
    assert downlink.done_s(windows, 105.0, 5) == 110.0
    assert downlink.done_s(windows, 105.0, 20) == 215.0
    assert downlink.done_s(windows, 300.0, 1) is None
    assert downlink.done_s(((1000.0, 2000.0),), 0.0, 1) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("a", 91.0, 0.0), "station.latitude_deg must be"),
        (("", 0.0, 0.0), "station.name must be"),
        (("a", 0.0, 0.0, 90.0), r"station.minimum_elevation_deg must be in \[0, 90\)"),
    ],
)
def test_bad_station_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        GroundStation(*values)
