"""Growth: time of branch and price against satellites and tasks, with the certified gap of each point.

Protocol: seed 0 throughout, one run a point after a warming solve, one thread. A point's time is that of `solve_full`,
building included, making the instance excluded; it stops at a relative gap of 1e-6 or after `LIMIT_S`. Gap =
(objective - bound) / bound. Families: Walker shells at 550 km and tori whose link rates are drawn ±30 %, with 8 tasks
and 4 computing satellites, the tori with 20 and 5 as well, on the same grids of planes and slots; the preset `shell`
with 5 computing satellites and a growing number of tasks.

    python -m benchmarks.exact growth [DIR]    (growth.png and growth.svg in DIR, `results` by default)
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fitting.source_tree import commit
from instances import Instance, generate_torus, make_preset
from leosplit.figures.style import COLOURS, GREY, MARKERS, new_figure, save
from solvers.exact import solve_full

SEED = 0
LIMIT_S = 30.0
GAP = 1e-6
GRIDS = ((6, 11), (12, 12), (18, 18), (24, 30), (72, 22), (72, 44), (100, 60))
"""Planes and satellites a plane."""
TASKS = (2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Point:
    """One solved instance: `size` counts satellites or tasks."""

    family: str
    size: int
    seconds: float
    gap: float
    termination: str


def _shell(planes: int, slots: int) -> Instance:
    phasing = 39 if planes == 72 else 1  # Starlink's shell 1 and its double keep that shell's phasing
    code = f"D:550:53:{planes * slots}/{planes}/{phasing}"
    return make_preset("shell", seed=SEED, tasks=8, computing=4, constellation=code)


def _torus(planes: int, slots: int) -> Instance:
    return generate_torus(planes, slots, tasks=8, computing=4, seed=SEED)


def _busy_torus(planes: int, slots: int) -> Instance:
    return generate_torus(planes, slots, tasks=20, computing=5, seed=SEED)


BY_SATELLITES: dict[str, Callable[[int, int], Instance]] = {
    "Walker shells, 8 tasks": _shell,
    "tori, rates ±30 %, 8 tasks": _torus,
    "tori, rates ±30 %, 20 tasks": _busy_torus,
}
BY_TASKS = "`shell`, 1 584 satellites"


def measure(family: str, size: int, instance: Instance) -> Point:
    """Solve one instance and print its row of the table."""
    started = time.perf_counter()
    result = solve_full(instance, time_limit=LIMIT_S, mip_gap=GAP, seed=SEED)
    seconds = time.perf_counter() - started
    gap = float("inf") if result.gap is None else result.gap
    print(f"| {family} | {size} | {seconds:.2f} | {100 * gap:.5f} | {result.termination} |", flush=True)
    return Point(family, size, seconds, gap, result.termination)


def measure_all() -> list[Point]:
    """Solve every point, the table going to stdout."""
    solve_full(generate_torus(4, 4, seed=SEED))
    print("| family | size | s | certified gap % | termination |\n|---|---:|---:|---:|---|")
    points = [
        measure(name, planes * slots, make(planes, slots))
        for name, make in BY_SATELLITES.items()
        for planes, slots in GRIDS
    ]
    return points + [measure(BY_TASKS, tasks, make_preset("shell", seed=SEED, tasks=tasks)) for tasks in TASKS]


def _curve(times: Axes, gaps: Axes, points: list[Point], index: int) -> None:
    """Draw one family: proven points filled, stopped ones hollow."""
    colour, marker = COLOURS[index], MARKERS[index]
    sizes = [p.size for p in points]
    for axes, values in ((times, [p.seconds for p in points]), (gaps, [100 * max(p.gap, GAP) for p in points])):
        axes.plot(sizes, values, color=colour, linewidth=1.4, label=points[0].family.replace("`", ""))
        for point, value in zip(points, values, strict=True):
            filled = colour if point.gap <= GAP else "white"
            axes.plot(point.size, value, marker, color=colour, markerfacecolor=filled, clip_on=False)


def draw(points: list[Point]) -> Figure:
    """Draw time above and certified gap below, against satellites on the left and tasks on the right."""
    figure, axes = new_figure(8.4, 5.4, columns=2, rows=2)
    families = list(dict.fromkeys(p.family for p in points))
    for index, family in enumerate(families):
        column = int(family == BY_TASKS)
        _curve(axes[column], axes[2 + column], [p for p in points if p.family == family], index)
    seconds = [p.seconds for p in points]
    shown = [100 * max(p.gap, GAP) for p in points]
    for column, ticks in ((0, [planes * slots for planes, slots in GRIDS]), (1, list(TASKS))):
        above, below = axes[column], axes[2 + column]
        above.set(ylim=(0.15 * min(seconds), 2 * max(*seconds, LIMIT_S)), yscale="log")
        below.set(ylim=(50 * GAP, 3 * max(shown)), yscale="log", xscale="log")
        below.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
        below.set_xticks([], minor=True)
        for panel, level, words in ((above, LIMIT_S, f"limit, {LIMIT_S:g} s"), (below, 100 * GAP, "proven")):
            panel.axhline(level, color=GREY, linestyle="--", linewidth=1, zorder=0)
            panel.annotate(
                words, (0.01, level), xycoords=("axes fraction", "data"), xytext=(0, 5),
                textcoords="offset points", color=GREY,
            )  # fmt: skip
        below.set_xlabel(("satellites", "tasks")[column])
    axes[0].set_ylabel("time [s]")
    axes[2].set_ylabel("certified gap [%]")
    axes[0].set_title("constellations and tori", loc="left")
    axes[1].set_title("shell: 1 584 satellites, 5 computing", loc="left")
    axes[0].legend(loc="lower right", frameon=False)
    hollow = Line2D([], [], linestyle="", marker="o", color=GREY, markerfacecolor="white", label="stopped at the limit")
    axes[2].legend(handles=[hollow], loc="upper left", frameon=False)
    return figure


def main(directory: str = "results") -> None:
    """Measure, print the table and write the figure."""
    print(f"commit {commit()}, {platform.processor() or platform.machine()}, seed {SEED}, limit {LIMIT_S:g} s\n")
    for path in save(draw(measure_all()), Path(directory) / "growth"):
        print(path)
