"""Tables as text."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from solvers.gaps import GapRow
    from solvers.result import Result

_ZERO_GAP = 5e-7


def seconds(value: float | None) -> str:
    """Return a delay for a table: six digits and the unit, or a dash."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.6g} s"


def percent(value: float | None) -> str:
    """Return a gap for a table in percent, or a dash; what is below the proofs' own tolerance is 0."""
    if value is None or not math.isfinite(value):
        return "–"
    return "0 %" if abs(value) < _ZERO_GAP else f"{100 * value:.3g} %"


def printable(text: str, keep: str = "") -> str:
    """Return a text in which escapes stand for what would steer a terminal or vanish in a figure.

    Parameters
    ----------
    text
        Any text, names of others among them.
    keep
        Characters to leave as they are.
    """
    if text.isprintable():
        return text
    shown = (c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(shown)


def render_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return a table as text, first column left, the others right.

    Parameters
    ----------
    title : str
        Line above the table.
    header, rows : sequences of str
        Cells, one row each.
    width : int, optional
        Characters a line; by default as wide as the table needs.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, name in enumerate(header):
        table.add_column(Text(printable(name)), justify="left" if column == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(width=width or 400, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    lines = [printable(title), *(line.rstrip() for line in capture.get().splitlines())]
    return "\n".join(lines).rstrip() + "\n"


def observation_note(schemes: "Sequence[str]", policy: "Path | None" = None) -> list[str]:
    """Return a line a kind of observation that says which schemes' policies have it; none where no policy decides."""
    from solvers.marl.schemes import observations

    seen = observations(dict.fromkeys(schemes), policy)
    words = {
        "planned": "planned (needs a shared plan, not decentralised)",
        "lookahead": "lookahead (needs a shared plan, not decentralised)",
        "local": "local (the paper's)",
    }
    lines = []
    for kind, text in words.items():
        names = [name for name, observation in seen.items() if observation == kind]
        if names:
            lines.append(f" observation {text}: {', '.join(names)}")
    return lines


def gap_table(
    rows: "Sequence[GapRow]", results: "Mapping[str, Result]", mip_gap: float, policy: "Path | None" = None
) -> str:
    """Return the gaps on one instance as a table, with what the policies behind it observe."""
    from solvers.gaps import is_proven

    exact = results["exact"]
    if exact.objective_s is None:
        title = f"{rows[0].instance}: {exact.termination}, bound {seconds(exact.bound_s)}"
    elif is_proven(exact, mip_gap):
        title = f"{rows[0].instance}: optimum {seconds(exact.objective_s)}, proven (bound {seconds(exact.bound_s)})"
    else:
        title = f"{rows[0].instance}: best {seconds(exact.objective_s)}, not proven (bound {seconds(exact.bound_s)})"
    header = ["scheme", "delay", "gap to optimum", "gap to bound", "decided in", "termination"]
    cells = [
        [
            row.scheme,
            seconds(row.objective_s),
            percent(row.gap_to_optimum),
            percent(row.gap_to_bound),
            f"{row.decision_s:.3f} s",
            row.termination.value,
        ]
        for row in rows
    ]
    notes = [f" {name}: {result.message}" for name, result in results.items() if result.message]
    return "\n".join([render_table(title, header, cells), *observation_note(list(results), policy), *notes])


def gap_summary(rows: "Sequence[GapRow]", policy: "Path | None" = None) -> str:
    """Return the mean gaps over the instances as a table, with what the policies behind it observe."""
    from solvers.gaps import mean_gaps

    header = ["scheme", "mean gap to optimum", "over", "mean gap to bound where unproven", "over", "infeasible"]
    cells = [
        [
            mean.scheme,
            percent(mean.to_optimum),
            str(mean.proven),
            percent(mean.to_bound),
            str(mean.unproven),
            str(mean.infeasible),
        ]
        for mean in mean_gaps(rows)
    ]
    notes = observation_note([row.scheme for row in rows], policy)
    return "\n".join([render_table("All instances", header, cells), *_statistics(rows), *notes])


def _statistics(rows: "Sequence[GapRow]") -> list[str]:
    """Return one table a kind of gap, where there is more than one instance."""
    from solvers.gap_statistics import gap_statistics

    if len({row.instance for row in rows}) < 2:
        return []
    header = ["scheme", "over", "mean", "IQM", "95 % interval", "worst", "solved", "median time"]
    entries, tables = gap_statistics(rows), []
    for base, words in (("optimum", "proven optimum"), ("bound", "bound"), ("best_known", "best delay of this table")):
        cells = [
            [
                entry.scheme,
                str(entry.count),
                percent(entry.mean),
                percent(entry.iqm),
                f"{percent(entry.iqm_low)} – {percent(entry.iqm_high)}",
                percent(entry.worst),
                f"{100 * entry.solved:.0f} %",
                f"{entry.decision_s:.3f} s",
            ]
            for entry in entries
            if entry.base == base
        ]
        if cells:
            tables.append(render_table(f"Gap to the {words}", header, cells))
    return tables
