"""Orbits: 1 584 satellites over 720 slots: positions, links and rates, best of three on one core, beside SGP4.

Each measurement runs in a process of its own that is bound to one core, so that the memory is its own too. Ours is
`Scenario.network` over the whole span of ``D:550:53:1584/72/39`` with the presets' rules and radio. The alternative
takes the positions of the same satellites from SGP4 (`TleSet`, the compiled `SatrecArray` of sgp4) and does the rest
alike; another one makes each position by a plain Python formula and is timed over 4 slots, scaled to 720.

    python -m benchmarks orbits
"""

import json
import math
import os
import platform
import resource
import subprocess
import sys
import time

import numpy as np

CODE = "D:550:53:1584/72/39"
SLOTS = 720
REPEATS = 3
PLAIN_SLOTS = 4


def walker() -> float:
    """Seconds of ours."""
    from instances import Scenario, parse_constellation

    scenario = Scenario("shell", parse_constellation(CODE))
    start = time.perf_counter()
    series = scenario.network(np.arange(SLOTS))
    seconds = time.perf_counter() - start
    assert series.rate_bps.shape == (SLOTS, 6336)
    assert series.up.any()
    return seconds


def sgp4() -> float:
    """Seconds with the positions of SGP4."""
    from instances import Scenario, parse_constellation
    from instances.catalogue import parse_tle
    from tests.tle_of_walker import equivalent_tle

    scenario = Scenario("tle", parse_tle(equivalent_tle(parse_constellation(CODE)), CODE))
    scenario.network(0)  # the planes and the pairing of neighbours are found once
    start = time.perf_counter()
    scenario.network(np.arange(SLOTS))
    return time.perf_counter() - start


def plain() -> float:
    """Seconds of loops in plain Python, scaled from a few slots."""
    from instances import LinkRules, Scenario, constellation_links, parse_constellation
    from instances.constellation import EARTH_RADIUS_M

    sky = parse_constellation(CODE)
    shell, rules, radio = sky.shells[0], LinkRules(), Scenario("shell", sky).technology
    plan = constellation_links(sky)
    ends = list(zip(plan.source.tolist(), plan.target.tolist(), strict=True))
    tilt, radius, motion = math.radians(shell.inclination_deg), shell.semi_major_axis_m, shell.mean_motion_rad_s
    start = time.perf_counter()
    for slot in range(PLAIN_SLOTS):
        place = []
        for k in range(shell.total):
            plane, seat = divmod(k, shell.per_plane)
            phase = 2 * math.pi * (seat / shell.per_plane + shell.phasing * plane / shell.total) + motion * 60.0 * slot
            node = 2 * math.pi * plane / shell.planes
            x, y = radius * math.cos(phase), radius * math.sin(phase) * math.cos(tilt)
            z = radius * math.sin(phase) * math.sin(tilt)
            turned = (x * math.cos(node) - y * math.sin(node), x * math.sin(node) + y * math.cos(node))
            place.append((*turned, z))
        for a, b in ends:
            chord = math.dist(place[a], place[b])
            clear = radius**2 - chord**2 / 4 >= (EARTH_RADIUS_M + rules.clearance_m) ** 2
            if clear:
                float(radio.rate_bps(chord))
    return (time.perf_counter() - start) * SLOTS / PLAIN_SLOTS


MEASURED = {"walker": walker, "sgp4": sgp4, "plain": plain}


def _child(name: str) -> None:
    """Measure one in this process, and print its seconds and peak memory."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds = MEASURED[name]()
    print(json.dumps({"seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _measure(name: str) -> tuple[float, float]:
    """Best seconds and largest peak memory, MiB, of three processes."""
    runs = []
    for _ in range(REPEATS):
        command = [sys.executable, "-c", f"from benchmarks.orbits import _child; _child({name!r})"]
        runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return min(run["seconds"] for run in runs), max(run["mib"] for run in runs)


def main() -> None:
    print(
        f"{CODE}, {SLOTS} slots; {platform.machine()}, Python {platform.python_version()}, best of {REPEATS}, one core"
    )
    labels = {"walker": "Walker, ours", "sgp4": "SGP4 positions", "plain": "plain Python (scaled)"}
    measured = {name: _measure(name) for name in labels}
    for name, (seconds, mib) in measured.items():
        ratio = seconds / measured["walker"][0]
        print(f"{labels[name]:24} {seconds:8.2f} s  {ratio:7.1f} × ours  {mib:6.0f} MiB")


if __name__ == "__main__":
    main()
