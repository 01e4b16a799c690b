"""What all figures share: colours that the colour-blind can tell apart, fonts, the way they are written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from fitting.whole_file import whole_file
from leosplit.tables import printable

# Okabe and Ito, "Color Universal Design", 2008, without yellow, which vanishes on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
GREY = "#8a8a8a"

_STYLE: Any = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "leosplit",
}


def new_figure(
    width_in: float = 6.4, height_in: float = 4.0, columns: int = 1, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return a figure in the common style and its axes, row by row; those of a column share the horizontal axis.

    No window system and no pyplot state is involved: figures can be made in worker processes.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex="col").ravel()
    return figure, list(axes)


def literal(text: str) -> str:
    """Return a name for a figure: shown as it is, with escapes for control characters and without mathematics."""
    return printable(text).replace("$", r"\$")


def clean_texts(figure: Figure) -> None:
    """Replace control characters in every text of a figure by escapes; in SVG they would be no XML."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and not text.get_text().isprintable():
            text.set_text(printable(text.get_text(), keep="\n"))


def save(figure: Figure, path: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write a figure in each format and return the files.

    Parameters
    ----------
    figure
        The figure.
    path
        File name; its suffix is replaced by each format's.
    formats
        Formats that matplotlib knows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clean_texts(figure)
    written = []
    for name in formats:
        target = path.with_suffix(f".{name}")
        with mpl.rc_context(_STYLE), whole_file(target) as file:
            figure.savefig(file, format=name, dpi=160, metadata={"Date": None} if name == "svg" else None)
        written.append(target)
    return written
