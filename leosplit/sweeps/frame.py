"""The runs of a results file as a table: every value is checked, for another program may have written it."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitting.checks import Checks, short
from fitting.errors import LeosplitError
from fitting.jsonfile import JsonError, parse_json
from leosplit.sweeps.row import SQL_KINDS, RunRow
from solvers.result import BOUND_TOLERANCE, CONTRADICTION, Termination

if TYPE_CHECKING:
    import pandas as pd


class StoreError(LeosplitError):
    """A file that is not a leosplit results file, or one that cannot be read or written."""


GAPS = """
WITH best AS (
    SELECT instance_sha256, objective, max(bound_s) AS bound, min(objective_s) AS value
    FROM runs WHERE instance_sha256 != '' GROUP BY instance_sha256, objective
)
SELECT runs.*,
    best.bound AS best_bound_s,
    CASE WHEN abs(best.value - best.bound) <= 1e-6 * best.bound
        THEN max((runs.objective_s - best.value) / best.value, 0.0) END AS gap_to_optimum,
    CASE WHEN best.bound > 0 AND best.value >= best.bound * (1 - 1e-6)
        THEN max((runs.objective_s - best.bound) / best.bound, 0.0) END AS gap_to_bound
FROM runs LEFT JOIN best USING (instance_sha256, objective)
"""
_CHECKS = Checks(StoreError)
_TYPES: Mapping[str, tuple[str, ...]] = {"TEXT": ("text",), "INTEGER": ("integer",), "REAL": ("real", "null")}


def read_frame(connection: sqlite3.Connection, path: Path) -> "pd.DataFrame":
    """Return all runs with their gaps; each parameter is a column of its own.

    Parameters
    ----------
    connection
        An open results file.
    path
        Its name, for messages.

    Raises
    ------
    StoreError
        If a value is not what its column holds.
    """
    import pandas as pd

    try:
        _require_types(connection)
        cursor = connection.execute(f"SELECT * FROM ({GAPS}) ORDER BY study, parameters, seed, scheme")
        names = [column[0] for column in cursor.description]
        table = pd.DataFrame.from_records(cursor.fetchall(), columns=names, coerce_float=True)
        _require_values(table)
        _refute(table)
        extra = _unpack(table["parameters"], "parameter_")
    except (sqlite3.Error, UnicodeDecodeError, LeosplitError) as error:
        raise StoreError(f"{path}: not a results file: {error}") from None
    return pd.concat([table, extra], axis=1)


def _require_types(connection: sqlite3.Connection) -> None:
    """Refuse values that SQLite stored in another type than the column's."""
    for column in fields(RunRow):
        kind = SQL_KINDS.get(column.type, "REAL")
        types = _TYPES[kind.split()[0]]
        marks = ", ".join(f"'{name}'" for name in types if name != "null" or "NOT NULL" not in kind)
        wrong = f"SELECT typeof({column.name}), seed FROM runs WHERE typeof({column.name}) NOT IN ({marks}) LIMIT 1"
        found = connection.execute(wrong).fetchone()
        if found is not None:
            raise StoreError(f"a {column.name} is of the type {found[0]}, not {types[0]}")


def _require_values(table: "pd.DataFrame") -> None:
    """Refuse values out of range; equal texts are checked once."""
    for termination in table["termination"].unique():
        _CHECKS.choice("termination", termination, [kind.value for kind in Termination])
    for time in table["finished_at"].unique():
        _CHECKS.date("finished_at", time)
    for options in table["options"].unique():
        policy = _object("options", options).get("policy")
        if policy is not None:
            _CHECKS.text("options.policy", policy)
    for versions in table["versions"].unique():
        for name, version in _object("versions", versions).items():
            if version is not None:
                _CHECKS.text(f"versions.{short(name)}", version)
    for name in ("objective_s", "bound_s", "build_s", "solve_s", "wall_s", "mean_offload_ratio"):
        values = table[name].astype(float)
        wrong = values[~(values.isna() | ((values >= 0.0) & (values < float("inf"))))]
        if len(wrong):
            raise StoreError(f"{name} must be a finite number >= 0, got {wrong.iloc[0]:g}")


def _refute(table: "pd.DataFrame") -> None:
    """Make errors of runs whose objective is below another's bound on the same problem, and of that other run.

    Neither has a gap then: one of both is wrong, and the message names both.
    """
    value, best = table["objective_s"].astype(float), table["best_bound_s"].astype(float)
    for row in table.index[best > value * (1 + BOUND_TOLERANCE)]:
        same = (table["instance_sha256"] == table["instance_sha256"][row]) & (
            table["objective"] == table["objective"][row]
        )
        bounding = table.index[same & (table["bound_s"].astype(float) == best[row])][0]
        scheme, other = (f"{table['scheme'][one]} (seed {table['seed'][one]})" for one in (row, bounding))
        objective_s, bound_s = float(value[row]), float(best[row])
        said = f"{CONTRADICTION}objective {objective_s!r} s of {scheme} below bound {bound_s!r} s of {other}"
        table.loc[[row, bounding], "termination"] = Termination.ERROR.value
        table.loc[[row, bounding], "message"] = said


def contradictions(table: "pd.DataFrame") -> list[str]:
    """Return which runs of a table from `read_frame` contradict a bound, one sentence each."""
    found = table["message"][table["message"].astype(str).str.startswith(CONTRADICTION)]
    return [str(said) for said in found.unique()]


def _object(name: str, text: str) -> Mapping[str, Any]:
    """Return the JSON object that a text holds."""
    try:
        return _CHECKS.free_form(name, parse_json(text, name))
    except JsonError as error:
        raise StoreError(str(error)) from None


def _unpack(column: "pd.Series", prefix: str) -> "pd.DataFrame":
    """Return the JSON objects of a column as columns; equal texts are parsed once."""
    import pandas as pd

    codes, texts = pd.factorize(column)
    parsed = pd.DataFrame([_scalars(_object(str(column.name), text)) for text in texts]).add_prefix(prefix)
    return parsed.iloc[codes].reset_index(drop=True) if len(parsed) else pd.DataFrame(index=column.index)


def _scalars(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as values that a column can hold."""
    return {
        name: value if isinstance(value, str | int | float) or value is None else _label(value)
        for name, value in parameters.items()
    }


def _label(value: Mapping[str, Any] | Sequence[Any]) -> str:
    if isinstance(value, Mapping):
        return Path(str(value.get("path", short(value)))).name
    return "x".join(str(entry) for entry in value)
