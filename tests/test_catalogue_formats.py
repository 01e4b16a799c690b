"""Catalogues as they are published: OMM in three formats, Hypatia, comments, histories, decayed satellites."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest

from fitting.errors import LeosplitError
from instances import SatelliteFilter, Scenario, parse_constellation, read_links, read_tle
from instances.catalogue import parse_tle
from instances.element_set import REVOLUTIONS_PER_DAY
from tests.tle_of_walker import equivalent_tle

SETS = equivalent_tle(parse_constellation("D:700:60:12/3/1"))
DEGREES = 180.0 / np.pi


def messages(text=SETS, **changes):
    """Return the same satellites as OMM keywords."""
    return [
        {
            "OBJECT_NAME": one.name,
            "OBJECT_ID": "2025-001A",
            "EPOCH": one.epoch.replace(tzinfo=None).isoformat(),
            "MEAN_MOTION": one.motion_rad_per_min / REVOLUTIONS_PER_DAY,
            "ECCENTRICITY": one.eccentricity,
            "INCLINATION": one.inclination_rad * DEGREES,
            "RA_OF_ASC_NODE": one.node_rad * DEGREES,
            "ARG_OF_PERICENTER": one.perigee_rad * DEGREES,
            "MEAN_ANOMALY": one.anomaly_rad * DEGREES,
            "NORAD_CAT_ID": 100000 + int(one.number),
            "BSTAR": 0,
            "MEAN_MOTION_DOT": 0,
            "MEAN_MOTION_DDOT": 0,
            **changes,
        }
        for one in parse_tle(text, "x").sets
    ]


def as_csv(rows):
    return "\n".join([",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]) + "\n"


def as_xml(rows):
    meta = ("OBJECT_NAME", "OBJECT_ID")
    parts = []
    for row in rows:
        head = "".join(f"<{key}>{row[key]}</{key}>" for key in meta)
        rest = "".join(f"<{key}>{value}</{key}>" for key, value in row.items() if key not in meta)
        parts.append(f"<omm><body><segment><metadata>{head}</metadata><data>{rest}</data></segment></body></omm>")
    return f"<ndm>{''.join(parts)}</ndm>"


@pytest.mark.parametrize("write", [as_csv, as_xml, json.dumps], ids=["csv", "xml", "json"])
def test_omm_moves_like_its_two_line_sets(tmp_path, write):
    (tmp_path / "a").write_text(write(messages()))
    made, tle = read_tle(tmp_path / "a"), parse_tle(SETS, "x")
    assert made.ids == tle.ids
    assert made.sets[0].number == "100001"
    times = np.array([0.0, 3600.0])
    assert np.abs(made.positions_m(times) - tle.positions_m(times)).max() < 1.0
    assert len(made.sky.shells[0].planes) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"MEAN_MOTION": "fast"}, r"message 1: MEAN_MOTION must be a number in \[0.001, 18\], got 'fast'"),
        ({"MEAN_MOTION": None}, r"message 1: keyword MEAN_MOTION is missing"),
        ({"ECCENTRICITY": 1.5}, r"message 1: ECCENTRICITY must be"),
        ({"ECCENTRICITY": 0.5}, r"message 1: ECCENTRICITY: an eccentricity of 0.5000000 .* perigee"),
        ({"EPOCH": "2025-13-01T00:00:00"}, r"message 1: EPOCH must be a time"),
        ({"NORAD_CAT_ID": "x"}, r"message 1: NORAD_CAT_ID must be a whole number, got 'x'"),
        ({"MEAN_ELEMENT_THEORY": "DSST"}, r"message 1: MEAN_ELEMENT_THEORY must be SGP4"),
    ],
)
def test_bad_message_is_named(change, message):
    with pytest.raises(LeosplitError, match=message):
        parse_tle(json.dumps(messages(**change)), "a.json")


def test_hypatia_file_tells_its_planes():
    lines = re.sub(r"WALKER (\d)-(\d)", lambda m: f"Synthetic {4 * int(m[1]) + int(m[2])}", SETS)
    made = parse_tle("3 4\n" + lines, "tles.txt")
    assert made.planes_and_slots()[0] == [k // 4 for k in range(12)]
    assert made.warnings() == []
    short = parse_tle("34 34\n" + lines, "tles.txt")
    assert short.planes_and_slots()[0] == [0] * 12
    assert any("34 planes of 34 satellites, 1156, and holds 12" in text for text in short.warnings())


def test_links_of_ones_own(tmp_path):
    made = parse_tle(SETS, "x")
    (tmp_path / "isls.txt").write_text("0 1\n1 2\n")
    (tmp_path / "own.csv").write_text("from,to\nWALKER 0-0,WALKER 0-1\n# no more\nWALKER 0-1,WALKER 0-2\n")
    expected = (("WALKER 0-0", "WALKER 0-1"), ("WALKER 0-1", "WALKER 0-2"))
    assert read_links(tmp_path / "isls.txt", made.ids) == expected
    assert read_links(tmp_path / "own.csv", made.ids) == expected
    scenario = Scenario("own", made, links=expected)
    series = scenario.network(0)
    assert series.pairs(0) | {pair[::-1] for pair in series.pairs(0)} <= {*expected, *(p[::-1] for p in expected)}
    for text, message in (
        ("0 12\n", "line 1: satellite '12' does not exist; there are 12"),
        ("a,b\nNONE,WALKER 0-1\n", "line 2: 'NONE' is no satellite"),
        ("0 1 2\n", "line 1: two ids with a comma between"),
        ("# nothing\n", "no links"),
    ):
        (tmp_path / "bad.txt").write_text(text)
        with pytest.raises(LeosplitError, match=message):
            read_links(tmp_path / "bad.txt", made.ids)


def checked(line):
    """Mend the check sum of a line."""
    total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10
    return line[:68] + str(total)


def test_comments_headers_and_blank_check_sums_are_read():
    lines = SETS.splitlines()
    bare = [line[:68] if len(line) == 69 else line for line in lines]
    named = [f"1 {10000 + k} CUBE" if line.startswith("WALKER") else line for k, line in enumerate(lines)]
    zero = [f"0 {line}" if line.startswith("WALKER") else line for line in lines]
    for text in (["# fetched today", "", *lines], ["Catalogue of today", *lines], bare, zero):
        assert parse_tle("\n".join(text), "x").ids == parse_tle(SETS, "x").ids
    assert parse_tle("\n".join(named), "x").ids[1] == "1 10003 CUBE"


def test_all_that_is_wrong_is_named_at_once():
    lines = SETS.splitlines()
    lines[1] = lines[1].replace("  ", "\u00a0 ", 1)
    lines[7] = lines[7][:60]
    with pytest.raises(LeosplitError) as caught:
        parse_tle("\n".join(lines), "file.tle")
    text = str(caught.value)
    assert re.search(r"file.tle, line 2: column \d+ holds U\+00A0 \(no-break space\)", text)
    assert "; line 8: a line of an element set has 69 characters, this one 60" in text
    assert "\n" not in text


def history():
    """Every satellite twice, the second time a tenth of a day later."""
    lines = SETS.splitlines()
    later = [checked(line.replace("25305.00000000", "25305.10000000")) if line[:2] == "1 " else line for line in lines]
    return "\n".join([*lines, *later])


def test_newest_of_several_sets_is_taken_on_request():
    with pytest.raises(LeosplitError, match=r"lines 3 and 39: satellite 'WALKER 0-0' .* \(and 11 more\); --newest"):
        parse_tle(history(), "x")
    made = parse_tle(history(), "x", only=SatelliteFilter(newest=True))
    assert made.total == 12
    assert {one.epoch for one in made.sets} == {datetime(2025, 11, 1, 2, 24, tzinfo=UTC)}


def with_decayed(*satellites):
    """Give some satellites an orbit that decays within days and an epoch long ago."""
    lines = SETS.splitlines()
    for k in satellites:
        lines[3 * k + 1] = checked(
            lines[3 * k + 1].replace("25305.00000000", "25255.00000000")[:53] + " 50000-1 0    0"
        )
        lines[3 * k + 2] = checked(lines[3 * k + 2][:52] + "16.40000000" + lines[3 * k + 2][63:])
    return "\n".join(lines)


def test_decayed_satellites_are_named_together_or_dropped():
    with pytest.raises(LeosplitError, match=r"2 of 12 satellites have no orbit .*WALKER 0-2 .*; WALKER 1-1 "):
        parse_tle(with_decayed(2, 5), "x")
    made = parse_tle(with_decayed(2, 5), "x", only=SatelliteFilter(drop_decayed=True))
    assert made.total == 10
    assert made.dropped == ("WALKER 0-2", "WALKER 1-1")
    assert any("left out without an orbit at time 0: WALKER 0-2, WALKER 1-1" in text for text in made.warnings())


def test_time_0_is_the_latest_epoch_that_is_near_the_others():
    lines = SETS.splitlines()
    lines[1] = checked(lines[1].replace("25305.00000000", "55001.00000000"))
    text = "\n".join(lines)
    made = parse_tle(text, "x", only=SatelliteFilter(names=("WALKER 1-*",)))
    assert made.epoch == datetime(2025, 11, 1, tzinfo=UTC)
    asked = parse_tle(SETS, "x", epoch=datetime(2025, 12, 1, tzinfo=UTC))
    assert any("elements of 12 satellites are older than 14 days" in text for text in asked.warnings())
    assert "elements 30.0 to 30.0 days old" in asked.summary()


def test_exact_names_come_before_patterns():
    text = SETS.replace("WALKER 0-0", "IRIDIUM 7 [-]").replace("WALKER 0-1", "IRIDIUM 7 -")
    made = parse_tle(text, "x", only=SatelliteFilter(names=("IRIDIUM 7 [-]",)))
    assert made.names == ("IRIDIUM 7 [-]",)
    assert parse_tle(text, "x", only=SatelliteFilter(names=("IRIDIUM 7*",))).total == 2


def test_a_state_that_its_elements_do_not_allow_is_none():
    """Elements far from their epoch: SGP4 gives a state, and no error, that no orbit with this apogee has."""
    made = parse_tle(SETS, "x")
    low, high = made._radii_m
    radius = np.linalg.norm(made.positions_m(0.0), axis=1)
    assert ((low < radius) & (radius < high)).all()
    assert made._strange(0, np.array([7.7e8, 0.0, 0.0])).startswith("SGP4 puts it at 770000 km, its apogee is at")
