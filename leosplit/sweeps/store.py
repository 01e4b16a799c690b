"""The store of a sweep: one SQLite file, one row a run, written as runs end."""

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from leosplit.sweeps.frame import GAPS, StoreError, read_frame
from leosplit.sweeps.row import SQL_KINDS, RunRow

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "leosplit-results 1"
_NAMES = tuple(column.name for column in fields(RunRow))


SYSTEM_ERRORS = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
)  # fmt: skip
"""What may keep any file from being opened, whatever is in it."""


class Store:
    """Results of sweeps in one SQLite file.

    The file is in WAL mode, and every batch of rows is one transaction: a process that is killed loses the runs
    that had not ended, and nothing else. Gaps are no columns but computed on reading: every run is compared with the
    best bound and the best value known for its instance, so that an exact run that ends later, or a longer one,
    sharpens all of them.

    Parameters
    ----------
    path
        The file; made if missing, unless it is only read.
    read_only
        Change nothing: the file may lie on a medium that cannot be written.

    Raises
    ------
    StoreError
        If the file is something else.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._temporary = ExitStack()
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise StoreError(f"{path}: must be a file in an existing directory")
        if self.path.exists() and not self.path.is_file():
            raise StoreError(f"{path}: must be a regular file, this is a device or a pipe")
        try:
            if read_only:
                self._connection = self._open_to_read()
            else:
                self._connection = sqlite3.connect(self.path, timeout=60)
                self._prepare()
        except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
            system = getattr(error, "sqlite_errorcode", 0) & 0xFF in SYSTEM_ERRORS
            raise StoreError(f"{path}: {'cannot be opened' if system else 'not a results file'}: {error}") from None

    def _open_to_read(self) -> sqlite3.Connection:
        """Open the file without changing it.

        A file in WAL mode needs a writable directory beside it. Elsewhere it is read as it is or, where rows wait in
        its log, from a copy.
        """
        address = self.path.absolute().as_uri()
        try:
            connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=60)
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:
                directory = Path(self._temporary.enter_context(tempfile.TemporaryDirectory()))
                for file in (self.path, log):
                    shutil.copyfile(file, directory / file.name)
                connection = sqlite3.connect(directory / self.path.name)
            else:
                connection = sqlite3.connect(f"{address}?immutable=1", uri=True)
        self._connection = connection
        self._require_format()
        return connection

    def _prepare(self) -> None:
        if not self._connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]:
            columns = ", ".join(f"{column.name} {SQL_KINDS.get(column.type, 'REAL')}" for column in fields(RunRow))
            self._connection.execute("PRAGMA journal_mode = WAL")
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")  # sqlite3 opens no transaction for CREATE by itself
                self._connection.execute("CREATE TABLE IF NOT EXISTS about (format TEXT)")
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS runs ({columns}, PRIMARY KEY (key))")
                self._connection.execute("CREATE INDEX IF NOT EXISTS by_instance ON runs (instance_sha256, objective)")
                self._connection.execute(f"CREATE VIEW IF NOT EXISTS gaps AS {GAPS}")
                self._connection.execute("INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT * FROM about)", (FORMAT,))
        self._require_format()
        self._connection.execute("PRAGMA synchronous = FULL")

    def _require_format(self) -> None:
        """Refuse a database with other tables, or one whose pages are damaged."""
        self._connection.execute("PRAGMA trusted_schema = OFF")
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = tuple(row[1] for row in self._connection.execute("PRAGMA table_info(runs)"))
        if (
            not {"about", "runs"} <= tables
            or columns != _NAMES
            or self._connection.execute("SELECT format FROM about").fetchone() != (FORMAT,)
        ):
            raise StoreError(f"{self.path}: not a results file of this version ({FORMAT})")
        (state,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise StoreError(f"{self.path}: the file is damaged: {' '.join(state.split())}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._temporary.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other sweeps from writing to the file, which would do the same runs a second time.

        A lock on a file beside it; it ends with the process, however that ends.

        Raises
        ------
        StoreError
            If a sweep is writing.
        """
        beside = self.path.with_name(f"{self.path.name}-sweep")
        while True:
            with beside.open("a+", encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    file.seek(0)
                    number = file.read(20).strip()
                    raise StoreError(
                        f"{self.path}: another sweep{f' (process {number})' * number.isdigit()} is writing to it; "
                        "wait until it ends or choose another results file"
                    ) from None
                if not beside.exists() or not os.path.samestat(os.fstat(file.fileno()), beside.stat()):
                    continue  # the one before has just removed it
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                try:
                    yield
                finally:
                    beside.unlink(missing_ok=True)
                return

    def keys(self) -> set[str]:
        """Return the keys of all runs that ended, failed ones among them."""
        with self._reading():
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

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Read; what goes wrong is one line."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from None

    def forget_failed(self) -> int:
        """Remove the failed runs, so that they are run again, and return how many they were."""
        with self._writing():
            return self._connection.execute("DELETE FROM runs WHERE termination = 'error'").rowcount

    def count(self) -> dict[str, int]:
        """Return the number of runs by termination."""
        with self._reading():
            counts = self._connection.execute("SELECT termination, count(*) FROM runs GROUP BY 1 ORDER BY 1")
            return dict(counts.fetchall())

    def frame(self) -> "pd.DataFrame":
        """Return all runs with their gaps; each parameter is a column of its own."""
        return read_frame(self._connection, self.path)


def read_results(path: str | Path) -> "pd.DataFrame":
    """Return the runs of a results file with their gaps.

    Raises
    ------
    StoreError
        If the file is missing or something else.
    """
    if not Path(path).is_file():
        raise StoreError(f"{path}: no such results file")
    with Store(path, read_only=True) as store:
        return store.frame()
