"""The trace of a solve as a CSV file: bound and incumbent against time, and where they came from."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leosplit.csv_file import write_rows

if TYPE_CHECKING:
    from solvers.result import Result


@dataclass(frozen=True)
class TraceRow:
    """One state of a run.

    Attributes
    ----------
    elapsed_s
        Since the start [s].
    phase, kind, source
        What was being done; `incumbent` or `bound`, whichever changed; and what found it.
    incumbent_s, bound_s
        Best objective and best bound [s], or None.
    """

    elapsed_s: float
    phase: str
    kind: str
    source: str
    incumbent_s: float | None
    bound_s: float | None


def write_trace(path: Path, result: "Result") -> None:
    """Write the trace of a result, one row for every change of incumbent or bound."""
    write_rows(path, TraceRow, [_row(record) for record in result.trace])


def _row(record: dict[str, Any]) -> TraceRow:
    def finite(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    return TraceRow(
        elapsed_s=record["elapsed_s"],
        phase=record["phase"],
        kind=record["kind"],
        source=record["source"],
        incumbent_s=finite(record["incumbent_s"]),
        bound_s=finite(record["bound_s"]),
    )
