import fnmatch

import numpy as np
import pytest

from instances.catalogue import parse_tle
from instances.constellation import parse_constellation
from instances.element_set import TleError
from instances.isl import LinkRules, constellation_links, link_state
from instances.link_budget import RADIOS
from instances.series import observe
from tests.tle_of_walker import equivalent_tle

IRIDIUM = "S:780:86.4:66/6/1"
PRESET_CODES = [IRIDIUM, "D:1000:53:144/12/1", "D:550:53:198/9/4"]
HOURS_12 = np.arange(0.0, 43200.0, 300.0)
J2_ERROR_M, TWO_BODY_ERROR_M = 20e3, 450e3


@pytest.mark.parametrize("code", PRESET_CODES)
def test_walker_positions_agree_with_sgp4(code):
    """Over 12 h: 20 km with J2 (SGP4's periodic terms stay), 450 km without (all planes drift alike)."""
    expected = parse_tle(equivalent_tle(parse_constellation(code)), code).positions_m(HOURS_12)
    for j2, limit in ((True, J2_ERROR_M), (False, TWO_BODY_ERROR_M)):
        error = np.linalg.norm(parse_constellation(code, j2=j2).positions_m(HOURS_12) - expected, axis=-1)
        assert error.max() < limit


@pytest.mark.parametrize("code", PRESET_CODES)
def test_walker_link_lengths_agree_with_sgp4(code):
    """What the problem sees: over 12 h within 10 km with J2, within 200 km without (Iridium, over the poles)."""
    sky = parse_constellation(code)
    plan = constellation_links(sky)
    real, _ = link_state(parse_tle(equivalent_tle(sky), code).positions_m(HOURS_12), plan, LinkRules())
    for j2, limit in ((True, 10e3), (False, 200e3)):
        ours, _ = link_state(parse_constellation(code, j2=j2).positions_m(HOURS_12), plan, LinkRules())
        assert np.abs(ours - real).max() < limit


@pytest.mark.parametrize("code", PRESET_CODES)
def test_planes_slots_and_links_are_found_again(code):
    sky = parse_constellation(code)
    elements = parse_tle(equivalent_tle(sky), code)
    planes, slots = elements.planes_and_slots()
    truth = sky.planes_and_slots()[0]
    assert len({(a, b) for a, b in zip(planes, truth, strict=True)}) == sky.shells[0].planes
    assert len(set(zip(planes, slots, strict=True))) == sky.total
    found, wanted = (
        set(zip(plan.source.tolist(), plan.target.tolist(), plan.direction, strict=True))
        for plan in (elements.links, constellation_links(sky))
    )
    ring = {row for row in wanted if row[2] in ("fore", "aft")}
    assert {row for row in found if row[2] in ("fore", "aft")} == ring
    if code == IRIDIUM:  # one satellite per slot and adjacent planes in phase: the grid is the shortest pairing
        assert found == wanted
    for satellite in range(sky.total):
        assert sum(source == satellite for source, _, _ in found) <= 4


def test_links_of_element_sets_come_up_like_walker_links():
    elements = parse_tle(equivalent_tle(parse_constellation(IRIDIUM)), "iridium")
    ours = observe(parse_constellation(IRIDIUM), HOURS_12, LinkRules(), RADIOS["standard"])
    real = observe(elements, HOURS_12, LinkRules(), RADIOS["standard"])
    assert abs(ours.up.mean() - real.up.mean()) < 0.01


def test_two_line_sets_are_named_by_their_catalogue_number():
    lines = equivalent_tle(parse_constellation("D:1000:53:12/3/1")).splitlines()
    elements = parse_tle("\n".join(line for line in lines if not line.startswith("WALKER")), "two")
    assert elements.ids[:2] == ("00001", "00002")
    assert elements.total == 12


def test_equal_names_are_told_apart():
    text = equivalent_tle(parse_constellation("D:1000:53:4/2/1"))
    renamed = "\n".join("SAME" if line.startswith("WALKER") else line for line in text.splitlines())
    assert parse_tle(renamed, "x").ids == ("SAME", "SAME [00002]", "SAME [00003]", "SAME [00004]")
    assert fnmatch.filter(parse_tle(text, "x").ids, "WALKER 1-*") == ["WALKER 1-0", "WALKER 1-1"]


def spoil(lines, row, column, text):
    """Overwrite columns of a line and mend its check sum."""
    line = lines[row][:column] + text + lines[row][column + len(text) : 68]
    lines[row] = line + str(sum(int(c) if c.isdigit() else c == "-" for c in line) % 10)


def broken(change):
    lines = equivalent_tle(parse_constellation("D:1000:53:4/2/1")).splitlines()
    change(lines)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda lines: lines.__setitem__(4, lines[4][:60]),
            "line 5: a line .* has 69 .* this one 60",
        ),
        (lambda lines: lines.__setitem__(4, lines[4][:68] + str((int(lines[4][68]) + 1) % 10)), "line 5: check sum"),
        (lambda lines: lines.pop(5), "line 6: line 2 of an element set must start with '2 '"),
        (lambda lines: lines.pop(), "line 11: the last element set is not complete"),
        (lambda lines: lines.__setitem__(5, lines[2]), "line 6: catalogue number 00001 does not match 00002"),
        (lambda lines: lines.clear(), "no element sets"),
        (lambda lines: spoil(lines, 4, 20, "999.00000000"), "line 5: columns 21-32 must be a day of the year"),
        (lambda lines: spoil(lines, 5, 8, "  x4.0000"), "line 6: columns 9-16 hold no number"),
        (lambda lines: lines.extend(lines[:3]), "lines 3 and 15: satellite 'WALKER 0-0' .* stands twice"),
        (lambda lines: spoil(lines, 5, 8, "286.4000"), "line 6: columns 9-16 must be an inclination"),
        (lambda lines: spoil(lines, 5, 26, "00x0000"), "line 6: columns 27-33 hold no number"),
        (lambda lines: spoil(lines, 5, 52, "     nan   "), "line 6: columns 53-63 hold no number"),
        (lambda lines: spoil(lines, 5, 52, " 0.00000000"), "line 6: columns 53-63 must be a mean motion"),
        (
            lambda lines: spoil(lines, 5, 26, "9999999"),
            "line 6: columns 27-33: an eccentricity of 0.9999999 .* perigee",
        ),
        (
            lambda lines: spoil(lines, 5, 26, "3000000"),
            "line 6: columns 27-33: an eccentricity of 0.3000000 .* perigee",
        ),
        (lambda lines: spoil(lines, 5, 52, "18.00000000"), "line 6: columns .* perigee at -"),
        (lambda lines: spoil(lines, 4, 53, " 1xx45-4"), "line 5: columns 54-61 must look like"),
    ],
)
def test_broken_lines_are_named(change, message):
    with pytest.raises(TleError, match=message):
        parse_tle(broken(change), "file.tle")


def test_satellite_without_an_orbit_is_named():
    text = equivalent_tle(parse_constellation("D:200:53:4/2/1"))
    lines = text.splitlines()
    lines[1] = lines[1].replace(" 00000+0 0", " 99999+0 0", 1)
    total = sum(int(c) if c.isdigit() else c == "-" for c in lines[1][:68]) % 10
    lines[1] = lines[1][:68] + str(total)
    elements = parse_tle("\n".join(lines), "file.tle")
    with pytest.raises(TleError, match=r"1 of 4 satellites have no orbit .* WALKER 0-0 1e\+09 s after 2025"):
        elements.positions_m(np.array([0.0, 1e9]))
