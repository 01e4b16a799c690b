"""The store of a sweep: one SQLite file, one row a run, written as runs end."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fitting.errors import LeosplitError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "leosplit-results 1"
_KINDS: Mapping[Any, str] = {str: "TEXT", int: "INTEGER", float: "REAL"}


class StoreError(LeosplitError):
    """A results file that is none."""


@dataclass(frozen=True)
class RunRow:
    """One run.

    Attributes
    ----------
    key
        Identity of the run; equal keys are the same run.
    study, scheme, seed, objective
        What was run.
    parameters, options, versions
        JSON objects: what the instance is made of, what the scheme was told, what it ran with.
    commit_id
        Commit of the source tree, empty for an installed package.
    instance, instance_sha256
        Name and hash of the instance, empty where it could not be made.
    tasks, satellites
        Size of the instance.
    solver, solver_version
        Who answered.
    termination
        Why the run stopped; `error` marks a failed run.
    message
        The reason of a failed or infeasible run.
    objective_s, bound_s
        Delay and proven lower bound [s], or None.
    mean_offload_ratio
        Mean of ρ_m, or None.
    build_s, solve_s, wall_s
        Time of models and tables, of the rest, and of the whole run with its instance [s].
    worker
        Where it ran.
    finished_at
        UTC time, ISO 8601.
    """

    key: str
    study: str
    scheme: str
    seed: int
    objective: str
    parameters: str
    options: str
    versions: str
    commit_id: str
    instance: str
    instance_sha256: str
    tasks: int
    satellites: int
    solver: str
    solver_version: str
    termination: str
    message: str
    objective_s: float | None
    bound_s: float | None
    mean_offload_ratio: float | None
    build_s: float
    solve_s: float
    wall_s: float
    worker: str
    finished_at: str


_NAMES = tuple(column.name for column in fields(RunRow))

_VIEW = """
CREATE VIEW IF NOT EXISTS gaps AS
WITH best AS (
    SELECT instance_sha256, objective, max(bound_s) AS bound, min(objective_s) AS value
    FROM runs WHERE instance_sha256 != '' GROUP BY instance_sha256, objective
)
SELECT runs.*,
    best.bound AS best_bound_s,
    CASE WHEN best.value - best.bound <= 1e-6 * best.bound
        THEN max((runs.objective_s - best.value) / best.value, 0.0) END AS gap_to_optimum,
    CASE WHEN best.bound > 0 THEN max((runs.objective_s - best.bound) / best.bound, 0.0) END AS gap_to_bound
FROM runs LEFT JOIN best USING (instance_sha256, objective)
"""


class Store:
    """Results of sweeps in one SQLite file.

    The file is in WAL mode, and every batch of rows is one transaction: a process that is killed loses the runs
    that had not ended, and nothing else. Gaps are no columns but a view: every run is compared with the best bound and
    the best value known for its instance, so that an exact run that ends later, or a longer one, sharpens all of them.

    Parameters
    ----------
    path
        The file; made if missing.

    Raises
    ------
    StoreError
        If the file is something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise StoreError(f"{path}: must be a file in an existing directory")
        try:
            self._connection = sqlite3.connect(self.path, timeout=60)
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{path}: not a results file: {error}") from None

    def _prepare(self) -> None:
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            columns = ", ".join(f"{column.name} {_sql_kind(column.type)}" for column in fields(RunRow))
            self._connection.execute("PRAGMA journal_mode = WAL")
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")  # sqlite3 opens no transaction for CREATE by itself
                self._connection.execute("CREATE TABLE IF NOT EXISTS about (format TEXT)")
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS runs ({columns}, PRIMARY KEY (key))")
                self._connection.execute("CREATE INDEX IF NOT EXISTS by_instance ON runs (instance_sha256, objective)")
                self._connection.execute(_VIEW)
                self._connection.execute("INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT * FROM about)", (FORMAT,))
        elif "about" not in tables or self._connection.execute("SELECT format FROM about").fetchone() != (FORMAT,):
            raise StoreError(f"{self.path}: not a results file of this version ({FORMAT})")
        self._connection.execute("PRAGMA synchronous = FULL")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def keys(self) -> set[str]:
        """Return the keys of all runs that ended, failed ones among them."""
        return {key for (key,) in self._connection.execute("SELECT key FROM runs")}

    def add(self, rows: Iterable[RunRow]) -> None:
        """Write rows in one transaction; a run that is there already stays as it is.

        Raises
        ------
        StoreError
            If they cannot be written: a full disk, another process that holds the file for a minute.
        """
        marks = ", ".join("?" * len(_NAMES))
        values = ([getattr(row, name) for name in _NAMES] for row in rows)
        with self._writing():
            self._connection.executemany(f"INSERT OR IGNORE INTO runs VALUES ({marks})", values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; what goes wrong is one line."""
        try:
            with self._connection:
                yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be written: {error}") from None

    def forget_failed(self) -> int:
        """Remove the failed runs, so that they are run again, and return how many they were."""
        with self._writing():
            return self._connection.execute("DELETE FROM runs WHERE termination = 'error'").rowcount

    def count(self) -> dict[str, int]:
        """Return the number of runs by termination."""
        return dict(self._connection.execute("SELECT termination, count(*) FROM runs GROUP BY 1 ORDER BY 1").fetchall())

    def frame(self) -> "pd.DataFrame":
        """Return all runs with their gaps; each parameter and each option is a column of its own."""
        import pandas as pd

        table = pd.read_sql_query("SELECT * FROM gaps ORDER BY study, parameters, seed, scheme", self._connection)
        extra = _unpack(table["parameters"], "parameter_")
        return pd.concat([table, extra], axis=1)


def _sql_kind(kind: Any) -> str:
    for python, name in _KINDS.items():
        if kind is python:
            return f"{name} NOT NULL"
    return "REAL"


def _unpack(column: "pd.Series", prefix: str) -> "pd.DataFrame":
    """Return the JSON objects of a column as columns; equal texts are parsed once."""
    import pandas as pd

    codes, texts = pd.factorize(column)
    parsed = pd.DataFrame([_scalars(json.loads(text)) for text in texts]).add_prefix(prefix)
    return parsed.iloc[codes].reset_index(drop=True) if len(parsed) else pd.DataFrame(index=column.index)


def _scalars(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as values that a column can hold."""
    return {
        name: value if isinstance(value, str | int | float) or value is None else _short(value)
        for name, value in parameters.items()
    }


def _short(value: Mapping[str, Any] | Sequence[Any]) -> str:
    if isinstance(value, Mapping):
        return Path(str(value.get("path", json.dumps(value)))).name
    return "x".join(str(entry) for entry in value)


def read_results(path: str | Path) -> "pd.DataFrame":
    """Return the runs of a results file with their gaps.

    Raises
    ------
    StoreError
        If the file is missing or something else.
    """
    if not Path(path).is_file():
        raise StoreError(f"{path}: no such results file")
    with Store(path) as store:
        return store.frame()
