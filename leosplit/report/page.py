"""The page of a report: every text is escaped by the template, and nothing is fetched from anywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from fitting.whole_file import write_text
from leosplit import __version__
from leosplit.report.charts import axis_chart, gap_chart, profile_chart, to_svg
from leosplit.report.numbers import ReportNumbers, read_runs, report_numbers
from leosplit.report.statistics import Interval
from leosplit.tables import percent, seconds

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).parent.parent / "data" / "report.html.j2"
MAX_ROWS = 500
"""Runs that the page lists; the results file has all of them."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, and the value that it sorts by."""

    text: str
    value: float | str


@dataclass(frozen=True)
class Table:
    """A sortable table.

    Attributes
    ----------
    title, note
        What stands above and below it.
    header
        Names of the columns.
    rows
        Cells, one tuple a row.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def write_report(results: str | Path, out: str | Path) -> ReportNumbers:
    """Write the report of a results file as one self-contained HTML page, and return its numbers.

    Parameters
    ----------
    results
        Results file of `leosplit sweep`.
    out
        The page.

    Raises
    ------
    LeosplitError
        If the results file is missing, empty or something else.
    OSError
        If the page cannot be written.
    """
    frame = read_runs(results)
    numbers = report_numbers(frame)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=", ".join(numbers.studies),
        facts=_facts(numbers, Path(results)),
        figures=_figures(frame),
        tables=[_summary(numbers), *_failures(numbers)],
        runs=_runs(frame),
        remake=_remake(frame, numbers, Path(results), Path(out)),
    )
    write_text(out, page)
    return numbers


def _facts(numbers: ReportNumbers, results: Path) -> list[tuple[str, str]]:
    """Return what the page says first."""
    ends = ", ".join(f"{count} {name}" for name, count in numbers.runs.items())
    return [
        ("results", results.name),
        ("runs", f"{sum(numbers.runs.values())} ({ends})"),
        ("instances", f"{numbers.instances}, optimum proven for {numbers.proven}"),
        ("finished", f"{numbers.first_finished} to {numbers.last_finished}"),
        *(("observation", note) for note in numbers.observations),
    ]


def _figures(frame: "pd.DataFrame") -> list[tuple[str, Markup]]:
    """Return captions and drawings."""
    made: list[tuple[str, Any]] = []
    if frame["gap_to_bound"].notna().any():
        made.append(("Gaps: solid to proven optima, dashed to bounds where no optimum is proven.", gap_chart(frame)))
    if frame["objective_s"].notna().any():
        made.append(
            (
                "Performance profile (Dolan and Moré): how often a scheme is within a factor of the best.",
                profile_chart(frame),
            )
        )
    for column in frame.columns[frame.columns.str.startswith("parameter_")]:
        values = frame[column].dropna()
        if values.nunique() > 1 and values.dtype.kind in "if":
            made.append((f"Mean delay against {column.removeprefix('parameter_')}.", axis_chart(frame, column)))
    return [(caption, Markup(to_svg(figure, escape(caption, quote=True)))) for caption, figure in made]


def _gap(interval: Interval | None) -> Cell:
    if interval is None:
        return Cell("–", float("inf"))
    ends = f" [{percent(interval.low)}, {percent(interval.high)}]" if interval.count > 1 else ""
    return Cell(f"{percent(interval.mean)}{ends}, n = {interval.count}", interval.mean)


def _summary(numbers: ReportNumbers) -> Table:
    """Return the gaps of each scheme."""
    rows = tuple(
        (
            Cell(one.study, one.study),
            Cell(one.scheme, one.scheme),
            Cell(str(one.runs), one.runs),
            Cell(str(one.undecided), one.undecided),
            _gap(one.gap_to_optimum),
            _number(one.worst_gap_to_optimum, percent),
            _gap(one.gap_to_bound),
            _number(one.mean_delay_s, seconds),
            _number(one.decision_s, lambda value: f"{value:.3g} s"),
        )
        for one in numbers.schemes
    )
    header = (
        "study",
        "scheme",
        "runs",
        "undecided",
        "mean gap to optimum",
        "worst",
        "mean gap to bound where unproven",
    )
    note = "Intervals: 95 %, percentile bootstrap over instances, 1000 resamples, seed 0. The two gaps are never mixed."
    return Table("Schemes", (*header, "mean delay", "median decision time"), rows, note)


def _number(value: float | None, form: Callable[[float], str]) -> Cell:
    return Cell("–", float("inf")) if value is None or value != value else Cell(form(value), value)


def _failures(numbers: ReportNumbers) -> list[Table]:
    """Return the runs that failed, by reason."""
    if not numbers.failed:
        return []
    rows = tuple(
        (Cell(one.scheme, one.scheme), Cell(one.reason, one.reason), Cell(str(one.runs), one.runs))
        for one in numbers.failed
    )
    return [
        Table("Failed runs", ("scheme", "reason", "runs"), rows, "`leosplit sweep --retry-failed` runs them again.")
    ]


def _runs(frame: "pd.DataFrame") -> Table:
    """Return the runs one by one, as far as a page can hold them."""
    columns: list[tuple[str, str, Callable[[Any], str]]] = [
        ("instance", "instance", str),
        ("scheme", "scheme", str),
        ("seed", "seed", str),
        ("termination", "termination", str),
        ("delay", "objective_s", seconds),
        ("bound", "best_bound_s", seconds),
        ("gap to optimum", "gap_to_optimum", percent),
        ("gap to bound", "gap_to_bound", percent),
        ("wall time", "wall_s", seconds),
    ]
    shown = frame.head(MAX_ROWS)
    rows = tuple(
        tuple(
            Cell(form(value), float("inf") if value != value else value)
            for (_, _, form), value in zip(columns, row, strict=True)
        )
        for row in shown[[name for _, name, _ in columns]].itertuples(index=False)
    )
    note = f"The first {MAX_ROWS} of {len(frame)} runs; the results file has all." if len(frame) > MAX_ROWS else ""
    return Table("Runs", tuple(title for title, _, _ in columns), rows, note)


def _remake(frame: "pd.DataFrame", numbers: ReportNumbers, results: Path, out: Path) -> str:
    """Return the commands and versions to make the page again."""
    lines = [f"leosplit sweep STUDY.toml -o {results.name}", f"leosplit report {results.name} -o {out.name}", ""]
    lines += [f"report written by leosplit {__version__}"]
    for made in numbers.made_with:
        words = ", ".join(f"{name} {version}" for name, version in made.items() if name != "commit")
        lines.append(f"runs at commit {made['commit'] or 'of an installed package'}: {words}")
    for options in frame["options"].unique():
        lines.append(f"options: {options}")
    for study, own in frame.groupby("study", sort=False):
        names = own["scheme"].unique()
        lines.append(f"study {study}: schemes {', '.join(names)}; seeds {_span(own['seed'].unique())}")
        lines += [f"  instances: {parameters}" for parameters in own["parameters"].unique()[:20]]
    return "\n".join(lines)


def _span(seeds: "Any") -> str:
    """Return seeds as text, runs of them as first to last."""
    ordered = sorted(int(seed) for seed in seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(map(str, ordered))
