"""Numbers as people write them: decimal points and commas, thousands separators, percent signs, blanks."""

import math
import numbers
import re
from collections.abc import Iterable
from typing import Any

from fitting.errors import MeasurementError

BLANKS = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "–", "—"})
"""Cells that hold no value, in lower case."""
_POINT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.A)
_COMMA = re.compile(r"[-+]?(\d+,?\d*|,\d+)([eE][-+]?\d+)?", re.A)
_GROUPED = {
    ".": re.compile(r"[-+]?[1-9]\d{0,2}([,' \u00a0\u2009\u202f]\d{3})+(\.\d*)?", re.A),
    ",": re.compile(r"[-+]?[1-9]\d{0,2}([.' \u00a0\u2009\u202f]\d{3})+(,\d*)?", re.A),
}


def is_blank(cell: Any) -> bool:
    """Tell whether a cell holds no value: empty, a word such as `nan` or `n/a`, or not a number."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in BLANKS


def number(cell: Any, decimal: str) -> float | None:
    """Return the value of a cell, of a percentage as a share; None where it is no number.

    Parameters
    ----------
    cell
        A text, or a number as it is.
    decimal
        The decimal mark, a point or a comma.
    """
    if isinstance(cell, numbers.Real) and not isinstance(cell, bool):
        return _float(cell)
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    share = text.endswith("%")
    text = text.removesuffix("%").rstrip()
    plain = _POINT if decimal == "." else _COMMA
    if not plain.fullmatch(text):
        if not _GROUPED[decimal].fullmatch(text):
            return None
        text = re.sub("[,' \u00a0\u2009\u202f]" if decimal == "." else "[.' \u00a0\u2009\u202f]", "", text)
    value = float(text.replace(",", "."))
    return value / 100 if share else value


def decimal_of(cells: Iterable[Any], sep: str, where: str) -> str:
    """Tell the decimal mark of cells.

    It is a point unless a cell can only be read with a comma. Where every cell reads either way, as 1,234 does, the
    separator decides: with semicolons it is a comma.

    Raises
    ------
    MeasurementError
        When nothing decides.
    """
    texts = [cell for cell in cells if isinstance(cell, str) and not is_blank(cell)]
    point = [number(text, ".") for text in texts]
    comma = [number(text, ",") for text in texts]
    only_point = any(p is not None and c is None for p, c in zip(point, comma, strict=True))
    only_comma = any(p is None and c is not None for p, c in zip(point, comma, strict=True))
    if only_comma != only_point:
        return "," if only_comma else "."
    differ = next((text for text, p, c in zip(texts, point, comma, strict=True) if p != c and None not in (p, c)), None)
    if differ is None or only_point:
        return "."
    if sep == ";":
        return ","
    raise MeasurementError(
        f"{where}: {differ!r} may be {number(differ, '.'):g} or {number(differ, ','):g}; say --decimal . or --decimal ,"
    )


def _float(value: numbers.Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
