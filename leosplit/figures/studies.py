"""The paper's Figures 3 and 4 and the delay-accuracy frontier as studies, each with the optimum or its bound."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leosplit.figures.style import COLOURS, MARKERS, new_figure
from leosplit.sweeps.study import Study
from solvers.schemes import SCHEMES

if TYPE_CHECKING:
    import pandas as pd

PAPER_REDUCTION = 0.3185
"""Largest reduction of the delay against its benchmarks that arXiv 2605.04565 reports."""

PROPOSED = "bs-marl" if "bs-marl" in SCHEMES else "bs-shortest-path"
"""The paper's scheme; with shortest paths in place of its policy where none is there."""

BENCHMARKS = ("small", "centralized", "even")
"""The schemes that the paper compares with."""

AXES: Mapping[str, tuple[str, tuple[float, ...], str]] = {
    "3": ("volume_scale", (0.25, 0.5, 1.0, 1.5, 2.0), "data volume, relative to the preset"),
    "4": (
        "computing_scale",
        (0.125, 0.25, 0.5, 1.0, 2.0),
        "capacity of the computing satellites, relative to the preset",
    ),
}
"""Axis, values and label of each study by the number of the paper's figure."""

FRONTIER_LARGE = (0.60, 0.66, 0.70, 0.73, 0.75, 0.77, 0.78)
"""Targets A^L of the frontier."""
FRONTIER_SMALL = (0.60, 0.65, 0.70, 0.75)
"""Targets A^S of the frontier."""


def figure_study(number: str, instances: Mapping[str, Any], seeds: Sequence[int], time_limit_s: float) -> Study:
    """Return the study behind Figure 3 or 4.

    Parameters
    ----------
    number
        A key of `AXES`.
    instances
        Parameters that stay the same, such as the preset.
    seeds
        Seeds of the instances.
    time_limit_s
        Limit of each exact run [s].
    """
    axis, values, _ = AXES[number]
    fixed = {name: (value,) for name, value in instances.items()}
    schemes = (*BENCHMARKS, PROPOSED, "best-response", "exact")
    options = {"time_limit_s": time_limit_s}
    return Study(f"figure-{number}", schemes, tuple(seeds), fixed | {axis: values}, options)


def frontier_study(instances: Mapping[str, Any], seeds: Sequence[int], time_limit_s: float) -> Study:
    """Return the study behind the delay-accuracy frontier; parameters as in `figure_study`."""
    fixed = {name: (value,) for name, value in instances.items()}
    grid = {"large_map_min": FRONTIER_LARGE, "small_map_min": FRONTIER_SMALL}
    return Study("frontier", ("best-response", "exact"), tuple(seeds), fixed | grid, {"time_limit_s": time_limit_s})


def reductions(frame: "pd.DataFrame", axis: str, scheme: str = PROPOSED) -> "pd.DataFrame":
    """Return how much less delay a scheme has than each benchmark, (T_benchmark - T) / T_benchmark.

    Delays are averaged over the seeds first, as the paper's curves are. Seeds that a scheme cannot decide are left
    out for that pair.

    Parameters
    ----------
    frame
        Rows of one study.
    axis
        The parameter on the abscissa.
    scheme
        The scheme that is compared.

    Returns
    -------
    DataFrame
        One row a benchmark: `least`, `mean` and `largest` over the values of the axis.
    """
    import pandas as pd

    table = frame.pivot_table(index=[f"parameter_{axis}", "seed"], columns="scheme", values="objective_s")
    rows = {}
    for name in (*BENCHMARKS, "best-response", "exact"):
        if name not in table or scheme not in table:
            continue
        pair = table[[name, scheme]].dropna().groupby(level=0).mean()
        change = (pair[name] - pair[scheme]) / pair[name]
        rows[name] = {"least": change.min(), "mean": change.mean(), "largest": change.max()}
    return pd.DataFrame.from_dict(rows, orient="index")


