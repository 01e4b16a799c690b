"""A linear program that grows inside HiGHS."""

import highspy
import numpy as np

from solvers.backends.highs import load
from solvers.backends.program import Limits, Program

INF = highspy.kHighsInf


class IncrementalLp:
    """Rows and columns that wait to be added; an entry goes with whichever of the two is new."""

    def __init__(self, limits: Limits) -> None:
        nothing, none = np.zeros(0), np.zeros((0, 0))
        self.h = load(Program(nothing, nothing, nothing, nothing.astype(bool), none, nothing, nothing), limits)
        self.rows = self.columns = 0
        self._rows: list[tuple[float, float, list[tuple[int, float]]]] = []
        self._columns: list[tuple[float, float, list[tuple[int, float]]]] = []

    def row(self, low: float, high: float) -> int:
        """Add a row, and return its position."""
        self._rows.append((low, high, []))
        return self.rows + len(self._rows) - 1

    def column(self, cost: float, upper: float = INF) -> int:
        """Add a column, and return its position."""
        self._columns.append((cost, upper, []))
        return self.columns + len(self._columns) - 1

    def put(self, row: int, column: int, value: float) -> None:
        """Set an entry of a new row or column."""
        if column >= self.columns:
            self._columns[column - self.columns][2].append((row, value))
        else:
            self._rows[row - self.rows][2].append((column, value))

    def flush(self) -> None:
        """Hand over what waits: rows first, since new columns may refer to them."""
        for waiting, columns in ((self._rows, False), (self._columns, True)):
            if not waiting:
                continue
            one, two = (np.array([item[i] for item in waiting], dtype=float) for i in (0, 1))
            counts = [len(item[2]) for item in waiting]
            starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)
            index = np.array([i for item in waiting for i, _ in item[2]], dtype=np.int32)
            value = np.array([v for item in waiting for _, v in item[2]], dtype=float)
            n, size = len(waiting), len(index)
            if columns:
                self.h.addCols(n, one, np.zeros(n), two, size, starts, index, value)
            else:
                self.h.addRows(n, one, two, size, starts, index, value)
        self.rows, self.columns = self.rows + len(self._rows), self.columns + len(self._columns)
        self._rows, self._columns = [], []
