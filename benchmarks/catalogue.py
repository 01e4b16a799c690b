"""What becomes of a real catalogue: planes, links between them, and how long the links last.

    python -m benchmarks.catalogue CATALOGUE [CATALOGUE …] [--hours 6] [--inter-shell 1] [--picture planes.png]

For each file, a row: satellites, those on station, shells, planes; the share of in-plane links that join satellites
more than 1° apart in right ascension (from positions and velocities, not from the elements that the planes are found
by); the share of on-station satellites with both in-plane links; the largest connected part, shell by shell and with
links between shells; of the links up at time 0, the share that is up at every 10 minutes of the next hours; and the
seconds for reading and planning. ``--orbit`` counts the connected parts of the largest shell in each minute of an
orbit.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from instances import RADIOS, LinkRules, SatelliteFilter, TleSet, observe, read_tle
from instances.roles import components
from leosplit.tables import render_table

HEADER = [
    *("catalogue", "satellites", "on station", "shells", "planes", "in-plane > 1°", "both in-plane", "up and both"),
    *("parts of shells", "parts with K", "stay up", "stay up, no cut-off", "seconds"),
]


def apart_deg(made: TleSet) -> np.ndarray:
    """Difference in right ascension of the ends of each in-plane link, by the normals of the orbits, degrees."""
    place = made.positions_m(np.array([-1.0, 1.0]))
    normal = np.cross(place[0], place[1])
    node = np.arctan2(normal[:, 0], -normal[:, 1])
    plan = made.links
    turn = (node[plan.source] - node[plan.target])[~plan.cross]
    return np.abs(np.degrees(np.angle(np.exp(1j * turn))))


def measure(path: Path, hours: float, inter_shell: int) -> list[str]:
    """One row of the table."""
    started = time.perf_counter()
    made = read_tle(path, only=SatelliteFilter(newest=True, drop_decayed=True))
    plan = made.links
    took = time.perf_counter() - started
    on = np.array([k not in made.sky.off_station for k in range(made.total)])
    rules = LinkRules()
    times = np.arange(0.0, hours * 3600.0 + 1.0, 600.0)
    now = observe(made, [0.0], rules, RADIOS["standard"], plan)
    inside = ~plan.cross
    planned = np.bincount(plan.source[inside], minlength=made.total)
    held = np.bincount(plan.source[inside & now.up[0]], minlength=made.total)
    parts = components(made.total, plan.source[now.up[0]], plan.target[now.up[0]])
    shells = [np.concatenate([plane.members for plane in shell.planes]) for shell in made.sky.shells]
    whole = [f"{np.bincount(parts[members]).max()}/{len(members)}" for members in shells]
    joined = "-"
    if len(np.unique(made.shell_numbers)) > 1:
        more = observe(made, [0.0], replace(rules, inter_shell_links=inter_shell), RADIOS["standard"], plan)
        both = components(made.total, more.plan.source[more.up[0]], more.plan.target[more.up[0]])
        joined = f"{np.bincount(both[on]).max()}/{on.sum()}"
    stay = []
    for cutoff in (rules.latitude_cutoff_deg, 90.0):
        up = observe(made, times, replace(rules, latitude_cutoff_deg=cutoff), RADIOS["standard"], plan).up
        stay.append(up[:, up[0]].all(axis=0).mean())
    wide = apart_deg(made) > 1.0
    return [
        *(path.stem, str(made.total), str(int(on.sum())), str(len(shells))),
        *(str(sum(len(shell.planes) for shell in made.sky.shells)), f"{wide.mean():.3%}"),
        *(f"{(planned[on] >= 2).mean():.2%}", f"{(held[on] >= 2).mean():.2%}", " ".join(whole), joined),
        *(f"{stay[0]:.2%}", f"{stay[1]:.2%}", f"{took:.2f}"),
    ]


def orbit_parts(path: Path) -> str:
    """Count the connected parts of the largest shell in each minute of an orbit."""
    made = read_tle(path, only=SatelliteFilter(newest=True, drop_decayed=True))
    members = np.flatnonzero(made.shell_numbers == 0)
    period_s = 2.0 * np.pi / made.sets[int(members[0])].motion_rad_per_min * 60.0
    series = observe(made, np.arange(0.0, period_s, 60.0), LinkRules(), RADIOS["standard"])
    counts = [
        len(np.unique(components(made.total, series.plan.source[up], series.plan.target[up])[members]))
        for up in series.up
    ]
    return f"{path.stem}: {counts.count(1)} of {len(counts)} slots of an orbit have the largest shell in one part"


def draw(path: Path, out: Path) -> None:
    """Draw right ascension against argument of latitude, coloured by plane."""
    import matplotlib.pyplot as plt

    made = read_tle(path, only=SatelliteFilter(newest=True, drop_decayed=True))
    shells = made.sky.shells[:6]
    figure, axes = plt.subplots(len(shells), 1, figsize=(12, 3.2 * len(shells)), squeeze=False)
    elements = made.elements
    for axis, shell in zip(axes.flat, shells, strict=True):
        near = np.abs(elements.semi_major_axis_m / 1e3 - 6371.0 - shell.altitude_km) < 20.0
        near &= np.abs(elements.inclination_deg - shell.inclination_deg) < 0.1
        off = np.array([k for k in made.sky.off_station if near[k]], dtype=int)
        axis.plot(elements.node_deg[off], elements.along_deg[off], "x", color="0.6", ms=4, label="off station")
        for k, plane in enumerate(shell.planes):
            axis.plot(elements.node_deg[plane.members], elements.along_deg[plane.members], ".", color=f"C{k % 10}")
        axis.set(title=shell.summary(), xlim=(0, 360), ylim=(0, 360), ylabel="argument of latitude [°]")
        axis.legend(loc="upper right")
    axes.flat[-1].set_xlabel("right ascension of the ascending node [°]")
    figure.tight_layout()
    figure.savefig(out, dpi=70)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--made-up", type=Path, help="write a made-up catalogue here, and take it too")
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--inter-shell", type=int, default=1, metavar="K")
    parser.add_argument("--orbit", action="store_true")
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    if asked.made_up is not None:
        from tests.made_up_sky import mixed_text

        asked.made_up.write_text(mixed_text())
        asked.files.append(asked.made_up)
    rows = [measure(path, asked.hours, asked.inter_shell) for path in asked.files]
    print(render_table("catalogues", HEADER, rows))
    for path in asked.files:
        if asked.orbit:
            print(orbit_parts(path))
        if asked.picture is not None:
            draw(path, asked.picture.with_stem(f"{asked.picture.stem}-{path.stem}"))


if __name__ == "__main__":
    main()
