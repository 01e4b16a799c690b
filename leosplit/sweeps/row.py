"""One run as a row of the results file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SQL_KINDS: Mapping[Any, str] = {str: "TEXT NOT NULL", int: "INTEGER NOT NULL", float: "REAL NOT NULL"}
"""Types of columns; those of another kind may be missing, `REAL`."""


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