def draw_study(frame: "pd.DataFrame", number: str, title: str) -> Figure:
    """Draw the mean delay of each scheme against the axis of a study, with the optimum and its bound.

    Figure 4 also shows the allocation ratio, the mean of ρ over tasks and seeds.

    Parameters
    ----------
    frame
        Rows of the study.
    number
        A key of `AXES`.
    title
        Title of the figure.
    """
    axis, _, label = AXES[number]
    column = f"parameter_{axis}"
    with_ratio = number == "4"
    figure, axes = new_figure(9.6 if with_ratio else 6.8, 4.4, 2 if with_ratio else 1)
    _draw_lines(axes[0], frame, column, "objective_s")
    _draw_bound(axes[0], frame, column)
    axes[0].set(xlabel=label, ylabel="mean delay [s]", ylim=(0, None))
    axes[0].set_title(title, loc="left")
    if with_ratio:
        _draw_lines(axes[1], frame, column, "mean_offload_ratio")
        axes[1].set(xlabel=label, ylabel="allocation ratio, mean ρ", ylim=(-0.03, 1.03))
        for panel in axes:
            panel.set_xscale("log", base=2)
            panel.set_xticks(AXES[number][1], [f"{value:g}" for value in AXES[number][1]])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4 if with_ratio else 3, frameon=False)
    return figure


def _draw_lines(axes: Axes, frame: "pd.DataFrame", column: str, value: str) -> None:
    """Draw one line a scheme; a point is left out where the scheme has not decided every seed."""
    for k, scheme in enumerate(dict.fromkeys([*BENCHMARKS, PROPOSED, "best-response", "exact"])):
        means = _complete_means(frame[frame["scheme"] == scheme], column, value)
        style: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
            "ms": 4.5,
            "lw": 1.4,
        }
        if scheme == "exact":
            style |= {"color": "black", "marker": "_", "ms": 9, "ls": "--"}
        axes.plot(means.index, means.to_numpy(), label=scheme, **style)


def _complete_means(frame: "pd.DataFrame", column: str, value: str) -> "pd.Series":
    """Return the mean over the seeds at each value of a column, without the points where a seed has none."""
    groups = frame.groupby(column)[value]
    return groups.mean()[groups.count() == groups.size()].astype(float)


def _draw_bound(axes: Axes, frame: "pd.DataFrame", column: str) -> None:
    """Shade what lies below the proven bound: no scheme can be there."""
    exact = frame[frame["scheme"] == "exact"]
    bound = _complete_means(exact, column, "best_bound_s")
    axes.fill_between(
        bound.index.astype(float), bound.to_numpy(dtype=float), color="#ececec", label="below the proven bound"
    )


def draw_frontier(frame: "pd.DataFrame", title: str) -> Figure:
    """Draw the least delay against the target A^L, one line a target A^S.

    Each point is the best solution known, shaded down to the bound; it is left out where a seed has no solution.

    Parameters
    ----------
    frame
        Rows of `frontier_study`.
    title
        Title of the figure.
    """
    figure, (axes,) = new_figure(6.8, 4.4)
    keys = ["parameter_small_map_min", "parameter_large_map_min", "seed"]
    best = frame.groupby(keys)[["objective_s", "best_bound_s"]].min().reset_index()
    for k, (target, rows) in enumerate(best.groupby("parameter_small_map_min")):
        means = _complete_means(rows, "parameter_large_map_min", "objective_s")
        bounds = _complete_means(rows, "parameter_large_map_min", "best_bound_s").reindex(means.index)
        colour = COLOURS[k % len(COLOURS)]
        marker = MARKERS[k % len(MARKERS)]
        axes.plot(
            means.index, means.to_numpy(), color=colour, marker=marker, ms=4.5, lw=1.4, label=f"$A^S$ = {target:g}"
        )
        axes.fill_between(means.index.astype(float), bounds.to_numpy(), means.to_numpy(), color=colour, alpha=0.2, lw=0)
    axes.set(xlabel="target of the large model, $A^L$ [mAP]", ylabel="least mean delay [s]")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, title="shaded: between bound and best known")
    return figure
